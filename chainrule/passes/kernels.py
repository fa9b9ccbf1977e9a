"""A block under construction: receives nodes; hands on the places of their values, and keeps the
kernels that fill these.
"""

from __future__ import annotations

from chainrule.ir.node import Node, Spec
from chainrule.ir.plan import Block, Buffer, Kernel, Place
from chainrule.passes.inline import Inliner


class Kernels(Inliner):
    """The places of a block's values so far, its items, and the updates to make at its end."""

    def __init__(self, places: dict[Node, Place]) -> None:
        super().__init__(places)
        self.block = Block()

    def temporary(self, spec: Spec | Node, prefix: str = "t") -> Place:
        """Memory of this block for one value."""
        name = f"{prefix}{len(self.block.temporaries)}"
        buffer = Buffer(name, spec.shape, spec.dtype, "temporary")
        self.block.temporaries.append(buffer)
        return Place(buffer, spec.shape)

    def place(self, node: Node) -> Place:
        """Where the whole value of a node lies, stored first if it is not in memory yet."""
        if node not in self.places:
            # Another kernel comes before the one being made: what pins one does not pin both.
            pinned, self._pinned = self._pinned, []
            self._materialize(node)
            self._pinned = pinned
        return self.places[node]

    def _materialize(self, node: Node) -> None:
        """Emit the kernels that store a node's value."""
        raise NotImplementedError

    def _emit(self, kernel: Kernel, node: Node) -> None:
        kernel.after, self._pinned = self._pinned, []
        kernel.origin = node.origin
        self.block.items.append(kernel)

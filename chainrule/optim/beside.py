"""What stands beside a module: receives its parameters, hands on objects with state about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainrule import tree
from chainrule.errors import ArgumentError
from chainrule.frontend.box import Box
from chainrule.frontend.functions.creation import zeros
from chainrule.frontend.stateful import Buffer, Stateful


class Beside(Stateful):
    """Holds the parameters of a module, or a dict or list of them, by path; they stay the module's:
    only what else it holds is its own state.
    """

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters_of(type(self).__name__, parameters)

    def trainable(self) -> dict[str, Box]:
        """The parameters that are not frozen now, by path."""
        return {path: x for path, x in self.parameters.items() if x.trainable}

    def zeros(self) -> dict[str, Buffer]:
        """A buffer of zeros for each parameter."""
        return {path: Buffer(zeros(x.shape, dtype=x.dtype)) for path, x in self.parameters.items()}

    def copies(self) -> dict[str, Buffer]:
        """A buffer for each parameter, with its present value."""
        return {path: Buffer(x) for path, x in self.parameters.items()}

    def _name(self, box: Box, path: str) -> None:
        # Parameters keep the name that their module gave them.
        if not path.startswith("parameters."):
            super()._name(box, path)

    def _state(self) -> dict[str, Box]:
        return {p: box for p, box in self.named_boxes().items() if not p.startswith("parameters.")}


def by_path(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) for all leaves of nested containers; None is no leaf."""
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        if value is not None:
            yield prefix, value
        return
    for name, inner in items:
        yield from by_path(inner, f"{prefix}.{name}" if prefix else str(name))


def parameters_of(owner: str, given: Any) -> dict[str, Box]:
    """The parameters to train of a module, or those in nested containers, by path.

    Raises ArgumentError where there is none, or something else.
    """
    leaves, structure = tree.flatten(given)
    found = dict(by_path(tree.unflatten(structure, leaves)))
    if not found:
        raise ArgumentError(
            owner,
            "there is no parameter to train",
            "all are frozen, or the module holds none",
            "unfreeze some, and hold modules and nn.Parameter in attributes",
        )
    for path, parameter in found.items():
        if not isinstance(parameter, Box):
            raise ArgumentError(
                owner,
                f"{path or 'the argument'} is a {type(parameter).__name__}",
                "an optimizer assigns new values",
                "pass a module, or a dict or list of nn.Parameter",
            )
    return found

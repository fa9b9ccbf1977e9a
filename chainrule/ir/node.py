"""The graph: immutable, hash-consed nodes. Receives primitives from `ir.ops`; every stage reads and
makes nodes.

Nodes are operations, edges the values that flow: a directed graph without cycles (B-001).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule.dtypes import DType, bool_


class Spec(NamedTuple):
    """Shape and dtype of one result."""

    shape: tuple[int, ...]
    dtype: DType


class Op:
    """A primitive: its name, family, shape rule and NumPy definition.

    `infer(*specs, **attributes)` returns the Spec of the result, or a tuple of Specs for several
    results; `numpy(*arrays, **attributes)` is the specification that everything else is tested
    against.
    """

    __slots__ = ("name", "family", "infer", "numpy")

    def __init__(self, name: str, family: str, infer: Callable, numpy: Callable | None) -> None:
        self.name, self.family, self.infer, self.numpy = name, family, infer, numpy

    def __repr__(self) -> str:
        return self.name


OPS: dict[str, Op] = {}


class Origin(NamedTuple):
    """Where the user asked for a node: source file, line, and the path of the module that was
    running.
    """

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file else "chainrule"
        return f"{self.module} at {place}" if self.module else place


class _Current(threading.local):
    origin = Origin("", 0, "")


current = _Current()


class Node:
    """One operation on earlier nodes. Equal operations on the same inputs are the same object.

    A node with several results has `shape` and `dtype` None and their Specs in `outputs`; `pick`
    selects one.
    """

    __slots__ = (
        "op",
        "inputs",
        "attributes",
        "shape",
        "dtype",
        "outputs",
        "origin",
        "number",
        "__weakref__",
    )

    op: Op
    inputs: tuple[Node, ...]
    attributes: dict[str, Any]
    shape: tuple[int, ...]
    dtype: DType
    outputs: tuple[Spec, ...]
    origin: Origin
    number: int  # Its place in the order of creation.

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    def __repr__(self) -> str:
        extent = (
            "x".join(map(str, self.shape))
            if self.shape is not None
            else f"{len(self.outputs)} results"
        )
        kind = self.dtype.name if self.dtype is not None else "tuple"
        return f"<{self.op.name} {kind}[{extent}]>"

    # Operators make the tables of derivatives readable; Python scalars are lifted to the node's
    # shape and dtype.
    def __add__(self, other: Node | float) -> Node:
        return make("add", self, lift(other, self))

    def __sub__(self, other: Node | float) -> Node:
        return make("subtract", self, lift(other, self))

    def __rsub__(self, other: float) -> Node:
        return make("subtract", lift(other, self), self)

    def __mul__(self, other: Node | float) -> Node:
        return make("multiply", self, lift(other, self))

    def __truediv__(self, other: Node | float) -> Node:
        return make("divide", self, lift(other, self))

    def __rtruediv__(self, other: float) -> Node:
        return make("divide", lift(other, self), self)

    def __neg__(self) -> Node:
        return make("negative", self)

    def __lt__(self, other: Node | float) -> Node:
        return make("less", self, lift(other, self))

    def __gt__(self, other: Node | float) -> Node:
        return make("less", lift(other, self), self)

    __radd__ = __add__
    __rmul__ = __mul__


class Array:
    """A NumPy array as a node attribute: compared by identity, never by content."""

    __slots__ = ("value",)

    def __init__(self, value: np.ndarray) -> None:
        self.value = value


class Graph:
    """A function of `parameters` (variable nodes) with results `outputs`; compared by identity."""

    __slots__ = ("parameters", "outputs", "__weakref__")

    def __init__(self, parameters: Iterable[Node], outputs: Iterable[Node]) -> None:
        self.parameters, self.outputs = tuple(parameters), tuple(outputs)


_interned: weakref.WeakValueDictionary[tuple, Node] = weakref.WeakValueDictionary()


def _key(value: Any) -> Any:
    """An attribute as part of a node's identity: -0.0 differs from 0.0, and NaN equals itself."""
    return value.hex() if type(value) is float else (type(value), value)


def make(op: str, *inputs: Node, **attributes: Any) -> Node:
    """The node of this operation: checked by the primitive's shape rule, shared if it exists
    already.
    """
    primitive = OPS[op]
    key = (op, *map(id, inputs), *[(name, _key(attributes[name])) for name in sorted(attributes)])
    node = _interned.get(key)
    if node is not None:
        return node
    specs = primitive.infer(*inputs, **attributes)
    node = Node()
    node.op, node.inputs, node.attributes, node.origin = (
        primitive,
        inputs,
        attributes,
        current.origin,
    )
    node.number = unique()
    if isinstance(specs, Spec):
        node.outputs, node.shape, node.dtype = (specs,), specs.shape, specs.dtype
    else:
        node.outputs, node.shape, node.dtype = tuple(specs), None, None
    _interned[key] = node
    return node


def constant(value: bool | int | float, dtype: DType, shape: tuple[int, ...] = ()) -> Node:
    """A Python scalar as a node of this dtype, broadcast to `shape`."""
    kind = float if dtype.is_float else bool if dtype is bool_ else int
    node = make("constant", value=kind(value), dtype=dtype)
    return broadcast_to(node, shape)


def buffer(array: Array) -> Node:
    """A concrete array as a leaf of the graph."""
    return make("buffer", data=array)


_serial = iter(range(1 << 62))


def unique() -> int:
    """A number never given before in this process: it keeps a node from being merged with its
    equals.
    """
    return next(_serial)


def variable(spec: Spec, name: str = "") -> Node:
    """A fresh placeholder: the parameter of a Graph."""
    return make("variable", spec=Spec(*spec), serial=unique(), name=name)


def mark(x: Node) -> Node:
    """`x` under an identity of its own, so that derivatives can be taken with respect to this use
    alone.
    """
    return make("mark", x, serial=unique())


def lift(value: Node | bool | int | float, like: Node) -> Node:
    """`value` itself if it is a node, else the scalar with the dtype and shape of `like`."""
    return value if isinstance(value, Node) else constant(value, like.dtype, like.shape)


def reshape(x: Node, shape: Iterable[int]) -> Node:
    shape = tuple(shape)
    return x if x.shape == shape else make("reshape", x, shape=shape)


def broadcast_to(x: Node, shape: Iterable[int]) -> Node:
    """`x` repeated to `shape` as in NumPy: missing axes in front, extents of 1 stretched."""
    shape = tuple(shape)
    x = reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape)
    return x if x.shape == shape else make("broadcast", x, shape=shape)


def permute(x: Node, axes: Iterable[int]) -> Node:
    axes = tuple(axes)
    return x if axes == tuple(range(len(axes))) else make("permute", x, axes=axes)


def reduce_sum(x: Node, axes: Iterable[int]) -> Node:
    axes = tuple(sorted(axes))
    return make("sum", x, axes=axes) if axes else x


def cast(x: Node, dtype: DType) -> Node:
    return x if x.dtype is dtype else make("cast", x, dtype=dtype)


def pick(node: Node, index: int) -> Node:
    """Result number `index` of a node with several results."""
    return make("pick", node, index=index)


def topological(outputs: Iterable[Node], skip: Callable[[Node], bool] | None = None) -> list[Node]:
    """All nodes under `outputs`, inputs before users, without recursion; nodes that `skip` accepts
    are left out.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, Iterator[Node]]] = []
    for output in outputs:
        if output in seen or (skip is not None and skip(output)):
            continue
        seen.add(output)
        stack.append((output, iter(output.inputs)))
        while stack:
            node, pending = stack[-1]
            for child in pending:
                if child not in seen and not (skip is not None and skip(child)):
                    seen.add(child)
                    stack.append((child, iter(child.inputs)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def substitute(outputs: Iterable[Node], replacements: dict[Node, Node]) -> list[Node]:
    """The same graph with some nodes replaced; untouched parts are shared, provenance is kept."""
    outputs = list(outputs)
    new = dict(replacements)
    before = current.origin
    for node in topological(outputs, skip=new.__contains__):
        inputs = tuple([new[child] for child in node.inputs])
        if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            new[node] = node
        else:
            current.origin = node.origin
            new[node] = make(node.op.name, *inputs, **node.attributes)
    current.origin = before
    return [new[node] for node in outputs]

"""What a node of a graph or a kernel costs: operations on floats, and bytes of memory. Summaries of
networks and `explain` read it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from chainrule.dtypes import DType
from chainrule.ir.index import Axis, Index
from chainrule.ir.node import Node, topological
from chainrule.ir.plan import Expr, Kernel, Place, Reduce, walk
from chainrule.ir.stages import Stages, indices

# Moving, choosing and converting numbers is no arithmetic.
_FREE = {"load", "constant", "index", "within", "hero", "reduced", "where", "cast", "bitcast"}


# ---- Graphs ----


def work(outputs: Iterable[Node], runs: int = 1) -> Iterator[tuple[Node, int]]:
    """(node, operations on floats) of a graph as it was written, the bodies of its loops included.

    They count as in a kernel. Of branches the dearer one counts, of a `while` one turn.
    """
    for node in topological(outputs):
        yield node, runs * _operations(node)
        bodies = {name: graph for name, graph in node.attributes.items() if name in _BODIES}
        if node.op.name == "cond":
            bodies = {"": max(bodies.values(), key=lambda body: total(body.outputs))}
        for body in bodies.values():
            yield from work(body.outputs, runs * node.attributes.get("length", 1))


_BODIES = ("body", "condition", "then", "otherwise")


def total(outputs: Iterable[Node]) -> int:
    """The operations on floats of a graph."""
    return sum(count for _, count in work(outputs))


def _operations(node: Node) -> int:
    kinds = [node.dtype, *[child.dtype for child in node.inputs]]
    if node.op.name in _FREE or not any(kind is not None and kind.is_float for kind in kinds):
        return 0
    if node.op.name == "contract":
        spec = node.attributes["spec"]
        # Where the steps of a window leave a rest there is no product.
        steps = [dimension.divisor for side in (spec.left, spec.right) for dimension in side]
        return 2 * math.prod(spec.sizes) // math.prod(steps)
    if node.op.family == "elementwise":
        return node.size
    if node.op.family == "reduction" or node.op.name == "cumulative":
        return node.inputs[0].size
    return node.inputs[2].size if node.op.name == "scatter_add" else 0


# ---- Kernels ----


def flops(kernel: Kernel) -> int:
    """Operations on floats in one run: a multiply-add counts two, a function such as exp one."""
    return flops_by_type(kernel).total()


def flops_by_type(kernel: Kernel) -> Counter[DType]:
    """The same for each type of float that arithmetic or a product's instructions take. What is
    equal at all points is computed once.
    """
    if kernel.special is not None:
        return _special_flops(kernel)
    points = _points(kernel.axes)
    rows = _points(axis for axis in kernel.axes if axis not in kernel.inner)
    inner, varying = Stages(kernel).inner, _varying(kernel)
    found: Counter[DType] = Counter()
    for expr in kernel.expressions():
        kind = expr.dtype if expr.dtype.is_float or not expr.args else expr.args[0].dtype
        if expr.op not in _FREE and kind.is_float:
            found[kind.arithmetic] += points if inner[id(expr)] else rows if expr in varying else 1
    for statement in kernel.statements:
        if isinstance(statement, Reduce) and statement.value.dtype.is_float:
            found[statement.value.dtype.arithmetic] += points
    if kernel.hero is not None and kernel.hero.dtype.is_float:
        found[kernel.hero.dtype] += 2 * points * _points(kernel.hero.summed)
    return found


def _varying(kernel: Kernel) -> set[Expr]:
    """Expressions whose value depends on the point."""
    found: set[Expr] = set()
    for expr in kernel.expressions():
        if (
            expr.op in ("hero", "reduced")
            or any(index.axes() for index in indices(expr))
            or not found.isdisjoint(expr.args)
        ):
            found.add(expr)
    return found


def _special_flops(kernel: Kernel) -> Counter[DType]:
    """An addition for each element that is accumulated; sorting does no arithmetic, and what the
    host does is not known.
    """
    special = kernel.special
    kind = special.operands[0].dtype
    if special.host or special.op == "argsort" or not kind.is_float:
        return Counter()
    return Counter({kind: math.prod(special.operands[-1].shape)})


def bytes_moved(kernel: Kernel) -> int:
    """Bytes of all elements that one run reads, and of those that it writes, each element once."""
    return sum(moved.total() for moved in places_moved(kernel))


def places_moved(kernel: Kernel) -> tuple[Counter[Place], Counter[Place]]:
    """The bytes of each place that one run reads, and of each that it writes."""
    read: Counter[Place] = Counter()
    written: Counter[Place] = Counter()
    if kernel.special is not None:
        read.update({place: math.prod(place.shape) for place in kernel.special.operands})
        written.update({place: math.prod(place.shape) for place in kernel.special.results})
    for place, index, axes in {_access(expr) for expr in kernel.loads()}:
        read[place] += _elements(index, axes)
    if kernel.hero is not None:
        for operand in (kernel.hero.left, kernel.hero.right):
            read[operand.place] += _elements(operand.index, frozenset(operand.index.axes()))
    for store in kernel.stores:
        written[store.place] += _elements(store.index, frozenset(store.index.axes()))
    return _bytes(read), _bytes(written)


def _access(load: Expr) -> tuple[Place, Index, frozenset[Axis]]:
    """(place, index, all axes that the address depends on) of a load."""
    axes = {axis for expr in walk(load) for index in indices(expr) for axis in index.axes()}
    return load.data.place, load.data.index, frozenset(axes)


def _elements(index: Index, axes: frozenset[Axis]) -> int:
    """How many elements an index reaches, at most."""
    if axes > index.axes():  # Rows found in memory: their number is known, not their place.
        return _points(axes)
    low, high = index.bounds()
    return min(_points(axes), high - low + 1)


def _points(axes: Iterable[Axis]) -> int:
    return math.prod(axis.size for axis in axes)


def _bytes(counts: Counter[Place]) -> Counter[Place]:
    return Counter(
        {
            place: min(count, math.prod(place.shape)) * place.dtype.itemsize
            for place, count in counts.items()
        }
    )

"""One row or more for each primitive: inputs, attributes, and the inputs that have a derivative
there.

Floats are float64 and, where a row has differentiable inputs, away from kinks and ties.
"""

from typing import NamedTuple

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import bool_, float32, float64, int32, int64, uint8
from chainrule.ir.contraction import Contraction, Dimension, plain
from chainrule.ir.node import Array, Graph, Node, Spec, cast, constant, make, pick, variable


class Row(NamedTuple):
    name: str
    op: str
    inputs: tuple[np.ndarray, ...]
    attributes: dict
    differentiable: tuple[int, ...]

    def parameters(self) -> list[Node]:
        """Fresh variables for the inputs."""
        return [variable(Spec(array.shape, dtypes.of(array.dtype))) for array in self.inputs]

    def outputs(self, inputs: list[Node]) -> list[Node]:
        """The results of the primitive on these nodes."""
        node = make(self.op, *inputs, **self.attributes)
        if node.shape is not None:
            return [node]
        return [pick(node, index) for index in range(len(node.outputs))]


_random = np.random.default_rng(7)
ROWS: list[Row] = []


def floats(*shape, low=0.4, high=1.6, signed=False):
    """Distinct floats of `low` to `high`, in random order: no ties within an array."""
    size = int(np.prod(shape))
    jitter = _random.uniform(-0.2, 0.2, size) * (high - low) / max(size, 1)
    values = np.linspace(low, high, size) + jitter
    if signed:
        values *= _random.choice([-1.0, 1.0], size)
    return _random.permutation(values).reshape(shape)


def integers(*shape, low=-5, high=6, dtype=np.int64):
    return _random.integers(low, high, shape).astype(dtype)


def bools(*shape):
    return _random.random(shape) < 0.5


def row(op, *inputs, name="", wrt=(), **attributes):
    label = f"{op} {name}".strip()
    ROWS.append(Row(label, op, tuple(np.asarray(x) for x in inputs), attributes, tuple(wrt)))


# ---- Elementwise ----

for _op in ("negative", "abs", "exp", "expm1", "sin", "cos", "tanh", "sigmoid", "erf"):
    row(_op, floats(3, 4, signed=True), wrt=[0])
for _op in ("log", "log1p", "sqrt"):
    row(_op, floats(3, 4), wrt=[0])
for _op in ("sign", "floor", "round"):
    row(_op, floats(3, 4, high=3.4, signed=True))
for _op in ("negative", "abs", "sign"):
    row(_op, integers(3, 4), name="of integers")
row("invert", integers(3, 4))
row("invert", bools(3, 4), name="of bools")
for _op in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "atan2"):
    row(_op, floats(3, 4, signed=True), floats(3, 4, low=0.5, high=1.7, signed=True), wrt=[0, 1])
row("power", floats(3, 4), floats(3, 4, signed=True), wrt=[0, 1])
row("remainder", floats(3, 4, low=3.1, high=3.9, signed=True), floats(3, 4, low=1.1, high=1.4),
    wrt=[0, 1])
row("floor_divide", floats(3, 4, low=3.1, high=3.9, signed=True), floats(3, 4, low=1.1, high=1.4))
for _op in ("add", "subtract", "multiply", "maximum", "minimum", "floor_divide", "remainder",
            "power", "bitwise_and", "bitwise_or", "bitwise_xor"):
    row(_op, integers(3, 4), integers(3, 4), name="of integers")
for _op in ("bitwise_and", "bitwise_or", "bitwise_xor", "maximum", "minimum"):
    row(_op, bools(3, 4), bools(3, 4), name="of bools")
for _op in ("shift_left", "shift_right"):
    row(_op, integers(3, 4), integers(3, 4, low=0, high=5))
for _op in ("equal", "less", "less_equal"):
    row(_op, integers(3, 4, low=0, high=3), integers(3, 4, low=0, high=3), name="of integers")
    row(_op, integers(3, 4, low=0, high=3) / 2.0, integers(3, 4, low=0, high=3) / 2.0)
row("where", bools(3, 4), floats(3, 4), floats(3, 4), wrt=[1, 2])
row("where", bools(3, 4), integers(3, 4), integers(3, 4), name="of integers")
row("cast", floats(3, 4, high=9.0, signed=True), name="to integers", dtype=int32)
row("cast", floats(3, 4, signed=True), name="to float32", dtype=float32)
row("cast", floats(3, 4), name="to itself", wrt=[0], dtype=float64)
row("cast", integers(3, 4), name="to floats", dtype=float64)
row("cast", integers(3, 4), name="to bools", dtype=bool_)
row("cast", integers(3, 4), name="to bytes", dtype=uint8)
row("bitcast", floats(3, 4, signed=True), dtype=int64)
row("add", floats(0, 4), floats(0, 4), name="of nothing", wrt=[0, 1])
row("multiply", floats(), floats(), name="of scalars", wrt=[0, 1])

# ---- Leaves and identities ----

row("constant", value=2.5, dtype=float64)
row("buffer", data=Array(floats(2, 3)))
row("iota", size=5, dtype=int64)
row("mark", floats(3, 4), wrt=[0], serial=-1)
row("stop_gradient", floats(3, 4))
row("after", floats(3, 4), floats(2), wrt=[0], serial=-2)

# ---- Movement ----

row("reshape", floats(2, 6), wrt=[0], shape=(3, 1, 4))
row("reshape", floats(1), name="to a scalar", wrt=[0], shape=())
row("permute", floats(2, 3, 4), wrt=[0], axes=(2, 0, 1))
row("broadcast", floats(3, 1), wrt=[0], shape=(3, 4))
row("broadcast", floats(1, 1, 2), name="over two axes", wrt=[0], shape=(3, 4, 2))
row("slice", floats(5, 6), wrt=[0], start=(1, 0), stop=(4, 6), step=(1, 1))
row("slice", floats(7, 6), name="with steps", wrt=[0], start=(1, 2), stop=(7, 6), step=(2, 3))
row("slice", floats(5, 6), name="of nothing", wrt=[0], start=(2, 0), stop=(2, 6), step=(1, 2))
row("pad", floats(2, 3), wrt=[0], low=(1, 0), high=(0, 2), value=1.5)
row("flip", floats(3, 4), wrt=[0], axes=(0, 1))
row("concat", floats(2, 3), floats(2, 1), floats(2, 0), wrt=[0, 1, 2], axis=1)

# ---- Reductions ----

for _op in ("sum", "prod", "max", "min"):
    row(_op, floats(3, 4, 2), wrt=[0], axes=(0, 2))
    row(_op, floats(3, 5), name="of all", wrt=[0], axes=(0, 1))
    row(_op, integers(3, 4), name="of integers", axes=(1,))
row("sum", floats(0, 3), name="of nothing", wrt=[0], axes=(0,))
row("prod", floats(0, 3), name="of nothing", wrt=[0], axes=(0,))
row("prod", np.array([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]), name="with zeros", wrt=[0], axes=(1,))
row("max", bools(3, 4), name="of bools", axes=(0,))
row("argmax", integers(3, 4), axis=1)
row("argmin", floats(3, 4), axis=0)

# ---- Contractions ----

row("contract", floats(3, 4), floats(4, 2), name="matmul", wrt=[0, 1],
    spec=plain({0: 3, 1: 2, 2: 4}, (0, 2), (2, 1), (0, 1)))
row("contract", floats(2, 3, 4), floats(2, 4, 3), name="batched", wrt=[0, 1],
    spec=plain({0: 2, 1: 3, 2: 3, 3: 4}, (0, 1, 3), (0, 3, 2), (0, 2, 1)))
row("contract", floats(3), floats(4), name="outer", wrt=[0, 1],
    spec=plain({0: 3, 1: 4}, (0,), (1,), (1, 0)))
row("contract", floats(3, 4), floats(2), name="with letters summed alone", wrt=[0, 1],
    spec=plain({0: 3, 1: 4, 2: 2}, (0, 1), (2,), (0,)))
row("contract", floats(3), floats(3, 2), name="with a broadcast letter", wrt=[0, 1],
    spec=plain({0: 3, 1: 2, 2: 4}, (0,), (0, 1), (0, 2)))
row("contract", floats(3, 3), floats(3, 2), name="of a diagonal", wrt=[0, 1],
    spec=plain({0: 3, 1: 2}, (0, 0), (0, 1), (0, 1)))
row("contract", floats(3, 3), floats(), name="of a trace", wrt=[0, 1],
    spec=plain({0: 3}, (0, 0), (), ()))
row("contract", integers(3, 4), integers(4, 2), name="of integers",
    spec=plain({0: 3, 1: 2, 2: 4}, (0, 2), (2, 1), (0, 1)))


def _window(size, kernel, stride=1, dilation=1, padding=0, groups=1):
    """A convolution of (batch 2, size, 2 channels in each group) with (kernel, 2, group, 3)."""
    n, h, k, c, g, o = range(6)
    extent = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    single = lambda letter: Dimension(((letter, 1),))  # noqa: E731
    return Contraction(
        (2, extent, kernel, 2, groups, 3),
        (single(n), Dimension(((h, stride), (k, dilation)), -padding), single(g), single(c)),
        (single(k), single(c), single(g), single(o)), (n, h, g, o),
    )


for _name, _options in {
    "convolution": {}, "padded convolution": {"padding": 2}, "strided convolution": {"stride": 2},
    "dilated convolution": {"dilation": 2},
    "all of it": {"stride": 3, "dilation": 2, "padding": 2, "groups": 2},
}.items():
    _spec = _window(9, 3, **_options)
    row("contract", floats(2, 9, _spec.sizes[4], 2), floats(3, 2, _spec.sizes[4], 3), name=_name,
        wrt=[0, 1], spec=_spec)
row("contract", floats(7), floats(), name="of windows summed alone", wrt=[0, 1],
    spec=Contraction((5, 3), (Dimension(((0, 1), (1, 1))),), (), (0,)))
row("contract", floats(7), floats(2), name="of windows without a bound", wrt=[0, 1],
    spec=Contraction((2, 3, 2), (Dimension(((0, 2), (1, 1)), 1),), (Dimension(((2, 1),)),), (2,)))
row("contract", floats(9), floats(3), name="of a transposed window", wrt=[0, 1],
    spec=Contraction((20, 3), (Dimension(((0, 1), (1, -2)), 1, 2),), (Dimension(((1, 1),)),), (0,)))
row("contract", floats(5, 4), floats(3), name="of two windows with one letter", wrt=[0, 1],
    spec=Contraction((3, 2), (Dimension(((0, 1), (1, 1))), Dimension(((0, 1),), 1)),
                     (Dimension(((0, 1),)),), (1,)))
row("contract", floats(5), floats(3), name="of one place", wrt=[0, 1],
    spec=Contraction((3,), (Dimension((), 2),), (Dimension(((0, 1),)),), (0,)))

# ---- Indexing ----

row("gather", floats(5, 3), integers(2, 4, low=-1, high=6), wrt=[0])
row("gather", floats(5), np.int64(3), name="of one", wrt=[0])
row("scatter_add", floats(5, 3), integers(4, low=-1, high=6), floats(4, 3), wrt=[0, 2])
row("scatter_add", floats(5), integers(2, 3, low=0, high=5, dtype=np.int32), floats(2, 3),
    name="flat", wrt=[0, 2])
for _flag in (False, True):
    row("argsort", integers(3, 6, low=0, high=3), name="descending" if _flag else "",
        descending=_flag)
for _kind in ("sum", "prod", "max", "min"):
    row("cumulative", floats(3, 5), name=_kind, wrt=[0], kind=_kind)
row("cumulative", np.array([1.5, 0.0, 2.0, 0.0, 3.0]), name="prod with zeros", wrt=[0], kind="prod")
row("cumulative", integers(3, 5), name="sum of integers", kind="sum")
row("random_bits", np.array([1, 2, 3, 4], np.uint32), shape=(3, 2))

# ---- Linear algebra ----

# Well conditioned, with singular values that differ, also where a test scales or steps.
_square, _tall, _wide = (
    np.eye(*shape[-2:]) * 3.0 ** np.arange(1, shape[-1] + 1) + floats(*shape, signed=True) / 2
    for shape in ((2, 3, 3), (2, 4, 3), (3, 5))
)
_definite = _square + _square.mT
row("cholesky", _definite, wrt=[0])
row("solve", _square, floats(2, 3, 2), wrt=[0, 1])
row("slogdet", _square, wrt=[0])
row("slogdet", np.zeros((0, 0)), name="of nothing")
row("eigh", _definite, wrt=[0])
for _name, _x in {"square": _square, "tall": _tall, "wide": _wide}.items():
    row("qr", _x, name=_name, wrt=[0], complete=False)
    row("svd", _x, name=_name, wrt=[0], full=False)
    row("pinv", _x, np.full(_x.shape[:-2], 1e-9), name=_name, wrt=[0])
row("qr", _tall, name="complete", complete=True)
row("svd", _wide, name="full", full=True)
row("svd", np.zeros((2, 0, 3)), name="of nothing", full=False)

# ---- Control ----


def _graph(function, *arrays):
    """A body: the function of fresh variables with the specs of the arrays."""
    parameters = [variable(Spec(np.shape(x), dtypes.of(np.asarray(x).dtype))) for x in arrays]
    return Graph(parameters, function(*parameters))


def _turn(w, h, count, x):
    new = make("tanh", h * w + x)
    size = make("broadcast", make("reshape", cast(count, float64), shape=(1,)), shape=(3,))
    return [new, count + constant(1, int64), new * x + size, make("exp", new) * w]


_w, _h, _x, _count = floats(3), floats(3), floats(4, 3), np.int64(2)
for _flag in (False, True):
    row("scan", _w, _h, _count, _x, name="reversed" if _flag else "", wrt=[0, 1, 3],
        body=_graph(_turn, _w, _h, _count, _x[0]), constants=1, carried=2, length=4, reverse=_flag)
row("scan", _w, name="without slices", wrt=[0], body=_graph(lambda h: [make("sin", h), h * h], _w),
    constants=0, carried=1, length=3, reverse=False)
row("scan", _w, floats(0, 3), name="without turns", wrt=[0, 1],
    body=_graph(lambda h, x: [h * x, h], _w, _h), constants=0, carried=1, length=0, reverse=False)
row("while", floats(3), _count, floats(3), wrt=[0, 2], constants=1,
    condition=_graph(lambda w, i, x: [i < constant(5, int64)], _w, _count, _h),
    body=_graph(lambda w, i, x: [i + constant(1, int64), make("sin", x * w)], _w, _count, _h))
for _flag in (False, True):
    row("cond", np.bool_(_flag), floats(3), floats(3), name=str(_flag).lower(), wrt=[1, 2],
        then=_graph(lambda x, y: [x * y, make("sin", y)], _w, _h),
        otherwise=_graph(lambda x, y: [make("exp", x), y], _w, _h))
row("checkpoint", floats(3), floats(3), wrt=[0, 1],
    body=_graph(lambda x, y: [make("sin", x * y), make("exp", y)], _w, _h))
row("custom_gradient", floats(3), floats(3), floats(3), count=1,
    rule=_graph(lambda g, r: [g * r], _w, _h))

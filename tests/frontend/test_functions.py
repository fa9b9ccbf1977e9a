"""Each row runs the same code on chainrule and on NumPy, at once and as a traced graph."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.dtypes import of
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.tensor import Tensor
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Spec, topological, variable

RANDOM = np.random.default_rng(0)
F = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
G = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
M = RANDOM.normal(size=(4, 5)).astype(np.float32)
V = RANDOM.normal(size=4).astype(np.float32)
K = RANDOM.integers(-9, 9, (2, 3, 4))
I = RANDOM.integers(0, 4, (2, 3, 2))  # noqa: E741
B = K > 0
TIES = np.array([3, 1, 2, 1, 3, 2, 1])
NAN = np.array([2.0, np.nan, 1.0, np.nan, 3.0], np.float32)

# Functions of the namespace `xp` and of arrays, then these arrays.
ROWS = {
    # creation
    "arange": (lambda xp: xp.arange(5),),
    "arange_start": (lambda xp: xp.arange(2, 11, 3),),
    "arange_down": (lambda xp: xp.arange(10, 2, -3),),
    "arange_int8": (lambda xp: xp.arange(-5, 5, 2, dtype=xp.int8),),
    "arange_float": (lambda xp: xp.arange(0.0, 2.0, 0.25, dtype=xp.float32),),
    "arange_empty": (lambda xp: xp.arange(3, 1),),
    "eye": (lambda xp: xp.eye(3, dtype=xp.float32),),
    "eye_wide": (lambda xp: xp.eye(3, 4, k=1, dtype=xp.int32),),
    "full": (lambda xp: xp.full((2, 3), 7),),
    "full_bool": (lambda xp: xp.full((2,), True),),
    "full_like": (lambda xp, x: xp.full_like(x, 2), F),
    "linspace": (lambda xp: xp.linspace(0.0, 1.0, 5, dtype=xp.float32),),
    "linspace_open": (lambda xp: xp.linspace(1.0, 3.0, 4, dtype=xp.float32, endpoint=False),),
    "linspace_one": (lambda xp: xp.linspace(1.0, 3.0, 1, dtype=xp.float32),),
    "meshgrid": (lambda xp, x, y: xp.meshgrid(x, y), V, TIES),
    "meshgrid_ij": (lambda xp, x, y: xp.meshgrid(x, y, indexing="ij"), V, TIES),
    "ones": (lambda xp: xp.ones((2, 3), dtype=xp.float32),),
    "ones_like": (lambda xp, x: xp.ones_like(x), K),
    "tril": (lambda xp, x: xp.tril(x, k=-1), F),
    "triu": (lambda xp, x: xp.triu(x, k=1), F),
    "zeros": (lambda xp: xp.zeros((2, 3), dtype=xp.int16),),
    "zeros_like": (lambda xp, x: xp.zeros_like(x), F),
    # manipulation
    "broadcast_arrays": (lambda xp, x, y: xp.broadcast_arrays(x, y), F, V),
    "broadcast_to": (lambda xp, x: xp.broadcast_to(x, (3, 4)), V),
    "concat": (lambda xp, x, y: xp.concat([x, y], axis=1), F, G),
    "concat_flat": (lambda xp, x, y: xp.concat([x, y], axis=None), F, V),
    "concat_mixed": (lambda xp, x, y: xp.concat([x, y], axis=0), K, B),
    "expand_dims": (lambda xp, x: xp.expand_dims(x, axis=-2), F),
    "flip": (lambda xp, x: xp.flip(x), F),
    "flip_axis": (lambda xp, x: xp.flip(x, axis=-1), F),
    "matrix_transpose": (lambda xp, x: xp.matrix_transpose(x), F),
    "moveaxis": (lambda xp, x: xp.moveaxis(x, 0, -1), F),
    "moveaxis_two": (lambda xp, x: xp.moveaxis(x, (0, 1), (-1, 0)), F),
    "permute_dims": (lambda xp, x: xp.permute_dims(x, (2, 0, 1)), F),
    "repeat": (lambda xp, x: xp.repeat(x, 3), F),
    "repeat_axis": (lambda xp, x: xp.repeat(x, 2, axis=1), F),
    "repeat_counts": (lambda xp, x: xp.repeat(x, np.array([1, 0, 2, 3]), axis=2), F),
    "reshape": (lambda xp, x: xp.reshape(x, (4, -1)), F),
    "roll": (lambda xp, x: xp.roll(x, 5), F),
    "roll_axes": (lambda xp, x: xp.roll(x, (1, -2), axis=(0, 2)), F),
    "squeeze": (lambda xp, x: xp.squeeze(x[:, :1], axis=1), F),
    "stack": (lambda xp, x, y: xp.stack([x, y], axis=-1), F, G),
    "tile": (lambda xp, x: xp.tile(x, (2, 1, 1, 2)), F),
    "unstack": (lambda xp, x: xp.unstack(x, axis=1), F),
    # reductions
    "all": (lambda xp, x: xp.all(x, axis=1), B),
    "all_empty": (lambda xp, x: xp.all(x[:0], axis=0), B),
    "any": (lambda xp, x: xp.any(x, axis=(0, 2), keepdims=True), B),
    "any_empty": (lambda xp, x: xp.any(x[:0]), B),
    "argmax": (lambda xp, x: xp.argmax(x, axis=1), F),
    "argmax_flat": (lambda xp, x: xp.argmax(x), K),
    "argmin_keep": (lambda xp, x: xp.argmin(x, axis=-1, keepdims=True), K),
    "argmax_nan": (lambda xp, x: xp.argmax(x), NAN),
    "count_nonzero": (lambda xp, x: xp.count_nonzero(x, axis=0), K),
    "cumulative_sum": (lambda xp, x: xp.cumulative_sum(x, axis=1), F),
    "cumulative_sum_initial": (lambda xp, x: xp.cumulative_sum(x, axis=0, include_initial=True), K),
    "cumulative_prod": (lambda xp, x: xp.cumulative_prod(x, axis=-1), F),
    "diff": (lambda xp, x: xp.diff(x, axis=1), F),
    "diff_twice": (lambda xp, x: xp.diff(x, n=2), K),
    "max": (lambda xp, x: xp.max(x, axis=(0, 1)), F),
    "max_nan": (lambda xp, x: xp.max(x), NAN),
    "mean": (lambda xp, x: xp.mean(x, axis=-1), F),
    "mean_all": (lambda xp, x: xp.mean(x, keepdims=True), F),
    "min": (lambda xp, x: xp.min(x), K),
    "prod": (lambda xp, x: xp.prod(x, axis=0), K),
    "std": (lambda xp, x: xp.std(x, axis=1, correction=1), F),
    "sum": (lambda xp, x: xp.sum(x, axis=(0, 2)), F),
    "sum_nothing": (lambda xp, x: xp.sum(x, axis=()), F),
    "sum_bool": (lambda xp, x: xp.sum(x), B),
    "sum_dtype": (lambda xp, x: xp.sum(x, dtype=xp.float64), F),
    "var": (lambda xp, x: xp.var(x, axis=(0, 1), keepdims=True), F),
    # searching and sorting
    "argsort": (lambda xp, x: xp.argsort(x, stable=True), TIES),
    "argsort_axis": (lambda xp, x: xp.argsort(x, axis=0, stable=True), F),
    "isin": (lambda xp, x, y: xp.isin(x, y), K, TIES),
    "isin_not": (lambda xp, x, y: xp.isin(x, y, invert=True), K, TIES),
    "searchsorted": (lambda xp, x, y: xp.searchsorted(xp.sort(x), y), TIES, K),
    "searchsorted_right": (lambda xp, x, y: xp.searchsorted(xp.sort(x), y, side="right"), TIES, K),
    "searchsorted_nan": (lambda xp, x, y: xp.searchsorted(xp.sort(x), y), NAN, NAN),
    "searchsorted_nan_right": (
        lambda xp, x, y: xp.searchsorted(xp.sort(x), y, side="right"), NAN, NAN,
    ),
    "searchsorted_sorter": (
        lambda xp, x, y: xp.searchsorted(x, y, sorter=xp.argsort(x)), TIES, K,
    ),
    "sort": (lambda xp, x: xp.sort(x, axis=1), F),
    "sort_nan": (lambda xp, x: xp.sort(x), NAN),
    "take": (lambda xp, x: xp.take(x, np.array([2, 0, -1]), axis=1), F),
    "take_along_axis": (lambda xp, x, i: xp.take_along_axis(x, i, axis=2), F, I),
    "take_along_axis_broadcast": (lambda xp, x, i: xp.take_along_axis(x, i[:1, :1], axis=2), F, I),
    "where": (lambda xp, c, x, y: xp.where(c, x, y), B, F, V),
    "where_scalar": (lambda xp, c, x: xp.where(c, x, 0), B, F),
    # linear algebra
    "matmul": (lambda xp, x, y: xp.matmul(x, y), F, M),
    "matmul_vector": (lambda xp, x, y: xp.matmul(x, y), F, V),
    "vector_matmul": (lambda xp, x, y: x @ y, V, M),
    "inner": (lambda xp, x, y: x @ y, V, V),
    "matmul_stacks": (lambda xp, x, y: x[:, None] @ xp.matrix_transpose(y)[:1], F, G),
    "matmul_integers": (lambda xp, x, y: x @ xp.matrix_transpose(y), K, K),
    "tensordot": (lambda xp, x, y: xp.tensordot(x, y, axes=2), F, G[0]),
    "tensordot_none": (lambda xp, x, y: xp.tensordot(x, y, axes=0), V, V),
    "tensordot_axes": (lambda xp, x, y: xp.tensordot(x, y, axes=((0, 2), (0, 2))), F, G),
    "vecdot": (lambda xp, x, y: xp.vecdot(x, y), F, V),
    "vecdot_axis": (lambda xp, x, y: xp.vecdot(x, y, axis=-2), F, G),
    "einsum_batched": (lambda xp, x, y: xp.einsum("bij,bkj->bik", x, y), F, G),
    "einsum_implicit": (lambda xp, x, y: xp.einsum("ba,ca", x, y), F[0], G[1]),
    "einsum_trace": (lambda xp, x: xp.einsum("ii", x[:4, :4]), M),
    "einsum_diagonal": (lambda xp, x: xp.einsum("ii->i", x[:4, :4]), M),
    "einsum_transpose": (lambda xp, x: xp.einsum("ijk->kji", x), F),
    "einsum_dots": (lambda xp, x, y: xp.einsum("...ij,jk->...ik", x, y), F, M),
    "einsum_dots_sum": (lambda xp, x: xp.einsum("i...->...", x), F),
    "einsum_three": (lambda xp, x, y, z: xp.einsum("bij,jk,j->bk", x, y, z), F, M, V),
    "einsum_outer": (lambda xp, x, y: xp.einsum("i,j->ij", x, y), V, V),
    "einsum_scalar": (lambda xp, x, y: xp.einsum("i,i->", x, y), V, V),
    "einsum_sum": (lambda xp, x: xp.einsum("ijk->j", x), K),
    # operators
    "arithmetic": (lambda xp, x, y: (x + 2) * y - 3 / (y * y + 1), F, G),
    "reflected": (lambda xp, x: 2 - x + 1.5 * x, F),
    "numpy_left": (lambda xp, x: V * x - V, F),
    "numpy_right": (lambda xp, x: x / V, F),
    "numpy_matmul": (lambda xp, x: V @ x, M),
    "power": (lambda xp, x: x**2 + (x * x) ** 0.5, F),
    "integers": (lambda xp, x: (x // 2) % 3 | x & 5 ^ 1, K),
    "masks": (lambda xp, x, y: (x > y) & ~(x == y) | (x <= 0), F, G),
}  # fmt: skip


def arrays_of(result):
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


def assert_same(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 if a.dtype.kind == "f" else 0)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_at_once(row):
    function, *arrays = row
    assert_same(arrays_of(function(cr, *map(cr.asarray, arrays))), arrays_of(function(np, *arrays)))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_traced(row):
    """The graph of a call with unknown values gives the same bits as the call itself."""
    function, *arrays = row
    inputs = [variable(Spec(array.shape, of(array.dtype))) for array in arrays]
    with trace.level("jit"):
        result = function(cr, *[Tensor(None, node) for node in inputs])
        outputs = [node_of(part) for part in (result if isinstance(result, tuple) else (result,))]
    direct = arrays_of(function(cr, *map(cr.asarray, arrays)))
    for a, b in zip(evaluate(outputs, dict(zip(inputs, arrays, strict=True))), direct, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    # What a row makes is symbolic: buffers are the small NumPy arrays that some rows mention.
    buffers = [node.size for node in topological(outputs) if node.op.name == "buffer"]
    assert max(buffers, default=0) <= 6

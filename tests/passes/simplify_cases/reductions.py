"""Cases for the rules of reductions and indexing."""

from passes.simplify_cases import Cases, var

from chainrule.dtypes import float16, float32, int32, int64, uint8
from chainrule.ir.node import broadcast_to, constant, make, permute, reduce_sum, reshape

case = CASES = Cases()


@case("reduce_nothing", left="0.0, 1.0")
def _():
    x = var(0, 3)
    return [make("sum", x, axes=(0,)), make("prod", x, axes=(0,))]


@case("reduce_unit_axes", left="reshape(a), reshape(sum(a)), sum(a)")
def _():
    x = var(3, 1, 2)
    return [make("max", x, axes=(1,)), make("sum", x, axes=(0, 1)), make("sum", x, axes=(0,))]


@case("canonical_axes", left="sum(a), sum(a)")
def _():
    x = var(3, 2)
    return [make("sum", x, axes=(1, 0)), make("sum", x, axes=(0, 1))]


@case("reduce_once", left="sum(a), prod(a), max(a), min(a)", exact=False)
def _():
    x = var(2, 3, 4)
    names = ("sum", "prod", "max", "min")
    return [make(name, make(name, x, axes=(1,)), axes=(0,)) for name in names]


@case(left="max(sum(a))")
def different_reductions_stay():
    return [make("max", make("sum", var(2, 3), axes=(1,)), axes=(0,))]


@case("reduce_before_broadcast", left=(
    "multiply(reshape(a), 5.0), reshape(a), multiply(reshape(b), 44)"
), exact=False)
def _():
    x, n = broadcast_to(var(1, 3), (5, 3)), broadcast_to(var(1, 2, dtype=uint8), (300, 2))
    return [make("sum", x, axes=(0,)), make("max", x, axes=(0,)), make("sum", n, axes=(0,))]


@case("reduce_before_broadcast", left="multiply(reshape(sum(a)), 4.0)", exact=False)
def _():
    return [make("sum", broadcast_to(var(1, 3), (4, 3)), axes=(0, 1))]


@case("sum_before_factors", left=(
    "multiply(sum(multiply(a, b)), reshape(c)), negative(sum(multiply(a, b))), "
    "sum(multiply(multiply(a, b), broadcast(d)))"
), exact=False)
def _():
    x, k, y, row = var(3, 4), var(3, 1), var(3, 4), var(1, 4)
    product = (x * broadcast_to(k, (3, 4))) * y
    along = (x * y) * broadcast_to(row, (3, 4))
    negative = x * make("negative", y)
    return [make("sum", terms, axes=(1,)) for terms in (product, negative, along)]


@case("reduce_before_reshape", left="reshape(sum(a)), sum(a)", exact=False)
def _():
    x = var(2, 3, 4)
    return [make("sum", reshape(x, (6, 1, 4)), axes=(0,)), reduce_sum(x, (0, 1))]


@case(left="sum(reshape(a))")
def a_reduction_of_half_an_axis_stays():
    return [make("sum", reshape(var(6), (2, 3)), axes=(0,))]


@case("reduce_before_permute", left="permute(sum(a))", exact=False)
def _():
    x = permute(var(2, 3, 4), (2, 1, 0))
    return [make("sum", x, axes=(1,))]


@case("place_among_equals", left="0, 0")
def _():
    x = broadcast_to(var(3, 1), (3, 4))
    return [make("argmax", x, axis=1), make("argmin", var(3, 1), axis=1)]


@case("iota_of_one", left="0")
def _():
    return [make("iota", size=1, dtype=int32)]


@case("gather_in_order", left="a, slice(a)")
def _():
    x = var(4, 2)
    return [make("gather", x, make("iota", size=n, dtype=int64)) for n in (4, 2)]


@case(left="gather(a, iota())")
def gather_past_the_end_stays():
    return [make("gather", var(4, 2), make("iota", size=5, dtype=int64))]


@case("gather_one_row", left="broadcast(slice(a)), reshape(slice(a)'), broadcast(b)")
def _():
    x, i = var(4, 2), var(3, dtype=int32)
    return [make("gather", x, constant(99, int32, (3,))), make("gather", x, constant(-9, int64)),
            make("gather", broadcast_to(var(1, 2), (4, 2)), i)]


@case("scatter_nothing", left="a, a", signed_zero=False)
def _():
    x, i = var(4, 2), var(3, dtype=int32)
    return [make("scatter_add", x, i, constant(0, float32, (3, 2))),
            make("scatter_add", x, var(0, dtype=int32), var(0, 2))]


@case("scatter_in_float32", left="cast(scatter_add(cast(a), b, cast(c)))")
def _():
    x, updates = (var(rows, 2, dtype=float16) for rows in (4, 3))
    return [make("scatter_add", x, var(3, dtype=int32), updates)]


@case("accumulate_one", left="a")
def _():
    return [make("cumulative", var(3, 1), kind="sum")]


@case("sort_equals", left="0")
def _():
    return [make("argsort", var(3, 1), descending=True)]



"""Cases for the rules of movement."""

from passes.simplify_cases import Cases, cut, var

from chainrule.dtypes import float32
from chainrule.ir.node import broadcast_to, constant, make, permute, reshape

case = CASES = Cases()


def pad(x, low, high, value=0.0):
    return make("pad", x, low=low, high=high, value=value)


@case("no_elements", left="0.0, 0.0, 0.0")
def _():
    x = var(0, 3)
    return [make("exp", x), reshape(x, (3, 0)), cut(var(4), (2, 2))]


@case("same_shape", left="a, a, a")
def _():
    x = var(2, 3)
    alike = [make(name, x, shape=(2, 3)) for name in ("reshape", "broadcast")]
    return [*alike, pad(x, (0, 0), (0, 0))]


@case("reshape_of_reshape", left="reshape(a), a")
def _():
    x = var(2, 3)
    return [reshape(reshape(x, (3, 2)), (6,)), reshape(reshape(x, (6,)), (2, 3))]


@case("broadcast_of_broadcast", left="broadcast(a)")
def _():
    return [broadcast_to(broadcast_to(var(1, 1), (2, 1)), (2, 3))]


@case("reshape_before_broadcast", left="broadcast(reshape(a)), broadcast(reshape(b))")
def _():
    x = var(2, 1, 3)
    y = broadcast_to(x, (2, 4, 3))
    return [reshape(y, (2, 1, 4, 3)), reshape(broadcast_to(var(1, 1, 3), (2, 4, 3)), (8, 3))]


@case(left="reshape(broadcast(a))")
def merging_a_repeated_axis_with_another_stays():
    return [reshape(broadcast_to(var(2, 1), (2, 4)), (8,))]


@case("permute_once", left="permute(a), a, a")
def _():
    x = var(2, 3, 4)
    return [permute(permute(x, (1, 2, 0)), (1, 2, 0)), permute(permute(x, (1, 0, 2)), (1, 0, 2)),
            make("permute", x, axes=(0, 1, 2))]


@case("permute_before_broadcast", left="broadcast(reshape(permute(reshape(a))))")
def _():
    return [permute(broadcast_to(var(2, 1, 3), (2, 4, 3)), (2, 1, 0))]


@case("permute_without_unit_axes", left="reshape(a), permute(reshape(a)'), permute(reshape(a)')")
def _():
    x = var(2, 1, 3)
    return [permute(x, (1, 0, 2)), permute(reshape(x, (2, 3)), (1, 0)),
            reshape(permute(x, (2, 0, 1)), (3, 2))]


@case("canonical_slice", left="slice(a), slice(a), a")
def _():
    x = var(7)
    return [cut(x, (1, 6, 2)), cut(x, (1, 7, 2)), cut(x, (0, 7))]


@case("slice_of_slice", left="slice(a)")
def _():
    x = var(10, 4)
    return [cut(cut(x, (1, 10, 2), (1, 4)), (1, 4, 2), (0, 2))]


@case("slice_before_broadcast", left="broadcast(slice(a))")
def _():
    return [cut(broadcast_to(var(1, 5), (4, 5)), (1, 3), (1, 5, 2))]


@case("slice_before_permute", left="permute(slice(a))")
def _():
    return [cut(permute(var(4, 5), (1, 0)), (1, 3), (0, 3, 2))]


@case("slice_of_pad", left="a, slice(a), 7.0")
def _():
    x = var(4, 5)
    padded = pad(x, (1, 0), (2, 3), 7.0)
    bounds = [((1, 5), (0, 5)), ((2, 5, 2), (0, 4)), ((5, 7), (0, 5))]
    return [cut(padded, *pair) for pair in bounds]


@case("slice_of_pad", left="pad(slice(a))")
def _():
    return [cut(pad(var(4), (2,), (2,), 7.0), (1, 5))]


@case(left="slice(pad(a))")
def a_stepped_slice_that_hits_padding_stays():
    return [cut(pad(var(4), (2,), (2,)), (1, 7, 2))]


@case("slice_of_concat", left="a, slice(a), concat(slice(b), slice(a)')")
def _():
    x, y, z = var(3, 2), var(4, 2), var(2, 2)
    whole = make("concat", x, y, z, axis=0)
    return [cut(whole, (3, 7), (0, 2)), cut(whole, (4, 7, 2), (0, 1)), cut(whole, (2, 5), (0, 2))]


@case("pad_with_same", left="pad(a), 0.0, 2.0")
def _():
    x = var(3)
    return [pad(pad(x, (1,), (0,)), (0,), (2,)), pad(constant(0, float32, (3,)), (1,), (1,)),
            pad(var(0), (1,), (1,), 2.0)]


@case(left="pad(pad(a)), pad(1.0)")
def pads_of_other_values_stay():
    negative_zero = pad(pad(var(3), (1,), (0,), 0.0), (0,), (2,), -0.0)
    return [negative_zero, pad(constant(1, float32, (3,)), (1,), (1,))]


@case("pads_side_by_side", left="concat(a, b, c)", signed_zero=False)
def _():
    a, b, c = var(2, 2), var(2, 3), var(2, 1)
    return [pad(a, (0, 0), (0, 4)) + pad(c, (0, 5), (0, 0)) + pad(b, (0, 2), (0, 1))]


@case("pads_side_by_side", left="add(pad(concat(a, b)), pad(c))", signed_zero=False)
def _():
    a, b, c = var(2), var(2), var(1)
    return [pad(a, (0,), (6,)) + (pad(c, (6,), (1,)) + pad(b, (2,), (4,)))]


@case(left="add(pad(a), pad(b)), add(pad(a), pad(c)), add(pad(b), pad(a))")
def pads_that_overlap_or_leave_a_gap_stay():
    a, b, c = (pad(var(2), (n,), (4 - n,)) for n in (0, 1, 3))
    return [a + b, a + c, b + a]


@case("canonical_flip", left="flip(a), flip(a), a, flip(a)")
def _():
    x = var(3, 2, 1)
    flip = [make("flip", x, axes=axes) for axes in ((0,), (0, 2), (2,))]
    return [*flip, make("flip", make("flip", x, axes=(0, 1)), axes=(1,))]


@case("flip_before_broadcast", left="broadcast(flip(a))")
def _():
    return [make("flip", broadcast_to(var(1, 3), (2, 3)), axes=(0, 1))]


@case("concat_parts", left="a, a, slice(a), a, 1.0, concat(a, b, b)")
def _():
    x, y, e = var(5, 2), var(2, 2), var(0, 2)
    halves = cut(x, (1, 3), (0, 2)), cut(x, (3, 5), (0, 2))
    whole = cut(x, (0, 2), (0, 2)), cut(x, (2, 5), (0, 2))
    ones = constant(1, float32, (2,)), constant(1, float32, (3,))
    joined = [make("concat", *parts, axis=0) for parts in ((x,), (x, e), halves, whole, ones)]
    return [*joined, make("concat", make("concat", x, y, axis=0), y, axis=0)]


@case(left="concat(slice(a), slice(a)'), concat(slice(a)', slice(a)')")
def slices_in_another_order_stay():
    x = var(5, 2)
    first, last = cut(x, (0, 3), (0, 2)), cut(x, (3, 5), (0, 2))
    return [make("concat", last, first, axis=0), make("concat", first, first, axis=0)]



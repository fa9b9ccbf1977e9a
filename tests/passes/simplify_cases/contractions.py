"""Cases for the rules of contractions."""

from passes.simplify_cases import Cases, var

from chainrule.dtypes import float32
from chainrule.ir.contraction import Contraction, Dimension, plain
from chainrule.ir.node import broadcast_to, constant, make, permute, reshape

case = CASES = Cases()


def matmul(a, b, sizes, left, right, output):
    return make("contract", a, b, spec=plain(sizes, left, right, output))


@case("canonical_letters", left="contract(a, b), contract(a, b)")
def _():
    a, b = var(2, 3), var(3, 4)
    spec = Contraction((4, 3, 2), (Dimension(((2, 1),)), Dimension(((1, 1),))),
                       (Dimension(((1, 1),)), Dimension(((0, 1),))), (2, 0))
    plainly = matmul(a, b, {0: 2, 1: 3, 2: 4}, (0, 1), (1, 2), (0, 2))
    return [make("contract", a, b, spec=spec), plainly]


@case("contract_permuted", left="contract(a, b)")
def _():
    a, b, sizes = var(3, 2), var(4, 3), {0: 2, 1: 3, 2: 4}
    return [matmul(permute(a, (1, 0)), permute(b, (1, 0)), sizes, (0, 1), (1, 2), (0, 2))]


def convolution(x, w, offset=0, rows=None):
    """(H, C) and (K, C, D) to (rows, D)."""
    sizes = (rows or x.shape[0], w.shape[2], w.shape[0], x.shape[1])
    window = Dimension(((0, 1), (2, 1)), offset)
    one = [Dimension(((letter, 1),)) for letter in range(4)]
    spec = Contraction(sizes, (window, one[3]), (one[2], one[3], one[1]), (0, 1))
    return make("contract", x, w, spec=spec)


@case("drop_unit_letters", left="contract(a, reshape(b)), contract(a, reshape(b))")
def _():
    x, w = var(5, 3), var(1, 3, 2)
    product = matmul(x, reshape(w, (3, 2)), {0: 5, 1: 3, 2: 2}, (0, 1), (1, 2), (0, 2))
    return [convolution(x, w), product]


@case("drop_unit_letters", left="multiply(broadcast(a), broadcast(b))", exact=False)
def _():
    return [matmul(var(4, 1), var(1, 3), {0: 4, 1: 1, 2: 3}, (0, 1), (1, 2), (0, 2))]


@case("drop_unit_letters", left="contract(a, reshape(b))")
def _():
    return [convolution(var(5, 3), var(1, 3, 2), -1)]


@case(left="contract(a, b), reshape(contract(c, d)), contract(e, f)")
def windows_that_read_outside_keep_their_letters():
    one_row = convolution(var(3, 3), var(3, 3, 2), -1, rows=1)
    cropped = convolution(var(5, 3), var(1, 3, 2), 0, rows=4)
    return [convolution(var(5, 3), var(3, 3, 2), -1), one_row, cropped]


@case("contract_stretched", left="broadcast(reshape(contract(reshape(a), b)))", exact=False)
def _():
    a, b, sizes = broadcast_to(var(1, 3), (5, 3)), var(3, 4), {0: 5, 1: 3, 2: 4}
    return [matmul(a, b, sizes, (0, 1), (1, 2), (0, 2))]


@case("contract_stretched", left="contract(a, reshape(b))", exact=False)
def _():
    a, b, sizes = var(2, 5, 3), broadcast_to(var(1, 3, 4), (2, 3, 4)), {9: 2, 0: 5, 1: 3, 2: 4}
    return [matmul(a, b, sizes, (9, 0, 1), (9, 1, 2), (9, 0, 2))]


@case("sum_before_contract", left="contract(sum(a), b)", exact=False)
def _():
    a, b, sizes = var(2, 3, 5), var(3, 4), {0: 2, 1: 3, 2: 4, 3: 5}
    return [matmul(a, b, sizes, (0, 1, 3), (1, 2), (0, 2))]


@case("sum_before_contract", left="contract(contract(a, 1.0), b)", exact=False)
def _():
    """Along a diagonal beside the main one."""
    diagonal = (Dimension(((0, 1),)), Dimension(((3, 1),)), Dimension(((3, 1),), 1))
    right = (Dimension(((0, 1),)), Dimension(((1, 1),)), Dimension(((2, 1),)))
    spec = Contraction((2, 3, 6, 4), diagonal, right, (1, 2))
    return [make("contract", var(2, 4, 5), var(2, 3, 6), spec=spec)]


@case("product_without_sum", left=(
    "multiply(broadcast(reshape(a)), broadcast(reshape(b)))"
), exact=False)
def _():
    a, b = var(2), var(3)
    return [matmul(a, b, {0: 2, 1: 3}, (0,), (1,), (1, 0))]


@case("product_without_sum", left="broadcast(reshape(multiply(sum(a), 3.0)))", exact=False)
def _():
    a, b = constant(3, float32, (2, 3)), var(4, 3)
    return [matmul(a, b, {0: 2, 1: 3, 2: 4}, (0, 1), (2, 1), (0, 2))]

"""Cases for what depends on who uses a node."""

from passes.simplify_cases import Cases, var
from passes.simplify_cases.contractions import matmul
from passes.simplify_cases.control import cond, scan, while_loop

from chainrule.dtypes import bool_, int8
from chainrule.ir.node import make, permute

case = CASES = Cases()


def product():
    return matmul(var(2, 3), var(3, 4), {0: 2, 1: 3, 2: 4}, (0, 1), (1, 2), (0, 2))


@case("permuted_result", left="exp(contract(a, b)), contract(c, d)", exact=False)
def _():
    return [make("exp", permute(product(), (1, 0))), permute(product(), (1, 0))]


@case("merge_scans", left=(
    "scan{add(p0, p1), multiply(p0, p1), p0}(a, b).0, "
    "scan{add(p0, p1), multiply(p0, p1), p0}(a, b).1, "
    "scan{add(p0, p1), multiply(p0, p1), p0}(a, b).2, "
    "scan{add(p0, p1), multiply(p0, p1), p0}(a, b).1"
))
def _():
    operands = [var(2), var(3, 2)]
    return [*scan(lambda c, x: [c + x, c * x], operands, 0, 1, 3)[:1],
            *scan(lambda c, x: [c + x, c * x, c, c * x], operands, 0, 1, 3)[1:]]


@case(left="scan{add(p0, p1)}(a, b).0, scan{multiply(p0, p1)}(a, b).0, scan{add(p0, p1)}(a, b)'.0")
def scans_that_carry_other_values_stay():
    operands = [var(2), var(3, 2)]
    summed, multiplied = (lambda c, x: [c + x]), (lambda c, x: [c * x])
    turns = [(summed, False), (multiplied, False), (summed, True)]
    return [scan(body, operands, 0, 1, 3, reverse)[0] for body, reverse in turns]


@case(left="permute(contract(a, b)), contract(a, b)")
def a_result_with_another_user_stays():
    result = product()
    return [permute(result, (1, 0)), result]


@case("dead_results", left="scan{add(p0, p1)}(a, b).0")
def _():
    def body(live, dead, x):
        return [live + x, dead * live, dead, live * x]

    return scan(body, [var(2), var(2), var(3, 2)], 0, 2, 3)[:1]


@case("dead_results", left="scan{p1, add(p0, p1), p0}(a, b).2")
def _():
    def body(first, second, dead, x):
        return [second, first + second, dead * x, first, dead]

    return scan(body, [var(2), var(2), var(2), var(3, 2)], 0, 3, 3)[3:4]


@case("dead_results", left="while{less(p1, p0)}{add(p1, 1)}(a, b).0")
def _():
    operands = [var(dtype=int8), var(dtype=int8), var(2)]
    return while_loop(lambda i, n, dead: [make("less", i, n)],
                      lambda i, n, dead: [i + 1, n, dead * dead], operands, 0)[:1]


@case("dead_results", left="cond{exp(p0)}{p0}(a, b).0")
def _():
    return cond(var(dtype=bool_), lambda a, b: [make("exp", a), b], lambda a, b: [a, b * b],
                [var(3), var(3)])[:1]


@case("dead_results", left="scan{scan{multiply(p0, p1)}(p0, p1).0}(a, b).0")
def _():
    def body(c, x):
        inner = scan(lambda c, x: [c * x, c + x], [c, x], 0, 1, 2)
        return inner[:1]

    return scan(body, [var(), var(3, 2)], 0, 1, 3)


@case("dead_results", left="exp(scan{add(p0, p1)}(scan{add(p0, p1)}(a, b).0, b).0)")
def a_result_that_only_dead_results_need_is_dead():
    def body(c, d, x):
        return [c + x, d * x]

    c, d, x = var(2), var(2), var(3, 2)
    first = scan(body, [c, d, x], 0, 2, 3)
    return [make("exp", scan(body, [*first, x], 0, 2, 3)[0])]


def weight_gradient(length=5):
    """What the backward pass of a recurrence carries: a sum of outer products."""
    def body(total, h, g):
        product = matmul(h, g, {0: 2, 1: 3, 2: 4}, (0, 1), (0, 2), (1, 2))
        return [total + product, g * 2]

    return scan(body, [var(3, 4), var(length, 2, 3), var(length, 2, 4)], 0, 1, length)


@case("accumulate_outside", exact=False, left="add(a, contract(b, c))")
def _():
    return weight_gradient()[:1]


@case(left="scan{add(p0, contract(sin(p1), exp(p1)))}(a, b).0")
def a_sum_of_what_is_not_stacked_anyway_stays():
    def body(total, x):
        factors = make("sin", x), make("exp", x)
        return [total + matmul(*factors, {0: 2, 1: 3, 2: 3}, (0, 1), (0, 2), (1, 2))]

    return scan(body, [var(3, 3), var(5, 2, 3)], 0, 1, 5)


@case(left="scan{add(p0, contract(p1, p0))}(a, b).0")
def a_sum_that_its_terms_read_stays():
    def body(total, x):
        return [total + matmul(x, total, {0: 3, 1: 3, 2: 3}, (0, 1), (1, 2), (0, 2))]

    return scan(body, [var(3, 3), var(5, 3, 3)], 0, 1, 5)


@case(left="scan{add(p0, contract(p1, p2)), add(p0, contract(p1, p2))}(a, b, c).1")
def a_sum_whose_steps_are_read_stays():
    def body(total, h, g):
        after = total + matmul(h, g, {0: 2, 1: 3, 2: 4}, (0, 1), (0, 2), (1, 2))
        return [after, after]

    return scan(body, [var(3, 4), var(5, 2, 3), var(5, 2, 4)], 0, 1, 5)[1:]

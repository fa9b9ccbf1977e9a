"""Cases for the rules of identities and control flow."""

from passes.simplify_cases import Cases, var

from chainrule.dtypes import bool_, float32, int8, int32
from chainrule.ir.node import Graph, broadcast_to, cast, constant, make, mark, pick, reshape, unique

case = CASES = Cases()


def scan(body, operands, constants, carried, length, reverse=False):
    """All results of a scan whose body is `body(*parameters) -> outputs`."""
    slices = [var(*x.shape[1:], dtype=x.dtype) for x in operands[constants + carried :]]
    fixed = [var(*x.shape, dtype=x.dtype) for x in operands[: constants + carried]]
    graph = Graph([*fixed, *slices], body(*fixed, *slices))
    node = make("scan", *operands, body=graph, constants=constants, carried=carried, length=length,
                reverse=reverse)
    return [pick(node, index) for index in range(len(graph.outputs))]


def while_loop(condition, body, operands, constants):
    graphs = {}
    for name, function in (("condition", condition), ("body", body)):
        parameters = [var(*x.shape, dtype=x.dtype) for x in operands]
        graphs[name] = Graph(parameters, function(*parameters))
    node = make("while", *operands, constants=constants, **graphs)
    return [pick(node, index) for index in range(len(node.outputs))]


def cond(predicate, then, otherwise, operands):
    graphs = {}
    for name, function in (("then", then), ("otherwise", otherwise)):
        parameters = [var(*x.shape, dtype=x.dtype) for x in operands]
        graphs[name] = Graph(parameters, function(*parameters))
    node = make("cond", predicate, *operands, **graphs)
    return [pick(node, index) for index in range(len(node.outputs))]


@case("drop_identity", left="exp(a)")
def _():
    return [mark(make("stop_gradient", make("exp", mark(var(3)))))]


@case(left="after(a, b)")
def after_stays():
    return [make("after", var(3), var(3), serial=unique())]


@case("pick_inlined", left="exp(a)")
def _():
    x = var(3)
    node = make("custom_gradient", make("exp", x), x, count=1, rule=lambda g: g)
    return [pick(node, 0)]


@case("pick_inlined", left="multiply(exp(a), add(a, 1.0))")
def _():
    x, a, b = var(3), var(3), var(3)
    inner = make("checkpoint", a, body=Graph([b], [make("exp", b), b + 1]))
    outer = Graph([a], [pick(inner, 0) * pick(inner, 1)])
    return [pick(make("checkpoint", x, body=outer), 0)]


@case("pick_inlined", left="exp(a), negative(b)")
def _():
    return [cond(constant(value, bool_), lambda x: [make("exp", x)], lambda x: [-x], [var(3)])[0]
            for value in (True, False)]


@case("pick_of_short_scan", left="a, 0.0")
def _():
    return scan(lambda c, x: [c * x, c + x], [var(2), var(0, 2)], 0, 1, 0)


@case("pick_of_short_scan", left=(
    "multiply(multiply(a, b), reshape(c)), reshape(add(b, reshape(c)))"
))
def _():
    return scan(lambda k, c, x: [k * c * x, c + x], [var(2), var(2), var(1, 2)], 1, 1, 1)


@case("pick_unchanged", left="a, scan{add(p0, p1)}(b, c).0")
def _():
    return scan(lambda c, d, x: [c, d + x], [var(2), var(2), var(3, 2)], 0, 2, 3)


@case("pick_unchanged", left="while{less(p1, p0)}{add(p1, 1)}(a, b).0, c")
def _():
    limit, start, still = var(dtype=int8), var(dtype=int8), var(2)
    return while_loop(lambda n, i, c: [make("less", i, n)], lambda n, i, c: [i + 1, c],
                      [limit, start, still], 1)


@case("pick_constant", left="2.0, scan{2.0, add(p0, p1)}(a, b).1, 3.0")
def _():
    def body(c, x):
        return [constant(2, float32, (2,)), c + x, constant(3, float32)]

    return scan(body, [var(2), var(3, 2)], 0, 1, 3)


@case("pick_constant", left="1.0, cond{exp(p0)}{p0}(a, b).0")
def _():
    def branch(x):
        return [constant(1, float32), make("exp", x)]

    return cond(var(dtype=bool_), branch, lambda x: [constant(1, float32), x], [var()])


@case("unchanged_is_constant", left="a, scan{add(multiply(p1, p0), p2)}(a, b, c).0")
def _():
    return scan(lambda c, d, x: [c, d * c + x, c], [var(2), var(2), var(3, 2)], 0, 2, 3)[:2]


@case("unchanged_is_constant", left="while{less(p1, p0)}{add(p1, 1)}(a, b).0, a")
def _():
    def condition(i, limit):
        return [make("less", i, limit)]

    return while_loop(condition, lambda i, limit: [i + 1, limit],
                      [var(dtype=int8), var(dtype=int8)], 0)


@case("repeated_is_constant", left=(
    "scan{add(multiply(p1, p0), p2), p1}(reshape(a), b, c).0, "
    "scan{add(multiply(p1, p0), p2), p1}(reshape(a), b, c).1"
))
def _():
    array = broadcast_to(var(1, 2), (3, 2))
    return scan(lambda c, x, y: [c * x + y, c], [var(2), array, var(3, 2)], 0, 1, 3)


@case("needless_operands", left=(
    "scan{add(add(multiply(p1, p0), p0), p2), multiply(p2, p2)}(a, b, c).0, "
    "scan{add(add(multiply(p1, p0), p0), p2), multiply(p2, p2)}(a, b, c).1"
))
def _():
    k, unused, x = var(2), var(2), var(3, 2)

    def body(k, same, unused, c, x, again, idle):
        return [c * k + same + x, x * again]

    return scan(body, [k, k, unused, var(2), x, x, var(3, 4)], 3, 1, 3)


@case("needless_operands", left="scan{add(multiply(p0, 2.0), p1)}(a, b).0")
def _():
    two = constant(2, float32, (2,))
    return scan(lambda k, c, x: [c * k + x], [two, var(2), var(3, 2)], 1, 1, 3, reverse=True)


@case("needless_operands", left="cond{add(p0, p0)}{negative(p0)}(a, b).0")
def _():
    x = var(3)
    return cond(var(dtype=bool_), lambda a, b, c: [a + b], lambda a, b, c: [-a], [x, x, var(3)])


@case(left=(
    "scan{tanh(add(multiply(p1, p0), p2)), p1}(a, b, c).0, "
    "scan{tanh(add(multiply(p1, p0), p2)), p1}(a, b, c).1"
))
def a_changing_scan_stays():
    def body(k, c, x):
        return [make("tanh", c * k + x), c]

    return scan(body, [var(2), var(2), var(3, 2)], 1, 1, 3)


@case(left="cond{exp(p0)}{cast(cast(p0))}(reshape(slice(a)), b).0")
def a_branch_stays():
    x = var(3)
    flag = reshape(make("gather", var(4, dtype=bool_), constant(1, int32)), ())
    return cond(flag, lambda a: [make("exp", a)], lambda a: [cast(cast(a, int32), float32)], [x])


@case("stretched_in_the_body",
      left="scan{add(p1, multiply(p2, broadcast(p0)))}(reshape(a), b, c).0")
def _():
    wide = broadcast_to(var(), (3,))
    return scan(lambda k, c, x: [c + x * k], [wide, var(3), var(5, 3)], 1, 1, 5)

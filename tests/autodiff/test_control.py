"""scan, while_loop and cond: values, state, derivatives in both modes and of both orders, nesting,
errors.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError, TraceError

X = np.array([[0.5, -1.0], [2.0, 0.3], [0.1, 0.7], [-0.4, 0.2]])
W = np.array([0.3, -0.8])


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def close(got, expected, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=rtol, atol=1e-12)


def turn(w):
    def body(h, x):
        h = cr.tanh(h * w + x)
        return h, h * x

    return body


def scanned(w, h, xs, reverse=False):
    h, ys = cr.scan(turn(w), h, xs, reverse=reverse)
    return cr.sum(h * h) + cr.sum(ys)


def looped(w, h, xs, reverse=False):
    """The same as a Python loop."""
    total = 0.0
    for x in [xs[i] for i in range(len(X))][:: -1 if reverse else 1]:
        h, y = turn(w)(h, x)
        total = total + cr.sum(y)
    return cr.sum(h * h) + total


# ---- scan ----


def test_scan_values_match_numpy():
    last, sums = cr.scan(lambda total, x: (total + x, total), np.zeros(2), X)
    close(last, X.sum(0))
    close(sums, np.cumsum(X, 0) - X)
    assert last._node is None


def test_scan_in_reverse_keeps_places():
    _, sums = cr.scan(lambda total, x: (total + x, total + x), np.zeros(2), X, reverse=True)
    close(sums, np.cumsum(X[::-1], 0)[::-1])


def test_scan_over_trees():
    carry, ys = cr.scan(
        lambda c, x: ({"n": c["n"] + 1, "s": c["s"] + x[0] * x[1]}, None),
        {"n": 0, "s": np.zeros(2)},
        (X, 2 * X),
    )
    assert carry["n"].item() == 4
    close(carry["s"], (2 * X * X).sum(0))
    assert ys is None


def test_scan_without_slices():
    last, ys = cr.scan(lambda c, x: (c * 2, c), 1.0, length=5)
    close(last, 32.0)
    close(ys, [1, 2, 4, 8, 16])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("argument", [0, 1, 2])
def test_scan_gradients_match_a_loop(argument, reverse):
    arguments = (W, np.array([0.2, 0.1]), X)
    expected = cr.grad(looped, argnums=argument)(*arguments, reverse=reverse)
    close(cr.grad(scanned, argnums=argument)(*arguments, reverse=reverse), expected)
    direction = [
        np.zeros_like(a) if place != argument else np.ones_like(a)
        for place, a in enumerate(arguments)
    ]
    slope = cr.jvp(lambda *a: scanned(*a, reverse=reverse), arguments, direction)[1]
    close(slope, expected.numpy().sum())


def test_scan_second_derivatives_match_a_loop():
    h = np.array([0.2, 0.1])
    close(cr.hessian(scanned)(W, h, X), cr.hessian(looped)(W, h, X))
    outer = cr.grad(lambda w: cr.sum(cr.grad(scanned, argnums=2)(w, h, X) ** 2))
    expected = cr.grad(lambda w: cr.sum(cr.grad(looped, argnums=2)(w, h, X) ** 2))
    close(outer(W), expected(W))
    cr.check_grad(scanned, W, h, X)


def test_scan_of_grad():
    """Gradient descent as a scan, and the derivative of its result by the step size."""

    def descend(rate):
        step = lambda w, _: (w - rate * cr.grad(lambda w: cr.sum((w - 3.0) ** 2))(w), None)  # noqa: E731
        return cr.sum(cr.scan(step, np.zeros(2), length=5)[0])

    rate = 0.1
    close(descend(rate), 2 * 3 * (1 - (1 - 2 * rate) ** 5))
    close(cr.grad(descend)(rate), 2 * 3 * 10 * (1 - 2 * rate) ** 4)


def test_scan_in_a_scan():
    def outer(w):
        inner = lambda h, x: (cr.sin(h * w + x), None)  # noqa: E731
        rows = lambda h, row: (cr.scan(inner, h, row)[0], None)  # noqa: E731
        return cr.scan(rows, 0.1, X)[0]

    def expected(w):
        h = 0.1
        for x in X.ravel():
            h = cr.sin(h * w + x)
        return h

    close(outer(0.7), expected(0.7))
    close(cr.grad(outer)(0.7), cr.grad(expected)(0.7))
    close(cr.grad(cr.grad(outer))(0.7), cr.grad(cr.grad(expected))(0.7))
    close(cr.jvp(cr.grad(outer), (0.7,), (1.0,))[1], cr.grad(cr.grad(expected))(0.7))


def test_vmap_of_scan_and_scan_of_vmap():
    starts = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    both = cr.vmap(scanned, in_axes=(None, 0, None))(W, starts, X)
    close(both, [scanned(W, h, X).item() for h in starts])
    gradients = cr.vmap(cr.grad(scanned), in_axes=(None, 0, None))(W, starts, X)
    close(gradients, [cr.grad(scanned)(W, h, X).numpy() for h in starts])
    body = lambda h, x: (cr.vmap(lambda a, b: a * b + a)(h, x), None)  # noqa: E731
    close(cr.scan(body, np.ones(2), X)[0], np.prod(X + 1, 0))


def test_integers_are_carried_through_a_gradient():
    def f(w):
        (_, total), _ = cr.scan(
            lambda c, x: ((c[0] + 1, c[1] + c[0] * w * x[0]), None), (0, 0.0), X
        )
        return total

    close(cr.grad(f)(2.0), (np.arange(4) * X[:, 0]).sum())


def test_random_numbers_and_state_are_carried():
    counter = cr.Box(np.array(0.0), "counter")

    def body(c, _):
        counter.assign(counter + 1)
        return c, cr.random.uniform((2,))

    cr.random.seed(3)
    _, drawn = cr.scan(body, 0, length=3)
    cr.random.seed(3)
    expected = [cr.random.uniform((2,)).numpy() for _ in range(3)]
    close(drawn, expected)
    close(counter, 3.0)
    assert counter._node is None


def test_boxes_read_in_a_body_are_constants():
    box = cr.Box(np.array(2.0), "scale")
    gradient = cr.grad(lambda b: cr.scan(lambda c, x: (c + cr.sum(x) * b, None), 0.0, X)[0])(box)
    close(gradient, X.sum())


def test_gradient_through_assigned_state():
    box = cr.Box(np.array(1.0), "state")

    def f(w):
        def body(c, x):
            box.assign(box * w)
            return c + box, None

        return cr.scan(body, 0.0, length=3)[0]

    close(cr.grad(f)(2.0), 1 + 2 * 2 + 3 * 4)
    close(box, 8.0)


def test_loop_invariant_work_is_hoisted():
    """What does not depend on the carry is computed once: the body holds no `exp`."""
    seen = []

    def f(w):
        result, _ = cr.scan(lambda c, x: (c * cr.exp(w), None), 1.0, length=3)
        seen.append(result._node.inputs[0])
        return result

    close(cr.grad(f)(0.5), 3 * np.exp(1.5))
    body = seen[0].attributes["body"]
    assert "exp" not in {node.op.name for node in cr.ir.node.topological(body.outputs)}


def test_backward_scan_keeps_no_more_than_it_needs():
    """Of h = tanh(h w + x) it keeps h before and after; 1 - h^2 is computed again."""
    with cr.frontend.trace.level("jit"):
        w, x = (
            cr.Tensor(None, cr.ir.node.variable(cr.ir.node.Spec(s, cr.float64)))
            for s in ((2,), (4, 2))
        )
        f = lambda w: cr.sum(cr.scan(lambda h, x: (cr.tanh(h * w + x), None), cr.zeros(2), x)[0])  # noqa: E731
        node = cr.grad(f)(w)._node
    scans = [n for n in cr.ir.node.topological([node]) if n.op.name == "scan"]
    (forward,) = [n for n in scans if not n.attributes["reverse"]]
    assert len(forward.outputs) == 3  # the last h, each h before, each h after


def recorded(f, *shapes):
    """The results of `f` as nodes, recorded as under jit."""
    with cr.frontend.trace.level("jit"):
        specs = [cr.ir.node.Spec(shape, cr.float64) for shape in shapes]
        return [x._node for x in f(*[cr.Tensor(None, cr.ir.node.variable(s)) for s in specs])]


def loops(nodes, op):
    return [node for node in cr.ir.node.topological(nodes) if node.op.name == op]


def test_forward_mode_runs_each_loop_once():
    """The loop that computes tangents computes the values too, and nothing else computes them."""
    scanning = recorded(lambda w, x: cr.jvp(lambda w: scanned(w, w, x), (w,), (w,)), (2,), (4, 2))
    assert len(loops(scanning, "scan")) == 1
    doubled = lambda x: cr.while_loop(lambda v: cr.sum(v) < 9, lambda v: v + v, x)  # noqa: E731
    assert len(loops(recorded(lambda x: cr.jvp(doubled, (x,), (x,)), (2,)), "while")) == 1
    nested = lambda x: cr.scan(lambda c, _: (doubled(c), None), x, length=2)[0]  # noqa: E731
    (outer,) = loops(recorded(lambda x: cr.jvp(nested, (x,), (x,)), (2,)), "scan")
    assert len(loops(outer.attributes["body"].outputs, "while")) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cr.scan(lambda c, x: c, 0.0, X),
            ArgumentError,
            r"\[scan\] the body returned \*; .* return \(carry, y\)",
        ),
        (
            lambda: cr.scan(lambda c, x: (c > 0, None), 0.0, X),
            ShapeError,
            r"\[scan\] the carried values come in as float64\[\] and go out as bool\[\]",
        ),
        (
            lambda: cr.scan(lambda c, x: ((c, c), None), 0.0, X),
            ShapeError,
            r"go out as tuple\(\*, \*\) of float64\[\], float64\[\]",
        ),
        (
            lambda: cr.scan(lambda c, x: (c, x), 0.0),
            ArgumentError,
            r"\[scan\] got neither xs nor length",
        ),
        (
            lambda: cr.scan(lambda c, x: (c, x), 0.0, (X, X[:2])),
            ArgumentError,
            r"got lengths \[2, 4\]",
        ),
        (
            lambda: cr.scan(lambda c, x: (c, x), 0.0, 1.0),
            ShapeError,
            r"without axes; xs is sliced along axis 0",
        ),
        (
            lambda: cr.scan(lambda c, x: (c + float(x), None), 0.0, X[:, 0]),
            TraceError,
            r"values are not known yet",
        ),
    ],
)
def test_scan_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- while_loop ----


def test_while_loop():
    n, x = cr.while_loop(lambda v: v[0] < 5, lambda v: (v[0] + 1, v[1] * 2.0), (0, np.ones(2)))
    assert n.item() == 5
    close(x, [32.0, 32.0])


def test_while_loop_forward_mode():
    f = lambda x: cr.while_loop(lambda v: v < 100.0, lambda v: v * v, x)  # noqa: E731
    close(cr.jvp(f, (1.5,), (1.0,))[1], 16 * 1.5**15)
    close(cr.jvp(lambda x: cr.jvp(f, (x,), (1.0,))[1], (1.5,), (1.0,))[1], 240 * 1.5**14)
    close(cr.jacobian(f)(1.5), 16 * 1.5**15)


def test_while_loop_with_captured_values():
    f = lambda w: cr.while_loop(lambda v: v < w * 100, lambda v: v * w, 1.0)  # noqa: E731
    close(cr.jvp(f, (3.0,), (1.0,))[1], 6 * 3.0**5)


def test_while_loop_under_vmap():
    got = cr.vmap(lambda x: cr.while_loop(lambda v: v < 10.0, lambda v: v * 2, x))(
        np.array([1.0, 3.0, 20.0])
    )
    close(got, [16.0, 12.0, 20.0])


def test_while_loop_has_no_gradient():
    with pytest.raises(
        TraceError,
        match=r"\[grad\] a gradient was asked through the while_loop of .*test_control.py:"
        r"\d+; .*; use cr.scan with a fixed length, or forward mode \(cr.jvp\)",
    ):
        cr.grad(lambda x: cr.while_loop(lambda v: v < 10.0, lambda v: v * v, x))(1.5)


def test_while_loop_state():
    box = cr.Box(np.array(0.0), "turns")

    def body(v):
        box.assign(box + 1)
        return v * 2

    cr.while_loop(lambda v: (v < 100) & (box < 3), body, 1.0)
    close(box, 3.0)


def test_while_loop_errors():
    with pytest.raises(ShapeError, match=r"the condition returned bool\[2\]; .* cr.all or cr.any"):
        cr.while_loop(lambda v: v < 1, lambda v: v, np.ones(2))
    with pytest.raises(ShapeError, match=r"come in as int64\[\] and go out as float64\[\]"):
        cr.while_loop(lambda v: v < 1, lambda v: v * 1.5, 0)
    box = cr.Box(np.array(0.0), "turns")

    def condition(v):
        box.assign(box + 1)
        return v < 3

    with pytest.raises(TraceError, match=r"the condition assigned Box turns"):
        cr.while_loop(condition, lambda v: v + 1, 0)


# ---- cond ----


def symbolic(f):
    """`f` where values are not known: under vmap over a dummy axis."""
    return lambda *arguments: cr.vmap(f)(*[cr.asarray(a)[None] for a in arguments])[0]


def choose(p, x):
    return cr.cond(p, lambda x: x * x, lambda x: cr.sin(x), x)


def test_cond_calls_the_chosen_branch_where_the_predicate_is_known():
    called = []
    cr.cond(True, lambda: called.append("then"), lambda: called.append("else"))
    assert called == ["then"]
    close(cr.grad(lambda x: choose(x > 1, x))(2.0), 4.0)


def in_scan(f):
    """`f(p, x)` inside a body, with one predicate for all."""
    return lambda p, x: cr.scan(lambda c, q: (c + f(q, x), None), 0.0, np.array([p]))[0]


@pytest.mark.parametrize(
    "wrap", [lambda f: f, symbolic, in_scan], ids=["known", "select", "branch"]
)
@pytest.mark.parametrize("p", [True, False])
def test_cond_derivatives(wrap, p):
    f = wrap(choose)
    expected = (0.49, 1.4, 2.0) if p else (np.sin(0.7), np.cos(0.7), -np.sin(0.7))
    first = cr.grad(f, argnums=1)
    close(f(p, 0.7), expected[0])
    close(first(p, 0.7), expected[1])
    close(cr.jvp(lambda x: f(p, x), (0.7,), (1.0,))[1], expected[1])
    close(cr.grad(first, argnums=1)(p, 0.7), expected[2])
    close(cr.jvp(lambda x: first(p, x), (0.7,), (1.0,))[1], expected[2])


def test_cond_under_vmap():
    p, x = np.array([True, False, True]), np.array([0.5, 1.0, 1.5])
    close(cr.vmap(choose)(p, x), np.where(p, x * x, np.sin(x)))
    close(cr.vmap(cr.grad(choose, argnums=1))(p, x), np.where(p, 2 * x, np.cos(x)))


def test_cond_keeps_captured_work_inside_its_branch():
    """Both branches use the capture alone; neither is computed before the choice."""
    seen = []

    def f(q, x):
        y = cr.cond(q, lambda: cr.exp(x), lambda: cr.log(x))
        seen.append(y._node.inputs[0])
        return y

    close(in_scan(f)(True, cr.asarray(0.5)), np.exp(0.5))
    inside = [node.op.name for node in cr.ir.node.topological(seen[0].attributes["then"].outputs)]
    assert "exp" in inside
    assert {node.op.name for node in seen[0].inputs} == {"variable", "buffer"}


def test_cond_assigns_state_of_either_branch():
    a, b = cr.Box(np.array(1.0), "a"), cr.Box(np.array(2.0), "b")

    def f(q, x):
        def then():
            a.assign(a * x)
            return x

        def otherwise():
            b.assign(b + a)
            return -x

        return cr.cond(q, then, otherwise)

    in_scan(f)(True, cr.asarray(5.0))
    close(a, 5.0)
    close(b, 2.0)
    in_scan(f)(False, cr.asarray(5.0))
    close(a, 5.0)
    close(b, 7.0)


def test_cond_counts_in_a_loop():
    """The branch is the first to meet the box: it read what that held before the loop."""
    count = cr.Box(np.array(0.0), "count")

    def turn(n):
        cr.cond(n % 3 == 2, lambda: count.assign(count + 1), lambda: None)
        return n + 1

    cr.while_loop(lambda n: n < 9, turn, cr.asarray(0))
    close(count, 3.0)


def test_checkpoint_reads_the_state_of_a_turn():
    held = cr.Box(np.array(0.0), "held")

    def turn(x):
        x = cr.checkpoint(lambda x: x + held)(x)
        held.assign(x + 1)
        return x

    x, before = 1.0, 0.0
    while x < 20:
        x += before
        before = x + 1
    close(cr.while_loop(lambda x: x < 20, turn, cr.asarray(1.0, dtype=cr.float64)), x)
    close(held, before)


def test_cond_errors():
    with pytest.raises(ShapeError, match=r"\[cond\] the predicate is bool\[2\]; .* cr.where"):
        cr.cond(np.array([True, False]), lambda: 1, lambda: 2)
    with pytest.raises(ShapeError, match=r"\[cond\] the branches return float64\[\] and int64\[\]"):
        symbolic(lambda p: cr.cond(p, lambda: 1.0, lambda: 2))(True)

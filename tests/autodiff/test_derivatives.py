"""grad, value_and_grad, jvp, vjp and what they nest into, against formulas and NumPy."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree
from chainrule.errors import ArgumentError, DTypeError, ShapeError, TraceError
from chainrule.frontend import trace

X = np.array([0.5, -1.0, 2.0])


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def close(got, expected, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), expected, rtol=rtol, atol=1e-12)


class Pair:
    """A container of two boxes, as a module is: it goes in by reference, gradients come out as a
    dict.
    """

    def __init__(self):
        self.w, self.b = cr.Box(np.array([1.0, 2.0, 3.0]), "w"), cr.Box(np.array(0.5), "b")


tree.register(
    Pair,
    lambda pair: ((pair.w, pair.b), ("w", "b")),
    lambda names, leaves: dict(zip(names, leaves)),
)


# ---- grad ----


def test_grad_of_a_polynomial():
    close(cr.grad(lambda x: cr.sum(x * x * x))(X), 3 * X**2)


def test_value_and_grad():
    value, gradient = cr.value_and_grad(lambda x: cr.sum(cr.exp(x)))(X)
    close(value, np.exp(X).sum())
    close(gradient, np.exp(X))


def test_results_carry_values_only():
    value, gradient = cr.value_and_grad(lambda x: cr.sum(x))(X)
    assert value._node is None
    assert gradient._node is None
    assert trace.state.session is None


def test_argnums_choose_arguments():
    def f(x, y, scale):
        return cr.sum(x * y) * scale

    close(cr.grad(f, argnums=1)(X, 2 * X, 3.0), 3 * X)
    first, last = cr.grad(f, argnums=(0, -1))(X, 2 * X, 3.0)
    close(first, 6 * X)
    close(last, 2 * (X * X).sum())


def test_trees_in_trees_out():
    def f(parameters):
        (w, b), scale = parameters["layers"], parameters["scale"]
        return cr.sum(w * scale + b)

    gradient = cr.grad(f)({"layers": (X, 1.0), "scale": 2.0, "name": "net", "count": 3})
    close(gradient["layers"][0], [2.0] * 3)
    close(gradient["layers"][1], 3.0)
    close(gradient["scale"], X.sum())
    assert gradient["name"] is None
    assert gradient["count"] is None


def test_extras_come_out_beside_the_gradient():
    gradient, extras = cr.grad(lambda x: (cr.sum(x * x), {"twice": x * 2}), has_aux=True)(X)
    close(gradient, 2 * X)
    close(extras["twice"], 2 * X)
    assert extras["twice"]._node is None


def test_unused_argument_has_zero_gradient():
    close(cr.grad(lambda x, y: cr.sum(x), argnums=1)(X, X), np.zeros(3))


def test_python_control_flow_on_values():
    def f(x):
        while cr.sum(x) < 100:
            x = x * x if x[0] > 0 else -x
        return cr.sum(x)

    close(cr.grad(f)(np.array([2.0, 1.0])), [2.0**7 * 8, 8.0])


def test_keywords_pass_through():
    close(cr.grad(lambda x, *, power: cr.sum(x**power))(X, power=2), 2 * X)


def test_gradient_of_boxes_in_a_container():
    pair = Pair()

    def f(model, x):
        return cr.sum(model.w * x) * model.b

    gradient = cr.grad(f)(pair, X)
    close(gradient["w"], 0.5 * X)
    close(gradient["b"], ([1.0, 2.0, 3.0] * X).sum())
    close(pair.w, [1.0, 2.0, 3.0])
    assert pair.w._node is None or pair.w._node.op.name == "buffer"


def test_boxes_inside_other_containers_stay_in_place():
    pair = Pair()
    (gradient,) = cr.grad(lambda args: cr.sum(args[0].w * args[0].w))((pair,))
    close(gradient["w"], [2.0, 4.0, 6.0])


def test_a_box_assigned_inside_keeps_its_new_value():
    pair = Pair()

    def f(w):
        pair.b.assign(pair.b + cr.sum(w))
        return cr.sum(w * w) * pair.b

    gradient = cr.grad(f)(X)
    b = 0.5 + X.sum()
    close(gradient, 2 * X * b + (X * X).sum())
    close(pair.b, b)
    assert pair.b._node is None


def test_boxes_keep_their_values_when_the_function_fails():
    pair = Pair()

    def f(model):
        raise KeyError("user's own")

    with pytest.raises(KeyError):
        cr.grad(f)(pair)
    close(pair.w, [1.0, 2.0, 3.0])
    assert trace.state.level is None
    close(cr.grad(lambda model: cr.sum(model.w))(pair)["w"], np.ones(3))


def test_training_exactly_while_differentiating():
    seen = []

    def f(x):
        seen.append(cr.is_training())
        return cr.sum(x)

    cr.grad(f)(X)
    f(X)
    cr.vmap(f)(X[:, None])
    with cr.training(False):
        cr.grad(f)(X)
    assert seen == [True, False, False, False]


# ---- Nesting ----


def test_grad_of_grad():
    third = cr.grad(cr.grad(cr.grad(lambda x: x**5)))
    close(third(2.0), 60 * 2.0**2)


def test_grad_of_grad_with_both_arguments():
    mixed = cr.grad(cr.grad(lambda x, y: cr.sin(x) * cr.exp(y), argnums=0), argnums=1)
    close(mixed(0.3, 0.7), np.cos(0.3) * np.exp(0.7))


def test_perturbations_are_not_confused():
    """d/dx [x * d/dy (x + y)] = 1: the inner one must not count the outer x (Siskind 2005)."""
    close(cr.grad(lambda x: x * cr.grad(lambda y: x + y)(1.0))(1.0), 1.0)
    close(cr.jvp(lambda x: x * cr.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1], 1.0)
    close(cr.grad(lambda x: x * cr.jvp(lambda y: x * y, (1.0,), (1.0,))[1])(3.0), 6.0)


def test_inner_gradient_with_the_outer_value_captured():
    def outer(x):
        def inner(y):
            return x * x * y * y

        return cr.grad(inner)(x) * x

    # x * 2 x^2 y at y = x: 2 x^4.
    close(cr.grad(outer)(1.5), 8 * 1.5**3)


def test_values_inside_a_nested_gradient_are_known():
    def outer(x):
        slope = cr.grad(lambda y: y * y * x)(x)
        return slope * 2 if slope > 0 else slope

    close(cr.grad(outer)(3.0), 24.0)


def test_grad_of_vmap_and_vmap_of_grad():
    matrix = np.arange(6.0).reshape(3, 2)
    per_row = cr.vmap(cr.grad(lambda row: cr.sum(cr.sin(row))))(matrix)
    close(per_row, np.cos(matrix))
    close(
        cr.grad(lambda m: cr.sum(cr.vmap(lambda row: cr.sum(row) ** 2)(m)))(matrix),
        2 * matrix.sum(1, keepdims=True) + np.zeros((3, 2)),
    )


def test_long_chain():
    def chain(x):
        for _ in range(100_000):
            x = x + 1.0
        return x * x

    close(cr.grad(chain)(1.0), 2 * 100_001.0)


def test_wide_sharing():
    """x used 2^40 times through doubling: each node is visited once."""

    def double(x):
        for _ in range(40):
            x = x + x
        return x

    close(cr.grad(double)(1.0), 2.0**40)


# ---- Errors ----


def test_non_scalar_loss():
    with pytest.raises(
        ShapeError,
        match=(
            r"^\[grad\] the function returned float64\[3\]; a gradient needs one number; "
            r"reduce it with cr.mean or cr.sum, or use cr.jacobian or cr.vjp$"
        ),
    ):
        cr.grad(lambda x: x)(X)


def test_integer_loss():
    with pytest.raises(
        DTypeError, match=r"\[grad\] the function returned int64\[\]; only floats have derivatives"
    ):
        cr.grad(lambda x: cr.argmax(x))(X)


def test_loss_in_a_tuple():
    with pytest.raises(
        TraceError, match=r"\[grad\] the function returned a tuple; .* has_aux=True"
    ):
        cr.grad(lambda x: (cr.sum(x), x))(X)


def test_aux_without_extras():
    with pytest.raises(TraceError, match=r"with has_aux=True it must return two things"):
        cr.grad(lambda x: cr.sum(x), has_aux=True)(X)


@pytest.mark.parametrize("argument", [3, True, np.arange(3), "text", None])
def test_argument_without_floats(argument):
    with pytest.raises(
        DTypeError, match=r"\[grad\] argument 0 holds no floats .* pass floats \(2.0 for 2"
    ):
        cr.grad(lambda x: 1.0)(argument)


def test_missing_argument():
    with pytest.raises(ArgumentError, match=r"argnums=2, but the function got 1 positional"):
        cr.grad(lambda x: cr.sum(x), argnums=2)(X)


# ---- vjp and jvp ----


def test_pullback_after_the_session_and_several_times():
    value, pullback = cr.vjp(lambda x, y: cr.sin(x) * y, X, 2 * X)
    close(value, np.sin(X) * 2 * X)
    for scale in (1.0, 3.0):
        dx, dy = pullback(scale * np.ones(3))
        close(dx, scale * np.cos(X) * 2 * X)
        close(dy, scale * np.sin(X))


def test_pullback_inside_another_transform():
    _, pullback = cr.vjp(lambda x: x * x, X)
    close(cr.grad(lambda g: cr.sum(pullback(g)[0] ** 2))(np.ones(3)), 2 * (2 * X) ** 2)
    close(cr.vmap(lambda g: pullback(g)[0])(np.eye(3)), np.diag(2 * X))


def test_pullback_made_inside_a_transform():
    def f(x):
        _, pullback = cr.vjp(lambda y: y * y * x, x)
        return cr.sum(pullback(cr.ones_like(x))[0])

    close(cr.grad(f)(X), 4 * X)  # sum 2 x^2


def test_pullback_of_a_tree_skips_integers():
    (_, _), pullback = cr.vjp(lambda x: (x * 2, cr.argmax(x)), X)
    close(pullback((np.ones(3), 0))[0], [2.0] * 3)


def test_cotangent_of_wrong_shape():
    _, pullback = cr.vjp(lambda x: x * x, X)
    with pytest.raises(ShapeError, match=r"\[vjp\] a cotangent has shape \[2\], its partner \[3\]"):
        pullback(np.ones(2))


def test_jvp_is_the_transpose_of_vjp():
    random = np.random.default_rng(0)
    matrix = random.normal(size=(4, 3))

    def f(x):
        return cr.tanh(cr.asarray(matrix) @ x)

    t, u = random.normal(size=3), random.normal(size=4)
    _, along = cr.jvp(f, (X,), (t,))
    _, pullback = cr.vjp(f, X)
    close(np.asarray(along) @ u, np.asarray(pullback(u)[0]) @ t)


def test_jvp_of_a_container():
    pair = Pair()
    value, slope = cr.jvp(
        lambda model, x: cr.sum(model.w * x) * model.b, (pair, X), ({"w": X, "b": 1.0}, 0 * X)
    )
    close(value, 0.5 * (pair.w.numpy() * X).sum())
    close(slope, 0.5 * (X * X).sum() + (pair.w.numpy() * X).sum())


def test_jvp_with_a_missing_tangent():
    with pytest.raises(ArgumentError, match=r"\[jvp\] got 1 primals and 0 tangents"):
        cr.jvp(lambda x: x, (X,), ())


# ---- jacobian, hessian, hvp ----

MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize("matrix", [MATRIX, MATRIX.T[:, :2]], ids=["reverse", "forward"])
def test_jacobian(matrix):
    x = X[: matrix.shape[1]]
    got = cr.jacobian(lambda x: cr.sin(cr.asarray(matrix) @ x))(x)
    close(got, np.cos(matrix @ x)[:, None] * matrix)


def test_jacobian_of_trees():
    got = cr.jacobian(lambda d: {"sum": cr.sum(d["x"]), "both": d["x"] * d["y"]})(
        {"x": X, "y": 2.0}
    )
    close(got["sum"]["x"], np.ones(3))
    close(got["sum"]["y"], 0.0)
    close(got["both"]["x"], 2 * np.eye(3))
    close(got["both"]["y"], X)


def test_jacobian_of_several_arguments():
    left, right = cr.jacobian(lambda a, b: a * b, argnums=(0, 1))(X, 3 * X)
    close(left, np.diag(3 * X))
    close(right, np.diag(X))


def test_hessian():
    symmetric = MATRIX.T @ MATRIX

    def f(x):
        return 0.5 * x @ (cr.asarray(symmetric) @ x) + cr.sum(x**3)

    close(cr.hessian(f)(X), symmetric + np.diag(6 * X))
    close(cr.hvp(f, X, X[::-1].copy()), (symmetric + np.diag(6 * X)) @ X[::-1])


def test_hvp_of_a_container():
    pair = Pair()
    got = cr.hvp(lambda model: cr.sum(model.w**3) * model.b, pair, {"w": np.ones(3), "b": 0.0})
    close(got["w"], 0.5 * 6 * pair.w.numpy())
    close(got["b"], (3 * pair.w.numpy() ** 2).sum())


# ---- Ties and edges ----


def test_relu_has_no_slope_at_zero():
    close(cr.grad(lambda x: cr.sum(cr.maximum(x, 0.0)))(np.array([-1.0, 0.0, 1.0])), [0, 0, 1])
    close(cr.grad(lambda x: cr.sum(cr.maximum(0.0, x)))(np.array([-1.0, 0.0, 1.0])), [0, 0, 1])


def test_clip_has_no_slope_at_its_bounds():
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    close(cr.grad(lambda x: cr.sum(cr.clip(x, -1.0, 1.0)))(x), [0, 0, 1, 0, 0])


def test_maximum_of_equals_shares():
    left, right = cr.grad(lambda a, b: cr.sum(cr.maximum(a, b)), argnums=(0, 1))(X, X)
    close(left, [0.5] * 3)
    close(right, [0.5] * 3)


def test_max_shares_among_ties():
    close(cr.grad(lambda x: cr.max(x))(np.array([1.0, 3.0, 3.0, 2.0])), [0, 0.5, 0.5, 0])


def test_relu_is_read_from_its_output():
    """The backward pass needs the output alone: the input of the maximum is used once."""
    with trace.level("jit"):
        x = cr.Tensor(None, cr.ir.node.variable(cr.ir.node.Spec((3,), cr.float64)))
        gradient = cr.grad(lambda x: cr.sum(cr.maximum(x * 2.0, 0.0)))(x)
        nodes = cr.ir.node.topological([gradient._node])
    (product,) = [
        node for node in nodes if node.op.name == "multiply" and node.inputs[0].op.name == "mark"
    ]
    assert [node.op.name for node in nodes if product in node.inputs] == ["maximum"]


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0, 3.0])
def test_powers_at_zero(power):
    expected = {0.0: 0.0, 1.0: 1.0, 2.0: 0.0, 3.0: 0.0}[power]
    close(cr.grad(lambda x: x**power)(0.0), expected)
    base, exponent = cr.grad(lambda x, p: x**p, argnums=(0, 1))(0.0, power)
    close(base, expected)
    close(exponent, 0.0)
    second = cr.grad(cr.grad(lambda x: x**power))(0.0)
    close(second, 2.0 if power == 2.0 else 0.0)


def test_prod_with_zeros():
    close(cr.grad(lambda x: cr.prod(x))(np.array([2.0, 0.0, 3.0])), [0, 6, 0])
    close(
        cr.hessian(lambda x: cr.prod(x))(np.array([2.0, 0.0, 0.0])),
        [[0, 0, 0], [0, 0, 2], [0, 2, 0]],
    )


# ---- stop_gradient, custom_gradient, checkpoint ----


def test_stop_gradient():
    close(cr.grad(lambda x: cr.sum(x * cr.stop_gradient(x)))(X), X)


@cr.custom_gradient
def doubled(x, y):
    """x * y with twice its derivative."""
    return x * y, lambda g: (2 * g * y, 2 * g * x)


def test_custom_gradient_first_and_second_order():
    close(cr.grad(lambda x: cr.sum(doubled(x, 3 * X)))(X), 6 * X)
    close(cr.grad(cr.grad(lambda x: doubled(x, x)))(2.0), 4.0)
    assert doubled(2.0, 3.0).item() == 6.0


def test_custom_gradient_in_forward_mode():
    close(cr.jvp(doubled, (X, 2 * X), (np.ones(3), np.zeros(3)))[1], 4 * X)


def test_custom_gradient_under_vmap():
    close(cr.vmap(cr.grad(doubled, argnums=1), in_axes=(0, None))(X, 5.0), 2 * X)
    close(cr.grad(lambda y: cr.sum(cr.vmap(doubled, in_axes=(0, None))(X, y)))(5.0), 2 * X.sum())


def test_custom_gradient_under_checkpoint():
    """The rule must not hold on to the nodes that it was made from."""
    f = cr.checkpoint(lambda x: cr.sin(doubled(x, x)))
    close(cr.grad(f)(0.7), np.cos(0.49) * 4 * 0.7)


def test_custom_gradient_with_results_in_a_tuple():
    @cr.custom_gradient
    def both(x):
        return (x, x * 2), lambda g, h: g * 10 + h

    close(cr.grad(lambda x: both(x)[0] + both(x)[1] * 3)(1.0), 13.0)


def test_nonlinear_rule_has_no_forward_mode():
    @cr.custom_gradient
    def squared(x):
        return x, lambda g: g * g

    close(cr.grad(lambda x: squared(x) * 3)(1.0), 9.0)
    with pytest.raises(
        TraceError, match=r"\[jvp\] the rule of the custom_gradient at .* is not linear"
    ):
        cr.jvp(squared, (1.0,), (1.0,))


@cr.custom_gradient
def folded(x):
    """sum over t of x[t] * x, whose rule is a loop around a loop that uses the cotangent."""

    def rule(g):
        def row(_, slice):
            inner = cr.scan(lambda s, y: (s + cr.exp(-slice) * g * y, None), cr.zeros_like(g), x)
            return None, cr.sum(g * x) + cr.sum(cr.exp(slice) * inner[0])

        return cr.scan(row, None, x)[1]

    return cr.sum(x) * x, rule


def test_loops_in_a_rule_use_the_cotangent():
    gradient = cr.grad(lambda x: cr.sum(folded(x)))(X)
    close(gradient, X.sum() + X.sum() * 3)


def test_loops_in_a_rule_have_a_forward_mode():
    """Its transpose keeps weights that a loop made beside what depends on the cotangent."""
    v = np.array([0.5, -1.0, 2.0])
    tangent = cr.jvp(folded, (X,), (v,))[1]
    pulled = [cr.vjp(folded, X)[1](unit)[0] for unit in np.eye(3)]
    close(tangent, np.stack(pulled) @ v)


def test_rule_with_a_missing_cotangent():
    @cr.custom_gradient
    def f(x, y):
        return x * y, lambda g: g

    with pytest.raises(ArgumentError, match=r"each argument needs its cotangent"):
        cr.grad(f)(1.0, 2.0)


def test_checkpoint_equals_plain():
    def f(x):
        return cr.sum(cr.tanh(cr.sin(x) * x))

    close(cr.grad(cr.checkpoint(f))(X), cr.grad(f)(X).numpy())
    close(cr.hessian(cr.checkpoint(f))(X), cr.hessian(f)(X).numpy())
    close(cr.jvp(cr.checkpoint(f), (X,), (X,))[1], cr.jvp(f, (X,), (X,))[1].numpy())
    close(cr.checkpoint(f)(X), f(cr.asarray(X)).numpy())


def test_checkpoint_computes_again_in_the_backward_pass():
    with trace.level("jit"):
        x = cr.Tensor(None, cr.ir.node.variable(cr.ir.node.Spec((3,), cr.float64)))
        plain, again = (
            cr.grad(wrap(lambda x: cr.sum(cr.sin(cr.exp(x)))))(x)._node
            for wrap in (lambda f: f, cr.checkpoint)
        )
    counts = [
        [node.op.name for node in cr.ir.node.topological([node])].count("after")
        for node in (plain, again)
    ]
    assert counts == [0, 1]


def test_checkpoint_captures_and_assigns():
    pair = Pair()

    @cr.checkpoint
    def f(x):
        pair.b.assign(pair.b + 1)
        return cr.sum(pair.w * x)

    gradient = cr.grad(lambda model, x: f(x) * model.b)(pair, X)
    close(gradient["w"], 1.5 * X)
    close(pair.b, 1.5)

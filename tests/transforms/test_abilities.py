"""Abilities of differentiation, each against a closed form in NumPy or differences of values."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.autodiff import reverse
from chainrule.errors import ShapeError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.tensor import Tensor
from chainrule.ir.node import Spec, topological, variable
from chainrule.transforms import jacobians

RANDOM = np.random.default_rng(0)
X, A = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 5))


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def close(found, expected, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=1e-13)


# ---- The graph ----


@pytest.mark.covers("B-001")
def test_functions_become_graphs_without_cycles():
    with trace.level("jit"):
        x = variable(Spec((3,), cr.float64), "x")
        node = node_of(cr.sum(cr.sin(Tensor(None, x)) * cr.sin(Tensor(None, x))))
    order = topological([node])
    assert [each.op.name for each in order] == ["variable", "sin", "multiply", "sum"]
    places = {each: place for place, each in enumerate(order)}
    assert all(places[child] < places[each] for each in order for child in each.inputs)


@pytest.mark.covers("B-011")
def test_the_backward_pass_visits_each_node_once(monkeypatch):
    """Twenty diamonds: a million paths, and as many visits as nodes."""
    visits = []
    visit = reverse._Walk.visit
    monkeypatch.setattr(
        reverse._Walk, "visit", lambda walk, node: visits.append(node) or visit(walk, node)
    )

    def diamonds(x):
        for _ in range(20):
            x = cr.sin(x) + cr.cos(x)
        return x

    cr.grad(diamonds)(0.3)
    assert len(visits) == len(set(visits)) == 60


@pytest.mark.covers("B-010")
def test_diamonds_add_their_paths():
    gradient = cr.grad(lambda x: cr.sin(x) * cr.exp(x) + x * x * x)(0.7)
    close(gradient, math.exp(0.7) * (math.sin(0.7) + math.cos(0.7)) + 3 * 0.7**2)


@pytest.mark.covers("B-013")
def test_an_orbit_is_no_network():
    """The range of a thrown stone, v^2 sin(2a) / g, through 200 steps of a simulation: differences
    of the same simulation, and the formula to the accuracy of its steps.
    """

    def height(angle, speed=3.0, steps=200, end=0.5):
        dt = end / steps
        y, v = 0.0, speed * cr.sin(angle)
        for _ in range(steps):
            y, v = y + dt * v, v - dt * 9.81
        return y

    found = cr.grad(height)(0.6)
    close(found, (height(0.6 + 1e-6) - height(0.6 - 1e-6)) / 2e-6, rtol=1e-8)
    close(found, 3.0 * math.cos(0.6) * 0.5, rtol=1e-10)


# ---- Modes ----


@pytest.mark.covers("B-002")
def test_reverse_mode_is_the_transposed_jacobian():
    value, pullback = cr.vjp(lambda x: cr.tanh(x @ A), X)
    v = RANDOM.normal(size=(4, 5))
    close(value, np.tanh(X @ A))
    close(pullback(v)[0], (v * (1 - np.tanh(X @ A) ** 2)) @ A.T)


@pytest.mark.covers("B-003")
def test_forward_mode_is_the_jacobian():
    v = RANDOM.normal(size=X.shape)
    value, slope = cr.jvp(lambda x: cr.tanh(x @ A), (X,), (v,))
    close(value, np.tanh(X @ A))
    close(slope, (v @ A) * (1 - np.tanh(X @ A) ** 2))


@pytest.mark.covers("B-004")
@pytest.mark.parametrize(("rows", "columns", "mode"), [(9, 2, "forward"), (2, 9, "reverse")])
def test_the_jacobian_chooses_its_mode(monkeypatch, rows, columns, mode):
    """Few inputs and many outputs: forward; else reverse."""
    used = []
    for name, kind in (("_by_columns", "forward"), ("_by_rows", "reverse")):
        run = getattr(jacobians, name)
        monkeypatch.setattr(
            jacobians, name, lambda *nodes, run=run, kind=kind: used.append(kind) or run(*nodes)
        )
    matrix, x = RANDOM.normal(size=(rows, columns)), RANDOM.normal(size=columns)
    close(cr.jacobian(lambda x: cr.sin(matrix @ x))(x), np.cos(matrix @ x)[:, None] * matrix)
    assert used == [mode]


@pytest.mark.covers("B-005")
def test_second_order():
    """x' M x with its cube: gradient and Hessian in closed form."""
    m, x, v = RANDOM.normal(size=(4, 4)), RANDOM.normal(size=4), RANDOM.normal(size=4)

    def f(x):
        return x @ m @ x + cr.sum(x**3)

    hessian = m + m.T + np.diag(6 * x)
    close(cr.hessian(f)(x), hessian)
    close(cr.hvp(f, x, v), hessian @ v)


@pytest.mark.covers("B-006")
def test_derivatives_by_numbers_vectors_and_matrices():
    x, m = RANDOM.normal(size=3), RANDOM.normal(size=(3, 3)) + 3 * np.eye(3)
    close(cr.grad(lambda t: cr.exp(t) * t)(0.4), math.exp(0.4) * 1.4)
    close(cr.grad(lambda x: x @ m @ x)(x), (m + m.T) @ x)
    close(cr.grad(lambda m: x @ m @ x)(m), np.outer(x, x))
    close(cr.grad(lambda m: cr.sum(m * (m @ m).T))(m), 3 * (m @ m).T)
    close(cr.jacobian(lambda t: t * x)(2.0), x)
    by_matrix = cr.jacobian(lambda m: m @ x)(m)
    close(by_matrix, np.einsum("ik,l->ikl", np.eye(3), x))


# ---- Shapes ----


@pytest.mark.covers("B-019")
def test_gradients_have_the_shapes_of_parameters():
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
    gradient = cr.grad(lambda model: cr.mean(model(X) ** 2))(model)
    assert {path: g.shape for path, g in gradient.items()} == {
        path: box.shape for path, box in model.parameters().items()
    }
    assert "layers.0  Linear" in str(model.summary((4, 3)))


@pytest.mark.covers("B-019")
def test_a_wrong_gradient_names_its_layer():
    class Wrong(nn.Module):
        def __init__(self):
            self.w = nn.Parameter([1.0, 2.0, 3.0])

        def __call__(self, x):
            product = cr.custom_gradient(lambda x, w: (x * w, lambda g: (g, cr.sum(g))))
            return product(x, self.w)

    model = nn.Sequential(nn.Tanh(), Wrong())
    message = r"a cotangent has shape \[\], its partner \[3\] \(Sequential.layers.1 at .*abilities"
    with pytest.raises(ShapeError, match=message):
        cr.grad(lambda model: cr.sum(model(X)))(model)
    gradient = {"layers.1.w": cr.ones((2, 3))}
    with pytest.raises(ShapeError, match=r"the gradient of layers\.1\.w has shape \[2, 3\]"):
        cr.optim.SGD(model, 0.1).update(gradient)


@pytest.mark.covers("B-020")
def test_a_bias_gets_the_sum_over_the_batch():
    b, scale, delta = RANDOM.normal(size=5), RANDOM.normal(size=(4, 1)), RANDOM.normal(size=(4, 5))

    def loss(b, scale, shift):
        return cr.sum((X @ A * scale + b - shift) * delta)

    by_b, by_scale, by_shift = cr.grad(loss, argnums=(0, 1, 2))(b, scale, 0.5)
    close(by_b, delta.sum(0))
    close(by_scale, (delta * (X @ A)).sum(1, keepdims=True))
    close(by_shift, -delta.sum())


# ---- Reductions and loops ----


@pytest.mark.covers("B-024")
def test_a_maximum_routes_and_a_mean_splits():
    x, g = RANDOM.normal(size=(3, 4, 5)), RANDOM.normal(size=(3, 5))
    routed = np.zeros_like(x)
    np.put_along_axis(routed, x.argmax(1)[:, None], g[:, None], axis=1)
    close(cr.grad(lambda x: cr.sum(cr.max(x, axis=1) * g))(x), routed)
    close(
        cr.grad(lambda x: cr.sum(cr.mean(x, axis=1) * g))(x),
        np.broadcast_to(g[:, None] / 4, x.shape),
    )


@pytest.mark.covers("B-024")
def test_ties_share_what_a_maximum_gets():
    x = np.array([2.0, 5.0, 5.0, 1.0, 5.0])
    close(cr.grad(cr.max)(x), [0, 1 / 3, 1 / 3, 0, 1 / 3])
    close(cr.grad(lambda x: cr.maximum(x[1], x[2]))(x), [0, 0.5, 0.5, 0, 0])


@pytest.mark.covers("B-025")
@pytest.mark.parametrize("wrap", [lambda f: f, cr.jit])
def test_backpropagation_through_time(wrap):
    """h_t = tanh(x_t + h_(t-1) w), and delta_t = (g_t + delta_(t+1) w') (1 - h_t^2), by hand."""
    w, x, g = (RANDOM.normal(size=shape) for shape in ((5, 5), (7, 2, 5), (7, 2, 5)))

    def loss(w, x, start):
        _, h = cr.scan(lambda h, x: (h := cr.tanh(x + h @ w), h), start, x)
        return cr.sum(h * g)

    hs = [np.full((2, 5), 0.3)]
    for step in x:
        hs.append(np.tanh(step + hs[-1] @ w))
    by_w, by_x, delta = np.zeros_like(w), np.zeros_like(x), np.zeros((2, 5))
    for t in reversed(range(7)):
        delta = (g[t] + delta @ w.T) * (1 - hs[t + 1] ** 2)
        by_x[t], by_w = delta, by_w + hs[t].T @ delta
    found = wrap(cr.grad(loss, argnums=(0, 1, 2)))(w, x, hs[0])
    for mine, expected in zip(found, (by_w, by_x, delta @ w.T)):
        close(mine, expected)


@pytest.mark.covers("B-027")
def test_a_checkpoint_changes_no_derivative():
    def layer(x):
        return cr.tanh(x @ A @ A.T)

    def chain(step):
        return lambda x: cr.sum(step(step(step(x))) ** 2)

    close(cr.grad(chain(cr.checkpoint(layer)))(X), cr.grad(chain(layer))(X))
    close(cr.grad(chain(cr.checkpoint(layer)))(X), cr.numerical_gradient(chain(layer))(X), 1e-7)


# ---- Examples and batches ----


@pytest.mark.covers("B-029")
def test_the_mean_of_per_sample_gradients_is_that_of_the_batch():
    """Of softmax regression, whose gradient for each example is x (p - y)' in closed form."""
    model, x, labels = nn.Linear(3, 5), RANDOM.normal(size=(8, 3)), RANDOM.integers(0, 5, 8)

    def loss(model, x, label):
        return nn.losses.cross_entropy(model(x), label)

    each = cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(model, x, labels)
    logits = x @ np.asarray(model.weight) + np.asarray(model.bias)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    close(each["bias"], p - np.eye(5)[labels])
    close(each["weight"], x[:, :, None] * (p - np.eye(5)[labels])[:, None])
    whole = cr.grad(loss)(model, x, labels)
    for path in ("weight", "bias"):
        close(np.asarray(each[path]).mean(0), whole[path])

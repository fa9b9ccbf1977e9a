"""Convexity, critical points and the surfaces that are known."""

import numpy as np
import pytest
from components.harness import precision

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.landscape import SURFACES, check_convexity, classify_point

R = np.random.default_rng(0)
ROOT = R.normal(size=(3, 3))
LOW, HIGH = np.full(3, -2.0), np.full(3, 2.0)


@pytest.fixture(autouse=True)
def wide():
    with precision("float64"):
        yield


# ---- Convexity ----

KNOWN = {
    "quadratic": ("convex", lambda x: x @ (ROOT @ ROOT.T) @ x),
    "logsumexp": ("convex", cr.logsumexp),
    "norm": ("convex", lambda x: cr.sum(cr.abs(x))),
    "exp": ("convex", lambda x: cr.exp(cr.sum(x))),
    "logistic loss": ("convex", lambda x: cr.mean(cr.softplus(ROOT @ x))),
    "entropy": ("concave", lambda x: -cr.sum((x + 3) * cr.log(x + 3))),
    "affine": ("linear", lambda x: 3 * cr.sum(x) + 1),
    "constant": ("linear", lambda x: 0 * cr.sum(x)),
    "saddle": ("neither", lambda x: x[0] ** 2 - 0.01 * x[1] ** 2),
    "sine": ("neither", lambda x: cr.sum(cr.sin(x))),
    "cubic": ("neither", lambda x: cr.sum(x**3)),
    "two layers": ("neither", lambda x: cr.square(cr.tanh(x[0]) * x[1] - 1)),
    "small dent": ("neither", lambda x: cr.sum(x**2) - 1.5 * cr.exp(-10 * cr.sum(x**2))),
}


@pytest.mark.covers("A-269")
@pytest.mark.parametrize("name", KNOWN)
def test_convexity(name):
    verdict, f = KNOWN[name]
    found = check_convexity(f, LOW, HIGH)
    assert found.verdict == verdict
    assert (found.above_chord is None) == (verdict in ("convex", "linear"))
    assert (found.below_chord is None) == (verdict in ("concave", "linear"))
    for pair, sign in ((found.above_chord, 1), (found.below_chord, -1)):
        if pair is not None:
            x, y = (cr.asarray(point) for point in pair)
            assert sign * float(f((x + y) / 2) - (f(x) + f(y)) / 2) > 0
            assert all(((point >= LOW) & (point <= HIGH)).all() for point in pair)


@pytest.mark.covers("A-269")
def test_convexity_depends_on_the_set_and_on_luck():
    def cubic(x):
        return cr.sum(x**3)

    assert check_convexity(cubic, np.zeros(1), np.ones(1)).verdict == "convex"
    assert check_convexity(cubic, -np.ones(1), np.zeros(1)).verdict == "concave"
    # A bump that no sample meets: the verdict is no proof.
    needle = check_convexity(
        lambda x: x[0] ** 2 + cr.exp(-1e12 * (x[0] - 0.3) ** 2), -np.ones(1), np.ones(1)
    )
    assert needle.verdict == "convex"


@pytest.mark.covers("A-269")
def test_curvatures_are_those_of_a_quadratic():
    matrix = ROOT @ ROOT.T
    found = check_convexity(lambda x: 0.5 * x @ matrix @ x, LOW, HIGH, samples=10)
    extremes = np.linalg.eigvalsh(matrix)[[0, -1]]
    np.testing.assert_allclose([found.least_curvature, found.greatest_curvature], extremes, 1e-9)


def test_convexity_refuses():
    for low, high in ((HIGH, LOW), (LOW, HIGH[:2]), (0.0, 1.0)):
        with pytest.raises(ArgumentError, match="low lies below high"):
            check_convexity(cr.sum, low, high)
    with pytest.raises(ArgumentError, match="not finite"):
        check_convexity(lambda x: cr.sum(cr.log(x)), LOW, HIGH)


# ---- Critical points ----

POINTS = [
    (name, kind, point)
    for name, surface in SURFACES.items()
    for kind, points in surface.points.items()
    for point in points
]


@pytest.mark.covers("A-270")
@pytest.mark.parametrize(("name", "kind", "point"), POINTS)
def test_points_of_surfaces(name, kind, point):
    found = classify_point(SURFACES[name].function, np.asarray(point))
    assert found.kind == kind.split()[-1]
    start = classify_point(SURFACES[name].function, np.asarray(SURFACES[name].start))
    assert start.kind == "not critical" and start.slope > 0


@pytest.mark.covers("A-270")
@pytest.mark.parametrize("name", SURFACES)
def test_global_minima_are_the_lowest(name):
    surface = SURFACES[name]
    grid = np.stack(np.meshgrid(*[np.linspace(-5, 5, 201)] * 2), -1).reshape(-1, 2)
    values = np.asarray(cr.vmap(surface.function)(grid))
    lowest = [
        float(surface.function(cr.asarray(p))) for p in surface.points.get("global minimum", [])
    ]
    if not lowest:
        assert values.min() < -20
        return
    np.testing.assert_allclose(lowest, lowest[0], atol=1e-12)
    assert values.min() >= lowest[0] - 1e-12
    for point in surface.points.get("local minimum", []):
        assert float(surface.function(cr.asarray(point))) > lowest[0] + 0.1


@pytest.mark.covers("A-270")
def test_degenerate_and_inverted():
    assert classify_point(lambda x: cr.sum(x**4), np.zeros(2)).kind == "degenerate"
    assert classify_point(lambda x: x[0] ** 2 + x[1] ** 4, np.zeros(2)).kind == "degenerate"
    assert classify_point(lambda x: x[0] ** 2 - x[1] ** 2 + 0 * x[2], np.zeros(3)).kind == "saddle"
    surface = SURFACES["himmelblau"]
    flipped = {"minimum": "maximum", "maximum": "minimum", "saddle": "saddle"}
    for kind, points in surface.points.items():
        for point in points:
            found = classify_point(lambda x: -surface.function(x), np.asarray(point))
            assert found.kind == flipped[kind.split()[-1]]


@pytest.mark.covers("A-270")
def test_descent_ends_in_minima_and_leaves_saddles():
    """From beside a saddle point descent goes down; which minimum it finds, the start decides."""
    surface, ends = SURFACES["double well"], []
    for start in ((0.07, 0.5), (0.08, 0.5)):
        x = cr.nn.Parameter(np.asarray(start))
        cr.optim.LBFGS(x, line_search="strong_wolfe", learning_rate=0.1).minimize(
            lambda x=x: surface.function(x)
        )
        assert classify_point(surface.function, x).kind == "minimum"
        ends.append(float(x[0]))
    np.testing.assert_allclose(ends[0], surface.points["global minimum"][0][0], 1e-5)
    np.testing.assert_allclose(ends[1], surface.points["local minimum"][0][0], 1e-5)


# ---- Gradient vector, Jacobian, Hessian ----


@pytest.mark.covers("A-266")
def test_gradient_jacobian_hessian():
    """Of f(x) = (x0 x1, sin x2, x0 exp(x1)) and of its sum, by hand."""
    a, b, c = x = R.normal(size=3)

    def f(x):
        return cr.stack([x[0] * x[1], cr.sin(x[2]), x[0] * cr.exp(x[1])])

    jacobian = [[b, a, 0], [0, 0, np.cos(c)], [np.exp(b), a * np.exp(b), 0]]
    hessian = [[0, 1 + np.exp(b), 0], [1 + np.exp(b), a * np.exp(b), 0], [0, 0, -np.sin(c)]]
    np.testing.assert_allclose(np.asarray(cr.jacobian(f)(x)), jacobian, 1e-12)
    gradient = cr.grad(lambda x: cr.sum(f(x)))(x)
    np.testing.assert_allclose(np.asarray(gradient), np.sum(jacobian, 0), 1e-12)
    found = np.asarray(cr.hessian(lambda x: cr.sum(f(x)))(x))
    np.testing.assert_allclose(found, hessian, 1e-12)

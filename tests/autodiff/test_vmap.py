"""vmap: axes, trees, containers, nesting, errors. Batching of each primitive is tested in
test_rules.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree
from chainrule.errors import ArgumentError, DTypeError, ShapeError, TraceError

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def close(got, expected):
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-12, atol=1e-12)


class Single:
    def __init__(self, value):
        self.w = cr.Box(np.asarray(value), "w")


tree.register(
    Single, lambda single: ((single.w,), ("w",)), lambda names, leaves: dict(zip(names, leaves))
)


@pytest.mark.parametrize("source", [0, 1, 2, -1])
@pytest.mark.parametrize("target", [0, 1, 2, -1])
def test_axes(source, target):
    got = cr.vmap(lambda x: x * 2 + cr.flip(x, axis=0), in_axes=source, out_axes=target)(X)
    slices = np.moveaxis(X, source, 0)
    close(got, np.stack([x * 2 + x[::-1] for x in slices], axis=target))


def test_none_passes_as_it_is():
    close(cr.vmap(lambda x, y: cr.sum(x * y), in_axes=(0, None))(X, X[0]), (X * X[0]).sum((1, 2)))


def test_axes_of_trees():
    f = lambda d, x: {"a": d["p"][0] * x, "b": d["p"][1]}  # noqa: E731
    got = cr.vmap(f, in_axes=({"p": (0, None)}, 1), out_axes={"a": 0, "b": None})(
        {"p": (X[0, :, 0], 5.0)}, X[0].T
    )
    close(got["a"], X[0, :, 0][:, None] * X[0])
    close(got["b"], 5.0)


def test_results_that_do_not_depend_on_the_slice_are_repeated():
    close(cr.vmap(lambda x: 3.0)(X), [3.0, 3.0])
    close(cr.vmap(lambda x: cr.ones(2), out_axes=1)(X), np.ones((2, 2)))


def test_matmul_in_all_combinations():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3, 3))
    close(cr.vmap(cr.matmul)(a, b), a @ b)
    close(cr.vmap(cr.matmul, in_axes=(0, None))(a, b[0]), a @ b[0])
    close(cr.vmap(cr.matmul, in_axes=(None, 0))(a[0], b), a[0] @ b)


def test_nested():
    a, b = X[0], X[1]
    outer = cr.vmap(cr.vmap(lambda x, y: x * y, in_axes=(None, 0)), in_axes=(0, None))
    close(outer(a[:, 0], b[:, 0]), np.outer(a[:, 0], b[:, 0]))


def test_indexing_where_each_slice_has_its_index():
    indices = np.array([2, 0])
    close(cr.vmap(lambda x, i: x[i])(X, indices), X[[0, 1], indices])


def test_gradient_of_each_example():
    w = np.array([0.1, 0.2, 0.3, 0.4])
    loss = lambda w, x: cr.sum(cr.tanh(x @ w))  # noqa: E731
    per_example = cr.vmap(cr.grad(loss), in_axes=(None, 0))(w, X)
    close(per_example, [cr.grad(loss)(w, x).numpy() for x in X])
    close(
        cr.grad(lambda w: cr.sum(cr.vmap(loss, in_axes=(None, 0))(w, X)))(w),
        per_example.numpy().sum(0),
    )


def test_hessian_vector_products_of_each_example():
    f = lambda x: cr.sum(x**3)  # noqa: E731
    close(cr.vmap(lambda x, v: cr.hvp(f, x, v))(X[0], X[1]), 6 * X[0] * X[1])


def test_container_as_it_is_and_mapped_over():
    single = Single(2.0)
    close(cr.vmap(lambda m, x: m.w * x, in_axes=(None, 0))(single, X), 2 * X)
    ensemble = Single(np.array([1.0, 10.0]))
    close(cr.vmap(lambda m, x: m.w * x, in_axes=(0, None))(ensemble, X[0]), [X[0], 10 * X[0]])
    close(ensemble.w, [1.0, 10.0])


def test_captured_values_and_scalars():
    y = cr.asarray(X[0])
    close(cr.vmap(lambda x: x * y + 1)(X), X * X[0] + 1)


def test_keys_for_each_slice():
    keys = cr.random.split(cr.random.key(5), 3)
    got = cr.vmap(lambda key: cr.random.normal((2,), key=key))(keys)
    close(got, [cr.random.normal((2,), key=key).numpy() for key in keys])


def test_one_draw_from_the_stream_serves_all_slices():
    cr.random.seed(1)
    drawn = cr.vmap(lambda x: cr.random.uniform(()) + 0 * x)(np.zeros(3))
    cr.random.seed(1)
    close(drawn, [cr.random.uniform(()).item()] * 3)


def test_state_that_is_the_same_for_all_may_be_assigned():
    box = cr.Box(np.array(1.0), "count")

    def f(x):
        box.assign(box + 1)
        return x

    cr.vmap(f)(X)
    close(box, 2.0)


def test_state_that_differs_may_not():
    box = cr.Box(np.array(1.0), "mean")
    with pytest.raises(
        TraceError, match=r"\[vmap\] Box mean was assigned a value that differs from call to call"
    ):
        cr.vmap(lambda x: box.assign(cr.mean(x)))(X)
    close(box, 1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cr.vmap(lambda x, y: x)(X, X[:, :, 0].T),
            ShapeError,
            r"got arrays with \[2, 3\] slices",
        ),
        (lambda: cr.vmap(lambda x: x, in_axes=None)(X), ShapeError, r"got nothing to map over"),
        (lambda: cr.vmap(lambda x: x)(1.0), ShapeError, r"an argument is one float64 without axes"),
        (lambda: cr.vmap(lambda x: x)("a"), DTypeError, r"an argument holds a str"),
        (
            lambda: cr.vmap(lambda x: x, in_axes=(0, 0))(X),
            ArgumentError,
            r"in_axes has 2 entries for 1 arguments",
        ),
        (
            lambda: cr.vmap(lambda x: x, in_axes=({"a": 0},))(X),
            ArgumentError,
            r"in_axes has {'a': 0} where",
        ),
        (lambda: cr.vmap(lambda x: x, out_axes=None)(X), ArgumentError, r"its out_axes is None"),
        (
            lambda: cr.vmap(lambda x: x if x[0, 0] > 0 else -x)(X),
            TraceError,
            r"\[vmap\] .* test_vmap.py|\[vmap\]",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()

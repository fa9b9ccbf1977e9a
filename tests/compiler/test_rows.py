"""Loops whose rows never meet: which they are, and that threads need not meet in them either."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from compiler.programs import parallel

import chainrule as cr
from chainrule.codegen.shares import row_blocks
from chainrule.compiler import engine, keeps_apart, machine
from chainrule.ir.plan import Block, Loop

ROWS, WIDTH, TURNS = 32, 48, 6
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(TURNS, ROWS, WIDTH)).astype(np.float32) / 4
H = RANDOM.normal(size=(ROWS, WIDTH)).astype(np.float32) / 4
W = (RANDOM.normal(size=(WIDTH, WIDTH)) / 7).astype(np.float32)
V = (RANDOM.normal(size=(WIDTH, 4 * WIDTH)) / 7).astype(np.float32)
S = (RANDOM.normal(size=(ROWS, ROWS)) / 7).astype(np.float32)


def cell(h: cr.Tensor, x: cr.Tensor) -> cr.Tensor:
    """Gates in one product, which a second kernel takes apart."""
    z = cr.tanh(h @ cr.asarray(V))
    parts = [z[:, number * WIDTH : (number + 1) * WIDTH] for number in range(4)]
    return parts[0] * h + parts[1] * x + parts[2] * parts[3]


def normalized(h: cr.Tensor, x: cr.Tensor) -> cr.Tensor:
    y = h @ cr.asarray(W) + x
    return y / cr.sqrt(1 + cr.mean(y * y, axis=1, keepdims=True))


APART = {
    "product": lambda h, x: cr.tanh(h @ cr.asarray(W) + x),
    "gates": cell,
    "two products": lambda h, x: cr.tanh(cr.tanh(h @ cr.asarray(W)) @ cr.asarray(W)) + x,
    "norm": normalized,
    "softmax": lambda h, x: cr.softmax(h @ cr.asarray(W) + x, axis=-1) + h,
    "reversed columns": lambda h, x: cr.tanh(h @ cr.asarray(W))[:, ::-1] + x,
}
TOGETHER = {
    "mean of all rows": lambda h, x: cr.tanh(h @ cr.asarray(W) + x) + cr.mean(h, axis=0),
    "other rows": lambda h, x: cr.roll(cr.tanh(h @ cr.asarray(W)), 1, axis=0) + x,
    "reversed rows": lambda h, x: cr.tanh(h @ cr.asarray(W))[::-1] + x,
    "product of rows": lambda h, x: cr.tanh(cr.asarray(S) @ h) + x,
    "attention": lambda h, x: cr.softmax(h @ x.T, axis=-1) @ h + x,
    "sorted rows": lambda h, x: cr.sort(cr.tanh(h @ cr.asarray(W)), axis=0) + x,
    "turned": lambda h, x: cr.tanh((h @ cr.asarray(W)).reshape(WIDTH, ROWS)).T + x,
    "chosen rows": lambda h, x: h[cr.argsort(x[:, 0])] @ cr.asarray(W),
}


def scanned(body: Callable) -> Callable:
    def turn(h: cr.Tensor, x: cr.Tensor) -> tuple:
        new = body(h, x)
        return new, cr.sum(new * x, axis=1)

    return lambda h, x: cr.scan(turn, h, x)


def bodies_of(function: Callable, *arguments: object) -> list[Block]:
    """The bodies of the loops of a compiled function."""
    step = cr.jit(function)
    step.plan(*arguments)
    (call,) = step.compiled.values()
    items = call.program.program.block.items
    return [item.body for item in items if isinstance(item, Loop)]


def results(function: Callable, *arguments: object) -> list[np.ndarray]:
    """Of a program for any number of threads: the same on each."""
    before, found = engine.threads, []
    step = cr.jit(function)
    try:
        for threads in (1, 2, 3, 4, 7, 2):
            engine.set_threads(threads)
            last, rest = step(*arguments)
            found.append([np.array(last), np.array(rest)])
    finally:
        engine.set_threads(before)
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))
    return found[0]


@pytest.mark.parametrize("name", APART)
def test_rows_that_stay_apart(name):
    with parallel():
        (body,) = bodies_of(scanned(APART[name]), H, X)
        assert body.rows == ROWS
        assert row_blocks(body, machine(), {}) >= 2 and keeps_apart(body, 2)
        found = results(scanned(APART[name]), H, X)
    for ours, due in zip(found, scanned(APART[name])(cr.asarray(H), cr.asarray(X)), strict=True):
        np.testing.assert_allclose(ours, due, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", TOGETHER)
def test_rows_that_meet(name):
    with parallel():
        (body,) = bodies_of(scanned(TOGETHER[name]), H, X)
        assert body.rows == 0 and not keeps_apart(body, 2)
        found = results(scanned(TOGETHER[name]), H, X)
    for ours, due in zip(found, scanned(TOGETHER[name])(cr.asarray(H), cr.asarray(X)), strict=True):
        np.testing.assert_allclose(ours, due, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", APART)
def test_gradients_of_rows_that_stay_apart(name):
    def loss(h: cr.Tensor, x: cr.Tensor) -> cr.Tensor:
        last, rest = scanned(APART[name])(h, x)
        return cr.sum(last * last) + cr.sum(rest)

    def gradients(h: cr.Tensor, x: cr.Tensor) -> tuple:
        return cr.grad(loss, argnums=(0, 1))(h, x)

    with parallel():
        found = results(gradients, H, X)
    for ours, due in zip(found, gradients(cr.asarray(H), cr.asarray(X)), strict=True):
        np.testing.assert_allclose(ours, due, rtol=1e-3, atol=1e-3)


def test_temporaries_of_rows_that_stay_apart_share_no_memory():
    """One thread may be turns ahead of another."""
    with parallel():
        (body,) = bodies_of(scanned(APART["two products"]), H, X)
    spans = sorted((buffer.offset, buffer.offset + buffer.nbytes) for buffer in body.temporaries)
    assert spans
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))

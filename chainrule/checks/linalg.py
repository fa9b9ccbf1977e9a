"""Checks of linear algebra: of vectors only what their signs, which are free, do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator as Random

import chainrule as cr
from chainrule.checks import draw
from chainrule.checks.row import Check
from chainrule.frontend.linalg import distances


def _matrices(random: Random, *shape: int) -> np.ndarray:
    """Matrices (..., m, n) with singular values that lie apart, from about 1 on."""
    *stack, m, n = shape
    k = min(m, n)
    u, v = (np.linalg.qr(random.normal(size=(*stack, size, k)))[0] for size in (m, n))
    return u * (np.arange(1, k + 1) + random.uniform(-0.2, 0.2, k)) @ v.mT


def _stack(random: Random) -> tuple[int, ...]:
    return draw.shape(random, 0, 2, 3)


def _sizes(random: Random, count: int) -> list[int]:
    return [int(size) for size in random.integers(1, 5, count)]


def _any(random: Random) -> tuple:
    return (_matrices(random, *_stack(random), *_sizes(random, 2)),)


def _square(random: Random) -> tuple:
    (size,) = _sizes(random, 1)
    return (_matrices(random, *_stack(random), size, size),)


def _symmetric(random: Random) -> tuple:
    (size,) = _sizes(random, 1)
    vectors = np.linalg.qr(random.normal(size=(*_stack(random), size, size)))[0]
    return (vectors * (np.arange(1, size + 1) + random.uniform(-0.2, 0.2, size)) @ vectors.mT,)


def _system(random: Random) -> tuple:
    (a,) = _square(random)
    return a, random.normal(size=(*a.shape[:-1], 2))


def _overdetermined(random: Random) -> tuple:
    (a,) = _any(random)
    return a, random.normal(size=(*a.shape[:-1], 2))


def _factors(random: Random) -> tuple:
    m, k, n = _sizes(random, 3)
    stack = _stack(random)
    return random.normal(size=(*stack, m, k)), random.normal(size=(*stack, k, n))


def _vectors(random: Random) -> tuple:
    return tuple(random.normal(size=size) for size in _sizes(random, 2))


def _space(random: Random) -> tuple:
    shape = (*_stack(random), 3)
    return random.normal(size=shape), random.normal(size=shape)


def _apart(make: Callable[[Random], tuple], *sizes: Callable[..., Any]) -> Callable:
    """Arguments of which these numbers, made of them, lie apart from each other and from 0."""

    def arguments(random: Random) -> tuple:
        while True:
            drawn = make(random)
            if all(_least_gap(size(*drawn)) > 0.1 for size in sizes):
                return drawn

    return arguments


def _least_gap(x: np.ndarray) -> float:
    """The least distance along the last axis, 0 counted in."""
    return float(np.diff(np.sort(x, -1), axis=-1, prepend=0).min())


def _pair(random: Random) -> tuple:
    shape = (*_stack(random), int(random.integers(1, 5)))
    return draw.floats(random, shape), draw.floats(random, shape)


def _directions(random: Random) -> tuple:
    shape = (*_stack(random), int(random.integers(2, 6)))
    return draw.floats(random, shape), draw.floats(random, shape)


def _gap(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(x - y)


def _rows(random: Random) -> tuple:
    m, n, size = _sizes(random, 3)
    stack = _stack(random)
    return random.normal(size=(*stack, m, size)), random.normal(size=(*stack, n, size)) + 1.5


def _measured(random: Random) -> tuple:
    x, y = _pair(random)
    u = np.linalg.qr(random.normal(size=(x.shape[-1],) * 2))[0]
    return x, y, u * random.uniform(0.5, 2.0, x.shape[-1]) @ u.T


def _norms(x: Any) -> tuple:
    return tuple(cr.linalg.vector_norm(x, axis=-1, ord=p) for p in (1, 2, 3, 1.5, np.inf, -np.inf))


def _matrix_norms(x: Any) -> tuple:
    orders: tuple = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    return tuple(cr.linalg.matrix_norm(x, ord=order) for order in orders)


def _svd(x: Any) -> tuple:
    u, s, vt = cr.linalg.svd(x, full_matrices=False)
    return u * u, s, vt * vt


def _eigh(x: Any) -> tuple:
    values, vectors = cr.linalg.eigh(x)
    return values, vectors * vectors


def _powers(x: Any) -> tuple:
    return tuple(cr.linalg.matrix_power(x, n) for n in (0, 1, 3, -2))


CHECKS = (
    Check("matmul", cr.matmul, _factors),
    Check("linalg.solve", cr.linalg.solve, _system),
    Check("linalg.inv", cr.linalg.inv, _square),
    Check("linalg.det", cr.linalg.det, _square),
    Check("linalg.slogdet", cr.linalg.slogdet, _square),
    Check("linalg.cholesky", cr.linalg.cholesky, _symmetric),
    Check("linalg.qr", cr.linalg.qr, _any),
    Check("linalg.svd", _svd, _any),
    Check("linalg.svdvals", cr.linalg.svdvals, _any),
    Check("linalg.eigh", _eigh, _symmetric),
    Check("linalg.eigvalsh", cr.linalg.eigvalsh, _symmetric),
    Check("linalg.pinv", cr.linalg.pinv, _any),
    Check("linalg.lstsq", cr.linalg.lstsq, _overdetermined),
    Check("linalg.matrix_power", _powers, _square),
    Check("linalg.trace", cr.linalg.trace, _any),
    Check("linalg.diagonal", cr.linalg.diagonal, _any),
    Check("linalg.outer", cr.linalg.outer, _vectors),
    Check("linalg.cross", cr.linalg.cross, _space),
    Check("linalg.vector_norm", _norms, _apart(lambda random: _pair(random)[:1], np.abs)),
    Check(
        "linalg.matrix_norm",
        _matrix_norms,
        _apart(
            _any,
            lambda x: np.abs(x)[..., None],
            lambda x: np.abs(x).sum(-1),
            lambda x: np.abs(x).sum(-2),
        ),
    ),
    Check("linalg.distances.euclidean", distances.euclidean, _apart(_pair, _gap)),
    Check("linalg.distances.manhattan", distances.manhattan, _apart(_pair, _gap)),
    Check("linalg.distances.chebyshev", distances.chebyshev, _apart(_pair, _gap)),
    Check("linalg.distances.minkowski", lambda x, y: distances.minkowski(x, y, 3), _pair),
    Check("linalg.distances.cosine", distances.cosine, _directions),
    Check("linalg.distances.mahalanobis", distances.mahalanobis, _measured),
    Check("linalg.distances.pairwise", distances.pairwise, _rows),
)

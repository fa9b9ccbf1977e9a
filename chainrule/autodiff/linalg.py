"""Derivatives of factorizations and solutions. Adds their rows to the table of `autodiff.rules`.

Each row is its linear map from tangents to tangents; reverse mode transposes it. With the tangent
dA, and P o Q elementwise (Giles 2008; Townsend 2016; Golub and Pereyra 1973):

- solve: dX = A^-1 (dB - dA X); slogdet: d log |det A| = tr(A^-1 dA).
- cholesky: dL = L low(L^-1 dA L^-T), where low halves the diagonal.
- qr: dC = dA R^-1, M = Q^T dC, dQ = dC - Q (M - skew(M)), dR = dQ^T A + Q^T dA.
- eigh: M = V^T dA V, dw = diag M, dV = V (M o 1 / (w_j - w_i)).
- svd: M = U^T dA V, ds = diag M, dU = U ((M s_j + s_i M^T) o 1 / (s_j^2 - s_i^2)) and what dA V / s
  has outside of U; dV from A^T.
- pinv, of constant rank: dX = -X dA X + X X^T dA^T (1 - A X) + (1 - X A) dA^T X^T X.

Where eigenvalues or singular values coincide, the vectors are not determined: their derivative is
infinite or NaN, as in JAX and PyTorch, while that of the values alone is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chainrule.autodiff.reverse import gradients
from chainrule.autodiff.rules import TABLE, Cotangents, Rule, cut, fresh, total, zeros
from chainrule.dtypes import int64
from chainrule.errors import ArgumentError
from chainrule.ir.contraction import plain
from chainrule.ir.node import (
    Node,
    broadcast_to,
    constant,
    make,
    permute,
    pick,
    reduce_sum,
    reshape,
)


def _transposed(x: Node) -> Node:
    *stack, rows, columns = range(x.rank)
    return permute(x, (*stack, columns, rows))


def _product(a: Node, b: Node) -> Node:
    """The matrix product, stack by stack."""
    stack, (m, k, n) = tuple(range(3, a.rank + 1)), range(3)
    sizes = dict(zip((*stack, m, k), a.shape, strict=True)) | {n: b.shape[-1]}
    spec = plain(sizes, (*stack, m, k), (*stack, k, n), (*stack, m, n))
    return make("contract", a, b, spec=spec)


def _solve(a: Node, b: Node) -> Node:
    return make("solve", a, b)


def _rows_minus_columns(x: Node) -> Node:
    """i - j at element (i, j) of each matrix."""
    rows, columns = (make("iota", size=size, dtype=int64) for size in x.shape[-2:])
    shape = x.shape[-2:]
    difference = broadcast_to(reshape(rows, (shape[0], 1)), shape) - broadcast_to(columns, shape)
    return broadcast_to(difference, x.shape)


def _weighted(x: Node, below: float, on: float, above: float) -> Node:
    """A matrix times one number below the diagonal, one on it and one above."""
    difference = _rows_minus_columns(x)
    zero = zeros(difference)
    outside = make("where", difference > zero, x * below, x * above)
    return make("where", make("equal", difference, zero), x * on, outside)


def _diagonal(x: Node) -> Node:
    return reduce_sum(_weighted(x, 0, 1, 0), (x.rank - 1,))


def _on_rows(values: Node, like: Node) -> Node:
    """Element (i, j) is values[i]."""
    return broadcast_to(reshape(values, (*values.shape, 1)), like.shape)


def _on_columns(values: Node, like: Node) -> Node:
    """Element (i, j) is values[j]."""
    return broadcast_to(reshape(values, (*values.shape[:-1], 1, values.shape[-1])), like.shape)


def _over(x: Node, gaps: Node) -> Node:
    """The quotient, zero on the diagonal, where no value has a gap to itself."""
    on_diagonal = make("equal", _rows_minus_columns(x), constant(0, int64, x.shape))
    return x / make("where", on_diagonal, constant(math.inf, x.dtype, x.shape), gaps)


# ---- The rows: from a node and the tangents of its inputs to those of its results ----


def _solve_push(node: Node, tangents: Cotangents) -> Cotangents:
    a, (da, db) = node.inputs[0], tangents
    moved = -_product(da, node) if da is not None else None
    return [_solve(a, total(db, moved))]


def _solve_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    g = _solve(_transposed(node.inputs[0]), cotangents[0])
    return [-_product(g, _transposed(node)) if needed[0] else None, g]


def _slogdet(node: Node, dx: Node) -> Cotangents:
    return [None, reduce_sum(_diagonal(_solve(node.inputs[0], dx)), (dx.rank - 2,))]


def _symmetric(x: Node) -> Node:
    return (x + _transposed(x)) * 0.5


def _cholesky(node: Node, dx: Node) -> Cotangents:
    inside = _solve(node, _transposed(_solve(node, _symmetric(dx))))
    return [_product(node, _weighted(inside, 1, 0.5, 0))]


def _eigh(node: Node, dx: Node) -> Cotangents:
    values, vectors = pick(node, 0), pick(node, 1)
    turned = _product(_transposed(vectors), _product(_symmetric(dx), vectors))
    gaps = _on_columns(values, turned) - _on_rows(values, turned)
    return [_diagonal(turned), _product(vectors, _over(turned, gaps))]


def _qr(node: Node, dx: Node) -> Cotangents:
    (x,), q, r = node.inputs, pick(node, 0), pick(node, 1)
    columns = min(x.shape[-2:])
    if q.shape[-1] != columns:
        raise _undetermined("qr", x, 'the last columns of Q are any basis; use mode="reduced"')
    last = x.rank - 1
    left = _transposed(cut(r, last, 0, columns))
    dc = _transposed(_solve(left, _transposed(cut(dx, last, 0, columns))))
    inside = _product(_transposed(q), dc)
    # What is left of q^T dq must be skew, and r's share of it is upper triangular.
    low = _weighted(inside, 1, 0, 0)
    dq = dc - _product(q, inside - low + _transposed(low))
    dr = _product(_transposed(dq), x) + _product(_transposed(q), dx)
    return [dq, _weighted(dr, 0, 1, 1)]


def _svd(node: Node, dx: Node) -> Cotangents:
    (x,), (u, s, vt) = node.inputs, (pick(node, place) for place in range(3))
    m, n = x.shape[-2:]
    if m != n and node.attributes["full"]:
        raise _undetermined("svd", x, "the last vectors are any basis; use full_matrices=False")
    v = _transposed(vt)
    right, left = _product(dx, v), _product(_transposed(dx), u)
    inside = _product(_transposed(u), right)
    across = _transposed(inside)
    rows, columns = _on_rows(s, inside), _on_columns(s, inside)
    gaps = (columns - rows) * (columns + rows)
    du = _product(u, _over(inside * columns + across * rows, gaps))
    dv = _product(v, _over(inside * rows + across * columns, gaps))
    if m > n:
        du = du + (right - _product(u, inside)) / _on_columns(s, right)
    if n > m:
        dv = dv + (left - _product(v, across)) / _on_columns(s, left)
    return [du, _diagonal(inside), _transposed(dv)]


def _pinv(node: Node, dx: Node) -> Cotangents:
    a, x = node.inputs[0], node
    xt, dxt = _transposed(x), _transposed(dx)
    inner, outer = _product(_product(x, xt), dxt), _product(dxt, _product(xt, x))
    result = -_product(x, _product(dx, x)) + inner - _product(_product(inner, a), x)
    return [result + outer - _product(x, _product(a, outer))]


def _undetermined(name: str, x: Node, instead: str) -> ArgumentError:
    return ArgumentError(
        name, f"the full factors of {x.dtype.name}{list(x.shape)} have no derivative", instead
    )


def _row(tangent: Callable[[Node, Node], Cotangents]) -> Rule:
    """Both modes from the tangents of a primitive of one matrix."""

    def push(node: Node, tangents: Cotangents) -> Cotangents:
        return tangent(node, tangents[0])

    def pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
        (start,) = fresh(node.inputs[:1], "tangent")
        pairs = zip(tangent(node, start), cotangents, strict=True)
        results, given = zip(*[pair for pair in pairs if None not in pair], strict=True)
        found = gradients(results, given, [start], fixed=[node, *node.inputs])
        return found + [None] * (len(needed) - 1)

    return Rule(pull, push)


TABLE.update(
    {
        "solve": Rule(_solve_pull, _solve_push),
        "slogdet": _row(_slogdet),
        "cholesky": _row(_cholesky),
        "eigh": _row(_eigh),
        "qr": _row(_qr),
        "svd": _row(_svd),
        "pinv": _row(_pinv),
    }
)

"""Attention by tiles of the scores: receives queries, keys and values; hands on the same sums in
memory that grows with the length, not with its square.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.control import cond, scan
from chainrule.frontend.functions.creation import asarray, iota, zeros_like
from chainrule.frontend.functions.elementary import exp, log
from chainrule.frontend.functions.elementwise import maximum
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import cut, matrix_transpose, moveaxis, pad
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.reductions import max, sum
from chainrule.frontend.lift import broadcast_shape, cast, reshape_to, spread, widened
from chainrule.frontend.tensor import Tensor
from chainrule.nn.attention.products import UNSEEN, scored
from chainrule.nn.attention.sight import Sight
from chainrule.transforms.wrappers import custom_gradient


def in_tiles(q: Tensor, k: Tensor, v: Tensor, sight: Sight, block: int) -> Tensor:
    """softmax(q k^T + bias) v, one tile of scores after the other (Dao et al. 2022)."""
    arrays = [q, k, v] if sight.array is None else [q, k, v, sight.array]
    lead = broadcast_shape("attention", [x.shape[:-2] for x in arrays])
    queries, keys = q.shape[-2], k.shape[-2]
    parts = [blocks(spread(x, (*lead, *x.shape[-2:])), block) for x in (q, k, v)]
    tiles = _Tiles(sight, keys, block, sight.tiles(queries, keys, block))
    return cut(joined(custom_gradient(tiles.attend)(*parts)), -2, 0, queries)


class _Tiles(NamedTuple):
    """Scores tile by tile. A block of queries or keys comes with its number before it. For 16-bit
    floats all but the operands of products is float32.
    """

    sight: Sight
    keys: int
    block: int
    visits: np.ndarray

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Callable]:
        """The sums, and the rule for their gradients."""
        found = _folded(self.visits, self._sum, _start_of_sums, (q,), (k, v))
        total = where(found.total == 0, 1, found.total)
        y, level = cast(found.values / total, v.dtype), found.level + log(total)

        def rule(g: Tensor) -> tuple[Tensor, ...]:
            """Scores are computed again: kept is one number a query, `level`."""
            queries = (q, level, g, sum(widened(g) * y, axis=-1, keepdims=True))
            (dq,) = _folded(self.visits, self._pull_queries, _zeros(1), queries, (k, v))
            dk, dv = _folded(self.visits.T, self._pull_keys, _zeros(2), (k, v), queries)
            return cast(dq, q.dtype), cast(dk, k.dtype), cast(dv, v.dtype)

        return y, rule

    def _scores(self, i: Tensor, q: Tensor, j: Tensor, k: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scores of a tile, UNSEEN where they do not count, and where they do."""
        inside = iota(self.block)
        columns = (j * self.block + inside)[None]
        rows = (i * self.block + inside)[:, None] + self.sight.offset
        seen, bias = self.sight.part(rows, columns)
        if self.keys % self.block:
            within = columns < self.keys
            seen = within if seen is None else seen & within
        return _chosen(seen, scored(q, k, bias), UNSEEN), seen

    def _sum(self, state: _Sums, queries: tuple, keys: tuple) -> _Sums:
        """The sums so far, in units of exp(level), with one more tile (Milakov et al. 2018)."""
        (i, q), (j, k, v) = queries, keys
        scores, seen = self._scores(i, q, j, k)
        highest = max(scores, axis=-1, keepdims=True)
        # No result depends on the level: it may be a constant.
        level = stop_gradient(maximum(state.level, highest))
        weights, kept = _chosen(seen, exp(scores - level), 0), exp(state.level - level)
        return _Sums(
            level,
            state.total * kept + sum(weights, axis=-1, keepdims=True),
            state.values * kept + matmul(cast(weights, v.dtype), v),
        )

    def _slopes(self, queries: tuple, keys: tuple) -> tuple[Tensor, Tensor]:
        """The weights of a tile, and the gradient of its scores."""
        (i, q, level, g, mean), (j, k, v) = queries, keys
        scores, seen = self._scores(i, q, j, k)
        weights = _chosen(seen, exp(scores - level), 0)
        slopes = weights * (widened(matmul(g, matrix_transpose(v))) - mean)
        return cast(weights, v.dtype), cast(slopes, v.dtype)

    def _pull_queries(self, state: tuple, queries: tuple, keys: tuple) -> tuple:
        _, slopes = self._slopes(queries, keys)
        return (state[0] + matmul(slopes, keys[1]),)

    def _pull_keys(self, state: tuple, keys: tuple, queries: tuple) -> tuple:
        weights, slopes = self._slopes(queries, keys)
        return (
            state[0] + matmul(matrix_transpose(slopes), queries[1]),
            state[1] + matmul(matrix_transpose(weights), queries[3]),
        )


class _Sums(NamedTuple):
    """Of the tiles so far: the highest score, and sums of exp(score - level) and of its values."""

    level: Tensor
    total: Tensor
    values: Tensor


def _start_of_sums(own: tuple, others: tuple) -> _Sums:
    one = widened(zeros_like(own[0][..., :1]))
    return _Sums(one + UNSEEN, one, one + zeros_like(others[1][0, ..., :1, :]))


def _chosen(seen: Tensor | None, x: Tensor, otherwise: float) -> Tensor:
    return x if seen is None else where(seen, x, otherwise)


def _zeros(count: int) -> Callable:
    """Sums that start at 0 and are like the first values of a block."""
    return lambda own, others: tuple(widened(zeros_like(x)) for x in own[:count])


def _folded(visits: np.ndarray, turn: Callable, start: Callable, own: tuple, others: tuple) -> Any:
    """For each block of `own` the state after a turn with each block of `others` that it visits."""
    table = _table(visits)

    def block(_: None, given: tuple) -> tuple:
        number, visited, mine = given

        def visit(state: Any, other: Tensor) -> tuple:
            def met() -> Any:
                theirs = [take(x, other, axis=0) for x in others]
                return turn(state, (number, *mine), (other, *theirs))

            return met() if table.min() >= 0 else cond(other >= 0, met, lambda: state), None

        return None, scan(visit, start(mine, others), visited)[0]

    return scan(block, None, (iota(len(table)), asarray(table), own))[1]


def blocks(x: Tensor, block: int) -> Tensor:
    """(..., length, features) to (blocks, ..., block, features), with zeros behind the end."""
    *lead, length, features = x.shape
    count = -(-length // block)
    behind = (0, count * block - length)
    x = pad(x, [(0, 0)] * len(lead) + [behind, (0, 0)])
    return moveaxis(reshape_to(x, (*lead, count, block, features)), -3, 0)


def joined(x: Tensor) -> Tensor:
    """The inverse, with the zeros."""
    x = moveaxis(x, 0, -3)
    *lead, count, block, features = x.shape
    return reshape_to(x, (*lead, count * block, features))


def _table(visits: np.ndarray) -> np.ndarray:
    """The columns that each row visits, from the left, filled up with -1."""
    width = np.max(visits.sum(1), initial=1)
    order = np.argsort(~visits, axis=1, kind="stable")[:, :width]
    return np.where(np.take_along_axis(visits, order, 1), order, -1)

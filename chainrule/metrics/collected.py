"""Metrics that need all rows at once: receives batches; hands all their rows to a formula of NumPy
arrays, which runs outside of compiled functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.dtypes import int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import zeros
from chainrule.frontend.functions.elementwise import minimum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import cumulative_sum, sum
from chainrule.frontend.lift import cast, reshape_to
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.metrics.base import Kind, Metric, Statistics, empty, metric, weights_of, wide


def _nothing(
    *,
    rows: int | None = None,
    prediction_shape: tuple[int, ...] = (),
    target_shape: tuple[int, ...] = (),
) -> Statistics:
    if rows is None:
        raise ArgumentError(
            "metrics",
            "rows is not given",
            "this metric keeps all rows until its value is computed",
            "pass rows=, how many come at most, to streaming()",
        )
    seen = zeros((), dtype=int64)
    return empty(rows, *prediction_shape), empty(rows, *target_shape), empty(rows), seen


def _rows(prediction: Any, target: Any, weights: Any) -> Statistics:
    p, y = wide(prediction, "metrics"), wide(target, "metrics")
    if p.shape[:1] != y.shape[:1]:
        raise ShapeError(
            "metrics",
            f"the prediction has shape {list(p.shape)}, the target {list(y.shape)}",
            "each row has both",
            "pass as many of one as of the other",
        )
    w = weights_of("metrics", weights, y.shape[:1])
    return p, y, w, sum(cast(w != 0, int64))


def _written(held: Statistics, new: Statistics) -> Statistics:
    """Rows of weight other than 0 behind those that are held, while there is room."""
    *arrays, seen = held
    *given, count = new
    kept = given[-1] != 0
    places = seen + cumulative_sum(cast(kept, int64)) - 1
    room = len(arrays[-1])
    kept, places = kept & (places < room), minimum(where(kept, places, 0), room - 1)
    rows = [where(_spread(kept, x.ndim), x, 0) for x in given]
    return *(x.at[places].add(row) for x, row in zip(arrays, rows)), seen + count


def _spread(kept: Tensor, axes: int) -> Tensor:
    return reshape_to(kept, (len(kept), *[1] * (axes - 1)))


ROWS = Kind(_nothing, _rows, _written)


def of_rows(formula: Callable[..., Any]) -> Metric:
    """Makes a metric of a formula of all rows: NumPy arrays of predictions, targets and weights.

    Over batches it is exact, for it keeps the rows: `streaming(rows=...)` is told how many come at
    most, and with `prediction_shape` and `target_shape` what shape one of them has, () if not
    given. `value()` raises ArgumentError if more came. A compiled update adds its rows in place,
    within a microsecond or two beside what the call costs.
    """

    @functools.wraps(formula)
    def of_kept(
        prediction: Tensor, target: Tensor, weights: Tensor, seen: Tensor, **options: Any
    ) -> Any:
        rows, room = int(concrete(seen)), len(weights)
        if rows > room:
            raise ArgumentError(
                formula.__name__,
                f"{rows} rows came, there is room for {room}",
                "each is kept until the value is computed",
                f"pass rows={rows} to streaming()",
            )
        arrays = [concrete(x) for x in (prediction, target, weights)]
        kept = arrays[-1] != 0
        return formula(*(x[kept] for x in arrays), **options)

    return metric(ROWS, formula)(of_kept)

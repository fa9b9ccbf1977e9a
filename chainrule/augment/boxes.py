"""Boxes in images: receives images and (top, left, bottom, right) for each, or a key; hands on
edges, masks, and boxes drawn at random. Pixels count from 0, those at bottom and right excluded.
"""

from __future__ import annotations

import math

from chainrule.augment.base import floats_of
from chainrule.dtypes import DType, int64
from chainrule.errors import ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import iota
from chainrule.frontend.functions.elementary import exp
from chainrule.frontend.functions.elementwise import floor, round, sqrt
from chainrule.frontend.functions.indexing import take_along_axis
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import broadcast_to, stack
from chainrule.frontend.functions.reductions import any
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.lift import Operand, cast, lift, reshape_to
from chainrule.frontend.tensor import Tensor

# How often a box is drawn again that does not fit, as in torchvision.
TRIES = 10


def line(extent: int, after: int, dtype: DType) -> Tensor:
    """0 ... extent - 1 along an axis with so many behind it."""
    return reshape_to(iota(extent, dtype), (extent, *[1] * after))


def edges(where_used: str, boxes: Operand, x: Tensor) -> list[Tensor]:
    """Top, left, bottom and right of boxes, each (N, 1, 1). Raises ShapeError."""
    given = lift(boxes, where_used)
    if given.shape not in ((4,), (x.shape[0], 4)):
        raise ShapeError(
            where_used,
            f"boxes have shape {list(given.shape)}",
            f"each of {x.shape[0]} images has top, left, bottom and right",
            "stack them on the last axis",
        )
    given = broadcast_to(given, (x.shape[0], 4))
    return [given[:, i, None, None] for i in range(4)]


def covered(where_used: str, boxes: Operand, x: Tensor) -> Tensor:
    """Which pixels lie in the box of their image: (N, H, W, 1)."""
    top, left, bottom, right = edges(where_used, boxes, x)
    row, column = line(x.shape[1], 1, int64), line(x.shape[2], 0, int64)
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return inside[..., None]


def around(x: Tensor, height: Tensor, width: Tensor, key: Tensor) -> Tensor:
    """Boxes with centres anywhere in the image, partly outside then: (N, 4)."""
    place = random.uniform((2, x.shape[0]), dtype=floats_of(x), key=key)
    row, column = _whole(place[0] * x.shape[1]), _whole(place[1] * x.shape[2])
    top, left = row - height // 2, column - width // 2
    return stack([top, left, top + height, left + width], axis=-1)


def within(
    x: Tensor, scale: tuple[float, float], ratio: tuple[float, float], key: Tensor
) -> tuple[Tensor, Tensor]:
    """Boxes in the image of a share `scale` of its area, whose width is `ratio` times the height,
    log-uniform; and which are such after ten draws. The others are empty.
    """
    count, height, width, _ = x.shape
    u = random.uniform((4, count, TRIES), dtype=floats_of(x), key=key)
    area = height * width * (scale[0] + (scale[1] - scale[0]) * u[0])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape = exp(low + (high - low) * u[1])
    rows, columns = round(sqrt(area / shape)), round(sqrt(area * shape))
    fits = (rows >= 1) & (rows <= height) & (columns >= 1) & (columns <= width)
    top, left = floor(u[2] * (height - rows + 1)), floor(u[3] * (width - columns + 1))
    several = stack([top, left, top + rows, left + columns])
    chosen = take_along_axis(several, argmax(fits, axis=-1)[None, :, None])[..., 0]
    fitting = any(fits, axis=-1)
    return where(fitting[:, None], _whole(chosen.T), 0), fitting


def _whole(x: Tensor) -> Tensor:
    return cast(floor(x), int64)

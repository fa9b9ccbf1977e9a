"""Where pixels go: receives images (N, H, W, C) and numbers for each of them; hands on images whose
pixels were taken from other places. Gradients flow through pixels, and through places if these
are bilinear.
"""

from __future__ import annotations

import math

from chainrule.augment.base import beside, each, floats_of, pictures
from chainrule.augment.boxes import edges, line
from chainrule.dtypes import int64
from chainrule.errors import ArgumentError, DTypeError, ShapeError
from chainrule.frontend.functions import manipulation
from chainrule.frontend.functions.convolution import Sizes, sizes_of
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementary import cos, sin
from chainrule.frontend.functions.elementwise import abs, clip, floor, maximum
from chainrule.frontend.functions.linear_algebra import einsum
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import broadcast_arrays, stack, take_along
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand, cast, promoted_floats, reshape_to
from chainrule.frontend.tensor import Tensor

AXES = {"vertical": 1, "horizontal": 2}


# ---- Whole pixels ----


def flip(images: Operand, flipped: Operand = True, axis: str = "horizontal") -> Tensor:
    """Images mirrored where `flipped`, a truth value for each: "horizontal" exchanges left and
    right, "vertical" top and bottom. Raises ArgumentError for another axis. (A-122)

    >>> cr.augment.flip(cr.asarray([[[[1.0], [2.0]]]]))[0, 0, :, 0]
    Tensor([2., 1.], dtype=float32)
    """
    check_axis("flip", axis)
    x = pictures("flip", images)
    return where(each("flip", flipped, x), manipulation.flip(x, axis=AXES[axis]), x)


def check_axis(where_used: str, axis: str) -> None:
    if axis not in AXES:
        raise ArgumentError(where_used, f"axis={axis!r}", 'there are "horizontal" and "vertical"')


def crop(
    images: Operand,
    tops: Operand,
    lefts: Operand,
    size: Sizes,
    *,
    padding: int = 0,
    fill: Operand = 0.0,
) -> Tensor:
    """A window of `size` (height, width) from each image, whose first pixel is (tops, lefts), which
    count from the corner of the image with `padding` pixels of `fill` around it. (A-124)

    >>> cr.augment.crop(cr.reshape(cr.arange(9.0), (1, 3, 3, 1)), 1, 1, 2)[0, :, :, 0]
    Tensor([[4., 5.],
            [7., 8.]], dtype=float32)
    """
    x = pictures("crop", images)
    height, width = sizes_of("crop", "size", size, 2)
    rows = each("crop", tops, x, 2) - padding + line(height, 1, int64)
    columns = each("crop", lefts, x, 2) - padding + line(width, 0, int64)
    return _picked(x, rows, columns, fill)


def _picked(x: Tensor, rows: Tensor, columns: Tensor, fill: Operand) -> Tensor:
    """The pixels at whole places that broadcast to (N, height, width), and `fill` outside."""
    count, height, width, channels = x.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    within = clip(rows, 0, height - 1) * width + clip(columns, 0, width - 1)
    places = within + line(count, 2, int64) * (height * width)
    taken = take_along(reshape_to(x, (count * height * width, channels)), places, 0)
    return where(inside[..., None], taken, asarray(fill, dtype=x.dtype))


# ---- Places between pixels ----


def sample(
    images: Operand,
    rows: Operand,
    columns: Operand,
    *,
    mode: str = "bilinear",
    fill: Operand = 0.0,
) -> Tensor:
    """Each image at real places, `rows` and `columns` (N, height, width): (N, height, width, C).

    "bilinear" weighs the four pixels around a place, "nearest" takes one, of whatever dtype; beyond
    the border pixels are `fill`, a number or one for each channel. Raises ArgumentError for another
    mode, and DTypeError for integers between pixels.

    >>> cr.augment.sample(cr.asarray([[[[1.0], [3.0]]]]), cr.zeros((1, 1, 1)), 0.5)
    Tensor([[[[2.]]]], dtype=float32)
    """
    x = pictures("sample", images)
    rows, columns = (cast(beside("sample", places, x), floats_of(x)) for places in (rows, columns))
    if mode == "nearest":
        return _picked(x, _whole(floor(rows + 0.5)), _whole(floor(columns + 0.5)), fill)
    if mode != "bilinear":
        raise ArgumentError("sample", f"mode={mode!r}", 'there are "bilinear" and "nearest"')
    if not x.dtype.is_float:
        raise DTypeError(
            "sample", f"images are {x.dtype.name}", "they are averaged", 'choose mode="nearest"'
        )
    top, left = floor(rows), floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]

    def corner(below: int, beside: int) -> Tensor:
        return _picked(x, _whole(top) + below, _whole(left) + beside, fill)

    upper = (1 - right) * corner(0, 0) + right * corner(0, 1)
    lower = (1 - right) * corner(1, 0) + right * corner(1, 1)
    return (1 - down) * upper + down * lower


def _whole(places: Tensor) -> Tensor:
    return cast(places, int64)


def affine(
    images: Operand, matrices: Operand, *, mode: str = "bilinear", fill: Operand = 0.0
) -> Tensor:
    """Images that show at p what stood at matrix @ (p, 1), where p = (row, column) counts pixels
    from the centre of the image; matrices (N, 2, 3), or one (2, 3) for all.

    `mode` and `fill` as in `sample`. `cr.augment.rotation`, `zooming`, `shearing` and `shifting`
    make matrices, `chained` their products. Raises ShapeError. (A-123, A-125)

    >>> upside_down = cr.asarray([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> cr.augment.affine(cr.asarray([[[[1.0]], [[2.0]]]]), upside_down)[0, :, 0, 0]
    Tensor([2., 1.], dtype=float32)
    """
    x = pictures("affine", images)
    m = cast(beside("affine", matrices, x), floats_of(x))
    if m.shape not in ((2, 3), (*x.shape[:1], 2, 3)):
        raise ShapeError(
            "affine",
            f"matrices have shape {list(m.shape)}",
            f"it is (2, 3), or ({x.shape[0]}, 2, 3)",
            "leave out the last row, 0 0 1",
        )
    height, width = x.shape[1:3]
    row = line(height, 1, m.dtype) - (height - 1) / 2
    column = line(width, 0, m.dtype) - (width - 1) / 2
    entry = [[m[..., i, j, None, None] for j in range(3)] for i in range(2)]
    rows, columns = (a * row + b * column + c for a, b, c in entry)
    shape = x.shape[:3]
    rows = manipulation.broadcast_to(rows + (height - 1) / 2, shape)
    columns = manipulation.broadcast_to(columns + (width - 1) / 2, shape)
    return sample(x, rows, columns, mode=mode, fill=fill)


def rotate(
    images: Operand, angles: Operand, *, mode: str = "bilinear", fill: Operand = 0.0
) -> Tensor:
    """Images turned counter-clockwise about their centres, by `angles` in degrees (A-123).

    >>> turned = cr.augment.rotate(cr.asarray([[[[1.0], [2.0]], [[3.0], [4.0]]]]), 90.0)
    >>> cr.round(turned[0, :, :, 0])
    Tensor([[2., 4.],
            [1., 3.]], dtype=float32)
    """
    x = pictures("rotate", images)
    return affine(x, rotation(each("rotate", angles, x, 0)), mode=mode, fill=fill)


def zoom(
    images: Operand, factors: Operand, *, mode: str = "bilinear", fill: Operand = 0.0
) -> Tensor:
    """Images made `factors` times as large about their centres, in the same frame (A-125).

    >>> cr.augment.zoom(cr.ones((1, 4, 4, 1)), 0.5, mode="nearest")[0, :, 1, 0]
    Tensor([0., 1., 1., 0.], dtype=float32)
    """
    x = pictures("zoom", images)
    return affine(x, zooming(each("zoom", factors, x, 0)), mode=mode, fill=fill)


def shear(
    images: Operand,
    x: Operand = 0.0,
    y: Operand = 0.0,
    *,
    mode: str = "bilinear",
    fill: Operand = 0.0,
) -> Tensor:
    """Images that show at (row, column) what stood at (row + y column, column + x row).

    >>> cr.augment.shear(cr.ones((1, 3, 3, 1)), 1.0, mode="nearest")[0, :, :, 0]
    Tensor([[0., 1., 1.],
            [1., 1., 1.],
            [1., 1., 0.]], dtype=float32)
    """
    shown = pictures("shear", images)
    x, y = (each("shear", slope, shown, 0) for slope in (x, y))
    return affine(shown, shearing(x, y), mode=mode, fill=fill)


def translate(
    images: Operand,
    down: Operand = 0.0,
    right: Operand = 0.0,
    *,
    mode: str = "bilinear",
    fill: Operand = 0.0,
) -> Tensor:
    """Images moved by so many pixels.

    >>> cr.augment.translate(cr.asarray([[[[1.0], [2.0]]]]), right=1.0)[0, 0, :, 0]
    Tensor([0., 1.], dtype=float32)
    """
    x = pictures("translate", images)
    down, right = (each("translate", pixels, x, 0) for pixels in (down, right))
    return affine(x, shifting(down, right), mode=mode, fill=fill)


# ---- Matrices for `affine`, from what is shown to what stood there ----


def rotation(angles: Operand) -> Tensor:
    """Matrices that turn counter-clockwise by angles in degrees.

    >>> cr.augment.rotation(0.0)
    Tensor([[ 1.,  0.,  0.],
            [-0.,  1.,  0.]], dtype=float32)
    """
    (turn,) = promoted_floats("rotation", angles)
    turn = turn * (math.pi / 180)
    return matrices((cos(turn), sin(turn), 0.0), (-sin(turn), cos(turn), 0.0))


def zooming(factors: Operand) -> Tensor:
    """Matrices that enlarge.

    >>> cr.augment.zooming(2.0)
    Tensor([[0.5, 0. , 0. ],
            [0. , 0.5, 0. ]], dtype=float32)
    """
    (factor,) = promoted_floats("zooming", factors)
    return matrices((1 / factor, 0.0, 0.0), (0.0, 1 / factor, 0.0))


def shearing(x: Operand = 0.0, y: Operand = 0.0) -> Tensor:
    """Matrices that shear; see `shear`.

    >>> cr.augment.shearing(0.5)
    Tensor([[1. , 0. , 0. ],
            [0.5, 1. , 0. ]], dtype=float32)
    """
    return matrices((1.0, y, 0.0), (x, 1.0, 0.0))


def shifting(down: Operand = 0.0, right: Operand = 0.0) -> Tensor:
    """Matrices that move by so many pixels.

    >>> cr.augment.shifting(down=1.0)
    Tensor([[ 1.,  0., -1.],
            [ 0.,  1., -0.]], dtype=float32)
    """
    down, right = promoted_floats("shifting", down, right)
    return matrices((1.0, 0.0, -down), (0.0, 1.0, -right))


def chained(*matrices: Operand) -> Tensor:
    """The matrices of one change after the other, from left to right.

    >>> cr.augment.chained(cr.augment.zooming(2.0), cr.augment.shifting(down=1.0))
    Tensor([[ 0.5,  0. , -0.5],
            [ 0. ,  0.5,  0. ]], dtype=float32)
    """
    total, *others = promoted_floats("chained", *matrices)
    for other in others:
        # What is shown last is looked up first.
        turned = total[..., :2] @ other
        total = turned + manipulation.pad(total[..., 2:], [(0, 0)] * (total.ndim - 1) + [(2, 0)])
    return total


def matrices(*rows: tuple[Operand, ...]) -> Tensor:
    """(..., 2, 3) from entries that broadcast."""
    entries = broadcast_arrays(
        *promoted_floats("affine", *[entry for row in rows for entry in row])
    )
    return stack([stack(entries[:3], axis=-1), stack(entries[3:], axis=-1)], axis=-2)


# ---- Other numbers of pixels ----


def resized_crop(images: Operand, boxes: Operand, size: Sizes) -> Tensor:
    """The box (top, left, bottom, right) of each image with `size` (height, width) pixels.

    Boxes (N, 4), or one (4,) for all, count pixels from 0, the last ones excluded, and hold one
    pixel at least. Bilinear; where pixels become fewer the weights spread over as many of them as
    one then covers ("antialias" in PyTorch). (A-124, A-125)

    >>> cr.augment.resized_crop(cr.ones((2, 8, 8, 3)), cr.asarray([1, 2, 5, 8]), 4).shape
    (2, 4, 4, 3)
    """
    x = pictures("resized_crop", images)
    top, left, bottom, right = edges("resized_crop", boxes, x)
    height, width = sizes_of("resized_crop", "size", size, 2)
    x = einsum("niy,nyxc->nixc", _resampling(top, bottom, height, x, 1), x)
    return einsum("njx,nixc->nijc", _resampling(left, right, width, x, 2), x)


def _resampling(start: Tensor, stop: Tensor, size: int, x: Tensor, axis: int) -> Tensor:
    """The weight of each old pixel (n, new, old) for each new one: a triangle, cut at the box."""
    start, stop = cast(start, x.dtype), cast(stop, x.dtype)
    scale = (stop - start) / size
    centre = start + (line(size, 1, x.dtype) + 0.5) * scale
    old = line(x.shape[axis], 0, x.dtype) + 0.5
    weights = maximum(1 - abs(old - centre) / maximum(scale, 1), 0)
    weights = where((old > start) & (old < stop), weights, 0)
    return weights / sum(weights, axis=-1, keepdims=True)

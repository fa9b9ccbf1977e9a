"""Convolutions of any rank, channels last, as contractions with windows: operands to tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor

from chainrule.errors import ArgumentError, DTypeError, ShapeError
from chainrule.frontend.apply import apply
from chainrule.frontend.lift import Operand, promoted, reshape_to
from chainrule.frontend.tensor import Tensor
from chainrule.ir.contraction import Contraction, Dimension

Sizes = int | Sequence[int]
Padding = str | int | Sequence[int | tuple[int, int]]


def conv(
    x: Operand,
    weight: Operand,
    /,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, c] = sum over k, i of x[n, o * stride + k * dilation - padding, i] * weight[k, i, c].

    Places o and k have one axis or more: x is (N, *places, channels), weight (*kernel, channels /
    groups, out), the result (N, *out places, out), where each axis has floor((size + padding before
    and after - dilation * (kernel - 1) - 1) / stride) + 1 places (A-138). As in all networks the
    kernel is not flipped. PyTorch's weight is (out, channels / groups, *kernel): permute it by
    (2, ..., 1, 0).

    - `padding` is a number, one for each axis, pairs (before, after), "valid" (none) or "same":
      ceil(size / stride) places result. That is symmetric for odd kernels, (K - 1) / 2; an odd rest
      goes after, as in TensorFlow (A-139).
    - A kernel of one place mixes channels only (A-140); `dilation` spreads it without more weights
      (A-142); outputs of a group see the inputs of that group alone, which divides weights and work
      by the number of groups (A-144).

    Raises ShapeError and ArgumentError.

    >>> cr.conv(cr.ones((1, 5, 1)), cr.ones((3, 1, 1)), padding="same")[0, :, 0]
    Tensor([2., 3., 3., 3., 2.], dtype=float32)
    """
    x, w = _operands("conv", x, weight, groups)
    kernel, places = w.shape[:-2], x.shape[1:-1]
    strides, dilations = (
        sizes_of("conv", name, given, len(kernel))
        for name, given in (("stride", stride), ("dilation", dilation))
    )
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = paddings("conv", padding, places, reach, strides)
    out = window_places("conv", places, reach, strides, pads)
    windows = [
        lambda o, k, s=s, d=d, low=low: Dimension(((o, s), (k, d)), -low)
        for s, d, (low, _) in zip(strides, dilations, pads, strict=True)
    ]
    return _contracted(x, w, out, windows, groups)


def conv_transpose(
    x: Operand,
    weight: Operand,
    /,
    *,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, c] = sum of x[n, p, i] * weight[k, i, c], o = p * stride + k * dilation - padding.

    The gradient of `conv` by its input: each input place writes a kernel. It gives back the size,
    not the values (A-143). x is (N, *places, channels), weight (*kernel, channels / groups, out).
    An axis has (size - 1) * stride - padding before and after + dilation * (kernel - 1) +
    output_padding + 1 places, as in PyTorch, whose weight (channels, out, *kernel) one permutes by
    (2, ..., 0, 1), within each group.

    >>> cr.conv_transpose(cr.ones((1, 2, 1)), cr.ones((2, 1, 1)), stride=2)[0, :, 0]
    Tensor([1., 1., 1., 1.], dtype=float32)
    """
    where = "conv_transpose"
    x, w = _operands(where, x, weight, groups)
    kernel, places = w.shape[:-2], x.shape[1:-1]
    strides, dilations, extra = (
        sizes_of(where, name, given, len(kernel), least)
        for name, given, least in (
            ("stride", stride, 1),
            ("dilation", dilation, 1),
            ("output_padding", output_padding, 0),
        )
    )
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = paddings(where, padding, places, reach, strides)
    out = [
        (size - 1) * s - low - high + r + e
        for size, s, (low, high), r, e in zip(places, strides, pads, reach, extra, strict=True)
    ]
    if min(out) < 0:
        raise ShapeError(
            where,
            f"places {list(places)} with padding {pads} leave {out}",
            "the padding is cut off the result",
            "pad less",
        )
    windows = [
        lambda o, k, s=s, d=d, low=low: Dimension(((o, 1), (k, -d)), low, s)
        for s, d, (low, _) in zip(strides, dilations, pads, strict=True)
    ]
    return _contracted(x, w, out, windows, groups)


# ---- Shapes of windows, which pooling shares ----


def sizes_of(where: str, name: str, given: Sizes, rank: int, least: int = 1) -> tuple[int, ...]:
    """One whole number for each axis."""
    sizes = (given,) * rank if isinstance(given, int) else tuple(given)
    if len(sizes) != rank or min(sizes) < least:
        raise ArgumentError(
            where,
            f"{name}={given!r}",
            f"there are {rank} axes of places, and {name} is at least {least}",
            "pass one number, or one for each axis",
        )
    return sizes


def paddings(
    where: str,
    given: Padding,
    places: Sequence[int],
    reach: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:
    """(before, after) for each axis."""
    if given == "valid":
        given = 0
    if given == "same":
        missing = [
            max((-(-size // s) - 1) * s + r - size, 0)
            for size, r, s in zip(places, reach, strides, strict=True)
        ]
        return [(total // 2, total - total // 2) for total in missing]
    pads: list = [given] * len(places) if isinstance(given, int) else list(given)
    pairs = [(pad, pad) if isinstance(pad, int) else tuple(pad) for pad in pads]
    right = not isinstance(given, str) and len(pairs) == len(places)
    if not right or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ArgumentError(
            where,
            f"padding={given!r}",
            f"there are {len(places)} axes of places",
            'pass a number, one or a pair (before, after) for each axis, "same" or "valid"',
        )
    return [(pair[0], pair[1]) for pair in pairs]


def window_places(
    where: str,
    places: Sequence[int],
    reach: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    ceil_mode: bool = False,
) -> list[int]:
    """How many windows fit along each axis; with `ceil_mode` a last one may reach over the end."""
    out = []
    for size, (low, high), r, s in zip(places, pads, reach, strides, strict=True):
        steps = (size + low + high - r) / s
        # A window that begins behind x sees nothing.
        out.append(1 + (min(ceil(steps), (size + low - 1) // s) if ceil_mode else floor(steps)))
    if min(out) < 1:
        raise ShapeError(
            where,
            f"x has places {list(places)}, a window reaches over {list(reach)}",
            "with this padding none fits",
            "pad more, or choose a smaller window or dilation",
        )
    return out


# ---- The contraction ----


def _operands(where: str, x: Operand, weight: Operand, groups: int) -> list[Tensor]:
    x, w = promoted(where, x, weight)
    if not x.dtype.is_float:
        raise DTypeError(where, f"x is {x.dtype.name}", "weights are floats", "cast x to floats")
    if w.ndim < 3 or x.ndim != w.ndim:
        raise ShapeError(
            where,
            f"x has shape {list(x.shape)}, the weight {list(w.shape)}",
            "they are (N, *places, channels) and (*kernel, channels / groups, out)",
            "add an axis for the batch, or for the channels",
        )
    if groups < 1 or w.shape[-1] % groups or x.shape[-1] != w.shape[-2] * groups:
        raise ShapeError(
            where,
            f"x has {x.shape[-1]} channels, the weight {list(w.shape)}, with {groups} groups",
            "the weight is (*kernel, channels / groups, out), and groups divides out",
            "channels come last: permute x from (N, C, H, W) with cr.moveaxis(x, 1, -1)",
        )
    return [x, w]


def _contracted(x: Tensor, w: Tensor, out: list[int], windows: list, groups: int) -> Tensor:
    """The contraction over letters 0 batch, then places, group, output, kernel, input channel."""
    rank, kernel = len(out), w.shape[:-2]
    per_group, filters = w.shape[-2], w.shape[-1] // groups
    group, output, last = rank + 1, rank + 2, 2 * rank + 3
    of_kernel = range(rank + 3, last)
    spots = [window(1 + axis, k) for axis, (window, k) in enumerate(zip(windows, of_kernel))]
    spec = Contraction(
        (x.shape[0], *out, groups, filters, *kernel, per_group),
        (_letter(0), *spots, _letter(group), _letter(last)),
        (*map(_letter, of_kernel), _letter(last), _letter(group), _letter(output)),
        (0, *range(1, rank + 1), group, output),
    )
    y = apply(
        "contract",
        reshape_to(x, (*x.shape[:-1], groups, per_group)),
        reshape_to(w, (*w.shape[:-1], groups, filters)),
        spec=spec,
    )
    return reshape_to(y, (*y.shape[:-2], groups * filters))


def _letter(letter: int) -> Dimension:
    return Dimension(((letter, 1),))

"""Metrics of images: receive images (rows, height, width, channels) beside those they should be;
hand on how near they come, the mean over rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.dtypes import float64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.convolution import conv
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.functions.elementary import log10
from chainrule.frontend.functions.elementwise import square
from chainrule.frontend.functions.manipulation import concat, moveaxis
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.lift import reshape_to
from chainrule.frontend.tensor import Tensor
from chainrule.metrics.base import averaged, wide

# Wang et al. 2004: a Gaussian of this width in a window of 11 x 11, and the constants K1 and K2.
SIGMA, RADIUS = 1.5, 5
K1, K2 = 0.01, 0.03


@averaged
def psnr(prediction: Any, target: Any, *, data_range: float) -> Tensor:
    """10 log10(data_range**2 / mean squared error) of each image, in decibels: the peak
    signal-to-noise ratio, infinite for equal images.

    `data_range` is the greatest value less the least that pixels may have, 1.0 or 255. (A-235)

    >>> cr.metrics.psnr(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.1), data_range=1.0)
    Tensor(20., dtype=float64)
    """
    p, y = _images("psnr", prediction, target, data_range)
    return 10 * log10(data_range**2 / mean(square(p - y), axis=(1, 2, 3)))


@averaged
def ssim(prediction: Any, target: Any, *, data_range: float) -> Tensor:
    """The structural similarity of each image, 1 for equal ones (Wang et al. 2004): the mean over
    windows and channels of (2 m n + c1) (2 cov + c2) / ((m**2 + n**2 + c1) (v + w + c2)).

    m, n, v, w and cov are means, variances and covariance in a Gaussian window of 11 x 11, width
    1.5; c1 = (0.01 data_range)**2, c2 = (0.03 data_range)**2. Windows lie inside the image. Equal
    to scikit-image's with gaussian_weights and without use_sample_covariance.

    >>> x = np.random.default_rng(0).uniform(size=(1, 16, 16, 1))
    >>> cr.metrics.ssim(x, x, data_range=1.0)
    Tensor(1., dtype=float64)
    """
    p, y = _images("ssim", prediction, target, data_range)
    if min(p.shape[1:3]) <= 2 * RADIUS:
        raise ShapeError(
            "ssim",
            f"images have shape {list(p.shape[1:])}",
            "the window has 11 x 11 pixels",
            "compare larger images, or use psnr",
        )
    m, n, pp, yy, py = _smoothed(p, y, p * p, y * y, p * y)
    v, w, covariance = pp - m * m, yy - n * n, py - m * n
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    top = (2 * m * n + c1) * (2 * covariance + c2)
    return mean(top / ((m * m + n * n + c1) * (v + w + c2)), axis=(1, 2, 3))


def _smoothed(*maps: Tensor) -> list[Tensor]:
    """Maps in Gaussian windows, one axis after the other; each channel is an image of its own."""
    x = moveaxis(concat(maps), -1, 1)
    alone = reshape_to(x, (x.shape[0] * x.shape[1], *x.shape[2:], 1))
    weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    line = asarray(weights / weights.sum(), dtype=float64)
    for window in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        alone = conv(alone, line.reshape(window))
    smooth = moveaxis(reshape_to(alone, (*x.shape[:2], *alone.shape[1:3])), 1, -1)
    rows = len(maps[0])
    return [smooth[i * rows : (i + 1) * rows] for i in range(len(maps))]


def _images(where_used: str, prediction: Any, target: Any, data_range: float) -> list[Tensor]:
    p, y = wide(prediction, where_used), wide(target, where_used)
    if p.shape != y.shape or p.ndim != 4:
        raise ShapeError(
            where_used,
            f"the prediction has shape {list(p.shape)}, the target {list(y.shape)}",
            "images are (rows, height, width, channels)",
            "add the axes that are missing, or move the channels last",
        )
    known = y._value
    if known is not None and np.ptp(known) > data_range:
        raise ArgumentError(
            where_used,
            f"the target runs from {known.min():g} to {known.max():g}, data_range is {data_range}",
            "it is the greatest value less the least that pixels may have",
            "pass data_range=255 for bytes",
        )
    return [p, y]

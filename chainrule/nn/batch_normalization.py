"""Normalisation that remembers: receives a tensor; hands it on normalised by the statistics of its
batch in training, by their running averages in use.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from chainrule.dtypes import int64
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend import trace
from chainrule.frontend.functions.creation import asarray, ones, zeros
from chainrule.frontend.functions.elementwise import clip, maximum, sqrt
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.lift import cast, in_float32
from chainrule.frontend.stateful import Buffer
from chainrule.frontend.tensor import Tensor
from chainrule.nn.calls import here
from chainrule.nn.normalization import Moments, Norm, channels_last, moments, scaled


class BatchNorm(Norm):
    """(x - mean) / sqrt(variance + eps) * weight + bias, per channel of x: (N, ..., num_features).

    In training mean and variance are those of the batch over all axes but the last, which makes an
    example's result depend on the others: a noise that regularises. In use they are averages of
    what training saw, moved by `running += momentum * (batch - running)`, or over all batches
    equally with `momentum=None`. As in PyTorch the variance is biased where it divides and unbiased
    where it is averaged; momentum 0.1, eps 1e-5. Text (B, L, D) has one mean per feature over B and
    L; a `mask` (B, L) leaves padding out of it. Raises ShapeError in training on one value per
    channel. (A-100, A-105, A-120; Ioffe and Szegedy 2015)

    >>> layer = cr.nn.BatchNorm(1)
    >>> with cr.training():
    ...     layer(cr.asarray([[0.0], [2.0]]))
    Tensor([[-0.999995],
            [ 0.999995]], dtype=float32)
    >>> layer.running_mean, layer.running_var
    (Buffer([0.1], dtype=float32), Buffer([1.1], dtype=float32))
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        if momentum is not None and not 0 <= momentum <= 1:
            raise ArgumentError(
                type(self).__name__,
                f"momentum is {momentum}",
                "it is the share of the new batch in the running averages",
                "choose 0 <= momentum <= 1, or None to weigh all batches equally",
            )
        super().__init__((num_features,), eps, affine, affine)
        self.channels, self.momentum, self.tracked = num_features, momentum, track_running_stats
        if track_running_stats:
            self.running_mean = Buffer(zeros(num_features))
            self.running_var = Buffer(ones(num_features))
            self.num_batches_tracked = Buffer(asarray(0, dtype=int64))

    @in_float32
    def __call__(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = channels_last(x, self.channels)
        if self.tracked and not trace.is_training():
            return self._affine(scaled(x - self.running_mean, self.running_var, self.eps))
        axes = self._axes(x)
        if math.prod(x.shape[axis] for axis in axes) <= 1:
            raise _too_few(x)
        if mask is not None and mask.shape != x.shape[:-1]:
            raise ShapeError(
                here(),
                f"the mask has shape {list(mask.shape)}, x {list(x.shape)}",
                "it says of each place whether it counts",
                f"pass a mask of shape {list(x.shape[:-1])}",
            )
        found = moments(x, axes, mask)
        normalized = self._normalized(found)
        if self.tracked and trace.is_training():
            self._track(found)
        return self._affine(normalized)

    def _axes(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(x.ndim - 1))

    def _normalized(self, found: Moments) -> Tensor:
        return scaled(found.deviations, found.variance, self.eps)

    def _track(self, found: Moments) -> None:
        self.num_batches_tracked.assign(self.num_batches_tracked + 1)
        unbiased = found.variance * (found.size / maximum(found.size - 1, 1))
        for running, new in ((self.running_mean, found.mean), (self.running_var, unbiased)):
            new = cast(mean(new, axis=tuple(range(new.ndim - 1))), running.dtype)
            share = self.momentum
            if share is None:
                share = 1 / cast(self.num_batches_tracked, running.dtype)
            running.assign(stop_gradient(running + share * (new - running)))


def _too_few(x: Tensor) -> ShapeError:
    return ShapeError(
        here(),
        f"x of shape {list(x.shape)} has one value per channel",
        "it is its own mean, and there is no variance",
        "train on more rows at once (drop a last batch of one), or use LayerNorm or GroupNorm",
    )


class InstanceNorm(BatchNorm):
    """(x - mean) / sqrt(variance + eps) per example and channel of x: (N, ..., num_features).

    Statistics are taken over the axes between the first and the last. Options and defaults as in
    PyTorch: without `affine` there are no parameters, and only with `track_running_stats` running
    averages serve in use. On text (B, L, D) they are those of a feature over its L places; the
    variant with one scale per place, statistics over D, is InstanceNorm(L) on x with the last two
    axes exchanged. Raises ShapeError on one value per channel. (A-102, A-105; Ulyanov et al. 2016)

    >>> cr.nn.InstanceNorm(1)(cr.asarray([[[0.0], [2.0]]]))
    Tensor([[[-0.999995],
             [ 0.999995]]], dtype=float32)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def _axes(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(1, x.ndim - 1))


class BatchRenorm(BatchNorm):
    """BatchNorm whose training agrees with its use, for small batches (Ioffe 2017).

    What the batch normalised is corrected to the running averages, x * r + d with
    r = clip(std / running_std, 1 / r_max, r_max) and d = clip((mean - running_mean) / running_std,
    -d_max, d_max), both constants of the derivative. Limits and momentum are the paper's; it starts
    as BatchNorm, r_max 1 and d_max 0, and widens them over 40 000 steps: pass functions of the
    number of batches seen for that. The running variance is averaged as in BatchNorm, where the
    paper averages its root. (A-100)

    >>> with cr.training():
    ...     cr.nn.BatchRenorm(1)(cr.asarray([[0.0], [2.0]]))
    Tensor([[0.     ],
            [1.99999]], dtype=float32)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.01,
        affine: bool = True,
        r_max: float | Callable[[Tensor], Tensor] = 3.0,
        d_max: float | Callable[[Tensor], Tensor] = 5.0,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        self.r_max, self.d_max = r_max, d_max

    def _normalized(self, found: Moments) -> Tensor:
        seen = self.num_batches_tracked
        r_max, d_max = (
            limit(seen) if callable(limit) else limit for limit in (self.r_max, self.d_max)
        )
        running = sqrt(self.running_var + self.eps)
        r = clip(sqrt(found.variance + self.eps) / running, 1 / r_max, r_max)
        d = clip((found.mean - self.running_mean) / running, -d_max, d_max)
        return super()._normalized(found) * stop_gradient(r) + stop_gradient(d)

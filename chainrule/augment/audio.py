"""Sound: receives waveforms (N, samples); hands on slower or faster, higher, lower or noisier ones.

There is no compiled FFT: short Fourier transforms are products with cosines and sines, which for
windows of 512 samples cost less than a layer of a network. Gradients flow through all.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.augment.base import Augmentation, Interval, drawn, each, interval
from chainrule.distributions.sampling import keys
from chainrule.dtypes import float64, int64
from chainrule.errors import ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray, iota
from chainrule.frontend.functions.elementary import atan2, cos, exp, sin
from chainrule.frontend.functions.elementwise import clip, floor, minimum, sqrt, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import broadcast_to, concat, pad, stack, take_along
from chainrule.frontend.functions.reductions import cumulative_sum, mean, sum
from chainrule.frontend.lift import SCALARS, Operand, cast, floating, reshape_to
from chainrule.frontend.tensor import Tensor

WINDOW, HOP = 512, 128
PARTS = WINDOW // HOP
# Samples on each side from which one between samples is made.
REACH = 16


def waveforms(where_used: str, waves: Operand) -> Tensor:
    """Waveforms as floats. Raises ShapeError where these are not (N, samples)."""
    x = floating(waves, where_used)
    if x.ndim != 2 or not x.shape[1]:
        raise ShapeError(
            where_used,
            f"waveforms have shape {list(x.shape)}",
            "it is (N, samples)",
            "write waves[None] for a single one",
        )
    return x


def add_noise(
    waves: Operand, snr: Operand, noise: Operand | None = None, *, key: Tensor | None = None
) -> Tensor:
    """Waves plus noise, normal or given, whose power is `snr` decibels below theirs (A-127, A-135).

    10 log10(mean(waves**2) / mean(noise**2)) is exactly that, for each waveform.

    >>> cr.augment.add_noise(cr.ones((2, 100)), snr=20.0).shape
    (2, 100)
    """
    x = waveforms("add_noise", waves)
    if noise is None:
        hiss = random.normal(x.shape, dtype=x.dtype, key=key)
    else:
        hiss = cast(waveforms("add_noise", noise), x.dtype)
    powers = [mean(square(sound), axis=1, keepdims=True) for sound in (x, hiss)]
    ratio = exp(each("add_noise", snr, x, 1) * (math.log(10) / 10))
    return x + hiss * sqrt(powers[0] / (powers[1] * ratio))


# ---- Time and pitch ----


def time_stretch(waves: Operand, rates: Operand, length: int | None = None) -> Tensor:
    """Waves played `rates` times as fast at the same pitch, by a phase vocoder (Flanagan and Golden
    1966): frames are read every `rate` hops, and phases go on as they did there. (A-135)

    Windows are Hann's, of 512 samples every 128. The result has `length` samples, cut off or filled
    with silence: round(samples / rate) for one number, else as many as before.

    >>> cr.augment.time_stretch(cr.ones((2, 4000)), 2.0).shape
    (2, 2000)
    """
    x = waveforms("time_stretch", waves)
    if length is None:
        length = round(x.shape[1] / rates) if isinstance(rates, SCALARS) else x.shape[1]
    return _stretched(x, each("time_stretch", rates, x, 1), length)


def _stretched(x: Tensor, rates: Tensor, length: int) -> Tensor:
    size, phase = _polar(*_spectrum(x))
    first, share = _steps(-(-length // HOP) + 1, rates, x)
    share = share[..., None]
    # Behind the last frame there is silence.
    size = pad(size, [(0, 0), (0, 1), (0, 0)])
    size = (1 - share) * _frames(size, first) + share * _frames(size, first + 1)
    # The phase moves on by what it did between the frames that are read; whole turns do not matter.
    change = pad(phase[:, 1:] - phase[:, :-1], [(0, 0), (0, 1), (0, 0)])
    change = concat([phase[:, :1], _frames(change, first[:, :-1])], axis=1)
    phase = cumulative_sum(change, axis=1)
    return _wave(size * cos(phase), size * sin(phase), length)


def _steps(count: int, rates: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """0, rate, 2 rate, ..., so many for each wave, as whole numbers and the rest.

    In float64, since the rest of a large float32 has few digits.
    """
    place = broadcast_to(iota(count, float64) * cast(rates, float64), (x.shape[0], count))
    whole = floor(place)
    return cast(whole, int64), cast(place - whole, x.dtype)


def _polar(real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
    """Sizes and phases; silence has no phase, and its size no derivative."""
    loud = square(real) + square(imaginary)
    silent = loud == 0
    size = where(silent, 0, sqrt(where(silent, 1, loud)))
    return size, atan2(imaginary, where(silent, 1, real))


def _frames(x: Tensor, places: Tensor) -> Tensor:
    """x[n, places[n, i]], the last one beyond the end."""
    count, extent = x.shape[:2]
    places = clip(places, 0, extent - 1)
    first = reshape_to(iota(count), (count, *[1] * (places.ndim - 1))) * extent
    return take_along(reshape_to(x, (count * extent, *x.shape[2:])), places + first, 0)


def _waves_of_window() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hann's window, and it times cosines and sines of 0 to 256 turns: (512, 257) each."""
    sample = np.arange(WINDOW)
    angle = 2 * math.pi / WINDOW * np.outer(sample, np.arange(WINDOW // 2 + 1))
    hann = 0.5 - 0.5 * np.cos(2 * math.pi / WINDOW * sample)
    return hann, hann[:, None] * np.cos(angle), hann[:, None] * np.sin(angle)


_HANN, _COSINES, _SINES = _waves_of_window()


def _spectrum(x: Tensor) -> tuple[Tensor, Tensor]:
    """Fourier coefficients of windows around every 128th sample: (N, frames, 257) twice."""
    count, samples = x.shape
    frames = -(-samples // HOP) + 1
    length = HOP * (frames - 1) + WINDOW
    x = pad(x, [(0, 0), (WINDOW // 2, length - WINDOW // 2 - samples)])
    blocks = reshape_to(x, (count, length // HOP, HOP))
    windows = concat([blocks[:, i : i + frames] for i in range(PARTS)], axis=-1)
    return windows @ asarray(_COSINES, dtype=x.dtype), windows @ asarray(-_SINES, dtype=x.dtype)


def _wave(real: Tensor, imaginary: Tensor, length: int) -> Tensor:
    """What has these coefficients, as well as overlapping windows allow (Griffin and Lim 1984)."""
    twice = np.full(WINDOW // 2 + 1, 2 / WINDOW)
    twice[[0, -1]] = 1 / WINDOW
    inverse, hann = (asarray(x, dtype=real.dtype) for x in ((_COSINES * twice).T, _HANN**2))
    windows = real @ inverse - imaginary @ asarray((_SINES * twice).T, dtype=real.dtype)
    overlap = broadcast_to(hann, (1, *real.shape[1:2], WINDOW))
    kept = (slice(None), slice(WINDOW // 2, WINDOW // 2 + length))
    return _added(windows)[kept] / _added(overlap)[kept]


def _added(windows: Tensor) -> Tensor:
    """Windows laid over each other, each 128 samples after the one before."""
    count, frames = windows.shape[:2]
    blocks = reshape_to(windows, (count, frames, PARTS, HOP))
    parts = [pad(blocks[:, :, i], [(0, 0), (i, PARTS - 1 - i), (0, 0)]) for i in range(PARTS)]
    return reshape_to(sum(stack(parts), axis=0), (count, (frames + PARTS - 1) * HOP))


def pitch_shift(waves: Operand, semitones: Operand, highest: float | None = None) -> Tensor:
    """Waves higher by so many semitones, of the same length: stretched, then read faster (A-135).

    Between samples by a sinc of 32 samples under Hann's window, which leaves out what would be
    beyond half of the sampling rate. Semitones of each wave are at most `highest`, by default 12.

    >>> cr.augment.pitch_shift(cr.ones((2, 4000)), 3.0).shape
    (2, 4000)
    """
    x = waveforms("pitch_shift", waves)
    if highest is None:
        highest = semitones if isinstance(semitones, SCALARS) else 12.0
    octaves = cast(each("pitch_shift", semitones, x, 1), float64) / 12
    faster = broadcast_to(exp(octaves * math.log(2)), (x.shape[0], 1))
    length = math.ceil(x.shape[1] * 2 ** (max(highest, 0) / 12))
    return _read(_stretched(x, 1 / faster, length), faster, x.shape[1])


def _read(x: Tensor, rates: Tensor, length: int) -> Tensor:
    """x at 0, rate, 2 rate, ..., without frequencies that would be beyond half of the new rate."""
    first, share = _steps(length, rates, x)
    offset = iota(2 * REACH) - (REACH - 1)
    distance = share[..., None] - cast(offset, x.dtype)
    cutoff = cast(minimum(1, 1 / rates), x.dtype)
    angle = math.pi * cutoff[..., None] * distance
    near = angle == 0
    sinc = where(near, 1, sin(angle) / where(near, 1, angle))
    hann = square(cos(distance * (math.pi / (2 * REACH))))
    taken = _frames(pad(x, [(0, 0), (REACH, REACH)]), first[..., None] + offset + REACH)
    return cutoff * sum(taken * sinc * hann, axis=-1)


# ---- Layers ----


class _Sound(Augmentation):
    def given(self, images: Operand) -> Tensor:
        return waveforms(type(self).__name__, images)


class TimeStretch(_Sound):
    """Waves (N, samples) played faster or slower at the same pitch, of the same length (A-135).

    0.8 to 1.25 as in audiomentations.

    >>> with cr.training():
    ...     cr.augment.TimeStretch()(cr.ones((2, 4000))).shape
    (2, 4000)
    """

    def __init__(self, rate: tuple[float, float] = (0.8, 1.25), p: float = 1.0) -> None:
        super().__init__(p)
        self.rate = interval("TimeStretch", "rate", rate, 1.0, least=0.01)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        return time_stretch(images, drawn(images, self.rate, key))


class PitchShift(_Sound):
    """Waves (N, samples) higher or lower by up to so many semitones (A-135).

    4 as in audiomentations.

    >>> with cr.training():
    ...     cr.augment.PitchShift()(cr.ones((2, 4000))).shape
    (2, 4000)
    """

    def __init__(self, semitones: Interval = 4.0, p: float = 1.0) -> None:
        super().__init__(p)
        self.semitones = interval("PitchShift", "semitones", semitones)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        return pitch_shift(images, drawn(images, self.semitones, key), self.semitones[1])


class AddNoise(_Sound):
    """Waves (N, samples) plus normal noise, weaker by a number of decibels in an interval (A-127,
    A-135).

    5 to 40 as in audiomentations.

    >>> with cr.training():
    ...     cr.augment.AddNoise()(cr.ones((2, 4000))).shape
    (2, 4000)
    """

    def __init__(self, snr: tuple[float, float] = (5.0, 40.0), p: float = 1.0) -> None:
        super().__init__(p)
        self.snr = interval("AddNoise", "snr", snr)

    def changed(self, images: Tensor, key: Tensor) -> Tensor:
        strength, place = keys(key, 2)
        return add_noise(images, drawn(images, self.snr, strength), key=place)

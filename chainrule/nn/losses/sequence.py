"""Losses of sequences: receive logits (..., steps, classes) and padded labels; hand on one number,
or with `reduction="none"` one for each sequence.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.control import scan
from chainrule.errors import DTypeError, ShapeError
from chainrule.frontend.functions.activation import log_softmax
from chainrule.frontend.functions.creation import full, full_like, iota
from chainrule.frontend.functions.elementwise import maximum
from chainrule.frontend.functions.indexing import take_along_axis
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import moveaxis, pad, stack
from chainrule.frontend.functions.network import check_labels
from chainrule.frontend.functions.reductions import logsumexp, sum
from chainrule.frontend.lift import Operand, lift, lifted, reshape_to
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.classification import cross_entropy
from chainrule.nn.losses.reduction import reduced, require


def sequence_nll(
    logits: Operand,
    tokens: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-sum_t log softmax(logits_t)[token_t]: -log P(sequence), for tokens (..., steps).

    `sample_weight`, of the shape of the tokens, is 0 at padding (a mask will do). The mean is over
    sequences; the mean over tokens, whose exponential is the perplexity, is `cross_entropy` with
    the same weights. (A-053)

    >>> tokens = cr.asarray([[1, 0, 2], [2, 0, 0]])
    >>> mask = cr.asarray([[1, 1, 1], [1, 0, 0]])
    >>> logits = cr.zeros((2, 3, 4))
    >>> cr.nn.losses.sequence_nll(logits, tokens, sample_weight=mask, reduction="none")
    Tensor([4.158883 , 1.3862944], dtype=float32)
    """
    each = cross_entropy(logits, tokens, sample_weight=sample_weight, reduction="none")
    return reduced("sequence_nll", sum(each, axis=-1), None, reduction)


# log 0 for paths that do not exist: finite, so that differences of two such have a derivative.
_IMPOSSIBLE = -1e30


def ctc(
    logits: Operand,
    labels: Operand,
    input_lengths: Operand | None = None,
    target_lengths: Operand | None = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log of the probability of all paths that read `labels`, once repetitions and then blanks are
    dropped (connectionist temporal classification, Graves et al. 2006).

    Logits are (..., steps, classes), labels (..., longest); the lengths (...) tell how much of each
    counts, by default all. Where the labels do not fit into the steps the loss is infinite, or 0
    with `zero_infinity`, and its gradient 0. "mean" is over sequences; PyTorch's divides each by
    the length of its labels first. Raises for labels that are blank or no class, where known.

    >>> cr.nn.losses.ctc(cr.zeros((1, 2, 3)), cr.asarray([[1]]))
    Tensor(1.0986123, dtype=float32)
    """
    z, y, steps, count = _sequences(logits, labels, input_lengths, target_lengths)
    within = iota(y.shape[-1]) < count[..., None]
    _check_symbols(where(within, y, (blank + 1) % z.shape[-1]), z.shape[-1], blank)
    last = _forward(log_softmax(z), _between_blanks(where(within, y, blank), blank), steps, blank)
    # A path ends at the last label or at the blank behind it.
    place, end = iota(last.shape[-1]), 2 * count[..., None]
    ends = (place == end) | (place == end - 1)
    log_p = logsumexp(where(ends, last, _IMPOSSIBLE), axis=-1)
    possible = log_p > 0.1 * _IMPOSSIBLE
    losses = where(possible, -log_p, 0 if zero_infinity else math.inf)
    return reduced("ctc", losses, sample_weight, reduction)


def _sequences(logits: Any, labels: Any, steps: Any, count: Any) -> tuple[Tensor, ...]:
    """Logits, labels, and how many of each count."""
    z, y = (lift(x, "ctc") for x in lifted("ctc", (logits, labels)))
    if not z.dtype.is_float or not y.dtype.is_integer:
        raise DTypeError(
            "ctc",
            f"logits are {z.dtype.name}, labels {y.dtype.name}",
            "logits are floats, labels count classes",
            "exchange the arguments, or cast them",
        )
    if z.ndim < 2 or y.shape[:-1] != z.shape[:-2] or y.ndim != z.ndim - 1:
        raise ShapeError(
            "ctc",
            f"logits have shape {list(z.shape)}, labels {list(y.shape)}",
            "they are (..., steps, classes) and (..., longest)",
            "put the batch first, and pad the labels to one length",
        )
    batch, most = z.shape[:-2], (z.shape[-2], y.shape[-1])
    return (
        z,
        y,
        _lengths("input_lengths", steps, batch, most[0]),
        _lengths("target_lengths", count, batch, most[1]),
    )


def _lengths(name: str, given: Any, batch: tuple[int, ...], most: int) -> Tensor:
    if given is None:
        return full(batch, most)
    lengths = lift(given, "ctc")
    if lengths.shape != batch or not lengths.dtype.is_integer:
        raise ShapeError(
            "ctc",
            f"{name} is {lengths.dtype.name}{list(lengths.shape)}",
            "each sequence has its own length",
            f"pass integers of shape {list(batch)}",
        )
    known = lengths._value
    require(
        known is None or not ((known < 0) | (known > most)).any(),
        "ctc",
        f"{name} are outside 0 .. {most}",
        "there is no more to count",
        "pass the lengths before padding",
    )
    return lengths


def _check_symbols(labels: Tensor, classes: int, blank: int) -> None:
    check_labels(labels, classes, "ctc")
    known = labels._value
    require(
        known is None or not (known == blank).any(),
        "ctc",
        f"labels hold {blank}, the blank",
        "it stands between labels",
        "number the labels without it, or pass another blank=",
    )


def _forward(log_p: Tensor, symbols: Tensor, steps: Tensor, blank: int) -> Tensor:
    """The log-probability of reaching each symbol after all steps: alpha of the paper."""
    emitted = maximum(take_along_axis(log_p, symbols[..., None, :]), _IMPOSSIBLE)
    leaps = (symbols != blank) & (symbols != _later(symbols, 2, blank))

    def turn(reached: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        symbol, step = now
        leapt = where(leaps, _later(reached, 2, _IMPOSSIBLE), _IMPOSSIBLE)
        ways = stack([reached, _later(reached, 1, _IMPOSSIBLE), leapt])
        moved = logsumexp(ways, axis=0) + symbol
        return where(step < steps[..., None], moved, reached), None

    start = where(iota(symbols.shape[-1]) == 0, 0, full_like(emitted[..., 0, :], _IMPOSSIBLE))
    last, _ = scan(turn, start, (moveaxis(emitted, -2, 0), iota(log_p.shape[-2])))
    return last


def _between_blanks(labels: Tensor, blank: int) -> Tensor:
    pairs = stack([labels, full_like(labels, blank)], axis=-1)
    flat = reshape_to(pairs, (*labels.shape[:-1], 2 * labels.shape[-1]))
    return pad(flat, [(0, 0)] * (flat.ndim - 1) + [(1, 0)], value=blank)


def _later(x: Tensor, places: int, first: float) -> Tensor:
    """x moved so many places along the last axis, led by `first`."""
    moved = pad(x, [(0, 0)] * (x.ndim - 1) + [(places, 0)], value=first)
    return moved[..., : x.shape[-1]]

"""Losses of generative models: receive what discriminators, decoders and denoisers return; hand on
the loss that trains them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.activation import relu, softplus
from chainrule.frontend.functions.creation import linspace
from chainrule.frontend.functions.elementary import exp
from chainrule.frontend.functions.elementwise import negative, positive, sqrt, square
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.reductions import cumulative_prod, sum
from chainrule.frontend.lift import Operand, cast, floating, lift, reshape_to
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.classification import binary_cross_entropy
from chainrule.nn.losses.reduction import matched, reduced
from chainrule.nn.losses.regression import mse

# ---- Adversaries ----


class _Game(NamedTuple):
    """What a discriminator pays for its scores of real and of fake ones, and what a generator."""

    real: Callable[[Any], Tensor]
    fake: Callable[[Any], Tensor]
    generator: Callable[[Any], Tensor]


def _surprise(x: Any) -> Tensor:
    """-log sigmoid(x)."""
    return softplus(-x)


# Goodfellow et al. 2014 (the first two), Mao et al. 2017, Arjovsky et al. 2017, Lim and Ye 2017.
_GAMES = {
    "minimax": _Game(_surprise, softplus, lambda x: -softplus(x)),
    "non-saturating": _Game(_surprise, softplus, _surprise),
    "least-squares": _Game(
        lambda x: 0.5 * square(x - 1), lambda x: 0.5 * square(x), lambda x: 0.5 * square(x - 1)
    ),
    "wasserstein": _Game(negative, positive, negative),
    "hinge": _Game(lambda x: relu(1 - x), lambda x: relu(1 + x), negative),
}


def gan_discriminator(
    real: Operand,
    fake: Operand,
    *,
    kind: str = "non-saturating",
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the discriminator minimizes, from its scores (logits) of as many real and fake ones.

    "minimax" and "non-saturating": -log D(real) - log(1 - D(fake)), D = sigmoid; "least-squares":
    ((real - 1)**2 + fake**2) / 2; "wasserstein": fake - real, for scores of bounded slope;
    "hinge": max(0, 1 - real) + max(0, 1 + fake). (A-054)

    >>> cr.nn.losses.gan_discriminator(cr.asarray([2.0]), cr.asarray([-0.5]), kind="hinge")
    Tensor(0.5, dtype=float32)
    """
    game = _game("gan_discriminator", kind)
    x, y = matched("gan_discriminator", real=real, fake=fake)
    losses = game.real(x) + game.fake(y)
    return reduced("gan_discriminator", losses, sample_weight, reduction)


def gan_generator(
    fake: Operand,
    *,
    kind: str = "non-saturating",
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the generator minimizes, from the discriminator's scores of its fakes.

    "minimax": log(1 - D(fake)), which is flat where fakes are found out; "non-saturating":
    -log D(fake), which is steep there; "least-squares": (fake - 1)**2 / 2; "wasserstein" and
    "hinge": -fake. (A-054)

    >>> cr.nn.losses.gan_generator(cr.asarray([-0.5]), kind="wasserstein")
    Tensor(0.5, dtype=float32)
    """
    losses = _game("gan_generator", kind).generator(floating(fake, "gan_generator"))
    return reduced("gan_generator", losses, sample_weight, reduction)


def _game(loss: str, kind: str) -> _Game:
    if kind not in _GAMES:
        raise ArgumentError(
            loss, f"kind={kind!r}", f"only {', '.join(map(repr, _GAMES))} exist", "choose one"
        )
    return _GAMES[kind]


# ---- Variational autoencoders ----


def vae(
    reconstruction: Operand,
    target: Operand,
    mean: Operand,
    log_variance: Operand,
    *,
    beta: float = 1.0,
    loss: Callable[..., Tensor] = binary_cross_entropy,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-ELBO = sum(loss(reconstruction, target)) + beta * gaussian_kl(mean, log_variance).

    One number an example: mean and log_variance are (..., latent), the other two (..., any axes),
    which are summed. `loss` is -log p(target | latent) from what the decoder returns: logits of
    pixels (Kingma and Welling 2014), or `half_squares` for a Gaussian of variance 1. beta above 1
    is a beta-VAE (Higgins et al. 2017). (A-055)

    >>> x, zero = cr.asarray([[1.0, 2.0]]), cr.asarray([[0.0]])
    >>> cr.nn.losses.vae(x, x + 1, zero + 2, zero, loss=cr.nn.losses.half_squares)
    Tensor(3., dtype=float32)
    """
    each = loss(reconstruction, target, reduction="none")
    divergence = gaussian_kl(mean, log_variance, reduction="none")
    batch = divergence.ndim
    if each.shape[:batch] != divergence.shape:
        raise ShapeError(
            "vae",
            f"reconstructions have shape {list(each.shape)}, latents "
            f"{[*divergence.shape, lift(mean, 'vae').shape[-1]]}",
            "all but the last axis of the latents count examples",
            "give both the same first axes",
        )
    error = sum(each, axis=tuple(range(batch, each.ndim)))
    return reduced("vae", error + beta * divergence, sample_weight, reduction)


def gaussian_kl(
    mean: Operand,
    log_variance: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) = sum(mean**2 + variance - log_variance - 1) / 2.

    The sum runs over the last axis, independent latents. (A-055)

    >>> cr.nn.losses.gaussian_kl(cr.asarray([[1.0, 2.0]]), cr.asarray([[0.0, 0.0]]))
    Tensor(2.5, dtype=float32)
    """
    m, s = matched("gaussian_kl", mean=mean, log_variance=log_variance)
    losses = 0.5 * sum(square(m) + exp(s) - s - 1, axis=-1)
    return reduced("gaussian_kl", losses, sample_weight, reduction)


# ---- Diffusion ----


def ddpm(
    denoise: Callable[[Tensor, Tensor], Tensor],
    clean: Operand,
    steps: Operand,
    noise: Operand,
    signal: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(denoise(diffused, steps) - noise)**2, the simple loss of Ho et al. 2020, eq. 14 (A-056).

    `diffused` is what `diffuse` makes of the other arguments; `denoise` predicts its noise.

    >>> signal, x, noise = cr.asarray([0.99, 0.5]), cr.asarray([[1.0]]), cr.asarray([[3.0]])
    >>> cr.nn.losses.ddpm(lambda noisy, steps: noisy * 0, x, cr.asarray([1]), noise, signal)
    Tensor(9., dtype=float32)
    """
    x, noise = matched("ddpm", clean=clean, noise=noise)
    predicted = denoise(diffuse(x, steps, noise, signal), lift(steps, "ddpm"))
    return mse(predicted, noise, sample_weight=sample_weight, reduction=reduction)


def diffuse(clean: Operand, steps: Operand, noise: Operand, signal: Operand) -> Tensor:
    """sqrt(signal[step]) * clean + sqrt(1 - signal[step]) * noise: examples after that many steps.

    `clean` and `noise` are (..., any axes), `steps` (...), counted from 0; `signal` is a table like
    `diffusion_signal()`. (A-056)

    >>> x, noise = cr.asarray([[1.0]]), cr.asarray([[0.0]])
    >>> cr.nn.losses.diffuse(x, cr.asarray([1]), noise, cr.asarray([0.99, 0.25]))
    Tensor([[0.5]], dtype=float32)
    """
    x, noise = matched("diffuse", clean=clean, noise=noise)
    kept = cast(take(lift(signal, "diffuse", wide=True), steps), x.dtype)
    if kept.shape != x.shape[: kept.ndim]:
        raise ShapeError(
            "diffuse",
            f"steps have shape {list(kept.shape)}, the examples {list(x.shape)}",
            "each example is at one step",
            "draw one step for each",
        )
    kept = reshape_to(kept, kept.shape + (1,) * (x.ndim - kept.ndim))
    return sqrt(kept) * x + sqrt(1 - kept) * noise


def diffusion_signal(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """The share of variance that is left of the clean example after each step: cumulative products
    of 1 - b, for b from `first` to `last` in equal steps (the schedule of Ho et al. 2020).

    >>> cr.nn.losses.diffusion_signal()[np.asarray([0, 999])]
    Tensor([9.9989998e-01, 4.0358325e-05], dtype=float32)
    """
    return cumulative_prod(1 - linspace(first, last, steps))

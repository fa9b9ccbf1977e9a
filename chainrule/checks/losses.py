"""Checks of the losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import chainrule as cr
from chainrule.checks import draw
from chainrule.checks.row import Check
from chainrule.nn import losses

KINDS = ("minimax", "non-saturating", "least-squares", "wasserstein", "hinge")


def _discriminators(real: cr.Tensor, fake: cr.Tensor) -> list[cr.Tensor]:
    return [losses.gan_discriminator(real, fake, kind=kind, reduction="none") for kind in KINDS]


def _generators(fake: cr.Tensor) -> list[cr.Tensor]:
    return [losses.gan_generator(fake, kind=kind, reduction="none") for kind in KINDS]


def _smoothed(logits: cr.Tensor, target: cr.Tensor) -> cr.Tensor:
    return losses.cross_entropy(logits, target, label_smoothing=0.1)


def _weighted(logits: cr.Tensor, target: cr.Tensor, weight: cr.Tensor) -> cr.Tensor:
    return losses.binary_cross_entropy(logits, target, positive_weight=weight)


def _masked(logits: cr.Tensor, tokens: cr.Tensor, mask: cr.Tensor) -> cr.Tensor:
    return losses.sequence_nll(logits, tokens, sample_weight=mask)


def _denoised(clean: cr.Tensor, steps: cr.Tensor, noise: cr.Tensor, signal: cr.Tensor) -> cr.Tensor:
    return losses.ddpm(lambda noisy, _: cr.tanh(noisy), clean, steps, noise, signal)


# ---- Arguments ----


def _labelled(random: np.random.Generator) -> tuple:
    shape, classes = draw.shape(random, 1, 2), int(random.integers(2, 7))
    return draw.floats(random, (*shape, classes)), draw.labels(random, shape, classes)


def _distributed(random: np.random.Generator) -> tuple:
    shape = (*draw.shape(random, 1, 2), int(random.integers(2, 7)))
    return draw.floats(random, shape), draw.probabilities(random, shape)


def _multi_label(random: np.random.Generator) -> tuple:
    shape = draw.shape(random)
    weight = draw.between(random, shape[-1:], 0.5, 3.0)
    return draw.floats(random, shape), draw.between(random, shape, 0.0, 1.0), weight


def _binary(random: np.random.Generator) -> tuple:
    shape = draw.shape(random, 2)
    return draw.floats(random, shape), draw.labels(random, shape, 2)


def _signed(random: np.random.Generator) -> tuple:
    shape = draw.shape(random)
    return draw.floats(random, shape, kinks=(-1.0, 1.0)), 2 * draw.labels(random, shape, 2) - 1


def _floats(count: int) -> Callable[[np.random.Generator], tuple]:
    """So many arrays of one shape."""

    def arguments(random: np.random.Generator) -> tuple:
        shape = draw.shape(random)
        return tuple(draw.floats(random, shape) for _ in range(count))

    return arguments


def _off(*kinks: float) -> Callable[[np.random.Generator], tuple]:
    """Predictions whose errors keep away from `kinks`, and targets that keep away from 0."""

    def arguments(random: np.random.Generator) -> tuple:
        shape = draw.shape(random)
        target = draw.floats(random, shape, kinks=(0.0,), margin=0.5)
        return target + draw.floats(random, shape, kinks=kinks), target

    return arguments


def _tables(count: int) -> Callable[[np.random.Generator], tuple]:
    def arguments(random: np.random.Generator) -> tuple:
        shape = (*draw.shape(random, 1, 2), int(random.integers(2, 6)))
        return tuple(draw.probabilities(random, shape) for _ in range(count))

    return arguments


def _joint(random: np.random.Generator) -> tuple:
    """Tables of two variables, far enough from 0 for finite differences."""
    shape = (*draw.shape(random, 1, 2), *(int(size) for size in random.integers(2, 4, 2)))
    joint = draw.between(random, shape, 0.4, 1.0)
    return (joint / joint.sum((-2, -1), keepdims=True),)


def _embeddings(random: np.random.Generator) -> tuple:
    shape = (*draw.shape(random, 1, 2), int(random.integers(2, 6)))
    same = draw.labels(random, shape[:-1], 2)
    return draw.floats(random, shape), draw.floats(random, shape), same


def _with_signs(random: np.random.Generator) -> tuple:
    first, second, same = _embeddings(random)
    return first, second, 2 * same - 1


def _triples(random: np.random.Generator) -> tuple:
    shape = (*draw.shape(random, 1, 2), int(random.integers(2, 6)))
    return tuple(draw.floats(random, shape) for _ in range(3))


def _views(random: np.random.Generator) -> tuple:
    shape = tuple(int(size) for size in random.integers(2, 6, 2))
    return draw.floats(random, shape), draw.floats(random, shape)


def _scores(count: int) -> Callable[[np.random.Generator], tuple]:
    def arguments(random: np.random.Generator) -> tuple:
        shape = draw.shape(random)
        return tuple(draw.floats(random, shape, kinks=(-1.0, 1.0)) for _ in range(count))

    return arguments


def _decoded(random: np.random.Generator) -> tuple:
    batch = draw.shape(random, 1, 2)
    shape, latent = (*batch, *draw.shape(random, 1, 2)), (*batch, int(random.integers(1, 5)))
    return (
        draw.floats(random, shape),
        draw.between(random, shape, 0.0, 1.0),
        draw.floats(random, latent),
        draw.floats(random, latent, spread=0.5),
    )


def _diffused(random: np.random.Generator) -> tuple:
    shape = draw.shape(random)
    signal = draw.between(random, (6,), 0.1, 0.9)
    steps = draw.labels(random, shape[:1], 6)
    return draw.floats(random, shape), steps, draw.floats(random, shape), signal


def _taught(random: np.random.Generator) -> tuple:
    logits, labels = _labelled(random)
    return logits, draw.floats(random, logits.shape), labels


def _tasks(random: np.random.Generator) -> tuple:
    shape = draw.shape(random, 1, 1)
    return draw.between(random, shape, 0.1, 3.0), draw.floats(random, shape)


def _tokens(random: np.random.Generator) -> tuple:
    batch, steps, classes = (int(size) for size in random.integers(2, 6, 3))
    mask = np.arange(steps) < random.integers(1, steps + 1, (batch, 1))
    logits = draw.floats(random, (batch, steps, classes))
    return logits, draw.labels(random, (batch, steps), classes), mask.astype(np.int64)


def _transcribed(random: np.random.Generator) -> tuple:
    batch, longest, classes = (int(size) for size in random.integers((1, 1, 3), (4, 4, 6)))
    steps = 2 * longest + int(random.integers(0, 4))
    labels = 1 + draw.labels(random, (batch, longest), classes - 1)
    count = random.integers(0, longest + 1, batch)
    logits = draw.floats(random, (batch, steps, classes))
    return logits, labels, random.integers(2 * count, steps + 1), count


CHECKS = (
    Check("nn.losses.cross_entropy", losses.cross_entropy, _labelled),
    Check("nn.losses.cross_entropy of probabilities", _smoothed, _distributed),
    Check("nn.losses.nll", losses.nll, _labelled),
    Check("nn.losses.binary_cross_entropy", _weighted, _multi_label),
    Check("nn.losses.focal", losses.focal, _labelled),
    Check("nn.losses.binary_focal", losses.binary_focal, _binary),
    Check("nn.losses.hinge", losses.hinge, _signed),
    Check("nn.losses.multiclass_hinge", losses.multiclass_hinge, _labelled),
    Check("nn.losses.dice", losses.dice, _binary),
    Check("nn.losses.mse", losses.mse, _floats(2)),
    Check("nn.losses.half_squares", losses.half_squares, _floats(2)),
    Check("nn.losses.mae", losses.mae, _off(0.0)),
    Check("nn.losses.huber", losses.huber, _off(-1.0, 1.0)),
    Check("nn.losses.smooth_l1", lambda x, y: losses.smooth_l1(x, y, beta=0.5), _off(-0.5, 0.5)),
    Check("nn.losses.log_cosh", losses.log_cosh, _floats(2)),
    Check("nn.losses.mape", losses.mape, _off(0.0)),
    Check("nn.losses.pinball", lambda x, y: losses.pinball(x, y, quantile=0.3), _off(0.0)),
    Check("nn.losses.poisson_nll", losses.poisson_nll, _floats(2)),
    Check("nn.losses.gaussian_nll", losses.gaussian_nll, _floats(3)),
    Check("nn.losses.entropy", losses.entropy, _tables(1)),
    Check("nn.losses.distribution_cross_entropy", losses.distribution_cross_entropy, _tables(2)),
    Check("nn.losses.kl_divergence", losses.kl_divergence, _tables(2)),
    Check("nn.losses.js_divergence", losses.js_divergence, _tables(2)),
    Check("nn.losses.mutual_information", losses.mutual_information, _joint),
    Check("nn.losses.contrastive", losses.contrastive, _embeddings),
    Check("nn.losses.triplet", losses.triplet, _triples),
    Check("nn.losses.cosine_embedding", losses.cosine_embedding, _with_signs),
    Check("nn.losses.info_nce", losses.info_nce, _views),
    Check("nn.losses.nt_xent", losses.nt_xent, _views),
    Check("nn.losses.sequence_nll", _masked, _tokens),
    Check("nn.losses.ctc", losses.ctc, _transcribed),
    Check("nn.losses.gan_discriminator", _discriminators, _scores(2)),
    Check("nn.losses.gan_generator", _generators, _scores(1)),
    Check("nn.losses.vae", losses.vae, _decoded),
    Check("nn.losses.gaussian_kl", losses.gaussian_kl, _floats(2)),
    Check("nn.losses.ddpm", _denoised, _diffused),
    Check("nn.losses.diffuse", losses.diffuse, _diffused),
    Check("nn.losses.distillation", losses.distillation, _taught),
    Check("nn.losses.weighted_tasks", losses.weighted_tasks, _tasks),
    Check("nn.losses.uncertainty_weighted_tasks", losses.uncertainty_weighted_tasks, _tasks),
)

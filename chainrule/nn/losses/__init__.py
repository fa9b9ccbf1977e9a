"""Losses: receive (prediction, target), hand on one number, or with `reduction="none"` many.

"mean" is sum(weight * loss) / sum(weight) over `sample_weight` of the shape of the losses; padding
has the weight 0, so a mask will do. "sum" and "none" weigh as well. Nothing broadcasts: prediction
and target have one shape. A derivative needs one number: pass `reduction="none"` to `cr.vjp` with a
cotangent, ones for the gradient of the sum, 1 / n for that of the mean. (B-014)
"""

from chainrule.nn.losses.classification import (
    binary_cross_entropy,
    binary_focal,
    check_labels,
    cross_entropy,
    dice,
    focal,
    hinge,
    multiclass_hinge,
    nll,
)
from chainrule.nn.losses.divergences import (
    distribution_cross_entropy,
    entropy,
    js_divergence,
    kl_divergence,
    mutual_information,
)
from chainrule.nn.losses.generative import (
    ddpm,
    diffuse,
    diffusion_signal,
    gan_discriminator,
    gan_generator,
    gaussian_kl,
    vae,
)
from chainrule.nn.losses.pairs import contrastive, cosine_embedding, info_nce, nt_xent, triplet
from chainrule.nn.losses.regression import (
    gaussian_nll,
    half_squares,
    huber,
    log_cosh,
    mae,
    mape,
    mse,
    pinball,
    poisson_nll,
    smooth_l1,
)
from chainrule.nn.losses.sequence import ctc, sequence_nll
from chainrule.nn.losses.tasks import distillation, uncertainty_weighted_tasks, weighted_tasks

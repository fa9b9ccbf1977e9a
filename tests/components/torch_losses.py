"""The losses as PyTorch has them, by the names of our checks."""

import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def flat(logits, labels):
    """PyTorch takes classes on axis 1; one batch axis serves every shape."""
    return logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)


def cross_entropy_of_probabilities(logits, target):
    classes = logits.shape[-1]
    return functional.cross_entropy(
        logits.reshape(-1, classes), target.reshape(-1, classes), label_smoothing=0.1
    )


def binary_cross_entropy(logits, target, weight):
    positive = weight * target * functional.logsigmoid(logits)
    return -(positive + (1 - target) * functional.logsigmoid(-logits)).mean()


def gaussian_nll(mean, target, log_variance):
    return functional.gaussian_nll_loss(mean, target, log_variance.exp(), eps=1e-12)


def kl_divergence(p, q):
    return functional.kl_div(q.log(), p, reduction="none").sum(-1).mean()


def distribution_cross_entropy(p, q):
    return -(p * q.log()).sum(-1).mean()


def triplet(anchor, positive, negative):
    return functional.triplet_margin_loss(anchor, positive, negative, eps=0)


def cosine_embedding(first, second, target):
    features = first.shape[-1]
    return functional.cosine_embedding_loss(
        first.reshape(-1, features), second.reshape(-1, features), target.reshape(-1)
    )


def sequence_nll(logits, tokens, mask):
    chosen = functional.log_softmax(logits, -1).gather(-1, tokens[..., None])[..., 0]
    return -(chosen * mask).sum(-1).mean()


def ctc(logits, labels, input_lengths, target_lengths):
    log_p = functional.log_softmax(logits, -1).transpose(0, 1)
    return functional.ctc_loss(
        log_p, labels, input_lengths, target_lengths, reduction="none"
    ).mean()


def gaussian_kl(mean, log_variance):
    latent = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.distributions.kl_divergence(latent, prior).sum(-1).mean()


def vae(reconstruction, target, mean, log_variance):
    error = functional.binary_cross_entropy_with_logits(reconstruction, target, reduction="none")
    error = error.reshape(*mean.shape[:-1], -1).sum(-1)
    return error.mean() + gaussian_kl(mean, log_variance)


def distillation(student, teacher, labels):
    """As PyTorch's tutorial writes it, with all examples in one batch."""
    student, teacher = (z.reshape(-1, z.shape[-1]) for z in (student, teacher))
    soft = functional.softmax(teacher / 2, -1)
    log_soft = functional.log_softmax(student / 2, -1)
    divergence = (soft * (soft.log() - log_soft)).sum() / len(student) * 2**2
    return 0.25 * divergence + 0.75 * functional.cross_entropy(student, labels.reshape(-1))


REFERENCES = {
    "nn.losses.cross_entropy": lambda z, y: functional.cross_entropy(*flat(z, y)),
    "nn.losses.cross_entropy of probabilities": cross_entropy_of_probabilities,
    "nn.losses.nll": lambda z, y: functional.nll_loss(*flat(z, y)),
    "nn.losses.binary_cross_entropy": binary_cross_entropy,
    "nn.losses.multiclass_hinge": lambda z, y: functional.multi_margin_loss(*flat(z, y)),
    "nn.losses.mse": functional.mse_loss,
    "nn.losses.half_squares": lambda x, y: 0.5 * functional.mse_loss(x, y, reduction="sum"),
    "nn.losses.mae": functional.l1_loss,
    "nn.losses.huber": functional.huber_loss,
    "nn.losses.smooth_l1": lambda x, y: functional.smooth_l1_loss(x, y, beta=0.5),
    "nn.losses.poisson_nll": functional.poisson_nll_loss,
    "nn.losses.gaussian_nll": gaussian_nll,
    "nn.losses.kl_divergence": kl_divergence,
    "nn.losses.distribution_cross_entropy": distribution_cross_entropy,
    "nn.losses.triplet": triplet,
    "nn.losses.cosine_embedding": cosine_embedding,
    "nn.losses.sequence_nll": sequence_nll,
    "nn.losses.ctc": ctc,
    "nn.losses.vae": vae,
    "nn.losses.gaussian_kl": gaussian_kl,
    "nn.losses.distillation": distillation,
}

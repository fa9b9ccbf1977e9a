"""The losses that PyTorch lacks, by the names of our checks: formulas in float64 NumPy.

A reference receives arrays, and modules as dicts of arrays by path; it hands back the value.
"""

import numpy as np
from scipy import special


def focal(logits, labels):
    p = np.take_along_axis(special.softmax(logits, -1), labels[..., None], -1)
    return np.mean(-((1 - p) ** 2) * np.log(p))


def binary_focal(logits, target):
    """Lin et al. 2017, eq. 2 and 5."""
    p = np.where(target == 1, special.expit(logits), special.expit(-logits))
    alpha = np.where(target == 1, 0.25, 0.75)
    return np.mean(-alpha * (1 - p) ** 2 * np.log(p))


def dice(logits, target):
    p = special.expit(logits)
    examples = [
        1 - (2 * np.sum(a * b) + 1) / (a.sum() + b.sum() + 1)
        for a, b in zip(p, target, strict=True)
    ]
    return np.mean(examples)


def pinball(prediction, target):
    error = target - prediction
    return np.mean(np.maximum(0.3 * error, (0.3 - 1) * error))


def entropy(p):
    return special.entr(p).sum(-1)


def js_divergence(p, q):
    """H(m) - H(p) / 2 - H(q) / 2 (Lin 1991)."""
    return np.mean(entropy((p + q) / 2) - entropy(p) / 2 - entropy(q) / 2)


def mutual_information(joint):
    """H(x) + H(y) - H(x, y)."""
    marginals = entropy(joint.sum(-1)) + entropy(joint.sum(-2))
    return np.mean(marginals - entropy(joint.reshape(*joint.shape[:-2], -1)))


def contrastive(first, second, same):
    distance = np.linalg.norm(first - second, axis=-1)
    return np.mean(np.where(same == 1, distance**2, np.maximum(0, 1 - distance) ** 2))


def cosine(x, y):
    return x @ y / np.linalg.norm(x) / np.linalg.norm(y)


def info_nce(queries, keys):
    losses = []
    for i, query in enumerate(queries):
        similarity = [np.exp(cosine(query, key) / 0.1) for key in keys]
        losses.append(-np.log(similarity[i] / sum(similarity)))
    return np.mean(losses)


def nt_xent(first, second):
    """Chen et al. 2020, algorithm 1, view by view."""
    z, count = np.concatenate([first, second]), len(first)
    losses = []
    for i in range(2 * count):
        similarity = {j: np.exp(cosine(z[i], z[j]) / 0.1) for j in range(2 * count) if j != i}
        losses.append(-np.log(similarity[(i + count) % (2 * count)] / sum(similarity.values())))
    return np.mean(losses)


def gan_discriminator(real, fake):
    saturating = -np.log(special.expit(real)) - np.log(1 - special.expit(fake))
    return [
        saturating,
        saturating,
        ((real - 1) ** 2 + fake**2) / 2,
        fake - real,
        np.maximum(0, 1 - real) + np.maximum(0, 1 + fake),
    ]


def gan_generator(fake):
    d = special.expit(fake)
    return [np.log(1 - d), -np.log(d), (fake - 1) ** 2 / 2, -fake, -fake]


def diffuse(clean, steps, noise, signal):
    """Ho et al. 2020, eq. 4, example by example."""
    return np.stack(
        [
            np.sqrt(signal[t]) * x + np.sqrt(1 - signal[t]) * e
            for x, t, e in zip(clean, steps, noise, strict=True)
        ]
    )


def ddpm(clean, steps, noise, signal):
    return np.mean((np.tanh(diffuse(clean, steps, noise, signal)) - noise) ** 2)


REFERENCES = {
    "nn.losses.focal": focal,
    "nn.losses.binary_focal": binary_focal,
    "nn.losses.hinge": lambda scores, target: np.mean(np.maximum(0, 1 - target * scores)),
    "nn.losses.dice": dice,
    "nn.losses.log_cosh": lambda x, y: np.mean(np.log(np.cosh(x - y))),
    "nn.losses.mape": lambda x, y: 100 * np.mean(np.abs((y - x) / y)),
    "nn.losses.pinball": pinball,
    "nn.losses.entropy": lambda p: np.mean(entropy(p)),
    "nn.losses.js_divergence": js_divergence,
    "nn.losses.mutual_information": mutual_information,
    "nn.losses.contrastive": contrastive,
    "nn.losses.info_nce": info_nce,
    "nn.losses.nt_xent": nt_xent,
    "nn.losses.gan_discriminator": gan_discriminator,
    "nn.losses.gan_generator": gan_generator,
    "nn.losses.diffuse": diffuse,
    "nn.losses.ddpm": ddpm,
    "nn.losses.weighted_tasks": lambda losses, weights: losses @ weights,
    "nn.losses.uncertainty_weighted_tasks": lambda losses, s: np.sum(
        losses / (2 * np.exp(s)) + s / 2
    ),
}

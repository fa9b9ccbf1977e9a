"""A training step as a raw graph, to count its kernels and to run it on several threads."""

import numpy as np
from compiler.fuzz import Case
from compiler.programs import variables

from chainrule.autodiff.reverse import gradients
from chainrule.dtypes import float32
from chainrule.ir.contraction import plain
from chainrule.ir.node import broadcast_to, constant, make, reshape


def matmul(x, w):
    (n, k), m = x.shape, w.shape[1]
    return make("contract", x, w, spec=plain({0: n, 1: k, 2: m}, (0, 1), (1, 2), (0, 2)))


def rows(x, shape):
    """A value for each row, repeated along the row."""
    return broadcast_to(reshape(x, (*x.shape, 1)), shape)


def log_softmax(x):
    shifted = x - rows(make("max", x, axes=(1,)), x.shape)
    return shifted - rows(make("log", make("sum", make("exp", shifted), axes=(1,))), x.shape)


def softmax(x):
    e = make("exp", x - rows(make("max", x, axes=(1,)), x.shape))
    return e / rows(make("sum", e, axes=(1,)), x.shape)


def layers(x, weights, biases):
    for number, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = matmul(x, w)
        x = x + broadcast_to(b, x.shape)
        if number + 1 < len(weights):
            x = make("maximum", x, constant(0, x.dtype, x.shape))
    return x


def training_step(batch, sizes, seed=0) -> Case:
    """Cross-entropy of a perceptron, its gradients, and Adam's update of all parameters."""
    random = np.random.default_rng(seed)
    pairs = list(zip(sizes, sizes[1:], strict=False))
    arrays = [
        random.normal(size=(batch, sizes[0])),
        np.eye(sizes[-1])[np.arange(batch) % sizes[-1]],
    ]
    arrays += [random.normal(size=pair) / np.sqrt(pair[0]) for pair in pairs]
    arrays += [random.normal(size=out) for _, out in pairs]
    trained = arrays[2:]
    arrays += [0.1 * random.normal(size=a.shape) for a in trained]
    arrays += [0.1 + random.random(size=a.shape) for a in trained]
    arrays = [a.astype(np.float32) for a in arrays]
    x, target, *rest = parameters = variables(*arrays)
    count = len(trained)
    weights, moments, squares = rest[:count], rest[count : 2 * count], rest[2 * count :]
    loss = log_softmax(layers(x, weights[: len(pairs)], weights[len(pairs) :])) * target
    loss = -make("sum", loss, axes=(0, 1)) / float(batch)
    slopes = gradients([loss], [constant(1, float32)], weights)
    updates = {}
    for number, (w, m, v, g) in enumerate(zip(weights, moments, squares, slopes, strict=True)):
        new_m, new_v = m * 0.9 + g * 0.1, v * 0.999 + g * g * 0.001
        updates[2 + number] = w - new_m * 0.01 / (make("sqrt", new_v) + 1e-8)
        updates[2 + count + number], updates[2 + 2 * count + number] = new_m, new_v
    return Case(parameters, arrays, [loss], updates)

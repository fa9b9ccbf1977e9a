"""Small functions for the tests of `plan`, `explain` and of the text of kernels."""

import numpy as np

import chainrule as cr
from chainrule import nn, optim


def planned(function, *arguments):
    """The program of a compiled function."""
    return cr.jit(function)._bound(arguments, {})[0].program.program


def array(*shape):
    return np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape) / 8


class Net(nn.Module):
    def __init__(self, *sizes):
        pairs = zip(sizes, sizes[1:], strict=False)
        self.layers = [nn.Linear(a, b) for a, b in pairs]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = cr.relu(layer(x))
        return self.layers[-1](x)


def loss_fn(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


def training(rows, *sizes):
    """A compiled training step, and the arguments of a call."""

    @cr.jit
    def step(model, opt, x, y):
        loss, grads = cr.value_and_grad(loss_fn)(model, x, y)
        opt.update(grads)
        return loss

    rng = np.random.default_rng(0)
    cr.random.seed(0)
    model = Net(*sizes)
    x = rng.normal(size=(rows, sizes[0])).astype(np.float32)
    return step, (model, optim.Adam(model), x, rng.integers(0, sizes[-1], rows))

"""Initializers whose scale is given: receive a shape and dtype; hand on a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import full
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import reshape
from chainrule.frontend.functions.searching import argsort
from chainrule.frontend.tensor import Tensor

# From (shape, dtype) and, where it draws, an optional key.
Init = Callable[..., Tensor]


def zeros() -> Init:
    """All 0: for biases (A-089).

    Weights of 0 never learn: no unit differs from its neighbours, and no gradient passes.

    >>> cr.nn.init.zeros()((2,), cr.float32)
    Tensor([0., 0.], dtype=float32)
    """
    return constant(0.0)


def constant(value: float) -> Init:
    """All equal to `value` (A-090).

    For biases and scales. Equal weights stay equal: all units of a layer compute the same, get the
    same gradient, and together learn no more than one of them would.

    >>> cr.nn.init.constant(0.1)((2,), cr.float32)
    Tensor([0.1, 0.1], dtype=float32)
    """
    return lambda shape, dtype, key=None: full(shape, value, dtype=dtype)


def uniform(low: float = 0.0, high: float = 1.0) -> Init:
    """Uniform in [low, high), with variance (high - low)**2 / 12 (A-091).

    U(-1, 1) for all weights ignores how many inputs a unit sums up: see `normal`.

    >>> cr.nn.init.uniform(-1, 1)((2, 3), cr.float32).shape
    (2, 3)
    """
    return lambda shape, dtype, key=None: random.uniform(shape, low, high, dtype=dtype, key=key)


def normal(mean: float = 0.0, std: float = 1.0) -> Init:
    """Normal with this mean and standard deviation (A-091, A-097).

    A layer multiplies the variance of its inputs by fan_in * std**2, half that with ReLU. One scale
    for all widths, such as N(0, 1), lets it explode from layer to layer, 0.01 lets it vanish, and
    the gradients with it; `he_normal` and `xavier_normal` choose the std that keeps it.

    >>> cr.nn.init.normal(std=0.02)((2, 3), cr.float32).shape
    (2, 3)
    """
    return lambda shape, dtype, key=None: random.normal(shape, mean, std, dtype=dtype, key=key)


def truncated_normal(
    mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0
) -> Init:
    """Normal given that it lies between mean + low * std and mean + high * std.

    Bounds count standard deviations; PyTorch's trunc_normal_ takes them as values. Within 2 of them
    the draws have a standard deviation of 0.87962566 * std; like PyTorch this does not correct it.
    For a std of s itself pass std=s / 0.87962566, as Keras and JAX do in their He and LeCun.

    >>> cr.nn.init.truncated_normal(std=0.02)((2, 3), cr.float32).shape
    (2, 3)
    """
    return lambda shape, dtype, key=None: random.truncated_normal(
        shape, low, high, mean, std, dtype=dtype, key=key
    )


def sparse(sparsity: float, std: float = 0.01) -> Init:
    """Normal with this std, but each unit has a share `sparsity` of its inputs at 0 (Martens 2010).

    Rounded up to whole inputs. PyTorch's sparse_ instead takes outputs away from each input.

    >>> weight = cr.nn.init.sparse(0.75)((8, 3), cr.float32)
    >>> cr.count_nonzero(weight, axis=0)
    Tensor([2, 2, 2], dtype=int64)
    """
    if not 0 <= sparsity <= 1:
        raise ArgumentError(
            "sparse", f"sparsity is {sparsity}", "it is a share", "choose 0 <= sparsity <= 1"
        )

    def draw(shape: tuple[int, ...], dtype: Any, key: Tensor | None = None) -> Tensor:
        values, places = (None, None) if key is None else random.split(key)
        inputs = math.prod(shape[:-1])
        order = argsort(random.uniform((inputs, shape[-1]), key=places), axis=0)
        kept = reshape(order >= math.ceil(sparsity * inputs), shape)
        return where(kept, normal(0.0, std)(shape, dtype, values), full((), 0, dtype=dtype))

    return draw

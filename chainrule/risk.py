"""What a model loses: on data, with a penalty, and on all that could be drawn. Receives losses and
models; hands on numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.creation import zeros_like
from chainrule.frontend.functions.elementwise import sqrt, square
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.functions.reductions import mean, var
from chainrule.frontend.lift import Operand, promoted_floats
from chainrule.frontend.tensor import Tensor

Loss = Callable[[Any, Any], Tensor]
Model = Callable[[Any], Any]


def empirical_risk(loss: Loss, model: Model, data: tuple[Any, Any]) -> Tensor:
    """The mean loss over examples, 1/n sum loss(model(x_i), y_i), for data = (x, y) and a loss that
    takes the mean: what training minimizes (A-271).

    >>> data = cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0])
    >>> cr.risk.empirical_risk(cr.nn.losses.mse, lambda x: x, data)
    Tensor(2., dtype=float32)
    """
    x, y = data
    return loss(model(x), y)


def structural_risk(
    loss: Loss, model: Model, data: tuple[Any, Any], penalty: Callable[[Any], Tensor]
) -> Tensor:
    """The empirical risk plus `penalty(model)`, which grows with what the model can express: a
    trade of fit for simplicity (A-271).

    >>> data = cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0])
    >>> cr.risk.structural_risk(cr.nn.losses.mse, lambda x: x, data, lambda model: 0.5)
    Tensor(2.5, dtype=float32)
    """
    return empirical_risk(loss, model, data) + penalty(model)


class Estimate(NamedTuple):
    """A mean over random draws, and the standard error of it."""

    value: Tensor
    standard_error: Tensor


def expected_risk(
    loss: Loss,
    model: Model,
    sampler: Callable[[int, Tensor], tuple[Any, Any]],
    *,
    samples: int = 10_000,
    batches: int = 20,
    key: Tensor | None = None,
) -> Estimate:
    """E[loss(model(x), y)] over the distribution of data, estimated: the risk that counts, and that
    only a sampler, or data which training has not seen, can show (A-271).

    `sampler(count, key)` draws (x, y). The value is the mean over independent batches of
    samples / batches draws, its standard error the deviation between them over sqrt(batches).

    >>> def sampler(count, key):
    ...     x = cr.random.normal((count,), key=key)
    ...     return x, 2 * x
    >>> value, error = cr.risk.expected_risk(cr.nn.losses.mse, lambda x: x, sampler)
    >>> abs(float(value) - 1) < 4 * float(error)
    True
    """
    if batches < 2 or samples < batches:
        raise ArgumentError(
            "expected_risk",
            f"{samples} samples in {batches} batches",
            "the standard error compares batches",
            "take two batches at least, and a sample for each",
        )
    size = samples // batches
    keys = random.split(random.key(0) if key is None else key, batches)
    risks = stack([empirical_risk(loss, model, sampler(size, keys[i])) for i in range(batches)])
    return Estimate(mean(risks), sqrt(var(risks, correction=1) / batches))


def generalization_gap(
    loss: Loss, model: Model, training: tuple[Any, Any], validation: tuple[Any, Any]
) -> Tensor:
    """The empirical risk on validation data less that on training data: how much of what was
    learned holds for these rows only. It grows with overfitting. (A-240)

    >>> training = cr.asarray([1.0, 2.0]), cr.asarray([1.0, 2.0])
    >>> validation = cr.asarray([3.0, 4.0]), cr.asarray([4.0, 4.0])
    >>> cr.risk.generalization_gap(cr.nn.losses.mse, lambda x: x, training, validation)
    Tensor(0.5, dtype=float32)
    """
    return empirical_risk(loss, model, validation) - empirical_risk(loss, model, training)


class Decomposition(NamedTuple):
    """The parts of the expected squared error, which is their sum."""

    bias_squared: Tensor
    variance: Tensor
    noise: Tensor


def bias_variance(predictions: Operand, observations: Operand) -> Decomposition:
    """The mean squared error in three parts, means over rows: of models that were trained on
    independent draws of training data, predictions [models, rows], and of independent observations
    of the target, [observations, rows], or its values without noise, [rows].

    Variance and noise are unbiased estimates, divided by the count less one; the square of mean
    prediction less mean observation, which contains variance / models + noise / observations, is
    freed of them. So bias**2 is unbiased too, and can fall below 0; and the three sum exactly to
    the mean of (prediction - observation)**2 over all pairs. (A-241; Geman et al. 1992)

    >>> predictions = cr.asarray([[1.0, 2.0], [3.0, 2.0]])
    >>> found = cr.risk.bias_variance(predictions, cr.asarray([4.0, 2.0]))
    >>> found.bias_squared, found.variance, found.noise
    (Tensor(1.5, dtype=float32), Tensor(1., dtype=float32), Tensor(0., dtype=float32))
    """
    p, y = promoted_floats("bias_variance", predictions, observations)
    fits = p.ndim == 2 and y.ndim in (1, 2) and p.shape[1:] == y.shape[-1:]
    if not fits or min((len(p), *y.shape[:-1])) < 2:
        raise ShapeError(
            "bias_variance",
            f"predictions have shape {list(p.shape)}, observations {list(y.shape)}",
            "a variance compares two at least, row by row",
            "pass [models, rows] and [observations, rows], or [rows] for values without noise",
        )
    variance = mean(var(p, axis=0, correction=1))
    apart = square(mean(p, axis=0) - (y if y.ndim == 1 else mean(y, axis=0)))
    if y.ndim == 1:
        return Decomposition(mean(apart) - variance / len(p), variance, zeros_like(variance))
    noise = mean(var(y, axis=0, correction=1))
    return Decomposition(mean(apart) - variance / len(p) - noise / len(y), variance, noise)

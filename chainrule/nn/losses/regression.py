"""Losses of regression: receive predictions and targets of one shape; hand on one number, or with
`reduction="none"` one for each.
"""

from __future__ import annotations

import math

from chainrule.frontend.functions.elementary import exp, log1p, tanh
from chainrule.frontend.functions.elementwise import abs, maximum, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.reduction import matched, reduced, require


def mse(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(prediction - target)**2. (A-040)

    >>> cr.nn.losses.mse(cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0]))
    Tensor(2., dtype=float32)
    """
    x, y = matched("mse", prediction=prediction, target=target)
    return reduced("mse", square(x - y), sample_weight, reduction)


def half_squares(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "sum",
) -> Tensor:
    """(prediction - target)**2 / 2, by default summed: its gradient is prediction - target. (A-041)

    >>> cr.nn.losses.half_squares(cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0]))
    Tensor(2., dtype=float32)
    """
    x, y = matched("half_squares", prediction=prediction, target=target)
    return reduced("half_squares", 0.5 * square(x - y), sample_weight, reduction)


def mae(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """|prediction - target|; its derivative is the error's sign, and 0 at 0. (A-042)

    >>> cr.nn.losses.mae(cr.asarray([1.0, 2.0]), cr.asarray([1.0, 4.0]))
    Tensor(1., dtype=float32)
    """
    x, y = matched("mae", prediction=prediction, target=target)
    return reduced("mae", abs(x - y), sample_weight, reduction)


def huber(
    prediction: Operand,
    target: Operand,
    *,
    delta: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """error**2 / 2 up to |error| = delta, and delta * (|error| - delta / 2) beyond (Huber 1964).

    delta is 1 as in PyTorch. Value and slope have no jump: a plain mixture of error**2 and |error|
    would. (A-043)

    >>> cr.nn.losses.huber(cr.asarray([1.0, 5.0]), cr.asarray([1.5, 2.0]), reduction="none")
    Tensor([0.125, 2.5  ], dtype=float32)
    """
    losses = _huber("huber", prediction, target, "delta", delta)
    return reduced("huber", losses, sample_weight, reduction)


def smooth_l1(
    prediction: Operand,
    target: Operand,
    *,
    beta: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """error**2 / (2 beta) up to |error| = beta, and |error| - beta / 2 beyond (Girshick 2015).

    It is huber / beta, so the far slope is always 1; beta is 1 as in PyTorch. (A-044)

    >>> cr.nn.losses.smooth_l1(cr.asarray([1.0, 5.0]), cr.asarray([1.5, 2.0]), reduction="none")
    Tensor([0.125, 2.5  ], dtype=float32)
    """
    losses = _huber("smooth_l1", prediction, target, "beta", beta) / beta
    return reduced("smooth_l1", losses, sample_weight, reduction)


def _huber(loss: str, prediction: Operand, target: Operand, name: str, end: float) -> Tensor:
    require(
        end > 0,
        loss,
        f"{name} is {end}",
        "it is the error where the square ends",
        f"choose {name} > 0",
    )
    x, y = matched(loss, prediction=prediction, target=target)
    error = abs(x - y)
    return where(error <= end, 0.5 * square(error), end * (error - 0.5 * end))


def log_cosh(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(cosh(error)): error**2 / 2 when small, |error| - log 2 when large, smooth between.

    >>> cr.nn.losses.log_cosh(cr.asarray([1e-3, 1e4]), cr.asarray([0, 0]), reduction="none")
    Tensor([4.9999994e-07, 9.9993066e+03], dtype=float32)
    """
    x, y = matched("log_cosh", prediction=prediction, target=target)
    error = x - y
    size = abs(error)
    # Near 0 the difference of |error| and log 2 would cancel; far off tanh rounds to 1.
    near = size < 1
    small = -0.5 * log1p(-square(tanh(where(near, error, 0))))
    large = size + log1p(exp(-2 * size)) - math.log(2)
    return reduced("log_cosh", where(near, small, large), sample_weight, reduction)


def mape(
    prediction: Operand,
    target: Operand,
    *,
    epsilon: float = 1e-7,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """100 * |(target - prediction) / target|, in percent.

    Targets nearer to 0 than `epsilon` (Keras's) are divided by it instead: the loss stays finite,
    but a single zero target dwarfs all others; give it the sample weight 0, or use mae. Predictions
    too low cost at most 100, those too high any amount. (A-045)

    >>> cr.nn.losses.mape(cr.asarray([90.0, 5.0]), cr.asarray([100.0, 4.0]), reduction="none")
    Tensor([10., 25.], dtype=float32)
    """
    x, y = matched("mape", prediction=prediction, target=target)
    losses = 100 * abs(y - x) / maximum(abs(y), epsilon)
    return reduced("mape", losses, sample_weight, reduction)


def pinball(
    prediction: Operand,
    target: Operand,
    *,
    quantile: float = 0.5,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """quantile * error or (quantile - 1) * error, the greater, for error = target - prediction.

    Its minimum is that quantile of the targets (Koenker and Bassett 1978); 1/2 gives mae / 2.

    >>> cr.nn.losses.pinball(cr.asarray([1.0, 1.0]), cr.asarray([0, 2]), quantile=0.9,
    ...                      reduction="none")
    Tensor([0.1, 0.9], dtype=float32)
    """
    require(
        0 < quantile < 1,
        "pinball",
        f"quantile is {quantile}",
        "it is the share of targets below the prediction",
        "choose 0 < quantile < 1",
    )
    x, y = matched("pinball", prediction=prediction, target=target)
    error = y - x
    losses = where(error > 0, quantile, quantile - 1) * error
    return reduced("pinball", losses, sample_weight, reduction)


def poisson_nll(
    log_rate: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(log_rate) - target * log_rate: -log P(count) without log(count!), as in PyTorch.

    >>> cr.nn.losses.poisson_nll(cr.asarray([0.0, 2.0]), cr.asarray([2, 3]), reduction="none")
    Tensor([1.       , 1.3890557], dtype=float32)
    """
    x, y = matched("poisson_nll", log_rate=log_rate, target=target)
    return reduced("poisson_nll", exp(x) - y * x, sample_weight, reduction)


def gaussian_nll(
    mean: Operand,
    target: Operand,
    log_variance: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(log_variance + (mean - target)**2 / variance) / 2: -log N(target) without log(2 pi) / 2.

    PyTorch takes the variance, and clamps it; its logarithm needs no clamp.

    >>> cr.nn.losses.gaussian_nll(cr.asarray([1.0]), cr.asarray([3.0]), cr.asarray([0.0]))
    Tensor(2., dtype=float32)
    """
    x, y, s = matched("gaussian_nll", mean=mean, target=target, log_variance=log_variance)
    losses = 0.5 * (s + exp(-s) * square(x - y))
    return reduced("gaussian_nll", losses, sample_weight, reduction)

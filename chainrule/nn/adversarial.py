"""Adversarial examples: receive a loss, a model and inputs; hand on inputs nearby that it gets
wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.control import scan
from chainrule.errors import ArgumentError
from chainrule.frontend import random, trace
from chainrule.frontend.functions.elementwise import clip, maximum, minimum, sign
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.functions.norms import vector_norm
from chainrule.frontend.lift import floating
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module
from chainrule.transforms import grad

Loss = Callable[[Any, Any, Any], Any]


def fgsm(
    loss: Loss,
    model: Module,
    x: Any,
    y: Any,
    eps: float = 8 / 255,
    *,
    norm: float = math.inf,
    bounds: tuple[float, float] | None = None,
) -> Tensor:
    """x + eps * sign(gradient of loss(model, x, y) by x): one step (Goodfellow et al. 2015).

    With `norm=2` eps * gradient / |gradient| for each row. Options are those of `pgd`. (A-117,
    B-063)

    >>> loss = lambda model, x, y: cr.nn.losses.mse(model(x), y)
    >>> model = cr.nn.Linear(2, 1, init=cr.nn.init.constant(1.0), bias_init=cr.nn.init.zeros())
    >>> cr.nn.adversarial.fgsm(loss, model, cr.asarray([[1.0, 2.0]]), cr.asarray([[9.0]]), 0.5)
    Tensor([[0.5, 1.5]], dtype=float32)
    """
    return pgd(loss, model, x, y, eps, 1, eps, norm=norm, random_start=False, bounds=bounds)


def pgd(
    loss: Loss,
    model: Module,
    x: Any,
    y: Any,
    eps: float = 8 / 255,
    steps: int = 7,
    step_size: float | None = None,
    *,
    norm: float = math.inf,
    random_start: bool = True,
    bounds: tuple[float, float] | None = None,
) -> Tensor:
    """Steps up the loss, each projected back to |change| <= eps, from a random start in that ball.

    `norm` is inf (of all elements, steps along the gradient's sign) or 2 (of each row, steps along
    its direction). `step_size` is 2.5 * eps / steps unless given; eps and steps are those of Madry
    et al. 2018 on images from 0 to 1, for which `bounds=(0, 1)` keeps the range. The model is
    attacked as in use, and the result is a constant of derivatives. Raises ArgumentError for other
    norms and negative sizes. (A-117, B-063)

    >>> loss = lambda model, x, y: cr.nn.losses.mse(model(x), y)
    >>> x = cr.ones((4, 2))
    >>> attacked = cr.nn.adversarial.pgd(loss, cr.nn.Linear(2, 1), x, cr.zeros((4, 1)), 0.5)
    >>> cr.all(cr.abs(attacked - x) < 0.5001)
    Tensor(True, dtype=bool)
    """
    if norm not in (2, math.inf) or not eps >= 0 or steps < 1:
        raise ArgumentError(
            "adversarial",
            f"norm={norm}, eps={eps}, steps={steps}",
            "there are the norms 2 and inf",
            "choose one of them, eps >= 0 and steps >= 1",
        )
    x = floating(x, "adversarial")
    size = 2.5 * eps / steps if step_size is None else step_size

    def bounded(point: Tensor) -> Tensor:
        point = x + _projected(point - x, eps, norm)
        return point if bounds is None else clip(point, *bounds)

    def ascend(point: Tensor, _: None) -> tuple[Tensor, None]:
        gradient = grad(lambda point: loss(model, point, y))(point)
        return bounded(point + size * _direction(gradient, norm)), None

    with trace.training(False):
        start = bounded(x + _in_ball(x, eps, norm)) if random_start else x
        return stop_gradient(scan(ascend, start, length=steps)[0])


def _length(x: Tensor) -> Tensor:
    """The length of each row, of all its axes; never 0."""
    lengths = vector_norm(x, axis=tuple(range(1, x.ndim)), keepdims=True)
    return maximum(lengths, 1e-30)


def _direction(gradient: Tensor, norm: float) -> Tensor:
    return gradient / _length(gradient) if norm == 2 else sign(gradient)


def _projected(change: Tensor, eps: float, norm: float) -> Tensor:
    """The nearest point of the ball."""
    return change * minimum(eps / _length(change), 1) if norm == 2 else clip(change, -eps, eps)


def _in_ball(x: Tensor, eps: float, norm: float) -> Tensor:
    """A uniform point of the ball for each row of x, as a change of it."""
    if norm == math.inf:
        return random.uniform(x.shape, -eps, eps, dtype=x.dtype)
    rows = x.shape[:1] + (1,) * (x.ndim - 1)
    radius = random.uniform(rows, dtype=x.dtype) ** (1 / max(math.prod(x.shape[1:]), 1))
    return eps * radius * _direction(random.normal(x.shape, dtype=x.dtype), 2)


def adversarial_loss(loss: Loss, attack: Callable = fgsm, share: float = 0.5) -> Loss:
    """The loss for adversarial training: (1 - share) * loss(x) + share * loss(attack(x)).

    `attack(loss, model, x, y)` is `fgsm` or `pgd` with options, by `functools.partial`. Equal
    shares are those of Goodfellow et al. 2015; `share=1` trains on attacks alone (Madry et al.
    2018). The result is a function of (model, x, y), as loss is. (A-117)

    >>> loss = lambda model, x, y: cr.nn.losses.mse(model(x), y)
    >>> trained = cr.nn.adversarial.adversarial_loss(loss)
    >>> model, x, y = cr.nn.Linear(2, 1), cr.ones((4, 2)), cr.zeros((4, 1))
    >>> trained(model, x, y) > loss(model, x, y)
    Tensor(True, dtype=bool)
    """
    if not 0 <= share <= 1:
        raise ArgumentError(
            "adversarial", f"share is {share}", "it weighs two losses", "choose 0 <= share <= 1"
        )

    def mixed(model: Module, x: Any, y: Any) -> Tensor:
        attacked = attack(loss, model, x, y)
        return (1 - share) * loss(model, x, y) + share * loss(model, attacked, y)

    return mixed

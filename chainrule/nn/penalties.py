"""Penalties: receive a model, or its logits; hand on one number to add to the loss.

`where` selects parameters as `Module.freeze` does, `"*"` all. Without it these are the weights
alone, which have two axes or more: biases and the scales of norms do not over-fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from chainrule.frontend.functions.activation import log_softmax
from chainrule.frontend.functions.elementary import exp
from chainrule.frontend.functions.elementwise import abs, add, maximum, square
from chainrule.frontend.functions.reductions import mean, sum
from chainrule.frontend.lift import Operand
from chainrule.frontend.stateful import Selection
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module, Parameter


def l1(model: Module, strength: float, where: Selection = None) -> Tensor:
    """strength * sum|w|; at 0 the derivative is 0, a sub-gradient.

    Gradient steps come near 0 but hardly ever to it: exact zeros take an optimizer's proximal step.
    Raises ArgumentError where nothing is selected. (A-058, A-107)

    >>> cr.nn.penalties.l1(cr.nn.Linear(2, 3, init=cr.nn.init.constant(-0.5)), 0.1)
    Tensor(0.3, dtype=float32)
    """
    return strength * _total(abs, model, where)


def l2(model: Module, strength: float, where: Selection = None) -> Tensor:
    """strength / 2 * sum(w**2), whose gradient is strength * w: that of SGD's `weight_decay`.

    Where texts write strength * sum(w**2) without the half, pass twice the number. Raises
    ArgumentError where nothing is selected. (A-058, A-108)

    >>> cr.nn.penalties.l2(cr.nn.Linear(2, 3, init=cr.nn.init.constant(-0.5)), 0.1)
    Tensor(0.075, dtype=float32)
    """
    return 0.5 * strength * _total(square, model, where)


def elastic_net(
    model: Module, strength: float, l1_ratio: float = 0.5, where: Selection = None
) -> Tensor:
    """strength * (l1_ratio * sum|w| + (1 - l1_ratio) / 2 * sum(w**2)) (Zou and Hastie 2005).

    Form and default are those of scikit-learn. (A-107, A-108)

    >>> cr.nn.penalties.elastic_net(cr.nn.Linear(2, 3, init=cr.nn.init.constant(-0.5)), 0.1)
    Tensor(0.1875, dtype=float32)
    """
    return l1(model, strength * l1_ratio, where) + l2(model, strength * (1 - l1_ratio), where)


def _total(measure: Callable, model: Module, where: Selection) -> Tensor:
    chosen = model.selected(_is_weight if where is None else where, "penalties")
    return reduce(add, [sum(measure(parameter)) for parameter in chosen])


def _is_weight(path: str, parameter: Parameter) -> bool:
    return parameter.ndim > 1


def confidence(logits: Operand, strength: float = 0.1) -> Tensor:
    """-strength * entropy(softmax(logits)), the mean over examples (Pereyra et al. 2017).

    It rewards predictions that are not certain, as label smoothing does; 0.1 is the paper's for
    images, 2 for language models.

    >>> cr.nn.penalties.confidence(cr.zeros((5, 2)))
    Tensor(-0.06931472, dtype=float32)
    """
    # From the logarithms: a probability that underflows has none, and no derivative.
    logs = maximum(log_softmax(logits), -1e30)
    return strength * mean(sum(exp(logs) * logs, axis=-1))

"""Starting values from data: receives a model and a batch, and rescales the model's weights."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.reductions import std
from chainrule.nn.calls import observed
from chainrule.nn.init.plain import zeros
from chainrule.nn.init.structured import orthogonal
from chainrule.nn.module import Module


def lsuv(model: Module, batch: Any) -> None:
    """Orthogonal weights, scaled layer by layer until outputs on the batch have variance 1.

    Mishkin & Matas 2016, for all modules with a `weight` of two or more axes; their biases start
    at 0. One pass does it: outputs are linear in a layer's weight. Raises ArgumentError where
    outputs are constant, and for a model without such weights.

    >>> model = cr.nn.Sequential(cr.nn.Linear(8, 64), cr.relu, cr.nn.Linear(64, 64))
    >>> batch = cr.random.normal((100, 8))
    >>> cr.nn.init.lsuv(model, batch)
    >>> round(cr.std(model(batch)).item(), 4)
    1.0
    """
    layers = {path: part for path, part in model.named_modules().items() if _has_weight(part)}
    if not layers:
        raise ArgumentError("lsuv", "no module has a weight of two or more axes", "", "add layers")
    for part in layers.values():
        _start(part)
    waiting = {id(part): path for path, part in layers.items()}

    def rescale(part: Any, result: Any) -> Any:
        path = waiting.pop(id(part), None)
        if path is None:
            return result
        deviation = std(result)
        if not deviation.item() > 0:
            raise ArgumentError(
                "lsuv",
                f"the outputs of {path or 'the model'} are all the same",
                "no factor gives them variance 1",
                "pass a batch of different rows",
            )
        part.weight.assign(part.weight / deviation)
        return result / deviation

    with observed(rescale):
        model(batch)


def _has_weight(part: Any) -> bool:
    return getattr(getattr(part, "weight", None), "ndim", 0) > 1


def _start(part: Any) -> None:
    part.weight.assign(orthogonal()(part.weight.shape, part.weight.dtype))
    if getattr(part, "bias", None) is not None:
        part.bias.assign(zeros()(part.bias.shape, part.bias.dtype))

"""Inside a network: receives weights of some epochs and a few rows; hands on norms of gradients and
statistics of activations, layer by layer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import chainrule as cr
from chainrule import nn
from chainrule.train.report.facts import Layer, Points
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.monitors import layer_norms, watched
from chainrule.train.trainer.training import Training

ROWS = 256
# What a report has of what `watched` and the gradients tell.
NAMES = {
    "gradient_norm": "gradient",
    "activation_mean": "mean",
    "activation_std": "deviation",
    "dead": "dead",
    "saturated": "saturated",
}
Weights = dict[str, Any]


class Snapshots(Callback):
    """Keeps the weights at the start and after epochs 1, 2, 4, 8 and so on: what goes on inside is
    looked at later, so that training takes no longer.
    """

    def __init__(self) -> None:
        self.weights: dict[int, Weights] = {}

    def fit_start(self, trainer: Training) -> None:
        self.weights = {0: trainer.model.state_dict()}

    def epoch_end(self, trainer: Training) -> None:
        number = trainer.row["epoch"]
        if number & (number - 1) == 0:
            self.weights[number] = trainer.model.state_dict()


def layers(
    model: nn.Module, loss: Callable, weights: Mapping[int, Weights], last: int, x: Any, y: Any
) -> tuple[Layer, ...]:
    """What happens in each layer on at most `ROWS` rows, with the weights of some epochs and at the
    end, which stands for the epoch `last`; of several models trained together, in the first. The
    model is left as it was.
    """
    x, y = x[:ROWS], y[:ROWS]
    kept = model.state_dict()
    points: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    try:
        before = {epoch: state for epoch, state in weights.items() if epoch < last}
        for epoch, state in {**before, last: kept}.items():
            model.load_state_dict(state)
            one = alone(model)
            for name, value in _figures(one, loss, x, y).items():
                what, _, path = name.partition("/")
                points[NAMES[what], path].append((float(epoch), value))
    finally:
        model.load_state_dict(kept)
    one = alone(model)
    return tuple(_layer(name, path, one, points) for path, name in _named(one, points).items())


def alone(model: nn.Module) -> nn.Module:
    """The model, or the first of several that are trained together."""
    return model.member(0) if isinstance(model, nn.Together) else model


def _figures(model: nn.Module, loss: Callable, x: Any, y: Any) -> dict[str, float]:
    with cr.training(False):  # Nothing is dropped: figures of epochs differ by weights alone.
        gradients = cr.grad(lambda m: loss(m(x), y))(model)
    norms = {f"gradient_norm/{path}": norm.item() for path, norm in layer_norms(gradients).items()}
    return {**norms, **watched(model, x)}


def _named(model: nn.Module, points: Mapping[tuple[str, str], Any]) -> dict[str, str]:
    """The layers of which there is something to tell by path, in the order of their calls, counted
    by kind: Linear 1, ReLU 1, Linear 2.
    """
    found, counts = {}, defaultdict(int)
    parts = model.named_modules()
    for _, path in points:
        if path in found or path not in parts or isinstance(parts[path], SILENT):
            continue
        kind = type(parts[path]).__name__
        counts[kind] += 1
        found[path] = f"{kind} {counts[kind]}"
    return dict(sorted(found.items(), key=lambda one: list(parts).index(one[0])))


# They hand on what others say.
SILENT = (nn.Dropout, nn.Sequential, nn.Identity, nn.Limit)


def _layer(name: str, path: str, model: nn.Module, points: Mapping[tuple[str, str], list]) -> Layer:
    figures: dict[str, Points] = {
        what: tuple(points[what, path]) for what in NAMES.values() if (what, path) in points
    }
    return Layer(name, type(model.named_modules()[path]).__name__, **figures)

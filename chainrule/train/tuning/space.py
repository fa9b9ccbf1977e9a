"""The space of a search: receives the default recipe; hands on the parameters that may be changed,
the stages that change them, and the choices that a point of the space stands for.

Every parameter of the default recipe is a point of the space, so the first trial is the default.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.advisor import Recipe, choose
from chainrule.data import Problem

Point = dict[str, Any]


@dataclass(frozen=True)
class Numbers:
    """From `low` to `high`, evenly or (`log`) by factors."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Names:
    """One of these."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Stage:
    """Parameters that are searched together, with a share of the trials, while the others stay as
    the best trial so far has them.
    """

    name: str
    parameters: tuple[str, ...]
    share: float


# What matters most comes first, and what it depends on is found before it (F-062, G-007). Rate and
# decay are factors of what suits the optimizer, so they keep their meaning when that changes.
STAGES = (
    Stage("learning rate", ("rate",), 0.2),
    Stage("batch size", ("batch_size",), 0.1),
    Stage("shape", ("layers", "width", "taper", "activation", "norm"), 0.2),
    Stage("regularisation", ("dropout", "input_dropout", "decay", "label_smoothing"), 0.2),
    Stage("optimizer", ("optimizer", "schedule"), 0.15),
)
TOGETHER = "all together"
DEFAULT = "default"
# The field of the recipe that each parameter changes, where that has another name.
FIELDS = {
    "rate": "learning_rate",
    "decay": "weight_decay",
    "layers": "hidden",
    "width": "hidden",
    "taper": "hidden",
}


def space(default: Recipe, rows: int, asked: Collection[str] = ()) -> dict[str, Numbers | Names]:
    """The values of each parameter, without those whose field was `asked` for."""
    width = default.hidden[0] if default.hidden else 64
    sizes = {size for size in (8, 16, 32, 64, 128, 256, 512) if 4 * size <= rows}
    found: dict[str, Numbers | Names] = {
        "rate": Numbers(0.03, 30, log=True),
        "batch_size": _names(sizes, default.batch_size),
        "layers": _names({1, 2, 3, 4}, len(default.hidden)),
        "width": _names({32, 64, 128, 256, 512}, width),
        "taper": Names((1.0, 0.5)),
        "activation": _names({"relu", "gelu", "silu", "tanh"}, default.activation),
        # Not batch norms: the last batch of an epoch may be one row, which has no variance.
        "norm": _names({"none", "layer", "rms"}, default.norm),
        "dropout": Numbers(0.0, 0.6),
        "input_dropout": Numbers(0.0, 0.3),
        "decay": Numbers(0.01, 10, log=True),
        "optimizer": _names({"AdamW", "SGD", "NAdam", "Lion"}, default.optimizer),
        "schedule": _names({"cosine", "one_cycle", "constant", "linear"}, default.schedule),
    }
    if default.loss in ("cross_entropy", "bce"):
        found["label_smoothing"] = Numbers(0.0, 0.2)
    if default.weight_decay is None:
        del found["decay"]
    return {name: kind for name, kind in found.items() if FIELDS.get(name, name) not in asked}


def _names(values: Collection[Any], default: Any) -> Names:
    return Names(tuple(sorted({*values, default})))


def origin(default: Recipe, parameters: Collection[str]) -> Point:
    """The point of the space that is the default recipe."""
    width = default.hidden[0] if default.hidden else 64
    known = {"rate": 1.0, "decay": 1.0, "layers": len(default.hidden), "width": width}
    known["taper"] = 1.0 if len(set(default.hidden)) == 1 else 0.5
    return {name: known.get(name, getattr(default, name, None)) for name in parameters}


def changes(problem: Problem, wanted: Mapping[str, Any], point: Point, start: Point) -> Point:
    """The fields of the recipe that differ between a point and the default, as `choose` takes
    them.
    """
    moved = {name: value for name, value in point.items() if value != start[name]}
    found = {name: value for name, value in moved.items() if name not in FIELDS}
    usual = choose(problem, **{**wanted, **found})
    if "rate" in moved:
        found["learning_rate"] = rounded(usual.learning_rate * point["rate"])
    if "decay" in moved and usual.weight_decay is not None:
        found["weight_decay"] = rounded(usual.weight_decay * point["decay"])
    if {"layers", "width", "taper"} & moved.keys():
        found["hidden"] = _hidden(**{name: point[name] for name in ("layers", "width", "taper")})
    return found


def rounded(value: Any) -> Any:
    """Numbers of three digits, which a person can read; the rest is chance."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _hidden(layers: int, width: int, taper: float) -> tuple[int, ...]:
    """Layers of which each has `taper` times the units of the one before, and 8 at least."""
    return tuple(max(8, int(width * taper**place)) for place in range(layers))


def schedule(
    trials: int, values: Mapping[str, Numbers | Names]
) -> list[tuple[str, tuple[str, ...]]]:
    """(stage, its parameters) for each trial: the default, the stages in their order, with no more
    trials than they have points, and with what is left all parameters together.
    """
    found: list[tuple[str, tuple[str, ...]]] = [(DEFAULT, ())]
    for stage in STAGES:
        names = tuple(name for name in stage.parameters if name in values)
        sizes = [len(k.values) if isinstance(k := values[n], Names) else trials for n in names]
        count = min(round(stage.share * trials), math.prod(sizes) - 1) if names else 0
        found += [(stage.name, names)] * count
    left = max(0, trials - len(found))
    return [*found, *[(TOGETHER, tuple(values))] * left][:trials]

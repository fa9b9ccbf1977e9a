"""Names: the parts of a network and of its training that a recipe can name, and what makes each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from chainrule import nn, optim
from chainrule.activations.registry import FUNCTIONS
from chainrule.errors import unknown
from chainrule.nn import init, losses
from chainrule.nn.activations import Activation
from chainrule.nn.init.choice import FAMILIES
from chainrule.optim import schedules

FLAT = ("heaviside", "sign")  # Nothing can be learned through them: their derivative is 0.
LAYERS = {
    name.lower(): layer
    for name, layer in vars(nn).items()
    if isinstance(layer, type) and issubclass(layer, (Activation, nn.Identity))
}
ACTIVATIONS: dict[str, type] = {
    name: LAYERS[name.replace("_", "")]
    for name in FUNCTIONS
    if name.replace("_", "") in LAYERS and name not in FLAT
}
NORMS: dict[str, Callable | None] = {
    "none": None,
    "batch": nn.BatchNorm,
    "layer": nn.LayerNorm,
    "rms": nn.RMSNorm,
}
INITIALISATIONS: dict[str, Callable[..., init.Init]] = {
    make.__name__: make
    for make in (
        init.he_normal,
        init.he_uniform,
        init.xavier_normal,
        init.xavier_uniform,
        init.lecun_normal,
        init.lecun_uniform,
        init.orthogonal,
    )
}
CLASSIFICATION_LOSSES: dict[str, Callable] = {
    "cross_entropy": losses.cross_entropy,
    "focal": losses.focal,
    "bce": losses.binary_cross_entropy,
    "hinge": losses.multiclass_hinge,
}
REGRESSION_LOSSES: dict[str, Callable] = {
    "mse": losses.mse,
    "mae": losses.mae,
    "huber": losses.huber,
    "smooth_l1": losses.smooth_l1,
    "log_cosh": losses.log_cosh,
    "quantile": losses.pinball,
    "mape": losses.mape,
}
LOSSES = {**CLASSIFICATION_LOSSES, **REGRESSION_LOSSES}
OPTIMIZERS: dict[str, Callable] = {
    optimizer.__name__: optimizer
    for optimizer in (
        optim.SGD,
        optim.Adam,
        optim.AdamW,
        optim.NAdam,
        optim.RAdam,
        optim.AdaMax,
        optim.AdaGrad,
        optim.Adadelta,
        optim.RMSProp,
        optim.Adafactor,
        optim.LAMB,
        optim.Lion,
        optim.Muon,
        optim.ScheduleFreeAdamW,
    )
}
# Around AdamW.
WRAPPERS: dict[str, Callable] = {"Lookahead": optim.Lookahead, "SAM": optim.SAM}
# The numbers of each schedule, from the rate and the number of all steps.
Numbers = Callable[[float, int], dict[str, Any]]
SCHEDULES: dict[str, tuple[Callable, Numbers]] = {
    "constant": (schedules.Constant, lambda rate, steps: {"learning_rate": rate}),
    "step": (
        schedules.Step,
        lambda rate, steps: {"learning_rate": rate, "every": max(1, -(-steps // 3))},
    ),
    "exponential": (
        schedules.Exponential,
        lambda rate, steps: {"learning_rate": rate, "decay": math.log(100) / steps},
    ),
    "polynomial": (
        schedules.Polynomial,
        lambda rate, steps: {"learning_rate": rate, "steps": steps, "power": 2.0},
    ),
    "linear": (schedules.Linear, lambda rate, steps: {"learning_rate": rate, "steps": steps}),
    "cosine": (schedules.Cosine, lambda rate, steps: {"learning_rate": rate, "steps": steps}),
    "cosine_restarts": (
        schedules.CosineRestarts,
        # Cosines of 1, 2 and 4 parts in 7.
        lambda rate, steps: {"learning_rate": rate, "steps": max(1, -(-steps // 7)), "growth": 2},
    ),
    "warmup": (
        schedules.Warmup,
        lambda rate, steps: {"schedule": rate, "steps": _warm_up(steps)},
    ),
    "warmup_cosine": (
        schedules.WarmupCosine,
        lambda rate, steps: {
            "start": 0.0,
            "learning_rate": rate,
            "warmup_steps": _warm_up(steps),
            "steps": max(steps, 2),
        },
    ),
    "one_cycle": (
        schedules.OneCycle,
        lambda rate, steps: {"learning_rate": rate, "steps": max(steps, 2)},
    ),
    "cyclic": (
        schedules.Cyclic,
        lambda rate, steps: {"low": rate / 10, "high": rate, "steps_up": max(1, steps // 8)},
    ),
    "inverse_sqrt": (
        schedules.InverseSqrt,
        lambda rate, steps: {"learning_rate": rate, "warmup": _warm_up(steps)},
    ),
    "plateau": (schedules.Plateau, lambda rate, steps: {"learning_rate": rate, "patience": 5}),
}
AVERAGES: dict[str, Callable | None] = {"none": None, "ema": optim.EMA, "swa": optim.SWA}
CLASS_WEIGHTS = ("none", "balanced")


def _warm_up(steps: int) -> int:
    """A twentieth of all steps, as for BERT a tenth, and one at least."""
    return max(1, steps // 20)


def initialisation_for(activation: str) -> str:
    """The initialisation that keeps signals at one size through layers of an activation.

    >>> from chainrule.advisor.names import initialisation_for
    >>> initialisation_for("tanh")
    'xavier_normal'
    """
    name = _plain(activation)
    return next(made["normal"].__name__ for known, made in FAMILIES if name in known)


def named(what: str, wanted: str, known: Iterable[str]) -> str:
    """The known name that is meant, whatever its capitals and underscores. Raises ArgumentError
    with the name that is close, or else all that there are.

    >>> from chainrule.advisor.names import OPTIMIZERS, named
    >>> named("optimizer", "adamw", OPTIMIZERS)
    'AdamW'
    """
    plain = {_plain(name): name for name in known}
    if isinstance(wanted, str) and _plain(wanted) in plain:
        return plain[_plain(wanted)]
    raise unknown("fit", what, wanted, plain.values())


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()

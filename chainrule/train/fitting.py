"""What fitting has in common for all kinds of data: receives events and results; hands on the
record of a run, and the random stream as it was.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import chainrule as cr
from chainrule import nn
from chainrule.train.trainer.callbacks import Callback
from chainrule.train.trainer.history import History

FORMAT = 1
PACKAGES = ("numpy", "llvmlite", "scikit-learn", "polars")


class Watcher(Callback):
    """Is told of each step when it is done, and of the events of training. A subclass overrides
    what it wants to know.

    >>> class Told(cr.train.Watcher):
    ...     def prepared(self, data):
    ...         print(list(data.parts))
    >>> run = cr.train.fit("iris", epochs=1, watcher=Told())
    ['training', 'validation', 'test']
    """

    def prepared(self, data: Any) -> None: ...

    def chosen(self, recipe: Any, model: nn.Module) -> None: ...

    def sampled(self, text: str) -> None: ...

    def trained(self, history: History) -> None: ...

    def weighed(self, linear_share: float) -> None: ...

    def scored(self, scores: dict[str, dict[str, float]]) -> None: ...


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within this block the global random stream starts from a seed; behind it, it is as before."""
    stream = cr.random.get_state()
    cr.random.seed(seed)
    try:
        yield
    finally:
        cr.random.set_state(stream)


def now() -> str:
    """The time, with its zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def recorded(
    data: Mapping[str, Any],
    recipe: Mapping[str, Any],
    history: History,
    scores: Mapping[str, Any],
    **facts: Any,
) -> dict[str, Any]:
    """What run.json says of any run, and further facts."""
    return {
        "format": FORMAT,
        "created": now(),
        "data": data,
        **facts,
        "recipe": recipe,
        "metrics": scores,
        "training": {
            "epochs": len(history.epochs),
            "best_epoch": history.best()["epoch"],
            "stopped": history.stopped,
            "seconds": sum(history["seconds"]),
            "compilation_seconds": history.compilation,
        },
        "history": history.epochs,
        "versions": {
            "chainrule": cr.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }

"""Receives rates by name, one for each step; hands on a matplotlib figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

# Blue and orange of Okabe and Ito's palette, which colour-blind readers tell apart.
COLORS = ("#0072B2", "#D55E00")


def _figure() -> Any:
    """The optional package's figure, without pyplot, which would look for a screen."""
    try:
        from matplotlib.figure import Figure

        return Figure(figsize=(7, 4), layout="constrained")
    except ImportError:
        raise ArgumentError(
            "plot",
            "the package matplotlib is not installed",
            "it draws the curve",
            "pip install 'chainrule[all]', or print .table(steps)",
        ) from None


def draw(curves: dict[str, np.ndarray]) -> Any:
    """The first curve on the left axis, the second on the right one."""
    figure = _figure()
    axes = figure.subplots()
    for side, (name, values), color in zip(
        [axes, *[axes.twinx() for _ in range(len(curves) - 1)]], curves.items(), COLORS
    ):
        side.plot(values, color=color)
        side.set_ylabel(name.replace("_", " "), color=color)
    axes.set_xlabel("step")
    axes.grid(color="0.9")
    return figure

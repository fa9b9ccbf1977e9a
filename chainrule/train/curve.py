"""The loss curve: receives a run's record; draws training and validation loss over the epochs into
a PNG file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Blue and orange of Okabe and Ito's palette, which colour-blind readers tell apart.
TRAINING, VALIDATION = "#0072B2", "#D55E00"


def draw(record: Mapping[str, Any], path: Path) -> None:
    """A picture of 800 by 500 pixels. The figure is made without pyplot, which would look for a
    screen.
    """
    from matplotlib.figure import Figure

    history, best = record["history"], record["training"]["best_epoch"]
    numbers = [epoch["epoch"] for epoch in history]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    curves = ("training", "loss", TRAINING), ("validation", "validation_loss", VALIDATION)
    for label, name, color in curves:
        axes.plot(
            numbers,
            [epoch[name] for epoch in history],
            color=color,
            label=label,
            marker="o" if len(history) == 1 else None,
        )
    axes.axvline(best, color="0.5", linestyle=":", label=f"best epoch, {best}")
    axes.set(
        title=f"{record['data']['name']}: loss",
        xlabel="epoch",
        ylabel=record["recipe"]["loss"].replace("_", " "),
    )
    axes.set_yscale("log")
    axes.grid(color="0.9")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=100)

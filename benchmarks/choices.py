"""Choices of the advisor against what else is advised, each alone: where guides contradict each
other, the difference in score on held-out rows decides.

    python benchmarks/choices.py [--json benchmarks/choices.json] [VARIANT ...]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import network, problems, scores, table

from chainrule.data.steps import ONE_HOT

CLASSES = ("credit_data", "Default", "TitanicSurvival", "breast-cancer", "digits")
NUMBERS = ("ames", "diabetes")
TABLES = (*CLASSES, *NUMBERS)
RARE = ("credit_data", "Default")
# A name, what is wanted instead, and the tables that it can be asked of.
Variant = tuple[dict[str, Any], Sequence[str]]
VARIANTS: dict[str, Variant] = {
    "default": ({}, TABLES),
    "one member": ({"members": 1}, TABLES),
    "one part": ({"committee": False}, TABLES),
    "no linear model": ({"linear": False}, TABLES),
    "relu": ({"activation": "relu"}, TABLES),
    "tanh": ({"activation": "tanh"}, TABLES),
    "mish": ({"activation": "mish"}, TABLES),
    "no dropout": ({"dropout": 0.0}, TABLES),
    "dropout 0.5": ({"dropout": 0.5}, TABLES),
    "SGD": ({"optimizer": "SGD", "momentum": 0.9}, TABLES),
    "Adam": ({"optimizer": "Adam"}, TABLES),
    "Lookahead": ({"optimizer": "Lookahead"}, TABLES),
    "RMSProp": ({"optimizer": "RMSProp", "learning_rate": 1e-3}, TABLES),
    "one cycle": ({"schedule": "one_cycle"}, TABLES),
    "constant": ({"schedule": "constant"}, TABLES),
    "layer norm": ({"norm": "layer"}, TABLES),
    "batch norm": ({"norm": "batch", "members": 1}, TABLES),
    "batch norm, no dropout": ({"norm": "batch", "members": 1, "dropout": 0.0}, TABLES),
    "batch 16": ({"batch_size": 16}, TABLES),
    "batch 256": ({"batch_size": 256}, TABLES),
    "patience 5": ({"patience": 5}, TABLES),
    "EMA": ({"averaging": "ema", "averaging_options": {"decay": 0.99}}, TABLES),
    "no limit": ({"limit": 0.0}, TABLES),
    "clipping 1": ({"clip_norm": 1.0}, TABLES),
    "smoothing 0.1": ({"label_smoothing": 0.1}, CLASSES),
    "focal": ({"loss": "focal"}, RARE),
    "class weights": ({"class_weights": "balanced"}, RARE),
    "mae": ({"loss": "mae"}, NUMBERS),
    "huber": ({"loss": "huber"}, NUMBERS),
}
FOLDS, MOST = 5, 2


def told(name: str, found: dict[str, dict[str, list]]) -> str:
    """The difference from the default on each table, in hundredths of AUC, accuracy or R2, and of
    the log loss."""
    cells = []
    for where, rows in found[name].items():
        before = found["default"][where]
        apart = [100 * (np.mean(rows[k]) - np.mean(before[k])) for k in rows]
        cells.append(f"{where} " + "/".join(f"{value:+.2f}" for value in apart))
    return f"{name:24}" + "; ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    tables = {name: table(name) for name in TABLES}
    found: dict[str, dict[str, dict[str, list]]] = {}
    if given.json and given.json.exists():  # It goes on where it was ended.
        found = json.loads(given.json.read_text())
    for name in dict.fromkeys(["default", *given.variants]):
        wanted, where = VARIANTS[name]
        if name in found and found[name].keys() == set(where):
            print(told(name, found), flush=True)
            continue
        found[name] = {}
        for one in where:
            parts = problems(tables[one], FOLDS, ONE_HOT, MOST, 0)
            rows = [scores(problem, network(problem, **wanted)) for problem in parts]
            found[name][one] = {key: [row[key] for row in rows] for key in rows[0]}
        print(told(name, found), flush=True)
        if given.json:
            given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

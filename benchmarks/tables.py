"""The network of `fit` beside a linear model and gradient boosting, five folds, defaults.

python benchmarks/tables.py [--json FILE] [TABLE ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from measure import OF_R, SHIPPED, classical, network, problems, scores, table, timed

from chainrule.data.steps import ONE_HOT, ORDINAL

COUNT = 5


def measured(name: str, seed: int) -> dict[str, list[float]]:
    """The scores of each model on each fold, and the seconds of the network."""
    found = table(name)
    linear = "logistic regression" if found.classes else "linear regression"
    rows: dict[str, list[float]] = {"network": [], "linear": [], "boosting": [], "seconds": []}
    encodings = (ONE_HOT, ORDINAL)
    pairs = zip(*(problems(found, COUNT, one, COUNT, seed) for one in encodings), strict=True)
    for problem, ordinal in pairs:
        predict, seconds = timed(network, problem)
        rows["network"].append(scores(problem, predict)["score"])
        rows["linear"].append(scores(problem, classical(linear, problem))["score"])
        boosted = classical("gradient boosting", ordinal)
        rows["boosting"].append(scores(ordinal, boosted)["score"])
        rows["seconds"].append(seconds)
    return rows


def line(name: str, rows: dict[str, list[float]]) -> str:
    """Means, and the differences with their standard errors over folds."""
    own = np.asarray(rows["network"])
    cells = [f"{name:16}", f"{own.mean():.4f}"]
    for other in ("linear", "boosting"):
        theirs = np.asarray(rows[other])
        apart = own - theirs
        error = apart.std(ddof=1) / np.sqrt(len(apart))
        cells.append(f"{theirs.mean():.4f} ({apart.mean():+.4f} +- {error:.4f})")
    return "  ".join([*cells, f"{np.mean(rows['seconds']):6.1f} s"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=[*OF_R, *SHIPPED])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {}
    print(f"{'':16}  network  linear                    boosting                  a training")
    for name in given.tables:
        found[name] = measured(name, given.seed)
        print(line(name, found[name]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

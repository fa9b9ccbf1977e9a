"""NetClassifier and NetRegressor beside scikit-learn's MLPClassifier and MLPRegressor.

Five-fold cross-validation of each on the data sets that scikit-learn ships, with the settings that
each has by itself, in one process: score and seconds. The process is started with no compiled
program on disk (cold), then again (warm), for 1 and for 2 threads; within a process a second pass
finds the programs in memory (resident). Each contender is told with its best number of threads.

    python benchmarks/estimators.py [SEEDS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn import datasets
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.train import NetClassifier, NetRegressor

NAMES = ("iris", "wine", "breast_cancer", "digits", "diabetes")
THREADS = (1, 2)
FOLDS = 5
CONTENDERS: dict[str, tuple[Callable, Callable]] = {
    "scikit-learn": (MLPClassifier, MLPRegressor),
    "chainrule": (NetClassifier, NetRegressor),
    "resident": (NetClassifier, NetRegressor),
}


def measured(seeds: int, contenders: list[str]) -> dict[str, dict[str, list[float]]]:
    """[mean score, seconds a cross-validation] by contender and data set, in this process."""
    tables = {name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in NAMES}
    found: dict[str, dict[str, list[float]]] = {}
    for contender in contenders:
        classifier, regressor = CONTENDERS[contender]
        found[contender] = {}
        for name, (x, y) in tables.items():
            make = regressor if name == "diabetes" else classifier
            start, scores = time.perf_counter(), []
            for seed in range(seeds):
                scores.append(cross_val_score(make(random_state=seed), x, y, cv=FOLDS).mean())
            seconds = (time.perf_counter() - start) / seeds
            found[contender][name] = [float(np.mean(scores)), seconds]
    return found


def child(threads: int, seeds: int, contenders: list[str]) -> None:
    """Measure in this process; write JSON."""
    cr.set_threads(threads)
    warnings.simplefilter("ignore")  # That 200 epochs did not suffice.
    with threadpool_limits(threads):
        print(json.dumps(measured(seeds, contenders)))


def measure(
    threads: int, seeds: int, cache: str, *contenders: str
) -> dict[str, dict[str, list[float]]]:
    """What a new process measures with this folder of compiled programs."""
    command = [sys.executable, __file__, "--child", str(threads), str(seeds), *contenders]
    environment = {**os.environ, "CHAINRULE_CACHE": cache}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main(seeds: int) -> None:
    columns: dict[str, list[dict[str, list[float]]]] = {}
    for threads in THREADS:
        with tempfile.TemporaryDirectory() as cache:
            os.chmod(cache, 0o700)
            found = measure(threads, seeds, cache, "chainrule")
            columns.setdefault("cold", []).append(found["chainrule"])
            found = measure(threads, seeds, cache, *CONTENDERS)
            columns.setdefault("scikit-learn", []).append(found["scikit-learn"])
            columns.setdefault("warm", []).append(found["chainrule"])
            columns.setdefault("resident", []).append(found["resident"])
    show(columns)


def show(columns: dict[str, list[dict[str, list[float]]]]) -> None:
    """Scores, then seconds with the best number of threads."""
    first = {name: runs[0] for name, runs in columns.items()}
    print(f"{'':15}{'MLP score':>10}{'Net score':>10}", *(f"{n:>13}" for n in columns))
    totals = {
        name: min(sum(s for _, s in run.values()) for run in runs) for name, runs in columns.items()
    }
    for data in NAMES:
        scores = (first["scikit-learn"][data][0], first["warm"][data][0])
        seconds = (min(run[data][1] for run in runs) for runs in columns.values())
        print(f"{data:15}{scores[0]:10.4f}{scores[1]:10.4f}", *(f"{s:11.3f} s" for s in seconds))
    print(f"{'total':35}", *(f"{total:11.3f} s" for total in totals.values()))
    mlp = totals["scikit-learn"]
    print(f"{'times faster':35}", *(f"{mlp / total:13.1f}" for total in totals.values()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)

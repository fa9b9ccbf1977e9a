"""Time to the first step in new processes: importing, compiling anew, loading from the disk cache.

    python benchmarks/startup.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

PROGRAM = """
import time
start = time.perf_counter()
import numpy as np, llvmlite.binding
floor = time.perf_counter()
import chainrule as cr
from chainrule import nn, optim
imported = time.perf_counter()
model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                      nn.Linear(128, 10))
optimizer = optim.Adam(model, learning_rate=1e-3)

@cr.jit
def step(model, optimizer, x, y):
    loss, grads = cr.value_and_grad(lambda m: nn.losses.cross_entropy(m(x), y))(model)
    optimizer.update(grads)
    return loss

rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 784)).astype(np.float32), rng.integers(0, 10, 64)
ready = time.perf_counter()
float(step(model, optimizer, x, y))
print(floor - start, imported - floor, time.perf_counter() - ready)
"""


def run(cache: str) -> list[float]:
    """(seconds for numpy and llvmlite, for chainrule over them, for the first step)."""
    environment = {**os.environ, "CHAINRULE_CACHE": cache}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    return [float(number) for number in result.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(run(cache))
            warm.append(run(cache))
    rows = {
        "import numpy and llvmlite": [row[0] for row in cold + warm],
        "import chainrule over these": [row[1] for row in cold + warm],
        "first step, cold cache": [row[2] for row in cold],
        "first step, warm cache": [row[2] for row in warm],
    }
    for name, values in rows.items():
        print(
            f"{name:<28} median {statistics.median(values):.3f} s"
            f"   (from {min(values):.3f} to {max(values):.3f})"
        )


if __name__ == "__main__":
    main()

"""Speed of training steps against PyTorch (eager, 1 and 2 threads) and JAX (jit), measured in one
run.

    python benchmarks/speed.py [--rounds 30] [--busy 2]

Contestants take turns within each round, so that all see the same state of the machine; printed are
the median of each and of the ratios to the fastest peer, round by round. `--busy N` keeps N other
processes busy meanwhile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from peers import jax_epoch, jax_mlp, torch_mlp

import chainrule as cr
from chainrule import nn, optim

PAUSE = 0.25  # seconds between contestants


def network(sizes: list[int]) -> nn.Sequential:
    """A ReLU network with these widths."""
    layers: list = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def our_mlp(
    sizes: list[int], x: np.ndarray, y: np.ndarray, binary: bool = False
) -> Callable[[], object]:
    """One Adam step, called from Python."""
    model = network(sizes)
    optimizer = optim.Adam(model, learning_rate=1e-3)

    def loss_fn(model: nn.Module, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        if binary:
            return nn.losses.binary_cross_entropy(model(x)[:, 0], y)
        return nn.losses.cross_entropy(model(x), y)

    @cr.jit
    def step(model, optimizer, x, y):
        loss, grads = cr.value_and_grad(loss_fn)(model, x, y)
        optimizer.update(grads)
        return loss

    return lambda: float(step(model, optimizer, x, y))


def our_epoch(sizes: list[int], x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], object]:
    """A whole shuffled epoch of regression as one native call."""
    rng = np.random.default_rng(0)
    model = network(sizes)
    optimizer = optim.Adam(model, learning_rate=1e-3)

    def loss_fn(model: nn.Module, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        return nn.losses.mse(model(x), y)

    @cr.jit
    def epoch(model, optimizer, x, y, order):
        def body(_, rows):
            loss, grads = cr.value_and_grad(loss_fn)(model, x[rows], y[rows])
            optimizer.update(grads)
            return (), loss

        return cr.mean(cr.scan(body, (), order)[1])

    def run() -> object:
        order = rng.permutation(len(x))[: len(x) // batch * batch].reshape(-1, batch)
        return float(epoch(model, optimizer, x, y, order))

    return run


def on_threads(step: Callable[[], object], threads: int) -> Callable[[], object]:
    """A PyTorch step with its own number of threads."""

    def run() -> object:
        torch.set_num_threads(threads)
        return step()

    return run


def measure(
    name: str, contestants: dict[str, Callable], repeats: int, rounds: int, per: int = 1
) -> None:
    """Print a table: median and quartiles in microseconds, and the ratio of ours to the fastest
    peer of the round.
    """
    for run in contestants.values():
        run()
        run()
    times: dict[str, list[float]] = {who: [] for who in contestants}
    for _ in range(rounds):
        for who, run in contestants.items():
            # The threads of the one before spin for a while, waiting for more work.
            time.sleep(PAUSE)
            run()
            samples = []
            for _ in range(repeats):
                start = time.perf_counter()
                run()
                samples.append(time.perf_counter() - start)
            times[who].append(statistics.median(samples) * 1e6 / per)
    ours = times["chainrule"]
    peers = [
        min(row) for row in zip(*[t for who, t in times.items() if who != "chainrule"], strict=True)
    ]
    ratios = [a / b for a, b in zip(ours, peers, strict=True)]
    print(f"\n{name}")
    for who, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"  {who:<18}{middle:>10.1f} us   (quartiles {low:.1f} .. {high:.1f})")
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"  ratio to the best peer {middle:.3f}   (quartiles {low:.3f} .. {high:.3f})")


def spin() -> None:
    """A busy neighbour."""
    while True:
        sum(range(10_000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    neighbours = [
        multiprocessing.get_context("spawn").Process(target=spin, daemon=True)
        for _ in range(options.busy)
    ]
    for neighbour in neighbours:
        neighbour.start()
    rng = np.random.default_rng(0)
    sizes = [784, 256, 128, 10]
    for batch in (64, 512):
        x = rng.normal(size=(batch, 784)).astype(np.float32)
        y = rng.integers(0, 10, batch)
        eager = torch_mlp(sizes, x, y)
        contestants = {
            "chainrule": our_mlp(sizes, x, y),
            "PyTorch 1 thread": on_threads(eager, 1),
            "PyTorch 2 threads": on_threads(eager, 2),
            "JAX jit": jax_mlp(sizes, x, y),
        }
        measure(
            f"MLP 784-256-128-10, batch {batch}, Adam",
            contestants,
            10 if batch == 64 else 4,
            options.rounds,
        )
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.float32)
    contestants = {
        "chainrule": our_mlp([2, 8, 1], x, y, binary=True),
        "PyTorch 1 thread": on_threads(torch_mlp([2, 8, 1], x, y, binary=True), 1),
        "JAX jit": jax_mlp([2, 8, 1], x, y, binary=True),
    }
    measure("XOR 2-8-1, batch 4, Adam, called from Python", contestants, 50, options.rounds)
    x = rng.normal(size=(20_000, 10)).astype(np.float32)
    y = rng.normal(size=(20_000, 1)).astype(np.float32)
    contestants = {
        "chainrule": our_epoch([10, 32, 32, 1], x, y, 32),
        "JAX scan": jax_epoch([10, 32, 32, 1], x, y, 32),
    }
    measure(
        "Epoch of 625 steps, 10-32-32-1, batch 32, Adam: one step",
        contestants,
        2,
        options.rounds,
        per=625,
    )
    for neighbour in neighbours:
        neighbour.terminate()


if __name__ == "__main__":
    main()

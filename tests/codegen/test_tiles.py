"""Tiles by the machine: what its registers and caches hold, and what a search finds."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import compiler
from chainrule.codegen.tiling import Choice, choices, tiling
from chainrule.config import config
from chainrule.inspection import search
from chainrule.ir.describe import kernels
from chainrule.ir.machine import Level, Machine
from chainrule.runtime.cache import Cache

LINUX = "x86_64-unknown-linux-gnu"
AVX512, AVX2 = Machine(LINUX, "", "+avx512f"), Machine(LINUX, "", "+avx2,+fma")
NEON = Machine("aarch64-unknown-linux-gnu", "")
RNG = np.random.default_rng(0)


def array(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def product(n, k, m):
    call = cr.jit(lambda x, w: x @ w)._bound((array(n, k), array(k, m)), {})[0]
    return next(kernel for kernel in kernels(call.program.program.block) if kernel.hero)


@pytest.mark.parametrize("machine", [AVX512, AVX2, NEON])
@pytest.mark.parametrize("sizes", [(1, 64, 64), (64, 64, 10), (512, 784, 256), (7, 50, 12)])
def test_accumulators_fit_into_registers(machine, sizes):
    kernel = product(*sizes)
    for choice in [None, *choices(kernel, machine)]:
        tiles = tiling(kernel, machine, choice)
        # Beside them a column and an element of the rows.
        assert tiles.results + 2 <= machine.registers
        assert tiles.lanes * 4 <= machine.vector_bytes


@pytest.mark.parametrize(
    ("kernel", "inputs", "outputs"), [(3, 3, 16), (5, 6, 16), (5, 1, 6), (3, 40, 16)]
)
def test_rows_of_two_axes(kernel, inputs, outputs):
    """A gradient of weights: its rows are places of the window, and channels."""
    shapes = (4, 20, 20, inputs), (kernel, kernel, inputs, outputs)
    x, w = [RNG.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
    gradient = cr.grad(lambda x, w: cr.sum(cr.conv(x, w) ** 2), argnums=1)
    compiled = cr.jit(gradient)
    result = compiled(x, w).numpy()
    (call,) = compiled.compiled.values()
    found = [tiling(k, AVX512) for k in kernels(call.program.program.block) if k.hero]
    assert any(tiles.over for tiles in found)
    assert all(tiles.results + 2 <= AVX512.registers for tiles in found)
    # Sums of small integers are exact in any order.
    assert np.array_equal(result, gradient(cr.asarray(x), cr.asarray(w)).numpy())


def test_columns_that_exceed_the_cache_are_copied():
    small, large = (
        AVX512._replace(caches=(Level("L1", 1 << 15, False), Level("L2", size, False)))
        for size in (1 << 18, 1 << 24)
    )
    kernel = product(512, 784, 256)
    assert tiling(kernel, small).group and not tiling(kernel, large).group
    assert tiling(kernel, small).terms.most < tiling(kernel, large).terms.most


@pytest.fixture
def searching(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "search", True)
    monkeypatch.setattr(search, "RUNS", 1)
    monkeypatch.setattr(search, "PATIENCE", 0.0)
    monkeypatch.setattr(search, "tile_choices", lambda kernel: compiler.tile_choices(kernel)[:2])
    cache = Cache(tmp_path)
    monkeypatch.setattr(compiler, "_cache", lambda: cache)


def test_every_choice_gives_the_product(searching, monkeypatch):
    """Whatever wins: here some candidates in turn."""
    x, w = array(33, 70), array(70, 50)
    found = choices(product(33, 70, 50), compiler.machine())
    assert len(found) > 4
    for number, choice in enumerate(found[1::4]):
        monkeypatch.setattr(search, "fastest", lambda program, choice=choice: {
            kernel: choice for kernel in kernels(program.block) if kernel.hero
        })  # fmt: skip
        result = cr.jit(lambda x, w, number=number: x @ w + number)(x, w)
        np.testing.assert_allclose(result.numpy(), x @ w + number, rtol=1e-4, atol=1e-4)


def test_winners_are_kept_on_disk(searching, monkeypatch):
    x, w = array(40, 48), array(48, 32) / 10

    def two(x, w):
        return cr.tanh(x @ w) @ w.T

    def recurrent(x, w):
        return cr.scan(lambda h, row: (cr.tanh(h @ w[:32] + row), None), x[0, :32], x[:, :32])[0]

    expected = [f(cr.asarray(x), cr.asarray(w)).numpy() for f in (two, recurrent)]
    monkeypatch.setattr(search, "_best", counted := Counted(search._best))
    for _ in range(2):
        for f, value in zip((two, recurrent), expected, strict=True):
            np.testing.assert_allclose(cr.jit(f)(x, w).numpy(), value, rtol=1e-4, atol=1e-4)
    assert counted.count == 3  # The second time whole programs come from the disk.
    monkeypatch.setattr(search, "_seconds", None)  # Measuring again would fail.
    kernel = product(40, 48, 32)
    winner = search.fastest(cr.jit(two)._bound((x, w), {})[0].program.program)
    assert all(isinstance(choice, Choice) for choice in winner.values())
    assert len(winner) == 2 and kernel.hero is not None


class Counted:
    def __init__(self, function):
        self.function, self.count = function, 0

    def __call__(self, *args):
        self.count += 1
        return self.function(*args)

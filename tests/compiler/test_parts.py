"""Programs in parts: compiled by several threads, linked by a table of addresses."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import compiler, nn, optim
from chainrule.codegen import llvm
from chainrule.runtime.cache import Cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    kept = Cache(tmp_path)
    monkeypatch.setattr(compiler, "_cache", lambda: kept)
    threads = compiler.engine.threads
    cr.set_threads(4)
    yield kept
    cr.set_threads(threads)


def trained(monkeypatch, part, steps=5):
    """(weights after some steps, parts of the programs that were made) with parts of so many
    lines.
    """
    monkeypatch.setattr(compiler, "PART", part)
    made, compile_parts = [], llvm.compile_parts

    def counted(texts, brief):
        made.append(len(texts))
        return compile_parts(texts, brief)

    monkeypatch.setattr(llvm, "compile_parts", counted)
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(20, 40), nn.SiLU(), nn.Linear(40, 5))
    optimizer = optim.AdamW(model, 1e-2)
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 20)).astype(np.float32)
    y = random.integers(0, 5, 64)

    @cr.jit
    def step(model, optimizer, x, y):
        loss, gradients = cr.value_and_grad(lambda m: cr.nn.losses.cross_entropy(m(x), y))(model)
        optimizer.update(gradients)
        return loss

    for _ in range(steps):
        step(model, optimizer, x, y)
    monkeypatch.setattr(llvm, "compile_parts", compile_parts)
    return [box.numpy() for box in model.named_boxes().values()], made


def test_a_program_in_parts_computes_the_same_bits(cache, monkeypatch, tmp_path):
    whole, made = trained(monkeypatch, part=10**9)
    assert made and set(made) == {1}
    monkeypatch.setattr(compiler, "_cache", lambda: Cache(None))
    parted, made = trained(monkeypatch, part=50)
    assert max(made) == compiler.MOST_PARTS
    assert all(np.array_equal(a, b) for a, b in zip(whole, parted, strict=True))


def test_parts_come_back_from_disk(cache, monkeypatch):
    first, made = trained(monkeypatch, part=50)
    assert max(made) == compiler.MOST_PARTS
    again, made = trained(monkeypatch, part=50)
    assert not made
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_fault_in_one_part_is_told(cache):
    texts = ["define void @f() {\n  ret void\n}", "define void @g() {\n  ret i64 %x\n}"]
    with pytest.raises(cr.ChainruleError, match="LLVM rejects"):
        llvm.compile_parts(texts, True)

"""`jit`: what a compiled function may be given, what it writes back, when it compiles, and what it
promises of memory.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.compiler import engine
from chainrule.errors import ArgumentError, TraceError


def network(*sizes: int) -> nn.Sequential:
    layers: list = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loss_fn(model: nn.Module, x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
    return nn.losses.cross_entropy(model(x), y)


def make_step() -> object:
    @cr.jit
    def step(model, opt, x, y):
        loss, grads = cr.value_and_grad(loss_fn)(model, x, y)
        opt.update(grads)
        return loss

    return step


def problem(rows: int = 64, features: int = 20, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, features)).astype(np.float32), rng.integers(0, classes, rows)


def trained(compiled: bool, steps: int = 5) -> tuple[list[float], dict[str, np.ndarray]]:
    cr.random.seed(3)
    model = network(20, 32, 5)
    opt = optim.Adam(model, learning_rate=1e-2)
    step = make_step()
    step = step if compiled else step.function
    x, y = problem()
    losses = [float(step(model, opt, x, y)) for _ in range(steps)]
    return losses, model.state_dict()


def test_compiled_steps_equal_eager_steps() -> None:
    eager, weights = trained(False)
    compiled, same = trained(True)
    np.testing.assert_allclose(compiled, eager, rtol=1e-5)
    for path, value in weights.items():
        np.testing.assert_allclose(same[path], value, rtol=1e-4, atol=1e-6)


def test_the_second_step_compiles_nothing() -> None:
    model, step = network(20, 8, 5), make_step()
    opt = optim.Adam(model, learning_rate=1e-3)
    x, y = problem()
    for _ in range(3):
        step(model, opt, x, y)
        assert len(step.compiled) == 1


def test_another_model_of_the_same_kind_compiles_nothing() -> None:
    step = make_step()
    x, y = problem()
    for _ in range(3):
        model = network(20, 8, 5)
        before = model.state_dict()
        step(model, optim.Adam(model, learning_rate=1e-1), x, y)
        assert not np.array_equal(before["layers.0.weight"], model.state_dict()["layers.0.weight"])
    assert len(step.compiled) == 1


def test_models_that_are_gone_are_not_kept() -> None:
    step = make_step()
    x, y = problem()
    gone = []
    for _ in range(3):
        model = network(20, 8, 5)
        step(model, optim.SGD(model, learning_rate=1e-1), x, y)
        gone.append(weakref.ref(model[0].weight))
    del model
    step(last := network(20, 8, 5), optim.SGD(last, learning_rate=1e-1), x, y)
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


def test_a_ragged_batch_compiles_once_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model, step = network(20, 8, 5), make_step()
    opt = optim.Adam(model, learning_rate=1e-3)
    x, y = problem(70)
    with caplog.at_level(logging.WARNING, "chainrule"):
        for _ in range(3):
            for start in range(0, 70, 32):
                step(model, opt, x[start : start + 32], y[start : start + 32])
    assert len(step.compiled) == 2
    assert len(caplog.messages) == 1
    assert re.search(
        r"step is compiled again: argument leaf 2 was float32\[32, 20\] and is float32\[6, 20\]",
        caplog.messages[0],
    )


def of_modules() -> list[tuple[nn.Module, str]]:
    def make(width: int = 3, *rest: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(4, width), *rest)

    fixed = make(5, cr.tanh)
    fixed[0].weight.trainable = False
    return [
        (make(3, nn.Dropout(0.5)), ""),
        (make(3, nn.Dropout(0.3)), "layers.1.p of argument leaf 0 was 0.5 and is 0.3"),
        (make(5, nn.Dropout(0.3)), "layers.0.weight .* was float32[4, 3] and is float32[4, 5]"),
        (make(5, nn.ReLU()), "layers.1 of argument leaf 0 was Dropout and is ReLU"),
        (make(5, nn.ReLU(), cr.relu), "argument leaf 0 has other parts"),
        (make(5, cr.relu), "layers.1 of argument leaf 0 was ReLU and is relu"),
        (make(5, cr.tanh), "layers.1 of argument leaf 0 was relu and is tanh"),
        (fixed, "layers.0.weight .* trainable=True .* and is Parameter with trainable=False"),
        (nn.Linear(4, 5), "argument leaf 0 was Sequential and is Linear"),
    ]


def test_a_new_program_for_another_module_says_what_differs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = cr.jit(lambda model, x: model(x))
    with cr.training(False), caplog.at_level(logging.WARNING, "chainrule"):
        for module, expected in of_modules():
            caplog.clear()
            run(module, np.ones((2, 4), np.float32))
            pattern = expected.replace("[", r"\[").replace("]", r"\]")
            assert re.search(pattern, "".join(caplog.messages)), caplog.messages


def test_settings_are_part_of_the_program() -> None:
    model = nn.Sequential(nn.Dropout(0.5))

    @cr.jit
    def run(model, x):
        with cr.training():
            return model(x)

    ones = np.ones((1000,), np.float32)
    half = run(model, ones).numpy()
    model[0].p = 0.0
    assert 300 < np.count_nonzero(half) < 700
    assert np.count_nonzero(run(model, ones).numpy()) == 1000


def test_state_that_somebody_holds_is_not_overwritten() -> None:
    model, step = network(20, 8, 5), make_step()
    opt = optim.SGD(model, learning_rate=0.1)
    x, y = problem()
    step(model, opt, x, y)
    held = model[0].weight.numpy()
    copy = held.copy()
    step(model, opt, x, y)
    assert np.array_equal(held, copy)
    assert not np.array_equal(model[0].weight.numpy(), copy)


def test_state_is_updated_in_its_own_memory() -> None:
    model, step = network(20, 8, 5), make_step()
    opt = optim.SGD(model, learning_rate=0.1)
    x, y = problem()
    step(model, opt, x, y)
    address = model[0].weight.numpy().__array_interface__["data"][0]
    for _ in range(3):
        step(model, opt, x, y)
    assert model[0].weight.numpy().__array_interface__["data"][0] == address


def test_state_that_is_only_read_starts_at_a_line() -> None:
    model = nn.Linear(20, 8)
    memory = np.random.default_rng(0).normal(size=20 * 8 + 17).astype(np.float32)
    off = memory[1:161] if memory.ctypes.data % 64 == 0 else memory[:160]
    model.weight.assign(cr.asarray(off.reshape(20, 8)))
    infer = cr.jit(lambda model, x: model(x))
    for _ in range(2):
        infer(model, np.ones((1, 20), np.float32))
        address = model.weight.numpy().__array_interface__["data"][0]
        assert address % 64 == 0
        assert np.array_equal(model.weight.numpy(), off.reshape(20, 8))


def test_results_are_fresh_each_time() -> None:
    double = cr.jit(lambda x: 2 * x)
    first = double(np.ones(3, np.float32))
    second = double(np.zeros(3, np.float32))
    assert first.tolist() == [2, 2, 2] and second.tolist() == [0, 0, 0]


def test_containers_scalars_settings_and_keywords() -> None:
    @cr.jit
    def mix(pair, *, scale, mode):
        a, b = pair["a"], pair["b"]
        return {"sum": a + b * scale if mode == "add" else a, "rest": (b, None, "text")}

    pair = {"a": np.ones(2, np.float32), "b": np.arange(2, dtype=np.float32)}
    result = mix(pair, scale=3.0, mode="add")
    assert result["sum"].tolist() == [1, 4] and result["rest"][1:] == (None, "text")
    assert mix(pair, scale=5.0, mode="add")["sum"].tolist() == [1, 6]
    assert len(mix.compiled) == 1
    assert mix(pair, scale=5.0, mode="keep")["sum"].tolist() == [1, 1]
    assert len(mix.compiled) == 2


def test_methods_can_be_compiled() -> None:
    class Scaler(nn.Module):
        def __init__(self) -> None:
            self.factor = nn.Parameter([2.0, 3.0])

        @cr.jit
        def run(self, x):
            return x * self.factor

    assert Scaler().run(np.ones(2, np.float32)).tolist() == [2, 3]


def test_random_numbers_go_on_inside_compiled_functions() -> None:
    draw = cr.jit(lambda: cr.random.uniform((4,)))
    cr.random.seed(1)
    compiled = [draw().numpy(), draw().numpy()]
    cr.random.seed(1)
    eager = [cr.random.uniform((4,)).numpy(), cr.random.uniform((4,)).numpy()]
    assert np.array_equal(compiled, eager)
    assert not np.array_equal(compiled[0], compiled[1])


def test_inside_other_transforms_the_function_is_called() -> None:
    square = cr.jit(lambda x: cr.sum(x * x))
    assert cr.grad(square)(cr.asarray([1.0, 2.0])).tolist() == [2, 4]
    assert cr.vmap(square)(cr.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist() == [5, 25]
    assert cr.jit(lambda x: square(x) + 1)(np.ones(3, np.float32)).item() == 4


def test_a_captured_module_is_an_error_with_its_cure() -> None:
    model = network(20, 5)
    run = cr.jit(lambda x: model(x))
    with pytest.raises(TraceError) as error:
        run(problem()[0])
    text = str(error.value)
    assert text.startswith("[jit] Parameter ")
    assert "is used in a compiled function but was not passed to it; " in text
    assert "a captured parameter would be frozen into the program at its present value; " in text
    assert "pass the module that owns it as an argument" in text and "test_jit.py:" in text


def test_python_if_on_a_traced_value_is_an_error_with_its_line() -> None:
    @cr.jit
    def absolute(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(TraceError) as error:
        absolute(1.0)
    assert re.match(
        r"\[jit\] .* was asked of a traced bool\[\] at .*test_jit\.py:\d+; "
        r"while a function is being compiled or mapped, values are not known yet; "
        r"use cr\.where or cr\.cond for a choice, cr\.scan or cr\.while_loop for a loop$",
        str(error.value),
    )


def test_an_error_while_tracing_leaves_the_model_as_it_was() -> None:
    model = network(20, 5)
    before = model.state_dict()

    @cr.jit
    def broken(model, x):
        model[0].weight.assign(model[0].weight * 2)
        return model(x) + np.ones(7, np.float32)

    with pytest.raises(cr.ChainruleError):
        broken(model, problem()[0])
    after = model.state_dict()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_unhashable_arguments_are_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"\[jit\] .* got an argument of type set; "):
        cr.jit(lambda x: 1.0)({1, 2})


@pytest.mark.parametrize("shape", [(784, 64, 10), (20, 8, 5)])
def test_weights_have_the_same_bits_for_any_number_of_threads(shape: tuple[int, ...]) -> None:
    x, y = problem(64, shape[0], shape[-1])
    weights = []
    before = engine.threads
    try:
        for threads in (1, 2, 4):
            engine.set_threads(threads)
            cr.random.seed(0)
            model, step = network(*shape), make_step()
            opt = optim.Adam(model, learning_rate=1e-3)
            for _ in range(100):
                step(model, opt, x, y)
            weights.append(model.state_dict())
    finally:
        engine.set_threads(before)
    for other in weights[1:]:
        assert all(np.array_equal(weights[0][path], other[path]) for path in other)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs Linux's account of resident memory"
)
def test_ten_thousand_steps_allocate_nothing_that_grows() -> None:
    model, step = network(20, 8, 5), make_step()
    opt = optim.Adam(model, learning_rate=1e-3)
    x, y = problem()
    grown = []
    for _ in range(3):
        before = resident()
        for _ in range(10_000):
            step(model, opt, x, y)
        grown.append(resident() - before)
    # Python may fetch another arena once; what leaks grows in every round.
    assert min(grown) < 16 * 1024


SCRIPT = """
import numpy as np, chainrule as cr
from chainrule import nn, optim
from chainrule.codegen import llvm
made = []
compile_ir = llvm.compile_ir
llvm.compile_ir = lambda *given: made.append(1) or compile_ir(*given)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = optim.Adam(model, learning_rate=1e-2)
@cr.jit
def step(model, opt, x, y):
    loss, grads = cr.value_and_grad(lambda m: nn.losses.cross_entropy(m(x), y))(model)
    opt.update(grads)
    return loss
x = np.ones((4, 4), np.float32)
print(float(step(model, opt, x, np.array([0, 1, 0, 1]))), len(made))
"""


def test_a_second_process_takes_the_program_from_the_disk_without_any_compiler(
    tmp_path: Path,
) -> None:
    environment = {
        **os.environ,
        "PATH": "",
        "CHAINRULE_CACHE": str(tmp_path / "cache"),
        "CHAINRULE_THREADS": "1",
    }
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    (loss, compiled), (same, again) = (run.stdout.split() for run in runs)
    assert loss == same and compiled == "1" and again == "0"

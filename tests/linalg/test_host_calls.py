"""Compiled programs that call NumPy back: in loops and branches, on threads, when it refuses."""

import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from compiler.programs import Compiled, interpreted, parallel, same_bits, variables

import chainrule as cr
from chainrule import compiler, nn
from chainrule.errors import MatrixError
from chainrule.ir.node import make
from chainrule.ir.plan import call_number
from chainrule.runtime.executable import Executable
from chainrule.runtime.host import HostLaunch

SINGULAR = np.ones((3, 3), np.float32)


def matrix(*stack, size=3, seed=0):
    x = np.random.default_rng(seed).normal(size=(*stack, size, size)) + 3 * np.eye(size)
    return x.astype(np.float32)


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-6)


def turns(x):
    """A host call in each turn of a scan, of the carried value and of a slice."""
    return cr.scan(lambda h, a: (cr.tanh(cr.linalg.solve(a, h)), cr.sum(h)), x[0], x)


def until_small(x):
    def going(state):
        return (cr.linalg.matrix_norm(state[1]) > 0.1) & (state[0] < 20)

    return cr.while_loop(going, lambda s: (s[0] + 1, cr.linalg.solve(x + 2, s[1])), (0, x))


def chosen(x):
    return cr.cond(cr.sum(x) > 0, cr.linalg.inv, lambda x: 2 * x, x)


@pytest.mark.parametrize(
    ("function", "x"),
    [(turns, matrix(4)), (until_small, matrix()), (chosen, matrix()), (chosen, -matrix())],
    ids=["scan", "while", "then", "otherwise"],
)
def test_calls_inside_loops_and_branches(function, x):
    for found, expected in zip(
        cr.tree.leaves(cr.jit(function)(x)), cr.tree.leaves(function(cr.asarray(x))), strict=True
    ):
        close(found, expected)


def test_gradients_through_calls_inside_a_scan():
    def loss(x):
        return cr.sum(turns(x)[1])

    x = matrix(4)
    close(cr.jit(cr.grad(loss))(x), cr.grad(loss)(x))
    assert cr.check_grad(loss, x).verdict in ("perfect", "acceptable")


def test_all_threads_share_what_lies_between_calls():
    """Kernels on all threads, host calls on one: the same bits as on one thread."""
    x = np.random.default_rng(0).normal(size=(40, 40)) + 20 * np.eye(40)
    (node,) = parameters = variables(x)
    for _ in range(4):
        node = (
            make("solve", make("sin", node) + node, make("cos", node) + node) * 5.0 + parameters[0]
        )
    with parallel():
        compiled = Compiled(parameters, [node])
    results = [compiled([x], threads).outputs for threads in (1, 2, 3, 5)]
    assert all(same_bits(result, results[0]) for result in results)
    np.testing.assert_allclose(results[0], interpreted(parameters, [x], [node]).outputs, rtol=1e-9)


# ---- Errors ----


def test_an_error_says_what_and_where():
    inverse = cr.jit(lambda x: cr.linalg.inv(x + 0.0))
    with pytest.raises(MatrixError, match=r"\[solve\] matrix \[1\] of float32\[2, 3, 3\]") as info:
        inverse(np.stack([matrix(), SINGULAR]))
    assert isinstance(info.value, (cr.ChainruleError, np.linalg.LinAlgError))
    (note,) = info.value.__notes__
    assert note.startswith("in a compiled function, at ") and "test_host_calls.py" in note


def test_compiled_and_eager_errors_are_the_same():
    messages = []
    for function in (cr.linalg.cholesky, cr.jit(lambda x: cr.linalg.cholesky(x))):
        with pytest.raises(MatrixError) as info:
            function(-matrix())
        messages.append(str(info.value))
    assert messages[0] == messages[1]


def test_a_program_works_again_after_an_error():
    inverse = cr.jit(lambda x: cr.linalg.inv(x))
    for _ in range(3):
        close(inverse(matrix()), np.linalg.inv(matrix()))
        with pytest.raises(MatrixError):
            inverse(SINGULAR)


class Model(nn.Module):
    def __init__(self):
        self.w = nn.Parameter(np.zeros(3, np.float32))
        self.steps = nn.Buffer(np.zeros(2000, np.float32))


def test_state_stays_as_it_was():
    @cr.jit
    def step(model, x):
        model.steps.assign(model.steps + 1)
        model.w.assign(cr.linalg.solve(x, model.w + cr.random.uniform((3,))))

    model = Model()
    step(model, matrix())
    before = {path: np.array(value) for path, value in model.state_dict().items()}
    stream = np.array(cr.random.get_state())
    with pytest.raises(MatrixError):
        step(model, SINGULAR)
    after = model.state_dict()
    assert all(np.array_equal(after[path], value) for path, value in before.items())
    assert np.array_equal(cr.random.get_state(), stream)
    step(model, matrix())
    assert model.steps.numpy().tolist() == [2.0] * 2000


@pytest.mark.parametrize("alone", [True, False])
def test_a_loop_does_not_wait_for_what_failed(alone):
    """Without an end of its own, it ends with the first error, on one thread and on several."""

    def forever(x):
        return cr.while_loop(lambda h: cr.all(h < 1e30), lambda h: cr.linalg.solve(x, h), x * 0)

    with nullcontext() if alone else parallel(), pytest.raises(MatrixError):
        cr.jit(forever)(SINGULAR)


def test_an_interrupt_ends_the_call(monkeypatch):
    def interrupted(*arrays, **attributes):
        raise KeyboardInterrupt

    inverse = cr.jit(lambda x: cr.linalg.inv(x))
    inverse(matrix())
    with monkeypatch.context() as patch:
        patch.setattr(cr.ir.node.OPS["solve"], "numpy", interrupted)
        with pytest.raises(KeyboardInterrupt):
            inverse(matrix())
    close(inverse(matrix()), np.linalg.inv(matrix()))


def test_an_error_keeps_no_view_of_the_program():
    with pytest.raises(MatrixError) as info:
        cr.jit(lambda x: cr.linalg.inv(x))(SINGULAR)
    names = {frame.name for frame in info.traceback}
    assert "_apply" not in names and info.value.__context__ is None


# ---- Programs ----


def run_of(function, x):
    jitted = cr.jit(function)
    jitted(x)
    (call,) = jitted.compiled.values()
    return call.run


def test_only_programs_with_calls_pay_for_them():
    assert isinstance(run_of(lambda x: cr.linalg.inv(x), matrix())._launch, HostLaunch)
    assert not isinstance(run_of(lambda x: x @ x, matrix())._launch, HostLaunch)
    assert isinstance(run_of(lambda x: x @ x, matrix()), Executable)


def test_numbers_of_calls_differ():
    spec = cr.Tensor(np.zeros((2, 2))).spec
    other = cr.Tensor(np.zeros((2, 2), np.float32)).spec
    calls = [
        ("qr", {"complete": True}, [spec], [spec]),
        ("qr", {"complete": False}, [spec], [spec]),
        ("qr", {"complete": True}, [other], [spec]),
        ("qr", {"complete": True}, [spec, spec], []),
        ("svd", {"complete": True}, [spec], [spec]),
        ("qr", {}, [spec], [spec]),
    ]
    assert len({call_number(*call) for call in calls}) == len(calls)


PROGRAM = """
import numpy as np
import chainrule as cr
from chainrule.codegen import llvm

compiled = []
original = llvm.compile_ir
llvm.compile_ir = lambda *given: compiled.append(given) or original(*given)
x = np.eye(3, dtype=np.float32) * 4
print(float(cr.sum(cr.jit(lambda x: cr.linalg.inv(x) + 1)(x))), len(compiled))
try:
    cr.jit(lambda x: cr.linalg.inv(x) + 1)(x * 0)
except np.linalg.LinAlgError as error:
    print(error.__notes__[0].rpartition(":")[2])
"""


def test_another_process_takes_the_object_from_disk(tmp_path):
    """Its code holds no address of this process."""
    environment = {
        **os.environ,
        "CHAINRULE_CACHE": str(tmp_path / "cache"),
        "CHAINRULE_THREADS": "1",
    }
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    root = Path(__file__).resolve().parents[2]
    first, second = (
        subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    )
    assert first == ["9.75", "1", "12"]
    assert second == ["9.75", "0", "12"]


def test_calls_from_several_python_threads():
    inverse = cr.jit(lambda x: cr.linalg.inv(x))
    found = [None] * 4

    def work(place):
        x = matrix(seed=place)
        for _ in range(20):
            found[place] = inverse(x)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place in range(4):
        close(found[place], np.linalg.inv(matrix(seed=place)))


def test_calls_are_explained_and_measured():
    text = str(cr.jit(lambda x: cr.linalg.svdvals(x) * 2).explain(matrix()))
    assert "svd(" in text


def test_nan_is_found_behind_calls():
    cr.config.debug_nans = True
    try:
        with pytest.raises(cr.ChainruleError, match="log gave nan"):
            cr.jit(lambda x: cr.linalg.inv(cr.log(x)))(matrix() - 9)
    finally:
        cr.config.debug_nans = False


def test_engine_is_shared():
    """A program that failed leaves the pool as it was."""
    cr.set_threads(2)
    try:
        with parallel(), pytest.raises(MatrixError):
            cr.jit(lambda x: cr.linalg.inv(x * 2) * 2)(SINGULAR)
        assert compiler.engine.threads == 2
        close(cr.jit(lambda x: x @ x)(matrix()), matrix() @ matrix())
    finally:
        cr.set_threads(1)

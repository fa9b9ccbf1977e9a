"""`config.debug_nans`: the operation that made a NaN is named, and state is as before."""

import re
from pathlib import Path

import numpy as np
import pytest
from explain.functions import loss_fn, training

import chainrule as cr
from chainrule import nn, optim
from chainrule.config import config
from chainrule.errors import NanError

HERE = Path(__file__)


@pytest.fixture(autouse=True)
def _debug_nans(monkeypatch):
    monkeypatch.setattr(config, "debug_nans", True)


def line_of(text):
    """The line of this file that ends with a comment `# text`."""
    lines = HERE.read_text().split("\n")
    return next(n for n, line in enumerate(lines, 1) if line.endswith(f"# {text}"))


def message(function, *arguments):
    with pytest.raises(NanError) as caught:
        function(*arguments)
    return str(caught.value).replace(str(HERE), HERE.name)


def logarithm(x):
    return cr.sum(cr.log(x))  # log


def both(function):
    """A function as it is and compiled."""
    return pytest.mark.parametrize("f", [function, cr.jit(function)], ids=["eager", "jit"])


@both(logarithm)
def test_the_message(f):
    assert message(f, np.array([[1, 2], [3, -0.5]], np.float32)) == (
        f"[debug_nans] log gave nan at [1, 1] in test_debug_nans.py:{line_of('log')}; "
        "its input there was -0.5; keep it above zero, as in cr.log(cr.maximum(x, 1e-6))"
    )


@both(lambda x, y: x / y)
def test_all_operands_are_shown(f):
    found = message(f, cr.asarray([1.0, 0.0]), cr.asarray([0.0, 0.0]))
    assert "divide gave nan at [1]" in found and "its inputs there were 0.0 and 0.0" in found


@both(lambda x, y: x @ y)
def test_sums_show_the_range_of_their_operands(f):
    found = message(f, cr.asarray([[np.inf, -np.inf]]), cr.asarray([[1.0], [2.0]]))
    assert "its inputs were from -inf to inf and from 1.0 to 2.0; see what becomes inf" in found


@both(cr.grad(lambda x: cr.sum(cr.sqrt(x * x))))
def test_derivatives_are_searched(f):
    found = message(f, cr.asarray([0.0, 1.0]))
    assert "multiply gave nan at [0]" in found and f"{HERE.name}:" in found


class Net(nn.Module):
    def __init__(self):
        self.hidden, self.out = nn.Linear(2, 3), Out()

    def __call__(self, x):
        return self.out(self.hidden(x))


class Out(nn.Module):
    def __call__(self, x):
        return cr.sqrt(-x * x - 1)


def test_the_module_is_named_and_state_comes_back():
    model = Net()
    opt = optim.Adam(model, learning_rate=0.1)

    @cr.jit
    def step(model, opt, x):
        cr.random.uniform((2,))
        loss, grads = cr.value_and_grad(lambda model: cr.sum(model(x)))(model)
        opt.update(grads)
        return loss

    stream = cr.random.get_state().numpy()
    before = {**model.state_dict(), **{f"opt.{k}": v for k, v in opt.state_dict().items()}}
    assert "sqrt gave nan at [0, 0] in Net.out at" in message(
        step, model, opt, np.ones((1, 2), "f")
    )
    after = {**model.state_dict(), **{f"opt.{k}": v for k, v in opt.state_dict().items()}}
    assert all(np.array_equal(after[path], value) for path, value in before.items())
    assert np.array_equal(cr.random.get_state(), stream)


def test_a_step_without_nans_is_as_ever():
    step, arguments = training(8, 4, 3)
    same, others = training(8, 4, 3)
    losses = [float(step(*arguments)) for _ in range(3)]
    config.debug_nans = False
    assert losses == [float(same(*others)) for _ in range(3)]
    ours, theirs = arguments[0].state_dict(), others[0].state_dict()
    assert all(np.array_equal(ours[path], theirs[path]) for path in theirs)


def test_state_that_turns_nan_is_noticed():
    box = nn.Buffer(np.float32(-1))

    @cr.jit
    def f(box):
        box.assign(cr.log(box))

    assert "log gave nan in" in message(f, box)
    assert float(box) == -1


def test_nans_that_nobody_uses_are_no_fault():
    f = cr.jit(lambda x: cr.sum(cr.where(x > 0, cr.log(x), 0)) + cr.sqrt(x[0]))
    assert float(f(np.array([1, -1], np.float32))) == 1.0
    assert "sqrt gave nan in" in message(f, np.array([-1, 1], np.float32))


def test_arguments_that_hold_nans_are_named():
    assert message(cr.jit(lambda x, y: x + y), 1.0, np.array([np.nan], np.float32)) == (
        "[debug_nans] y holds nan before the call"
    )


def test_nans_that_are_written_in_the_program():
    f = cr.jit(lambda x: cr.sum(cr.where(x < 0, np.nan, x)))
    assert "where gave nan at [1] in" in message(f, np.array([1, -1], np.float32))
    step = cr.jit(nn.losses.cross_entropy)
    assert "classification losses give it to labels of no class" in message(
        step, np.zeros((2, 3), np.float32), np.array([0, 3])
    )


def shrink(total, x):
    total = cr.log(total - x)  # shrink
    return total, total


@both(lambda start, xs: cr.scan(shrink, start, xs))
def test_the_turn_of_a_scan(f):
    found = message(f, cr.asarray(10.0), cr.ones(4))
    where = f"log gave nan in {HERE.name}:{line_of('shrink')} in turn 2; its input was -0.8"
    assert where in found


@both(lambda xs: cr.scan(lambda c, x: cr.scan(shrink, c, x[None]), 10.0, xs))
def test_a_scan_in_a_scan(f):
    assert "in turn 0 in turn 2; its input was -0.8" in message(f, cr.ones(4))


@both(lambda x: cr.while_loop(lambda x: x < 5, lambda x: cr.sqrt(x - 4), x))
def test_the_turn_of_a_while_loop(f):
    assert re.search(
        r"sqrt gave nan in .* in turn 0; its input was -2.0", message(f, cr.asarray(2.0))
    )


@both(lambda x: cr.cond(x > 0, lambda x: cr.log(-x), lambda x: x, x))
def test_branches(f):
    assert float(f(cr.asarray(-2.0))) == -2
    assert "log gave nan in" in message(f, cr.asarray(2.0))


@both(lambda x: cr.sum(cr.checkpoint(cr.log)(x)))
def test_checkpoints(f):
    assert "log gave nan at [0] in" in message(f, cr.asarray([-2.0]))


def test_a_loss_of_a_network_with_bad_weights():
    _, (model, _, x, y) = training(8, 4, 3)
    model.layers[0].weight.assign(model.layers[0].weight * np.inf)
    assert "contract gave nan at" in message(cr.jit(loss_fn), model, x, y)

"""What gradients cost and keep: counts against formulas, checkpoints against the compiled peak."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

DEPTH, WIDTH, BATCH = 16, 32, 256
ARRAY = 4 * BATCH * WIDTH  # Bytes of one layer's output.


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) / 4


def layers(x, weights):
    for w in weights:
        x = cr.tanh(x @ w)
    return x


def deep(weights, x):
    return cr.mean(layers(x, weights))


def checkpointed(weights, x, length=4):
    for start in range(0, DEPTH, length):
        x = cr.checkpoint(layers)(x, weights[start : start + length])
    return cr.mean(x)


WEIGHTS, X = [array(WIDTH, WIDTH, seed=n) for n in range(DEPTH)], array(BATCH, WIDTH)


# ---- Cost ----


@pytest.mark.covers("B-012")
def test_products_are_counted_exactly():
    """x @ w takes 2 m n k operations; its gradient by w as many, and by x and w twice as many."""
    x, w = array(8, 16), array(16, 32)
    once = 2 * 8 * 16 * 32
    cost = cr.cost_of_gradient(lambda w: cr.sum(x @ w), w)
    assert cost.forward == pytest.approx(once, rel=0.1)
    both = cr.cost_of_gradient(lambda x, w: cr.sum((x @ w) ** 2), x, w, argnums=(0, 1))
    assert both.total == pytest.approx(3 * once, rel=0.1)
    assert both.numbers == x.size + w.size


@pytest.mark.covers("B-012")
def test_backpropagation_costs_two_more_evaluations_and_differences_one_a_number():
    cost = cr.cost_of_gradient(deep, WEIGHTS, X)
    assert cost.ratio == pytest.approx(3, abs=0.15)
    assert cost.numerical == DEPTH * WIDTH**2 + 1
    assert str(cost) == (
        f"value {cost.forward:,} flop, value and gradient {cost.total:,} flop: "
        f"{cost.ratio:.2f} evaluations; by differences {DEPTH * WIDTH**2 + 1:,} evaluations"
    )


@pytest.mark.covers("B-012", "B-027")
def test_a_checkpoint_costs_one_more_evaluation():
    plain, recomputed = (
        cr.cost_of_gradient(deep, WEIGHTS, X),
        cr.cost_of_gradient(checkpointed, WEIGHTS, X),
    )
    assert recomputed.forward == plain.forward
    assert recomputed.ratio - plain.ratio == pytest.approx(1, abs=0.1)


@pytest.mark.covers("B-012")
def test_the_turns_of_a_scan_count():
    def rnn(w, x):
        return cr.sum(cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), cr.zeros(8), x)[0])

    costs = [cr.cost_of_gradient(rnn, array(8, 8), array(turns, 8)).total for turns in (10, 40)]
    assert costs[1] == pytest.approx(4 * costs[0], rel=0.1)


@pytest.mark.covers("B-011")
def test_sharing_is_not_counted_twice():
    """The gradient of n doublings by sharing costs O(n), though there are 2^n paths."""

    def doublings(x, count):
        for _ in range(count):
            x = cr.sin(x) * x
        return cr.sum(x)

    costs = [
        cr.cost_of_gradient(lambda x, n=n: doublings(x, n), array(512)).total for n in (8, 16, 32)
    ]
    assert costs[2] - costs[1] == pytest.approx(2 * (costs[1] - costs[0]), rel=0.1)


# ---- Memory ----


@pytest.mark.covers("B-026")
def test_each_activation_is_saved_once_with_its_origin():
    model = nn.Sequential(
        nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10)
    )
    saved = cr.saved_for_backward(lambda model, x: cr.sum(model(x)), model, array(32, 20))
    found = {str(value.origin).partition(" ")[0]: value for value in saved.values}
    assert sorted(found) == ["Sequential.layers.1", "Sequential.layers.3"]
    tanh, relu = found["Sequential.layers.1"], found["Sequential.layers.3"]
    assert (tanh.operation, tanh.spec.shape, tanh.nbytes) == ("tanh", (32, 64), 4 * 32 * 64)
    assert (relu.operation, relu.spec.shape, relu.nbytes) == ("maximum", (32, 48), 4 * 32 * 48)
    assert saved.nbytes == tanh.nbytes + relu.nbytes
    lines = str(saved).splitlines()
    assert lines[0] == f"saved for the backward pass: 2 values, {saved.nbytes:,} bytes"
    assert all("test_gradients.py:" in line for line in lines[1:])
    assert any(line.split()[:4] == ["float32[32,", "64]", "8,192", "tanh"] for line in lines)


@pytest.mark.covers("B-026")
def test_linear_functions_save_nothing_and_arguments_do_not_count():
    assert cr.saved_for_backward(lambda x: cr.sum(3 * x + 1), X).values == ()
    assert cr.saved_for_backward(lambda w, x: cr.sum(x @ w), WEIGHTS[0], X).nbytes == 0


@pytest.mark.covers("B-026", "B-027")
def test_a_checkpoint_saves_what_lies_between_its_parts():
    assert cr.saved_for_backward(deep, WEIGHTS, X).nbytes == DEPTH * ARRAY
    for length in (2, 4, 8):
        saved = cr.saved_for_backward(lambda w, x, n=length: checkpointed(w, x, n), WEIGHTS, X)
        assert saved.nbytes <= DEPTH // length * ARRAY
        assert saved.nbytes >= (DEPTH // length - 1) * ARRAY


@pytest.mark.covers("B-026", "B-027")
def test_the_compiled_peak_falls_with_what_is_saved():
    """All layers at once, against the inputs of four parts and the inside of one."""
    plain = cr.jit(cr.grad(deep)).plan(WEIGHTS, X)
    parts = cr.jit(cr.grad(checkpointed)).plan(WEIGHTS, X)
    saving = plain.temporary_bytes - parts.temporary_bytes
    assert DEPTH * ARRAY <= plain.temporary_bytes <= (DEPTH + 6) * ARRAY
    assert saving >= (DEPTH - 4 - 4 - 2) * ARRAY


@pytest.mark.covers("B-025", "B-026")
def test_a_scan_saves_its_turns():
    def rnn(w, x):
        return cr.sum(cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), cr.zeros(8), x)[0])

    saved = cr.saved_for_backward(rnn, array(8, 8), array(20, 8))
    assert {value.operation for value in saved.values} == {"scan"}
    assert {value.spec.shape for value in saved.values} == {(20, 8)}


def test_state_and_random_numbers_stay_as_they_were():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    counter = cr.nn.Buffer(0.0)

    def loss(model, x):
        counter.assign(counter + 1)
        return cr.mean(model(x))

    before = cr.random.get_state().numpy().copy()
    cr.cost_of_gradient(loss, model, array(3, 4))
    cr.saved_for_backward(loss, model, array(3, 4))
    assert counter.item() == 0
    np.testing.assert_array_equal(cr.random.get_state().numpy(), before)

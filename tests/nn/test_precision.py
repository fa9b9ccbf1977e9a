"""Mixed precision: what is 16 bits in it and what is not, and that networks learn as in float32."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.dtypes import bfloat16, float16, float32
from chainrule.errors import DTypeError
from chainrule.frontend.box import node_of
from chainrule.ir.node import topological


class Language(nn.Module):
    """A weight used outside of its layer, a loop, a norm, a frozen layer, attention."""

    def __init__(self):
        self.embedding = nn.Embedding(11, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.rnn = nn.LSTM(8, 8)
        self.frozen = nn.Linear(8, 8)
        self.frozen.freeze()
        self.norm = nn.RMSNorm(8)

    def __call__(self, ids):
        x = self.block(self.embedding(ids), causal=True)
        x = self.norm(self.frozen(self.rnn(x)[0]))
        return self.embedding.attend(x)


def types_of_products(model, x, dtype=None):
    """The dtypes of all contractions that a call records, loops included."""
    found = set()

    def spy(model, x):
        result = model(x) if dtype is None else cr.mixed_precision(model, dtype)(x)
        stack = [node_of(result)]
        for node in topological(stack):
            for body in node.attributes.values():
                if hasattr(body, "outputs"):
                    found.update(n.dtype for n in topological(body.outputs) if is_product(n))
            if is_product(node):
                found.add(node.dtype)
        return result

    with cr.training(False):
        cr.jit(spy)(model, x)
    return found


def is_product(node):
    return node.op.name == "contract"


@pytest.mark.covers("B-049")
@pytest.mark.parametrize("dtype", [bfloat16, float16], ids=lambda dtype: dtype.name)
def test_modules_compute_in_16_bits(dtype):
    model, ids = Language(), cr.asarray([[1, 2, 3, 4]])
    mixed = cr.mixed_precision(model, dtype)
    assert types_of_products(model, ids, dtype) == {dtype}
    assert types_of_products(model, ids) == {float32}
    assert mixed(ids).dtype is dtype and model(ids).dtype is float32
    np.testing.assert_allclose(mixed(ids), model(ids), atol=8 * cr.finfo(dtype).eps)
    assert {box.dtype for box in model.named_boxes().values()} == {float32}


@pytest.mark.parametrize("compiled", [False, True])
def test_losses_gradients_and_statistics_are_float32(compiled):
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm(5), nn.Linear(5, 1))
    seen = []

    def loss(model, x, y):
        prediction = model(x)[:, 0]
        seen.append(prediction.dtype)
        return nn.losses.mse(prediction, y) + nn.penalties.l2(model, 0.1)

    x, y = np.ones((4, 3), np.float32), np.full(4, 1.001, np.float32)
    gradient = cr.value_and_grad(cr.mixed_precision(loss))
    value, grads = (cr.jit(gradient) if compiled else gradient)(model, x, y)
    assert seen == [bfloat16] and value.dtype is float32
    assert {g.dtype for g in grads.values()} == {float32}
    assert model[1].running_mean.dtype is float32 and model[1].running_mean.tolist() != [0] * 5
    wanted = cr.value_and_grad(loss)(model, x, y)
    assert abs(value - wanted[0]) < 0.05
    # The penalty's share is not rounded: the bias before a norm has no other gradient.
    np.testing.assert_allclose(grads["layers.0.weight"], wanted[1]["layers.0.weight"], atol=0.02)


def test_parts_in_full_precision():
    class Exact(nn.Linear):
        full_precision = True

    inner = Exact(4, 4)
    outer = nn.Sequential(nn.Linear(4, 4), nn.Sequential(inner), nn.LayerNorm(4))
    assert types_of_products(outer, cr.ones((2, 4)), bfloat16) == {bfloat16, float32}
    names = [box.name for box in outer.narrowed_parameters()]
    assert names == ["Sequential.layers.0.weight", "Sequential.layers.0.bias"]
    assert cr.mixed_precision(inner)(cr.ones((2, 4))).dtype is float32


def test_it_surrounds_any_function():
    """A derivative, a loop, a map, a compiled function: what counts is where modules are called."""
    model, x = nn.Linear(3, 2), cr.ones((5, 3))
    step = cr.jit(lambda model, x: model(x))
    assert step(model, x).dtype is float32
    assert cr.mixed_precision(step)(model, x).dtype is bfloat16
    assert step(model, x).dtype is float32 and len(step.compiled) == 2
    assert cr.mixed_precision(cr.vmap(model))(x).dtype is bfloat16
    grads = cr.mixed_precision(cr.grad(lambda m: cr.sum(m(x))))(model)
    assert grads["weight"].dtype is float32
    total, rows = cr.jit(cr.mixed_precision(
        lambda m, x: cr.scan(lambda t, row: (t + cr.sum(m(row)), m(row)), cr.asarray(0.0), x)
    ))(model, x)  # fmt: skip
    assert rows.dtype is bfloat16 and total.dtype is float32
    with pytest.raises(DTypeError, match="got float32; modules compute in 16 bits"):
        cr.mixed_precision(model, cr.float32)


def test_an_error_leaves_the_parameters_as_they_are():
    model = nn.Linear(3, 2)
    with pytest.raises(cr.ChainruleError):
        cr.mixed_precision(model)(cr.ones((2, 5)))
    assert model.weight.dtype is float32 and model(cr.ones((2, 3))).dtype is float32


@pytest.mark.parametrize("dtype", [bfloat16, float16], ids=lambda dtype: dtype.name)
def test_an_epoch_in_one_program_learns_as_in_float32(dtype):
    random = np.random.default_rng(0)
    centres = random.normal(size=(4, 16)) * 2
    labels = random.integers(0, 4, (40, 32))
    x = (centres[labels] + random.normal(size=(40, 32, 16))).astype(np.float32)

    def trained(precision):
        cr.random.seed(1)
        model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm(32), cr.relu, nn.Linear(32, 4))
        optimizer = cr.optim.LossScaling(cr.optim.Adam(model, 1e-2))

        def loss(model, x, y):
            return nn.losses.cross_entropy(model(x), y)

        @cr.jit
        def epoch(model, optimizer, x, labels):
            gradient = optimizer.value_and_grad(precision(loss))

            def step(_, batch):
                value, grads = gradient(model, *batch)
                optimizer.update(grads)
                return None, value

            return cr.scan(step, None, (x, labels))[1]

        losses = [epoch(model, optimizer, x, labels) for _ in range(3)]
        assert optimizer.steps == 120
        return float(cr.mean(losses[-1])), float(losses[0][0])

    (end, start), (wide, _) = trained(lambda f: cr.mixed_precision(f, dtype)), trained(lambda f: f)
    assert end < 0.1 * start and abs(end - wide) < 0.02

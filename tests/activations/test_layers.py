"""Activations as layers: each is its function with its options, and some learn."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)

# A layer, and what it computes.
LAYERS = [
    (nn.Heaviside(0.5), lambda x: cr.heaviside(x, 0.5)),
    (nn.Sign(), cr.sign),
    (nn.ReLU(), cr.relu),
    (nn.LeakyReLU(0.1), lambda x: cr.leaky_relu(x, 0.1)),
    (nn.ReLU6(), cr.relu6),
    (nn.HardTanh(-0.5, 0.2), lambda x: cr.clip(x, -0.5, 0.2)),
    (nn.HardSigmoid(), cr.hard_sigmoid),
    (nn.HardSwish(), cr.hard_swish),
    (nn.HardShrink(0.2), lambda x: cr.hard_shrink(x, 0.2)),
    (nn.SoftShrink(0.2), lambda x: cr.soft_shrink(x, 0.2)),
    (nn.Sigmoid(), cr.sigmoid),
    (nn.LogSigmoid(), cr.log_sigmoid),
    (nn.Softplus(2.0), lambda x: cr.softplus(x, 2.0)),
    (nn.Softsign(), cr.softsign),
    (nn.Tanh(), cr.tanh),
    (nn.TanhShrink(), cr.tanh_shrink),
    (nn.ELU(0.5), lambda x: cr.elu(x, 0.5)),
    (nn.CELU(0.5), lambda x: cr.celu(x, 0.5)),
    (nn.SELU(), cr.selu),
    (nn.Swish(2.0), lambda x: cr.swish(x, 2.0)),
    (nn.SiLU(), cr.silu),
    (nn.Mish(), cr.mish),
    (nn.GELU(), cr.gelu),
    (nn.GELU("tanh"), lambda x: cr.gelu(x, approximate="tanh")),
    (nn.Softmax(0), lambda x: cr.softmax(x, axis=0)),
    (nn.LogSoftmax(0), lambda x: cr.log_softmax(x, axis=0)),
    (nn.Sparsemax(0), lambda x: cr.sparsemax(x, axis=0)),
]


@pytest.mark.parametrize(("layer", "function"), LAYERS, ids=lambda x: str(x)[:20])
def test_layer_is_its_function(layer, function):
    for call in (layer, cr.jit(layer), nn.Sequential(layer)):
        found = call(X)
        assert found.dtype is cr.float32
        np.testing.assert_allclose(found.numpy(), function(X).numpy(), rtol=1e-5, atol=1e-7)


def test_functions_are_layers():
    model = nn.Sequential(nn.Linear(4, 8), cr.relu, nn.Linear(8, 6), cr.glu, cr.softmax)
    np.testing.assert_allclose(model(X).numpy().sum(-1), 1, rtol=1e-6)


def test_layers_can_be_derived_from():
    class Doubled(nn.LeakyReLU):
        def __call__(self, x):
            return 2 * super().__call__(x)

    assert Doubled(0.5)(cr.asarray([-1.0])).tolist() == [-1.0]


def test_changed_options_are_compiled_anew():
    layer = nn.LeakyReLU(0.1)
    compiled = cr.jit(lambda layer, x: layer(x))
    assert compiled(layer, cr.asarray([-1.0])).item() == pytest.approx(-0.1)
    layer.negative_slope = 0.5
    assert compiled(layer, cr.asarray([-1.0])).item() == -0.5


def test_prelu_learns_a_slope_for_each_channel():
    layer, wanted = nn.PReLU(4), np.array([0.0, 0.5, 1.0, 2.0], np.float32)
    optimizer = cr.optim.SGD(layer, 2.0)

    @cr.jit
    def step(layer, optimizer, x):
        def loss(layer):
            return cr.mean(cr.square(layer(x) - cr.prelu(x, wanted)))

        optimizer.update(cr.grad(loss)(layer))

    for _ in range(200):
        step(layer, optimizer, X)
    np.testing.assert_allclose(layer.slope.numpy(), wanted, atol=1e-3)


def test_slopes_above_one_stay_below_zero():
    """max(slope * x, x), as tables write it, would give the line x here."""
    assert cr.prelu(cr.asarray([-1.0, 1.0]), 2.0).tolist() == [-2.0, 1.0]
    assert cr.prelu(cr.asarray([-1.0, 1.0]), -0.5).tolist() == [0.5, 1.0]


def test_swish_learns_only_when_asked():
    assert nn.Swish(learnable=True).parameters().keys() == {"beta"}
    assert not nn.Swish().parameters()


def test_glu_has_twice_the_parameters_of_a_linear_layer():
    layer = nn.GLU(4, 3)
    assert sum(p.size for p in layer.parameters().values()) == 2 * (4 * 3 + 3)
    assert nn.GLU(4, 3, bias=False).parameters().keys() == {"value.weight", "gate.weight"}


GATES = [(cr.sigmoid, cr.glu), (cr.relu, cr.reglu), (cr.gelu, cr.geglu), (cr.silu, cr.swiglu)]


@pytest.mark.parametrize(("function", "split"), GATES)
def test_learned_gates_are_gates_of_a_linear_layer(function, split):
    layer = nn.GLU(4, 3, function=function)
    both = cr.concat([layer.value(X), layer.gate(X)], axis=-1)
    np.testing.assert_allclose(layer(X).numpy(), split(both).numpy(), rtol=1e-6)


ERRORS = [
    (lambda: nn.PReLU(3)(cr.ones((2, 4))), ShapeError, "shapes [2, 4] and [3] do not fit together"),
    (lambda: nn.PReLU(3)(cr.ones((2, 1))), ShapeError,
     "[prelu] [3] slopes for x of shape [2, 1]; there is one slope, or one for each channel, on "
     "the last axis; make nn.PReLU(1)"),
    (lambda: cr.glu(cr.ones((2, 5))), ShapeError,
     "[glu] x of shape [2, 5] has 5 features on axis 1; half of them gate the others; give it 6"),
    (lambda: nn.HardTanh(1, 0), ArgumentError, "[HardTanh] low is 1, high 0; it would be constant"),
    (lambda: cr.sparsemax(cr.zeros((2, 0))), ShapeError,
     "[sparsemax] of no elements ([2, 0], axis -1); it has no maximum"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)

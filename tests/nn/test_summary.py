"""What summaries count, against numbers by hand, and receptive fields against gradients."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def total(model, *shapes):
    return model.summary(*shapes).total


def by_path(model, *shapes):
    return {row.path: row for row in model.summary(*shapes).rows}


# ---- Numbers by hand ----


@pytest.mark.covers("A-150")
def test_multilayer_perceptron():
    """235,146 parameters; two operations for each weight and one for each bias; ReLU keeps."""
    sizes = (784, 256, 128, 10)
    linear = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    model = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2])
    found = total(model, (32, 784))
    assert found.parameters == 235_146
    weights, biases, activations = 784 * 256 + 256 * 128 + 128 * 10, 256 + 128 + 10, 256 + 128
    assert found.flops == 32 * (2 * weights + biases + activations)
    assert found.saved == 32 * activations * 4
    assert by_path(model, (32, 784))["layers.2"].flops == 32 * (2 * 256 * 128 + 128)


@pytest.mark.parametrize(
    ("model", "x", "products"),
    [
        # Places of the result * kernel * channels in a group * outputs.
        (nn.Conv2d(16, 24, 3, bias=False), (2, 10, 9, 16), 2 * 8 * 7 * 9 * 16 * 24),
        (nn.Conv2d(16, 24, 3, groups=4, bias=False), (2, 10, 9, 16), 2 * 8 * 7 * 9 * 4 * 24),
        (nn.Conv2d(16, 24, 1, stride=2, bias=False), (2, 9, 9, 16), 2 * 5 * 5 * 16 * 24),
        (
            nn.SeparableConv2d(16, 24, 3, padding=1, bias=False),
            (2, 9, 9, 16),
            2 * 81 * (9 * 16 + 16 * 24),
        ),
        # Each place of the input writes a kernel.
        (nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), (2, 5, 5, 6), 2 * 25 * 16 * 6 * 4),
        (nn.ConvTranspose1d(6, 4, 2, 2, groups=2, bias=False), (2, 5, 6), 2 * 5 * 2 * 3 * 4),
    ],
)
def test_a_product_and_its_sum_are_two_operations(model, x, products):
    assert total(model, x).flops == 2 * products


def test_operations_of_a_graph_are_those_of_its_kernels():
    """Where no pass saves or repeats work both counts agree."""
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), cr.relu, nn.Flatten(), nn.Linear(16 * 64, 10), cr.tanh
    )
    x = cr.random.normal((4, 8, 8, 3))
    report = cr.jit(lambda model, x: model(x)).explain(model, x)
    assert total(model, (4, 8, 8, 3)).flops == report.flops


def test_loops_count_every_turn():
    class Loop(nn.Module):
        def __init__(self):
            self.step = nn.Linear(4, 4, bias=False)

        def __call__(self, x):
            return cr.scan(lambda h, _: (self.step(h), None), x, length=7)[0]

    assert by_path(Loop(), (3, 4))["step"].flops == 7 * 2 * 3 * 4 * 4


def test_a_layer_that_is_used_twice_counts_twice():
    class Twice(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 4)

        def __call__(self, x):
            return self.layer(self.layer(x)) * 2.0

    rows = by_path(Twice(), (3, 4))
    assert rows["layer"].parameters == 20
    assert rows["layer"].flops == 2 * 3 * (2 * 16 + 4)
    assert rows["(itself)"].flops == 3 * 4


def test_what_layers_have_without_modules_of_their_own():
    """Operations outside of known parts belong to the innermost one around them."""

    class Block(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 4)

        def __call__(self, x):
            return nn.Tanh()(self.layer(x))

    rows = by_path(nn.Sequential(Block()), (3, 4))
    assert rows["layers.0"].flops == 12
    assert rows["layers.0"].saved == 48


def test_activations_are_those_of_the_compiled_call():
    model = nn.Sequential(nn.Linear(64, 256), cr.relu, nn.Linear(256, 1))
    # The hidden layer, and the result.
    assert model.summary((32, 64)).peak == 32 * 256 * 4 + 32 * 4


# ---- Receptive fields ----


def conv(kernel, stride=1, dilation=1, channels=3):
    return nn.Conv2d(channels, channels, kernel, stride, dilation=dilation)


def drawn(seed):
    """Random windows, and RF = 1 + sum of (K - 1) dilation prod(strides before)."""
    random = np.random.default_rng(seed)
    layers, field, step = [], 1, 1
    for _ in range(random.integers(2, 5)):
        kernel, stride, dilation = (int(n) for n in random.integers([1, 1, 1], [5, 3, 3]))
        pool = random.integers(4)
        if pool < 2:
            layers += [conv(kernel, stride, dilation), cr.tanh]
        elif pool == 2:
            layers.append(nn.MaxPool(kernel, stride, dilation=dilation))
        else:
            dilation = 1
            layers.append(nn.AvgPool(kernel, stride))
        field += (kernel - 1) * dilation * step
        step *= stride
    return nn.Sequential(*layers), field


@pytest.mark.covers("A-149")
@pytest.mark.parametrize("seed", range(8))
def test_field_is_the_recursion_and_the_support_of_the_gradient(seed):
    cr.random.seed(seed)
    model, field = drawn(seed)
    shape = (1, 72, 72, 3)
    assert nn.receptive_field(model, shape) == (field, field)
    assert nn.empirical_receptive_field(model, shape, draws=32) == (field, field)


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (nn.Sequential(conv(3), conv(3)), 5),
        (nn.Sequential(conv(3), conv(3), conv(3)), 7),
        # The recursion from the output down, taken upwards, gives 7 and 5.
        (nn.Sequential(conv(3), conv(3, 2)), 5),
        (nn.Sequential(conv(3, 2), conv(3)), 7),
        (conv(3, dilation=4), 9),
        (nn.ConvTranspose2d(3, 3, 4, 2, 1), 2),
        (nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 3, 3, padding=1)), 2),
        (nn.Add(nn.Identity(), nn.Conv2d(3, 3, 5, padding=2)), 5),
        (nn.Concat(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 7, padding=3)), 7),
        (nn.Sequential(nn.BatchNorm(3), cr.relu, conv(3), nn.LayerNorm(3)), 3),
        (nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 3, 3)), 6),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ChannelShuffle(2), nn.GroupNorm(2, 4)), 24),
        (nn.SqueezeExcitation(3, 1), 24),
        (nn.Sequential(conv(3), nn.GlobalAvgPool()), 24),
        (nn.Sequential(conv(3), nn.Flatten(), nn.Linear(22 * 22 * 3, 2)), 24),
        (nn.AdaptiveAvgPool(4), 6),
    ],
)
def test_fields_of_other_layers(model, field):
    assert nn.receptive_field(model, (2, 24, 24, 3)) == (field, field)
    cr.random.seed(1)
    assert nn.empirical_receptive_field(model, (1, 24, 24, 3), draws=32) == (field, field)


def test_fields_by_row_and_axis():
    model = nn.Sequential(nn.Conv2d(3, 3, (3, 1)), nn.Conv2d(3, 3, (1, 5), stride=(1, 2)))
    model = nn.Sequential(*model, nn.Conv2d(3, 3, 3))
    rows = by_path(model, (1, 24, 24, 3))
    assert [row.field for row in rows.values()] == [(3, 1), (3, 5), (5, 9)]
    assert "5 x 9" in str(model.summary((1, 24, 24, 3)))


def test_fields_of_sequences():
    causal = nn.Conv1d(2, 2, 3, padding=[(4, 0)], dilation=2)
    assert nn.receptive_field(causal, (1, 30, 2)) == (5,)
    assert nn.empirical_receptive_field(causal, (1, 30, 2)) == (5,)
    flipped = nn.Sequential(lambda x: cr.flip(x, axis=1), causal, lambda x: cr.sort(x, axis=-1))
    assert nn.receptive_field(flipped, (1, 30, 2)) == (30,)  # A sort may move anything.
    assert nn.receptive_field(flipped[:2], (1, 30, 2)) == (5,)
    assert nn.receptive_field(nn.GRU(2, 4), (1, 30, 2)) == (30,)

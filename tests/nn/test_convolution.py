"""Convolution layers: starting values, parameters, errors, and a LeNet that learns digits."""

import math
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@pytest.mark.parametrize(("layers", "channels"), [(LAYERS, 12), (TRANSPOSED, 18)])
def test_starting_values_have_the_bound_of_pytorch(layers, channels):
    """U(-b, b), b = 1 / sqrt(channels per group * kernel): of inputs, or, transposed, outputs."""
    for rank, kind in enumerate(layers, 1):
        layer = kind(24, 36, 3, groups=2)
        bound = 1 / math.sqrt(channels * 3**rank)
        assert layer.weight.shape == (*[3] * rank, 12, 36)
        assert layer.bias.shape == (36,)
        values = layer.weight.numpy()
        assert 0.98 * bound < np.abs(values).max() <= bound
        assert abs(values.std() - bound / math.sqrt(3)) < 0.05 * bound
        assert np.abs(layer.bias.numpy()).max() <= bound


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_layers_are_the_functions_and_keep_dtypes(rank):
    x = cr.random.normal((2, *[7] * rank, 4), dtype=cr.float64)
    layer = LAYERS[rank - 1](4, 6, 3, 2, 1, 1, 2, dtype="float64")
    y = cr.conv(x, layer.weight, stride=2, padding=1, groups=2) + layer.bias
    np.testing.assert_array_equal(layer(x), y)
    layer = TRANSPOSED[rank - 1](4, 6, 3, 2, 1, 1, 2, dtype="float64")
    y = cr.conv_transpose(x, layer.weight, stride=2, padding=1, output_padding=1, groups=2)
    np.testing.assert_array_equal(layer(x), y + layer.bias)
    assert layer(x).dtype is cr.float64
    assert LAYERS[rank - 1](4, 2, 3)(cr.astype(x, cr.float32)).dtype is cr.float32


def test_options_of_the_constructor():
    layer = nn.Conv2d(1, 2, (3, 1), padding="same", bias=False, init=nn.init.zeros())
    assert layer.bias is None
    assert not layer.weight.numpy().any()
    assert layer(cr.ones((1, 4, 5, 1))).shape == (1, 4, 5, 2)
    assert nn.Conv2d(1, 2, 3, bias_init=nn.init.constant(3.0)).bias.numpy().tolist() == [3, 3]
    assert nn.Conv1d(1, 2, 3, padding=[(2, 0)])(cr.ones((1, 5, 1))).shape == (1, 5, 2)


@pytest.mark.covers("A-141", "A-144")
def test_parameters_of_cheap_convolutions():
    def count(layer):
        return layer.summary().total.parameters

    kernel, channels, out = 3, 16, 24
    whole = count(nn.Conv2d(channels, out, kernel, bias=False))
    assert whole == kernel**2 * channels * out
    separable = count(nn.SeparableConv2d(channels, out, kernel, bias=False))
    assert separable == kernel**2 * channels + channels * out
    assert separable / whole == pytest.approx(1 / out + 1 / kernel**2)
    assert count(nn.Conv2d(channels, out, kernel, groups=4, bias=False)) == whole // 4
    # VGG: two kernels of 3 see as far as one of 5, with 18 C² weights for 25 C².
    assert 2 * count(nn.Conv2d(8, 8, 3, bias=False)) == 18 * 8**2
    assert count(nn.Conv2d(8, 8, 5, bias=False)) == 25 * 8**2


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ConvTranspose2d(3, 4, 2, stride=2),
        nn.SeparableConv2d(3, 4, 3),
        nn.MaxPool(2),
        nn.AvgPool(3, 2, 1),
        nn.AdaptiveMaxPool(3),
        nn.AdaptiveAvgPool(3),
        nn.GlobalMaxPool(),
        nn.GlobalAvgPool(),
        nn.Upsample(scale_factor=2, mode="linear"),
        nn.Upsample(size=5),
        nn.PixelUnshuffle(2),
        nn.ChannelShuffle(3),
        nn.SqueezeExcitation(3, reduction=1),
        nn.CBAM(3, reduction=1),
        nn.Add(nn.Identity(), cr.relu),
        nn.Concat(nn.Identity(), cr.relu),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_an_empty_batch(layer):
    """As of one image, but without it; gradients by parameters are 0."""
    layer = nn.Sequential(nn.Conv2d(3, 3, 1), layer)
    loss = cr.value_and_grad(lambda layer, x: cr.sum(layer(x)), argnums=(0, 1))
    empty = cr.zeros((0, 8, 8, 3))
    for run in (loss, cr.jit(loss)):
        value, (gradients, by_x) = run(layer, empty)
        assert value.item() == 0
        assert by_x.shape == (0, 8, 8, 3)
        assert not any(gradient.numpy().any() for gradient in gradients.values())
    one = layer(cr.zeros((1, 8, 8, 3)))
    assert layer(empty).shape == (0, *one.shape[1:])
    assert cr.jit(lambda layer, x: layer(x))(layer, empty).shape == (0, *one.shape[1:])


# ---- Errors ----


class Net(nn.Module):
    def __init__(self, layer):
        self.first = layer

    def __call__(self, x):
        return self.first(x)


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (nn.Conv2d(3, 8, 3), (2, 3, 9, 9), "unlike in PyTorch; write cr.moveaxis(x, 1, -1)"),
        (nn.Conv2d(3, 8, 3), (9, 9, 3), "there is no batch axis; write x[None]"),
        (nn.Conv2d(1, 8, 3), (2, 9, 9), "there is no axis of channels; write x[..., None]"),
        (nn.Conv2d(3, 8, 3), (2, 9, 9, 4), "write nn.Conv2d(4, 8, (3, 3))"),
        (nn.Conv2d(3, 8, 3), (2, 9), "choose the layer of another rank"),
        (nn.Conv1d(3, 8, 3), (2, 9, 4), "Conv1d expects (N, length, 3), got x of shape [2, 9, 4]"),
        (nn.Conv2d(3, 8, 5), (2, 4, 4, 3), "a window reaches over [5, 5]"),
        (nn.SqueezeExcitation(32), (2, 4, 4, 16), "Linear expects 32 features"),
        (nn.Add(nn.Identity(), nn.Conv2d(3, 8, 3)), (2, 9, 9, 3), "a sum needs equal shapes"),
        (nn.Concat(nn.Identity(), nn.Conv2d(3, 8, 3)), (2, 9, 9, 3), "all extents but axis 3"),
    ],
)
def test_errors_name_the_layer_and_the_cure(layer, shape, says):
    with pytest.raises(cr.ChainruleError) as caught:
        Net(layer)(cr.ones(shape))
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "Net.first" in text
    assert says in text


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: nn.Conv2d(3, 8, 3, groups=2), "choose a divisor of both"),
        (lambda: nn.Conv2d(3, 0, 3), "at least one"),
        (lambda: nn.Conv2d(3, 8, (3, 3, 3)), "one for each axis"),
        (lambda: nn.Conv2d(3, 8, 3, stride=0), "at least 1"),
        (lambda: nn.Conv2d(3, 8, 3, padding="full"), '"same" or "valid"'),
        (lambda: nn.Conv2d(3, 8, 3, padding=-1), "padding=-1"),
        (lambda: nn.ConvTranspose2d(3, 8, 3, output_padding=-1), "output_padding is at least 0"),
        (lambda: nn.SqueezeExcitation(8), "1 <= reduction <= channels"),
        (lambda: nn.Add(nn.Identity), "write Identity()"),
        (lambda: nn.Concat([cr.relu, cr.tanh]), "Concat(*layers)"),
    ],
)
def test_bad_options_raise_at_once(build, says):
    with pytest.raises(cr.ChainruleError) as caught:
        build()
    assert says in str(caught.value)


# ---- Branches, attention ----


@pytest.mark.covers("A-151")
def test_add_and_concat():
    """A sum keeps the channels and copies its gradient; side by side they add up."""
    x = cr.random.normal((2, 5, 5, 3))
    branches = (nn.Identity(), nn.Conv2d(3, 3, 3, padding=1))
    added, joined = nn.Add(*branches)(x), nn.Concat(*branches)(x)
    np.testing.assert_allclose(added, joined[..., :3] + joined[..., 3:], rtol=1e-6)
    assert (added.shape[-1], joined.shape[-1]) == (3, 6)
    gradient = cr.grad(lambda x: cr.sum(nn.Add(nn.Identity(), lambda x: 0.0 * x)(x)))(x)
    assert (gradient.numpy() == 1).all()
    assert nn.Flatten()(joined).shape == (2, 150)


@pytest.mark.covers("A-176", "A-177")
def test_attention_to_channels_has_the_paper_s_size():
    channels, reduction = 64, 16
    bottleneck = 2 * channels * channels // reduction
    assert nn.SqueezeExcitation(channels).summary().total.parameters == bottleneck
    assert nn.CBAM(channels).summary().total.parameters == bottleneck + 2 * 7 * 7
    x = cr.random.normal((2, 6, 6, channels))
    for layer in (nn.SqueezeExcitation(channels), nn.CBAM(channels)):
        share = (layer(x) / x).numpy()
        assert (share > 0).all()
        assert (share < 1).all()


# ---- Learning ----


class LeNet(nn.Module):
    """LeNet-5 with ReLU and maxima (LeCun et al. 1998 has tanh and means)."""

    def __init__(self):
        self.first, self.second = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool(2)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), cr.relu, nn.Linear(120, 84), cr.relu,
            nn.Linear(84, 10),
        )  # fmt: skip

    def __call__(self, x):
        x = self.pool(cr.relu(self.first(x)))
        return self.head(self.pool(cr.relu(self.second(x))))


@cr.jit
def epoch(model, optimizer, x, y, batches):
    def step(_, rows):
        def loss(model):
            return nn.losses.cross_entropy(model(x[rows]), y[rows])

        value, gradient = cr.value_and_grad(loss)(model)
        optimizer.update(gradient)
        return _, value

    return cr.mean(cr.scan(step, cr.zeros(()), batches)[1])


def test_lenet_learns_digits():
    """More than 97 % of 360 unseen digits, scaled up to 28 x 28, in less than 15 seconds."""
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    images = cr.asarray(digits.images[..., None] / 16, dtype="float32")
    images, labels = cr.upsample(images, 28, mode="linear"), cr.asarray(digits.target)
    order = np.random.default_rng(0).permutation(len(digits.target))
    known, unseen = order[:-360], order[-360:]
    start = time.perf_counter()
    cr.random.seed(0)
    model = LeNet()
    optimizer = cr.optim.Adam(model, cr.optim.schedules.Cosine(3e-3, steps=30 * 22))
    x, y = images[known], labels[known]
    for seed in range(30):
        batches = np.random.default_rng(seed).permutation(len(known))[: 22 * 64].reshape(22, 64)
        epoch(model, optimizer, x, y, batches)
    right = cr.argmax(model(images[unseen]), axis=-1) == labels[unseen]
    assert cr.mean(right).item() > 0.97
    assert time.perf_counter() - start < 15

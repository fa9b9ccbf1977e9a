"""Normalisation: formulas in float64 NumPy, running averages, modes, hard numbers, errors."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, ShapeError

RANDOM = np.random.default_rng(0)


def data(*shape, kind=np.float32):
    return (RANDOM.normal(size=shape) * 2 + 1).astype(kind)


def standardized(x, axes, eps=1e-5):
    x = x.astype(np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def train(layer, *arguments):
    with cr.training():
        return layer(*arguments).numpy()


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


# ---- Which axes ----


@pytest.mark.covers("A-100", "A-101", "A-102", "A-103", "A-105")
@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (nn.BatchNorm(6), (16, 6), 0),
        (nn.BatchNorm(6), (4, 5, 6), (0, 1)),  # text: a mean per feature, over B and L
        (nn.BatchNorm(6), (4, 3, 2, 6), (0, 1, 2)),
        (nn.BatchNorm(6), (4, 3, 2, 2, 6), (0, 1, 2, 3)),
        (nn.InstanceNorm(6), (4, 5, 6), 1),
        (nn.InstanceNorm(6), (4, 3, 2, 6), (1, 2)),
        (nn.LayerNorm(6), (6,), 0),
        (nn.LayerNorm(6), (4, 5, 6), 2),
        (nn.LayerNorm((3, 2, 6)), (4, 3, 2, 6), (1, 2, 3)),
        (nn.GroupNorm(1, 6), (4, 3, 2, 6), (1, 2, 3)),
        (nn.GroupNorm(6, 6), (4, 3, 2, 6), (1, 2)),
    ],
    ids=str,
)
def test_axes(layer, shape, axes):
    x = data(*shape)
    close(train(layer, x), standardized(x, axes))


@pytest.mark.covers("A-105")
def test_scales_of_places_in_a_text():
    """The third variant for (B, L, D): statistics over D, a scale for each of the L places."""
    layer, x = nn.InstanceNorm(5, affine=True), data(4, 5, 6)
    layer.weight.assign(cr.asarray([1.0, 2.0, 3.0, 4.0, 5.0]))
    found = cr.moveaxis(layer(cr.moveaxis(cr.asarray(x), 1, -1)), -1, 1)
    close(found.numpy(), standardized(x, 2) * np.arange(1, 6)[:, None])


def test_groups_are_neighbouring_channels():
    x = data(4, 3, 6)
    expected = standardized(x.reshape(4, 3, 2, 3), (1, 3)).reshape(x.shape)
    close(nn.GroupNorm(2, 6)(cr.asarray(x)).numpy(), expected)


def test_rms_norm():
    x = data(4, 6).astype(np.float64)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(nn.RMSNorm(6, eps=1e-3)(cr.asarray(x)).numpy(), expected, rtol=1e-6)
    assert nn.RMSNorm(2)(cr.zeros(2)).tolist() == [0, 0]


@pytest.mark.covers("A-106")
def test_add_norm():
    layer, norm, x = nn.Linear(6, 6), nn.LayerNorm(6), cr.asarray(data(4, 6))
    np.testing.assert_array_equal(nn.AddNorm(layer, norm)(x).numpy(), norm(x + layer(x)).numpy())
    np.testing.assert_array_equal(
        nn.AddNorm(layer, norm, pre=True)(x).numpy(), (x + layer(norm(x))).numpy()
    )
    attention = nn.AddNorm(lambda x, memory: x * memory, norm)
    np.testing.assert_array_equal(attention(x, 2.0).numpy(), norm(3 * x).numpy())


def test_options():
    assert nn.LayerNorm(3, bias=False).bias is None
    assert nn.LayerNorm(3, elementwise_affine=False).parameters() == {}
    assert list(nn.BatchNorm(3).state_dict()) == [
        "weight", "bias", "running_mean", "running_var", "num_batches_tracked",
    ]  # fmt: skip
    assert nn.BatchNorm(3, affine=False, track_running_stats=False).state_dict() == {}
    assert nn.InstanceNorm(3).state_dict() == {}


@pytest.mark.parametrize("mean", [1e4, -1e4])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("layer", "axes"), [(nn.BatchNorm(16), 0), (nn.LayerNorm(16), 1), (nn.GroupNorm(1, 16), 1)]
)
def test_float32_far_from_zero(layer, axes, compiled, mean):
    x = (RANDOM.normal(size=(64, 16)) + mean).astype(np.float32)

    def call(layer, x):
        return layer(x)

    found = train(cr.jit(call) if compiled else call, layer, x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, standardized(x, axes), atol=1e-5)


# ---- Running averages ----


@pytest.mark.covers("A-100")
def test_running_averages():
    layer, mean, variance = nn.BatchNorm(6, momentum=0.2), np.zeros(6), np.ones(6)
    for _ in range(3):
        x = data(8, 3, 6)
        train(layer, x)
        mean = 0.8 * mean + 0.2 * x.mean((0, 1))
        variance = 0.8 * variance + 0.2 * x.var((0, 1), ddof=1)
    close(layer.running_mean.numpy(), mean)
    close(layer.running_var.numpy(), variance)
    assert int(layer.num_batches_tracked) == 3
    close(layer(cr.asarray(x)).numpy(), (x - mean) / np.sqrt(variance + 1e-5))


def test_all_batches_count_equally_without_momentum():
    layer, batches = nn.BatchNorm(6, momentum=None), [data(8, 6) for _ in range(4)]
    for x in batches:
        train(layer, x)
    close(layer.running_mean.numpy(), np.mean([x.mean(0) for x in batches], 0))
    close(layer.running_var.numpy(), np.mean([x.var(0, ddof=1) for x in batches], 0))


def test_instance_norm_averages_over_examples():
    layer, x = nn.InstanceNorm(6, track_running_stats=True), data(4, 5, 6)
    close(train(layer, x), standardized(x, 1))
    close(layer.running_mean.numpy(), 0.1 * x.mean((0, 1)))
    close(layer.running_var.numpy(), 0.9 + 0.1 * x.var(1, ddof=1).mean(0))
    expected = (x - layer.running_mean.numpy()) / np.sqrt(layer.running_var.numpy() + 1e-5)
    close(layer(cr.asarray(x)).numpy(), expected)


def test_only_training_assigns():
    layer, x = nn.BatchNorm(6), cr.asarray(data(8, 6))
    before = layer.state_dict()
    layer(x)
    with cr.training(False):
        cr.grad(lambda layer: cr.sum(layer(x)))(layer)
    with cr.training("dropout"):
        layer(x)
    for path, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[path])
    cr.grad(lambda layer: cr.sum(layer(x)))(layer)
    assert int(layer.num_batches_tracked) == 1


def test_without_averages_the_batch_is_used_always():
    layer, x = nn.BatchNorm(6, track_running_stats=False), data(8, 6)
    close(layer(cr.asarray(x)).numpy(), standardized(x, 0))


@pytest.mark.covers("A-120")
def test_in_training_an_example_depends_on_its_batch():
    layer, x = nn.BatchNorm(6), data(8, 6)
    other = np.concatenate([x[:1], data(7, 6)])
    assert np.abs(train(layer, x)[0] - train(layer, other)[0]).max() > 0.1
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(other)[0].numpy())


@pytest.mark.parametrize("layer", [nn.BatchNorm(6), nn.InstanceNorm(6)])
def test_mask_leaves_padding_out(layer):
    x, mask = data(2, 5, 6), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]], bool)
    found = train(layer, x, cr.asarray(mask))
    close(found[:, :3], train(layer, x[:, :3]))
    x[:, 3:] = 1e6
    close(train(layer, x, cr.asarray(mask))[:, :3], found[:, :3])


def test_mask_counts_for_the_running_variance():
    layer, x = nn.BatchNorm(6), data(2, 5, 6)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], bool)
    train(layer, x, mask)
    close(layer.running_mean.numpy(), 0.1 * x[mask].mean(0))
    close(layer.running_var.numpy(), 0.9 + 0.1 * x[mask].var(0, ddof=1))


def test_mask_of_another_shape():
    with pytest.raises(ShapeError, match=r"the mask has shape \[2\], x \[2, 5, 6\]"):
        train(nn.BatchNorm(6), data(2, 5, 6), np.ones(2, bool))


# ---- Batch renormalisation ----


def test_batch_renorm_within_its_limits():
    """In training it computes what it will compute in use."""
    layer, x = nn.BatchRenorm(6, momentum=0.1), data(8, 6)
    for _ in range(50):
        train(layer, x + RANDOM.normal() * 0.1)
    use = layer(cr.asarray(x)).numpy()
    close(train(layer, x), use)
    # r and d are constants, so that the batch's own statistics pass no gradient to the scale.
    r = np.sqrt((x.var(0) + 1e-5) / (layer.running_var.numpy() + 1e-5))
    plain = nn.BatchNorm(6)
    w = cr.asarray(data(8, 6))

    def gradient(layer):
        return cr.grad(lambda x: cr.sum(layer(x) * w))(cr.asarray(x)).numpy()

    np.testing.assert_allclose(gradient(layer), gradient(plain) * r, rtol=1e-2, atol=1e-3)


def test_batch_renorm_begins_as_batch_norm_with_a_schedule():
    layer = nn.BatchRenorm(
        6,
        r_max=lambda seen: cr.where(seen < 2, 1.0, 3.0),
        d_max=lambda seen: cr.where(seen < 2, 0.0, 5.0),
    )
    x, step = data(8, 6) + 3, cr.jit(lambda layer, x: layer(x))
    for _ in range(2):
        close(train(step, layer, x), standardized(x, 0))
    assert np.abs(train(step, layer, x) - standardized(x, 0)).max() > 0.5


# ---- State in programs ----


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm(8), nn.ReLU(), nn.Linear(8, 1))


def test_epoch_in_one_program_equals_the_loop():
    x, y = cr.asarray(data(5, 16, 6)), cr.asarray(data(5, 16, 1))

    def loss(model, x, y):
        return nn.losses.mse(model(x), y)

    def step(model, optimizer, x, y):
        value, gradients = cr.value_and_grad(loss)(model, x, y)
        optimizer.update(gradients)
        return value

    def epoch(model, optimizer, x, y):
        return cr.scan(lambda _, batch: (None, step(model, optimizer, *batch)), None, (x, y))[1]

    def run(steps):
        cr.random.seed(0)
        model = network()
        model.freeze("layers.1.weight")
        losses = steps(model, optim.SGD(model, 0.1))
        assert int(model[1].num_batches_tracked) == 5
        assert model[1].weight.tolist() == [1] * 8
        return [*model.state_dict().values(), np.asarray(losses)]

    eager = run(lambda *state: [float(step(*state, x[i], y[i])) for i in range(5)])
    compiled = run(lambda *state: cr.jit(epoch)(*state, x, y))
    for found, expected in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


def test_state_survives_a_round_trip():
    first, second = network(), network()
    train(first, cr.asarray(data(16, 6)))
    second.load_state_dict(first.state_dict())
    x = cr.asarray(data(4, 6))
    np.testing.assert_array_equal(first(x).numpy(), second(x).numpy())


def test_vmap_in_training_refuses_shared_averages():
    with cr.training(), pytest.raises(cr.ChainruleError, match="running_mean.* differs from call"):
        cr.vmap(nn.BatchNorm(6))(cr.asarray(data(3, 8, 6)))


# ---- Errors ----


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.BatchNorm(6), (1, 6)), (nn.BatchNorm(6), (1, 1, 6)), (nn.InstanceNorm(6), (4, 6)),
     (nn.InstanceNorm(6), (4, 1, 6))],
)  # fmt: skip
def test_one_value_per_channel(layer, shape):
    with cr.training(), pytest.raises(ShapeError, match="one value per channel"):
        layer(cr.ones(shape))
    if isinstance(layer, nn.BatchNorm) and not isinstance(layer, nn.InstanceNorm):
        assert layer(cr.ones(shape)).shape == shape


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (nn.BatchNorm(6), (4, 6, 5), "channels are the last axis here, unlike in PyTorch"),
        (nn.BatchNorm(6), (4, 5), "x has other channels"),
        (nn.BatchNorm(6), (6,), "expected (N, ..., 6)"),
        (nn.GroupNorm(2, 6), (4, 8), "expected (N, ..., 6), got x of shape [4, 8]"),
        (nn.LayerNorm(6), (4, 5), "expected the last axes to be [6], got x of shape [4, 5]"),
        (nn.LayerNorm((5, 6)), (6,), "expected the last axes to be [5, 6]"),
    ],
)
def test_other_shapes(layer, shape, text):
    with pytest.raises(ShapeError) as caught:
        layer(cr.ones(shape))
    assert str(caught.value).startswith(f"[{type(layer).__name__}]")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.BatchNorm(6, momentum=1.5),
        lambda: nn.BatchNorm(0),
        lambda: nn.LayerNorm(6, eps=-1.0),
        lambda: nn.GroupNorm(4, 6),
        lambda: nn.GroupNorm(0, 6),
    ],
)
def test_bad_options(build):
    with pytest.raises(ArgumentError):
        build()

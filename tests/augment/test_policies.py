"""Operations of the policies against PIL, and what the policies draw."""

import numpy as np
import pytest
from components.harness import assert_close, precision, value_and_gradients

import chainrule as cr
from chainrule import augment
from chainrule.augment import policies

PIL = pytest.importorskip("PIL", reason="comes with matplotlib")
from PIL import Image, ImageEnhance, ImageOps  # noqa: E402


def train(layer, *given, seed=0):
    cr.random.seed(seed)
    with cr.training():
        return layer(*given)


def levels(seed=0, shape=(3, 17, 23, 3)):
    """Images of 256 levels: rough, smooth and dark."""
    random = np.random.default_rng(seed)
    rough = random.integers(0, 256, shape[1:])
    smooth = np.cumsum(random.integers(0, 4, shape[1:]), axis=1) + 40
    return np.stack([rough, smooth, random.integers(0, 9, shape[1:])]).astype(np.uint8)


def operated(images, name, amount):
    number = np.full(len(images), augment.OPERATIONS.index(name))
    x = cr.asarray(images.astype(np.float64) / 255, dtype=cr.float64)
    return augment.operate(x, number, amount).numpy() * 255


def by_pil(images, change):
    return np.stack([np.asarray(change(Image.fromarray(image)), np.float64) for image in images])


def sheared(image, matrix):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=(128,) * 3)


EXACT = {
    "invert": (0.0, ImageOps.invert),
    "solarize": (110 / 255, lambda image: ImageOps.solarize(image, 110)),
    "posterize": (3.0, lambda image: ImageOps.posterize(image, 3)),
    "equalize": (0.0, ImageOps.equalize),
    "rotate": (30.0, lambda image: image.rotate(30, fillcolor=(128,) * 3)),
    "shear_x": (0.3, lambda image: sheared(image, (1, 0.3, 0, 0, 1, 0))),
    "shear_y": (-0.2, lambda image: sheared(image, (1, 0, 0, -0.2, 1, 0))),
    "translate_x": (5 / 23, lambda image: sheared(image, (1, 0, -5, 0, 1, 0))),
    "translate_y": (-4 / 17, lambda image: sheared(image, (1, 0, 0, 0, 1, 4))),
    "identity": (0.0, lambda image: image),
}
# PIL rounds to whole levels, and down; the mean of contrast too.
ROUNDED = {
    "autocontrast": (0.0, ImageOps.autocontrast, 1.0),
    "color": (1.6, lambda image: ImageEnhance.Color(image).enhance(1.6), 2.0),
    "contrast": (0.4, lambda image: ImageEnhance.Contrast(image).enhance(0.4), 1.6),
    "brightness": (1.7, lambda image: ImageEnhance.Brightness(image).enhance(1.7), 1.0),
    "sharpness": (0.2, lambda image: ImageEnhance.Sharpness(image).enhance(0.2), 1.6),
}


def test_every_operation_is_compared():
    assert EXACT.keys() | ROUNDED.keys() == set(augment.OPERATIONS)
    assert len(augment.OPERATIONS) == 15


@pytest.mark.covers("A-131", "A-132")
@pytest.mark.parametrize("name", EXACT)
def test_operation_equals_pil(name):
    amount, change = EXACT[name]
    found, expected = operated(levels(), name, amount), by_pil(levels(), change)
    # Of rotated pixels some lie exactly between two.
    assert (abs(found - expected) > 1e-6).mean() < (0.01 if name == "rotate" else 1e-9)


@pytest.mark.covers("A-131", "A-132")
@pytest.mark.parametrize("name", ROUNDED)
def test_operation_is_pil_without_rounding(name):
    amount, change, tolerance = ROUNDED[name]
    found, expected = operated(levels(), name, amount), by_pil(levels(), change)
    assert abs(found - expected).max() <= tolerance


def test_single_shades_stay():
    x = np.full((1, 5, 5, 3), 99, np.uint8)
    for name in ("equalize", "autocontrast"):
        np.testing.assert_allclose(operated(x, name, 0.0), 99)


def test_each_image_has_its_own_operation():
    x = cr.asarray(levels()[[0] * 15] / 255.0, dtype=cr.float64)
    several = augment.operate(x, np.arange(15), np.full(15, 0.3))
    for number in range(15):
        alone = augment.operate(x[:1], np.array([number]), 0.3)
        np.testing.assert_array_equal(several[number].numpy(), alone[0].numpy())


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_operations_compiled_are_those_interpreted(kind):
    """Values and gradients, each image with its own operation."""
    x = np.random.default_rng(1).uniform(0.05, 0.95, (15, 7, 9, 3)).astype(kind)
    given = x, np.arange(15), np.full(15, 0.4, kind)
    with precision(kind):
        interpreted = value_and_gradients(augment.operate, given)
        compiled = value_and_gradients(augment.operate, given, compiled=True)
    for what, found, expected in zip(("value", "gradient"), compiled, interpreted, strict=True):
        assert_close(found, expected, kind, what)


# ---- What policies draw ----


class Spy:
    """Records what a policy does instead of doing it."""

    def __init__(self, monkeypatch):
        self.operations, self.amounts = [], []
        monkeypatch.setattr(policies, "operate", self)

    def __call__(self, images, operations, amounts, fill):
        self.operations.append(operations.numpy())
        self.amounts.append(amounts.numpy())
        return images


X = np.zeros((14_000, 4, 8, 1), np.float32)


def names(numbers):
    return np.array(augment.OPERATIONS)[numbers]


@pytest.mark.covers("A-131")
def test_rand_augment_draws_each_operation_as_often(monkeypatch):
    spy = Spy(monkeypatch)
    train(augment.RandAugment(3, 15), X)
    assert len(spy.operations) == 3
    for operations, amounts in zip(spy.operations, spy.amounts, strict=True):
        counts = np.bincount(operations, minlength=15)
        assert counts[14] == 0 and abs(counts[:14] - 1000).max() < 5 * np.sqrt(1000)
        chosen = names(operations)
        half = {
            "rotate": {-15, 15},
            "shear_x": {-0.15, 0.15},
            "translate_y": {-75 / 331, 75 / 331},
            "contrast": {0.55, 1.45},
            "posterize": {6},
            "solarize": {0.5},
            "equalize": {0},
        }
        for name, expected in half.items():
            found = np.unique(amounts[chosen == name])
            np.testing.assert_allclose(found, sorted(expected), rtol=1e-6, err_msg=name)
    assert abs(np.corrcoef(spy.operations[0], spy.operations[1])[0, 1]) < 0.05


@pytest.mark.covers("A-131")
def test_no_magnitude_changes_geometry_and_colour_not_at_all():
    x = cr.asarray(levels()[[0] * 40] / 255.0)
    shown = train(augment.RandAugment(1, 0), x, seed=2).numpy()
    same = (abs(shown - x.numpy()) < 1e-5).all((1, 2, 3))
    # Equalising and stretching have no strength, and threshold 1 inverts white alone.
    assert 0.6 < same.mean() < 1


@pytest.mark.covers("A-132")
def test_auto_augment_draws_the_policies_of_the_paper(monkeypatch):
    spy = Spy(monkeypatch)
    train(augment.AutoAugment("cifar10"), X)
    (first, second), (amounts, _) = map(names, spy.operations), spy.amounts
    # Inverted, with contrast after it, is 1 of 25 policies: 0.1 * 0.2 of the time.
    count = 14_000 / 25
    assert abs((first == "rotate").sum() - count * 0.7) < 5 * np.sqrt(count)
    assert abs((first == "shear_y").sum() - count * 0.7) < 5 * np.sqrt(count)
    assert abs(((first == "rotate") & (second == "translate_x")).sum() - count * 0.21) < 60
    np.testing.assert_allclose(np.unique(amounts[first == "rotate"]), [-20 / 3, 20 / 3], rtol=1e-5)
    np.testing.assert_allclose(
        np.unique(amounts[first == "color"]), 0.1 + 1.8 * np.array([3, 7, 9]) / 9, rtol=1e-5
    )
    np.testing.assert_allclose(
        np.unique(amounts[first == "solarize"]), 1 - np.array([5, 2]) / 9, rtol=1e-5
    )


@pytest.mark.covers("A-132")
def test_policies_are_whole():
    for name, table in augment.AutoAugment.POLICIES.items():
        assert len(table) == 25, name
        for policy in table:
            assert len(policy) == 2
            for step in policy:
                assert step.operation in augment.OPERATIONS
                assert 0 <= step.p <= 1 and 0 <= step.magnitude <= 9
    assert augment.AutoAugment.POLICIES["imagenet"][0][1] == ("rotate", 0.6, 9)
    assert augment.AutoAugment.POLICIES["svhn"][0][0] == ("shear_x", 0.9, 4)


def test_trivial_augment_draws_all_strengths(monkeypatch):
    spy = Spy(monkeypatch)
    train(augment.TrivialAugment(), X)
    (operations,), (amounts,) = spy.operations, spy.amounts
    chosen = names(operations)
    turned = np.unique(amounts[chosen == "rotate"].round(3))
    np.testing.assert_allclose(turned, np.arange(-30, 31) * 4.5, atol=1e-3)
    assert set(amounts[chosen == "posterize"]) == {2, 3, 4, 5, 6, 7, 8}
    assert abs(amounts[chosen == "translate_x"]).max() == pytest.approx(4)

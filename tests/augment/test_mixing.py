"""Mixup, CutMix and erasing: labels add up, pixels count, shares follow their distribution."""

import numpy as np
import pytest
from scipy import stats

import chainrule as cr
from chainrule import augment

COUNT = 2000


def train(layer, *given, seed=0):
    cr.random.seed(seed)
    with cr.training():
        return layer(*given)


def flat(count, height=8, width=8):
    """Image n is n all over."""
    x = np.arange(count, dtype=np.float32)[:, None, None, None]
    return cr.asarray(np.broadcast_to(x, (count, height, width, 1)))


def pure(count):
    """Each image has a class of its own."""
    return cr.arange(count)


@pytest.mark.covers("A-128")
@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_mixes_labels_as_images(alpha):
    count = 64
    x, y = train(augment.Mixup(count, alpha), flat(count), pure(count))
    np.testing.assert_allclose(y.numpy().sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(x[:, 3, 5, 0].numpy(), y.numpy() @ np.arange(count), atol=1e-4)
    assert (x.numpy() == x.numpy()[:, :1, :1]).all()


@pytest.mark.covers("A-128")
@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 3.0])
def test_shares_are_beta(alpha):
    """Kolmogorov and Smirnov's distance of the shares that 2,000 images keep of themselves."""
    y = train(augment.Mixup(COUNT, alpha), flat(COUNT, 1, 1), pure(COUNT))[1]
    other = y.numpy().argmax(1) == np.arange(COUNT)
    kept = y.numpy()[np.arange(COUNT), np.arange(COUNT)]
    assert 0.2 < other.mean() < 0.8
    # An image that is its own partner, one on average, keeps all.
    assert stats.kstest(kept, stats.beta(alpha, alpha).cdf).statistic < 1.95 / np.sqrt(COUNT)


@pytest.mark.covers("A-129")
def test_cutmix_counts_pixels():
    count = 200
    x, y = train(augment.CutMix(count), flat(count, 9, 12), pure(count))
    np.testing.assert_allclose(y.numpy().sum(1), 1, rtol=1e-6)
    for n, (image, label) in enumerate(zip(x.numpy(), y.numpy(), strict=True)):
        foreign = image[..., 0] != n
        np.testing.assert_allclose(label[n], 1 - foreign.mean(), atol=1e-6)
        rows, columns = np.nonzero(foreign)
        if len(rows):
            box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert len(np.unique(box)) == 1


@pytest.mark.covers("A-129")
def test_cutmix_keeps_what_the_paper_expects():
    """Of images with uniform shares and centres, the mean share kept follows by integration."""
    size, random = 64, np.random.default_rng(0)
    share, row, column = random.uniform(size=(3, 200_000))
    side = np.sqrt(1 - share)
    height, width = (
        np.minimum(centre + side / 2, 1) - np.maximum(centre - side / 2, 0)
        for centre in (row, column)
    )
    y = train(augment.CutMix(COUNT), flat(COUNT, size, size), pure(COUNT))[1]
    kept = y.numpy()[np.arange(COUNT), np.arange(COUNT)]
    assert abs(kept.mean() - (1 - height * width).mean()) < 0.02


def test_probabilities_and_both_at_once():
    """Half of the images are left alone by each; probabilities are mixed as they are."""
    both = augment.Compose(augment.Mixup(p=0.5), augment.CutMix(p=0.5))
    labels = np.eye(COUNT, dtype=np.float32)
    x, y = train(both, flat(COUNT, 4, 4), labels)
    np.testing.assert_allclose(y.numpy().sum(1), 1, rtol=1e-6)
    assert 0.2 < (y.numpy().max(1) == 1).mean() < 0.5


def test_in_use_labels_stay():
    x, y = augment.Mixup(3)(flat(3), pure(3))
    assert y.dtype is cr.int64 and (x.numpy() == flat(3).numpy()).all()


@pytest.mark.parametrize("layer", [augment.Mixup(5), augment.CutMix(5)])
def test_compiled_mixes_the_same(layer):
    x, y = flat(16), pure(16) % 5
    expected = train(layer, x, y, seed=3)
    found = train(cr.jit(lambda x, y: layer(x, y)), x, y, seed=3)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-5)
    assert train(layer, x[:0], y[:0])[1].shape == (0, 5)


@pytest.mark.covers("A-130")
def test_cutout_erases_a_square_that_may_leave_the_image():
    x = cr.ones((COUNT, 10, 10, 2))
    erased = 1 - train(augment.Cutout(4), x).numpy()
    assert (erased[..., 0] == erased[..., 1]).all()
    areas = erased[..., 0].sum((1, 2))
    rows = [min(c + 2, 10) - max(c - 2, 0) for c in range(10)]
    expected = np.mean(rows) ** 2
    assert areas.max() == 16 and areas.min() == min(rows) ** 2
    assert abs(areas.mean() - expected) < 0.2
    assert train(augment.Cutout(), x, seed=1).shape == x.shape


@pytest.mark.covers("A-130")
def test_random_erasing_erases_boxes_of_the_area_asked_for():
    x = cr.ones((COUNT, 40, 40, 1))
    erased = 1 - train(augment.RandomErasing(), x).numpy()[..., 0]
    areas = erased.mean((1, 2))
    touched = areas > 0
    assert abs(touched.mean() - 0.5) < 5 * 0.5 / np.sqrt(COUNT)
    assert areas[touched].min() > 0.015 and areas.max() < 0.36
    assert abs(areas[touched].mean() - 0.175) < 0.02
    noise = train(augment.RandomErasing(1.0, fill=None), x).numpy()
    filled = noise[noise != 1]
    assert abs(filled.mean()) < 0.02 and abs(filled.std() - 1) < 0.02

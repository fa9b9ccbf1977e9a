"""Augmentations as layers: when they act, what fixes their draws, how these are distributed."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import augment
from chainrule.compiler import engine

COUNT = 4000


def images(count=6, height=8, width=10, channels=3):
    x = np.random.default_rng(0).uniform(0.05, 0.95, (count, height, width, channels))
    return cr.asarray(x.astype(np.float32))


def sounds():
    return cr.asarray(np.random.default_rng(0).normal(size=(3, 1500)).astype(np.float32))


def train(layer, x, *labels, seed=0, **options):
    cr.random.seed(seed)
    with cr.training():
        return layer(x, *labels, **options)


IMAGES = [
    augment.RandomFlip(),
    augment.RandomFlip("vertical"),
    augment.RandomCrop((6, 7), padding=2),
    augment.RandomResizedCrop((5, 12)),
    augment.RandomAffine(30, (0.1, 0.2), (0.5, 2.0), 10),
    augment.RandomAffine(30, mode="nearest", p=0.5),
    augment.medical(),
    augment.ColorJitter(0.4, 0.4, 0.4, 0.1),
    augment.RandomGrayscale(0.5),
    augment.GaussianBlur(),
    augment.GaussianNoise(),
    augment.SaltAndPepper(),
    augment.Cutout(4),
    augment.RandomErasing(),
    augment.RandomErasing(1.0, fill=None),
    augment.RandAugment(),
    augment.AutoAugment("cifar10"),
    augment.AutoAugment("imagenet"),
    augment.AutoAugment("svhn"),
    augment.TrivialAugment(),
    augment.Compose(augment.RandomFlip(), augment.RandomCrop(8, 2), augment.Normalize()),
]
SOUNDS = [augment.TimeStretch(), augment.PitchShift(), augment.AddNoise()]
MIXING = [augment.Mixup(4), augment.CutMix(4), augment.CutMix(4, p=0.5)]
every = pytest.mark.parametrize("layer", IMAGES + SOUNDS, ids=lambda layer: type(layer).__name__)


def given(layer):
    return sounds() if layer in SOUNDS else images()


# ---- What all of them keep ----


@every
def test_acts_in_training_alone(layer):
    x = given(layer)
    expected = augment.normalize(x) if isinstance(layer, augment.Compose) else x
    np.testing.assert_array_equal(layer(x).numpy(), expected.numpy())
    shown = np.asarray(train(layer, x, seed=3))
    assert shown.shape != expected.shape or (shown != expected.numpy()).any()


@every
def test_a_key_fixes_the_draws(layer):
    x, key = given(layer), cr.random.key(5)
    first, second = (train(layer, x, seed=seed, key=key).numpy() for seed in (1, 2))
    np.testing.assert_array_equal(first, second)
    other = train(layer, x, key=cr.random.key(6)).numpy()
    assert (other != first).any()


@every
def test_the_stream_fixes_the_draws(layer):
    x = given(layer)
    first, again, other = (train(layer, x, seed=seed).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@every
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_dtype_stays_and_images_are_changed_apart(layer, kind):
    x = cr.asarray(given(layer), dtype=kind)
    same = cr.broadcast_to(x[:1], (20, *x.shape[1:]))
    changed = train(layer, same, seed=1)
    assert changed.dtype.name == kind
    assert np.isfinite(changed.numpy()).all()
    assert len(np.unique(changed.numpy().reshape(20, -1), axis=0)) > 1


@every
def test_compiled_draws_the_same_for_any_number_of_threads(layer):
    x, before, compiled = given(layer), engine.threads, cr.jit(lambda x: layer(x))
    expected = train(layer, x, seed=1).numpy()
    try:
        found = []
        for threads in (1, 2):
            cr.set_threads(threads)
            found.append(train(compiled, x, seed=1).numpy())
    finally:
        cr.set_threads(before)
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], expected, atol=2e-4 if layer in SOUNDS else 2e-5)


@every
def test_no_images(layer):
    x = given(layer)[:0]
    assert train(layer, x).shape[0] == 0


@every
def test_labels_stay_beside_their_images(layer):
    x, labels = given(layer), cr.arange(6)
    shown, kept = train(layer, x, labels, seed=4)
    assert kept is labels
    np.testing.assert_array_equal(shown.numpy(), train(layer, x, seed=4).numpy())
    assert layer(x, labels)[1] is labels


@pytest.mark.covers("A-122", "A-124", "A-128")
def test_within_a_compiled_step():
    """Augmentation, model and optimizer are one program; the loss falls."""
    cr.random.seed(0)
    chain = augment.Compose(augment.RandomFlip(), augment.RandomCrop(8, 1), augment.Mixup(2))
    model = cr.nn.Sequential(cr.nn.Flatten(), cr.nn.Linear(8 * 8 * 3, 2))
    optimizer = cr.optim.SGD(model, 0.05)
    labels = cr.arange(32) % 2
    x = images(32, 8, 8) * 0.1 + labels.astype(cr.float32)[:, None, None, None] * 0.5

    def loss(model, x, labels):
        x, labels = chain(x, labels)
        return cr.nn.losses.cross_entropy(model(x), labels)

    @cr.jit
    def step(model, optimizer, x, labels):
        value, gradient = cr.value_and_grad(loss)(model, x, labels)
        optimizer.update(gradient)
        return value

    losses = [float(step(model, optimizer, x, labels)) for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


# ---- How draws are distributed ----


@pytest.mark.covers("A-122")
def test_flips_by_probability():
    x = cr.broadcast_to(cr.asarray([[[0.0], [1.0]]]), (COUNT, 1, 2, 1))
    share = float(cr.mean(train(augment.RandomFlip(p=0.3), x)[:, 0, 0, 0]))
    assert abs(share - 0.3) < 5 * np.sqrt(0.21 / COUNT)


@pytest.mark.covers("A-124")
def test_crops_are_uniform_over_all_places():
    """Of a 4 x 4 image with one pixel around it, 3 x 3 windows have 16 places."""
    x = cr.broadcast_to(cr.reshape(cr.arange(1.0, 17.0), (1, 4, 4, 1)), (COUNT, 4, 4, 1))
    middle = train(augment.RandomCrop(3, padding=1), x)[:, 1, 1, 0].numpy().astype(int)
    counts = np.bincount(middle, minlength=17)[1:]
    assert abs(counts - COUNT / 16).max() < 5 * np.sqrt(COUNT / 16)


@pytest.mark.covers("A-124", "A-125")
def test_resized_crops_have_the_area_and_ratio_asked_for():
    key = cr.random.key(0)
    x = cr.zeros((COUNT, 60, 80, 1))
    boxes, fits = augment.boxes.within(x, (0.2, 0.5), (0.5, 2.0), key)
    top, left, bottom, right = boxes.numpy().T
    assert fits.numpy().mean() > 0.99
    assert (top >= 0).all() and (left >= 0).all() and (bottom <= 60).all() and (right <= 80).all()
    area = (bottom - top) * (right - left) / 4800
    assert 0.19 < area.min() < 0.21 and 0.48 < area.max() < 0.52
    ratio = np.log((right - left) / (bottom - top))
    assert abs(ratio).max() < np.log(2) + 0.05
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.1


def test_boxes_that_never_fit_are_empty_or_in_the_middle():
    """A share of at least 0.9 in a box twice as wide as high has no place in a square."""
    x = images(4, 8, 8)
    boxes, fits = augment.boxes.within(x, (0.9, 1.0), (2.0, 2.0), cr.random.key(0))
    assert not fits.numpy().any() and not boxes.numpy().any()
    shown = train(augment.RandomResizedCrop((4, 8), (0.9, 1.0), (2.0, 2.0)), x)
    np.testing.assert_allclose(shown.numpy(), x[:, 2:6].numpy(), rtol=1e-6)
    erased = train(augment.RandomErasing(1.0, (0.9, 1.0), (2.0, 2.0)), x)
    np.testing.assert_array_equal(erased.numpy(), x.numpy())


@pytest.mark.covers("A-123", "A-125", "A-136")
def test_affine_draws_stay_within_their_intervals():
    """Each kind of change alone, read off the matrix of coordinates that it shows."""
    grid = np.stack(np.meshgrid(np.arange(41.0), np.arange(41.0), indexing="ij"), -1)
    x = cr.asarray(np.broadcast_to(grid.astype(np.float32) - 20, (500, 41, 41, 2)))
    place = {"middle": (20, 20), "below": (24, 20)}

    def shown(**options):
        y = train(augment.RandomAffine(**options), x).numpy()
        middle, below = (y[:, r, c] for r, c in place.values())
        return middle, (below - middle) / 4

    middle, down = shown(degrees=30)
    angles = np.degrees(np.arctan2(-down[:, 1], down[:, 0]))
    np.testing.assert_allclose(middle, 0, atol=1e-5)
    assert 29 < angles.max() <= 30.01 and -30.01 <= angles.min() < -29
    middle, _ = shown(translate=(0.1, 0.2))
    assert 0.95 * 4.1 < abs(middle[:, 1]).max() <= 4.101
    assert 0.95 * 8.2 < abs(middle[:, 0]).max() <= 8.201
    _, down = shown(scale=(0.8, 1.6))
    assert 1 / 1.6 - 0.01 < down[:, 0].min() < 0.64 and 1.22 < down[:, 0].max() < 1.26
    _, down = shown(shear=45)
    assert 0.95 < down[:, 1].max() <= 1.001
    light = augment.medical()
    assert light.degrees == (-10, 10) and light.scale == (0.95, 1.05) and light.shear == (0, 0)


@pytest.mark.covers("A-126")
def test_jitter_draws_factors_for_each_image():
    x = cr.ones((COUNT, 1, 1, 3)) * 0.5
    factor = train(augment.ColorJitter(brightness=0.4), x)[:, 0, 0, 0].numpy() * 2
    assert 0.6 <= factor.min() < 0.61 and 1.39 < factor.max() <= 1.4
    assert abs(factor.mean() - 1) < 5 * 0.8 / np.sqrt(12 * COUNT)
    grey = train(
        augment.RandomGrayscale(0.25), cr.asarray(np.tile([0.9, 0.5, 0.1], (COUNT, 1, 1, 1)))
    )
    share = np.mean(np.ptp(grey.numpy(), axis=-1) < 1e-6)
    assert abs(share - 0.25) < 5 * np.sqrt(0.19 / COUNT)


@pytest.mark.covers("A-127")
def test_noise_has_the_strength_asked_for():
    x = cr.zeros((2, 100, 100, 1)) + 0.5
    key = cr.random.key(1)
    noise = augment.gaussian_noise(x, cr.asarray([0.1, 0.3]), key=key).numpy() - 0.5
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), [0.1, 0.3], rtol=0.05)
    speckled = augment.salt_and_pepper(x, cr.asarray([0.1, 0.4]), key=key).numpy()
    for share, image in zip((0.1, 0.4), speckled, strict=True):
        for value in (0.0, 1.0):
            assert abs(np.mean(image == value) - share / 2) < 5 * np.sqrt(share / 2 / 10_000)
    many = train(augment.GaussianNoise(0.2), cr.zeros((300, 20, 20, 1)))
    strengths = many.numpy().std(axis=(1, 2, 3))
    assert strengths.min() < 0.01 and 0.18 < strengths.max() < 0.22


@pytest.mark.covers("A-137")
def test_normalisation_acts_in_use_too():
    x = images()
    expected = (x.numpy() - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(augment.Normalize()(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert augment.Normalize((0.5,), (0.25,))(images(channels=1), 7)[1] == 7


# ---- Errors ----


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: augment.RandomFlip("sideways"), "horizontal"),
        (lambda: augment.RandomFlip(p=1.5), "p is 1.5"),
        (lambda: augment.RandomAffine((5, -5)), "degrees"),
        (lambda: augment.RandomAffine(scale=(0.0, 1.0)), "at least 0.001"),
        (lambda: augment.ColorJitter(hue=0.7), "half a turn"),
        (lambda: augment.RandomCrop(4, padding=-1), "padding"),
        (lambda: augment.RandomResizedCrop(4, scale=(0.0, 1.0)), "scale"),
        (lambda: augment.RandAugment(magnitude=31), "magnitude=31"),
        (lambda: augment.AutoAugment("mnist"), "cifar10"),
        (lambda: augment.Mixup(alpha=0.0), "alpha"),
        (lambda: augment.Cutout(0), "size"),
        (lambda: augment.flip(images()[0]), "images[None]"),
        (lambda: augment.rotate(images(), cr.zeros(5)), "[5] for 6 images"),
        (lambda: augment.affine(images(), cr.zeros((3, 3))), "last row"),
        (lambda: augment.zoom(cr.ones((1, 2, 2, 1), dtype=cr.int64), 2.0), "nearest"),
        (lambda: augment.rotate(images(), 3.0, mode="cubic"), "bilinear"),
        (lambda: augment.brightness(cr.ones((1, 2, 2, 1), dtype=cr.uint8), 1.0), "255"),
        (lambda: augment.hue(images(channels=2), 0.1), "red, green and blue"),
        (lambda: augment.normalize(images(channels=2)), "3 numbers"),
        (lambda: augment.blur(images(), 1.0, 8), "radius 8"),
        (lambda: augment.erase(images(), cr.zeros((5, 4))), "top, left"),
        (lambda: augment.mixup(images(), cr.arange(6), 0.5, cr.arange(6)), "num_classes"),
        (lambda: augment.mixup(images(), None, 0.5, cr.arange(6)), "no labels"),
        (lambda: augment.mixup(images(), cr.ones((5, 2)), 0.5, cr.arange(6)), "[5, 2]"),
        (lambda: train(augment.RandomCrop(20), images()), "must fit"),
        (lambda: augment.time_stretch(cr.ones(5), 1.0), "waves[None]"),
    ],
)
def test_errors(make, message):
    with pytest.raises(cr.ChainruleError) as error:
        make()
    assert message in str(error.value)

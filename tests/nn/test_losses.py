"""What all losses share: weights, reductions, both tails."""

import inspect

import numpy as np
import pytest
from components.harness import arguments_of, precision
from scipy import special

import chainrule as cr
from chainrule.checks.losses import CHECKS
from chainrule.nn import losses

R = np.random.default_rng(0)
Z = R.normal(size=(6, 4)) * 3
LABELS = np.asarray([0, 3, 1, 1, 2, 0])
P = special.softmax(R.normal(size=(6, 4)), -1)
CLASS_WEIGHTS = np.asarray([0.5, 2.0, 1.0, 3.0])
WEIGHTS = np.asarray([1.0, 0.0, 2.0, 0.5, 1.0, 3.0])


@pytest.fixture(autouse=True)
def wide():
    with precision("float64"):
        yield


def check(found, expected):
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)


# ---- Every loss ----

# The row that draws the arguments of each; a function of the row's own may fix some options.
ROWS = {check.name.removeprefix("nn.losses."): check for check in CHECKS}
REDUCED = {
    name: loss
    for name, loss in vars(losses).items()
    if inspect.isfunction(loss) and "reduction" in inspect.signature(loss).parameters
}
every = pytest.mark.parametrize("name", REDUCED)


def given(name):
    """The loss with the positional arguments of its row, as a function of its options."""
    loss = REDUCED[name]
    arguments = arguments_of(ROWS[name], 4, "float64")
    if name == "ddpm":
        arguments = (lambda noisy, _: noisy, *arguments)
    positional = [
        parameter
        for parameter in inspect.signature(loss).parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return lambda **options: loss(*arguments[: len(positional)], **options)


def test_every_loss_has_a_row():
    public = {name for name, loss in vars(losses).items() if inspect.isfunction(loss)}
    assert public - ROWS.keys() == {"check_labels", "diffusion_signal"}


@every
@pytest.mark.covers("B-014")
def test_reductions(name):
    loss = given(name)
    each = loss(reduction="none").numpy()
    check(loss(reduction="sum"), each.sum())
    check(loss(reduction="mean"), each.mean())


# The weights of sequence_nll are those of tokens, its reduction is over sequences.
@pytest.mark.parametrize("name", sorted(REDUCED.keys() - {"sequence_nll"}))
def test_weights(name):
    loss = given(name)
    each = loss(reduction="none").numpy()
    weights = R.uniform(0.5, 2.0, each.shape)
    check(loss(sample_weight=weights, reduction="none"), weights * each)
    check(loss(sample_weight=weights, reduction="sum"), (weights * each).sum())
    check(loss(sample_weight=weights, reduction="mean"), np.average(each, weights=weights))
    kept = np.arange(each.size).reshape(each.shape) % 2 == 0
    check(loss(sample_weight=kept, reduction="mean"), each[kept].mean())


@every
def test_options_are_checked(name):
    with pytest.raises(ValueError, match='reduction=\'avg\'; only "mean", "sum" and "none" exist'):
        given(name)(reduction="avg")
    with pytest.raises(ValueError, match=r"sample_weight has shape \[7, 7, 7\], the losses \["):
        given(name)(sample_weight=np.ones((7, 7, 7)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_padding_may_hold_anything(reduction):
    x, y, mask = np.asarray([1.0, np.inf, 2.0]), np.zeros(3), np.asarray([True, False, True])
    expected = {"mean": 2.5, "sum": 5.0, "none": [1.0, 0.0, 4.0]}
    check(losses.mse(x, y, sample_weight=mask, reduction=reduction), expected[reduction])


@pytest.mark.covers("B-014")
def test_vector_losses_take_a_cotangent():
    def each(x):
        return losses.mse(x, P, reduction="none")

    x = cr.asarray(Z)
    with pytest.raises(cr.ChainruleError, match="one number"):
        cr.grad(each)(x)
    _, pullback = cr.vjp(each, x)
    cotangent = R.normal(size=Z.shape)
    check(pullback(cr.asarray(cotangent))[0], 2 * (Z - P) * cotangent)
    for reduction, direction in (("sum", np.ones(Z.shape)), ("mean", np.full(Z.shape, 1 / 24))):
        reduced = cr.grad(lambda x, r=reduction: losses.mse(x, P, reduction=r))(x)
        check(pullback(cr.asarray(direction))[0], reduced.numpy())


# ---- Cross-entropy ----


@pytest.mark.parametrize("target", [LABELS, LABELS.astype(np.uint8), P, np.eye(4)[LABELS]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weights", [None, CLASS_WEIGHTS])
@pytest.mark.parametrize("sample_weight", [None, WEIGHTS])
def test_cross_entropy(target, smoothing, class_weights, sample_weight):
    labels = target.ndim == 1
    p = np.eye(4)[target] if labels else target
    c = np.ones(4) if class_weights is None else class_weights
    s = np.ones(6) if sample_weight is None else sample_weight
    smoothed = (1 - smoothing) * p + smoothing / 4
    each = s * np.sum(-special.log_softmax(Z, -1) * c * smoothed, -1)
    counted = s * c[target] if labels else s
    options = {
        "label_smoothing": smoothing,
        "class_weights": class_weights,
        "sample_weight": sample_weight,
    }
    check(losses.cross_entropy(Z, target, reduction="none", **options), each)
    check(losses.cross_entropy(Z, target, reduction="sum", **options), each.sum())
    check(losses.cross_entropy(Z, target, **options), each.sum() / counted.sum())


def test_cross_entropy_ignores():
    kept = LABELS != 1
    each = -special.log_softmax(Z, -1)[np.arange(6), LABELS] * kept
    check(losses.cross_entropy(Z, LABELS, ignore_index=1, reduction="none"), each)
    outside = np.where(kept, LABELS, -100)
    check(losses.cross_entropy(Z, outside, ignore_index=-100), each.sum() / 4)
    weighted = losses.cross_entropy(Z, outside, ignore_index=-100, sample_weight=WEIGHTS)
    check(weighted, (each * WEIGHTS).sum() / (kept * WEIGHTS).sum())


def test_single_example():
    check(losses.cross_entropy(Z[0], LABELS[0]), -special.log_softmax(Z[0])[LABELS[0]])


def test_nll_and_focal_weigh_classes_as_cross_entropy_does():
    options = {"class_weights": CLASS_WEIGHTS, "sample_weight": WEIGHTS}
    expected = losses.cross_entropy(Z, LABELS, **options).numpy()
    check(losses.nll(special.log_softmax(Z, -1), LABELS, **options), expected)
    check(losses.focal(Z, LABELS, gamma=0.0, **options), expected)
    soft = losses.cross_entropy(Z, P, **options).numpy()
    check(losses.nll(special.log_softmax(Z, -1), P, **options), soft)


@pytest.mark.covers("A-037", "A-116")
@pytest.mark.parametrize(
    "loss", [losses.cross_entropy, losses.nll, losses.focal, losses.multiclass_hinge]
)
@pytest.mark.parametrize("wrong", [-1, 4, 9])
def test_compiled_labels_of_no_class_are_nan(loss, wrong):
    labels = np.where(np.arange(6) == 2, wrong, LABELS)
    kept = np.arange(6) != 2
    each = cr.jit(lambda z, y: loss(z, y, reduction="none"))
    found = each(Z, labels).numpy()
    assert np.isnan(found[2])
    check(cr.asarray(found[kept]), each(Z[kept], LABELS[kept]).numpy())
    slopes = cr.jit(cr.grad(lambda z, y: loss(z, y, reduction="sum")))
    expected = slopes(Z, LABELS).numpy() * kept[:, None]
    check(slopes(Z, labels), expected)
    # As padding they count for nothing.
    weighed = cr.jit(lambda z, y, w: loss(z, y, sample_weight=w))
    check(weighed(Z, labels, kept), weighed(Z, LABELS, kept).numpy())


def test_smoothing_example():
    """[0, 1, 0] becomes [0.1, 0.8, 0.1] at 0.3, not at the usual 0.1."""
    target, soft = np.asarray([1]), np.asarray([[0.1, 0.8, 0.1]])
    smoothed = losses.cross_entropy(Z[:1, :3], target, label_smoothing=0.3)
    check(smoothed, losses.cross_entropy(Z[:1, :3], soft).numpy())


@pytest.mark.covers("A-033", "B-022")
def test_gradients_are_prediction_minus_target():
    gradient = cr.grad(lambda z, y: losses.cross_entropy(z, y, reduction="sum"))
    check(gradient(cr.asarray(Z), LABELS), special.softmax(Z, -1) - np.eye(4)[LABELS])
    check(gradient(cr.asarray(Z), P), special.softmax(Z, -1) - P)
    gradient = cr.grad(lambda z: losses.binary_cross_entropy(z, P, reduction="sum"))
    check(gradient(cr.asarray(Z)), special.expit(Z) - P)


# ---- Tails ----


def test_cross_entropy_is_stable():
    z = np.asarray([[1e4, -1e4, 0.0], [1e4, -np.inf, 0.0]])
    check(losses.cross_entropy(z, np.asarray([1, 0]), reduction="none"), [2e4, 0])
    gradient = cr.grad(losses.cross_entropy)(cr.asarray(z), np.asarray([1, 0]))
    check(gradient, [[0.5, -0.5, 0], [0, 0, 0]])


def test_binary_cross_entropy_in_both_tails_and_at_zero():
    z = np.asarray([50.0, -50.0, 1e4, -1e4, 0.0])
    for y, expected in ((0.0, -special.log_expit(-z)), (1.0, -special.log_expit(z))):
        target = np.full(5, y)
        found = losses.binary_cross_entropy(z, target, reduction="none")
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
        gradient = cr.grad(lambda z, t=target: losses.binary_cross_entropy(z, t, reduction="sum"))
        exact = special.expit(z) if y == 0 else -special.expit(-z)
        np.testing.assert_allclose(gradient(cr.asarray(z)).numpy(), exact, rtol=1e-12)


def test_binary_cross_entropy_options():
    z, y, w = Z, LABELS[:, None] % np.arange(2, 6) == 1, np.asarray([1.0, 2.0, 0.5, 3.0])
    positive, negative = -special.log_expit(z), -special.log_expit(-z)
    each = w * y * positive + (1 - y) * negative
    check(losses.binary_cross_entropy(z, y, positive_weight=w), each.mean())
    smoothed = 0.9 * y + 0.05
    each = smoothed * positive + (1 - smoothed) * negative
    check(losses.binary_cross_entropy(z, y, label_smoothing=0.1), each.mean())
    narrow = losses.binary_cross_entropy(cr.asarray(z, dtype=cr.float32), y, positive_weight=w)
    assert narrow.dtype is cr.float32


LARGE = np.asarray([[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0]])
FROM_LOGITS = {
    "cross_entropy": lambda z: losses.cross_entropy(z, np.asarray([0, 0, 1])),
    "focal": lambda z: losses.focal(z, np.asarray([0, 0, 1])),
    "focal 0.5": lambda z: losses.focal(z, np.asarray([0, 0, 1]), gamma=0.5),
    "binary_focal": lambda z: losses.binary_focal(z, np.asarray([[0, 1], [0, 1], [1, 0]])),
    "binary_focal 0.5": lambda z: losses.binary_focal(z, np.ones((3, 2)), gamma=0.5),
    "dice": lambda z: losses.dice(z, np.asarray([[0, 1], [0, 1], [1, 0]])),
    "distillation": lambda z: losses.distillation(z, z[::-1], np.asarray([0, 0, 1])),
    "sequence_nll": lambda z: losses.sequence_nll(z, np.asarray([0, 0, 1])),
    "ctc": lambda z: losses.ctc(z, np.asarray([1])),
    "log_cosh": lambda z: losses.log_cosh(z, z * 0),
    "discriminator": lambda z: losses.gan_discriminator(z, z),
    "generator": lambda z: losses.gan_generator(z),
    "nt_xent": lambda z: losses.nt_xent(z, z[::-1]),
}


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", FROM_LOGITS)
def test_large_logits_have_losses_and_gradients(name, kind):
    z = cr.asarray(LARGE.astype(kind))
    value, gradient = cr.value_and_grad(FROM_LOGITS[name])(z)
    assert np.isfinite(value.numpy())
    assert np.isfinite(gradient.numpy()).all()

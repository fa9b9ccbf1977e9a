"""What is known of single losses: bounds, limits, derivatives at edges, equal forms."""

import itertools

import numpy as np
import pytest
from components.harness import precision
from scipy import special

import chainrule as cr
from chainrule.nn import losses

R = np.random.default_rng(5)
Z = R.normal(size=(6, 4)) * 3
LABELS = np.asarray([0, 3, 1, 1, 2, 0])
P, Q = (special.softmax(R.normal(size=(6, 4)), -1) for _ in range(2))


@pytest.fixture(autouse=True)
def wide():
    with precision("float64"):
        yield


def close(found, expected, **tolerance):
    np.testing.assert_allclose(np.asarray(found), expected, **{"rtol": 1e-12} | tolerance)


# ---- Divergences ----


@pytest.mark.covers("A-047")
def test_kl_divergence():
    forth, back = losses.kl_divergence(P, Q), losses.kl_divergence(Q, P)
    assert float(forth) > 0 and float(back) > 0 and abs(float(forth - back)) > 1e-3
    assert float(losses.kl_divergence(P, P)) == 0
    assert float(losses.kl_divergence(np.asarray([0.5, 0.5]), np.asarray([1.0, 0.0]))) == np.inf
    zero, half = np.asarray([1.0, 0.0]), np.asarray([0.5, 0.5])
    close(losses.kl_divergence(zero, half), np.log(2))
    for gradient in cr.grad(losses.kl_divergence, argnums=(0, 1))(zero, zero):
        assert np.isfinite(gradient.numpy()).all()


@pytest.mark.covers("A-048")
def test_js_divergence_is_symmetric_and_bounded():
    close(losses.js_divergence(P, Q), losses.js_divergence(Q, P))
    apart = [np.asarray([0.3, 0.7, 0, 0]), np.asarray([0, 0, 0.5, 0.5])]
    close(losses.js_divergence(*apart), np.log(2))
    assert 0 < float(losses.js_divergence(P, Q)) < np.log(2)
    near = P * (1 + 1e-6 * R.normal(size=P.shape))
    assert 0 <= float(losses.js_divergence(P, near / near.sum(-1, keepdims=True))) < 1e-11
    assert np.isfinite(cr.grad(losses.js_divergence)(*apart).numpy()).all()


@pytest.mark.covers("A-049")
def test_entropies_belong_together():
    total = losses.entropy(P) + losses.kl_divergence(P, Q)
    close(losses.distribution_cross_entropy(P, Q), total)
    close(losses.cross_entropy(np.log(Q), P), total)
    close(losses.entropy(np.full(8, 1 / 8)), np.log(8))
    assert float(losses.entropy(np.asarray([0.0, 1.0, 0.0]))) == 0
    close(losses.mutual_information(P[0][:, None] * Q[0]), 0, atol=1e-15)
    close(losses.mutual_information(np.diag(P[0])), losses.entropy(P[0]))


# ---- Classes ----


@pytest.mark.covers("A-038")
def test_focal_weighs_easy_ones_down():
    for p, ratio in ((0.9, 100), (0.968, 976.5625), (0.5, 4)):
        z = np.asarray([special.logit(p)])
        focal = losses.binary_focal(z, np.ones(1), alpha=None)
        close(losses.binary_cross_entropy(z, np.ones(1)) / focal, ratio)
    y = LABELS % 2
    plain = losses.binary_focal(Z[:, 0], y, gamma=0.0, alpha=None)
    close(plain, losses.binary_cross_entropy(Z[:, 0], y))
    close(losses.focal(Z, LABELS, gamma=0.0), losses.cross_entropy(Z, LABELS))
    both = np.stack([Z[:, 0], Z[:, 1]], -1)
    binary = losses.binary_focal(both[:, 1] - both[:, 0], y, alpha=None)
    close(losses.focal(both, y), binary)


@pytest.mark.covers("A-046")
def test_hinge_options():
    scores, target = Z[:, 0], 2 * (LABELS % 2) - 1
    lacking = np.maximum(0, 1 - target * scores)
    close(losses.hinge(scores, target, squared=True), np.mean(lacking**2))
    perceptron = np.maximum(0, -target * scores).mean()
    close(losses.hinge(scores, target, margin=0.0), perceptron)
    both = np.stack([scores * 0, scores], -1)
    close(losses.multiclass_hinge(both, LABELS % 2), lacking.mean() / 2)


@pytest.mark.covers("A-034", "A-035")
def test_labels_have_a_sigmoid_each():
    y = R.integers(0, 2, Z.shape)
    single = [losses.binary_cross_entropy(Z[:, i], y[:, i]) for i in range(4)]
    close(losses.binary_cross_entropy(Z, y), np.mean([float(loss) for loss in single]))


# ---- Errors of regression ----


@pytest.mark.covers("A-043", "A-044")
@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_huber_has_no_jumps(delta):
    """Value and slope meet where the square ends; smooth L1 is the same over delta."""
    edge = np.asarray([delta - 1e-9, delta + 1e-9])
    each = losses.huber(edge, edge * 0, delta=delta, reduction="none")
    close(each, delta**2 / 2, rtol=1e-8)
    slope = cr.grad(lambda x: losses.huber(x, x * 0, delta=delta, reduction="sum"))
    close(slope(cr.asarray(edge)), delta, rtol=1e-8)
    close(losses.smooth_l1(Z, P, beta=delta) * delta, losses.huber(Z, P, delta=delta))


@pytest.mark.covers("A-041", "A-042")
def test_slopes():
    error, zero = np.asarray([-3.0, -0.1, 0.0, 0.1, 3.0]), np.zeros(5)
    for loss, slope in (
        (losses.half_squares, error),
        (losses.mse, 2 * error),
        (losses.mae, np.sign(error)),
        (losses.log_cosh, np.tanh(error)),
    ):
        gradient = cr.grad(lambda x, loss=loss: loss(x, zero, reduction="sum"))
        close(gradient(cr.asarray(error)), slope)


def test_log_cosh_near_and_far():
    error = np.asarray([1e-6, 1e-3, 700.0, 1e6])
    expected = [5e-13, 4.999999166666889e-07, 700 - np.log(2), 1e6 - np.log(2)]
    close(losses.log_cosh(error, error * 0, reduction="none"), expected)
    curve = cr.grad(cr.grad(lambda x: losses.log_cosh(x, x * 0)))
    close(curve(cr.asarray(0.0)), 1.0)


@pytest.mark.covers("A-045")
def test_mape_at_zero_targets():
    target = np.asarray([0.0, 2.0])
    each = losses.mape(np.asarray([1.0, 1.0]), target, reduction="none")
    close(each, [1e9, 50.0])
    close(losses.mape(np.ones(2), target, epsilon=1.0, reduction="none"), [100, 50])
    close(losses.mape(np.ones(2), target, sample_weight=target != 0), 50)


def best_constant(loss, target):
    """The constant prediction of least loss, by scanning."""
    grid = np.linspace(-4, 12, 1601)
    values = [float(loss(np.full(target.shape, c), target)) for c in grid]
    return grid[np.argmin(values)]


@pytest.mark.parametrize(
    ("loss", "statistic"),
    [
        (losses.mse, np.mean),
        (losses.mae, np.median),
        (lambda x, y: losses.pinball(x, y, quantile=0.9), lambda y: np.sort(y)[8]),
    ],
)
def test_minima_are_statistics(loss, statistic):
    target = np.asarray([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 11.0])
    assert best_constant(loss, target) == pytest.approx(statistic(target), abs=0.01)


# ---- Embeddings ----


@pytest.mark.covers("A-050", "A-051")
def test_equal_embeddings_have_gradients():
    x = cr.asarray(np.ones((1, 3)))
    for target in (0, 1):
        value, gradient = cr.value_and_grad(losses.contrastive)(x, x, np.asarray([target]))
        assert (float(value), np.abs(gradient.numpy()).max()) == (1 - target, 0)
    value, gradient = cr.value_and_grad(losses.triplet)(x, x, x)
    assert (float(value), np.abs(gradient.numpy()).max()) == (1, 0)
    value, gradient = cr.value_and_grad(losses.cosine_embedding)(x * 0, x, np.asarray([1]))
    assert float(value) == 1 and np.isfinite(gradient.numpy()).all()


@pytest.mark.covers("A-050", "A-051")
def test_beyond_the_margin_nothing_is_lost():
    x, far = np.zeros((2, 3)), np.full((2, 3), 2.0)
    value, gradient = cr.value_and_grad(losses.contrastive)(x, far, np.zeros(2, int))
    assert (float(value), np.abs(gradient.numpy()).max()) == (0, 0)
    value, gradient = cr.value_and_grad(losses.triplet)(x, x + 0.5, far)
    assert (float(value), np.abs(gradient.numpy()).max()) == (0, 0)


@pytest.mark.covers("A-052")
def test_views_that_are_all_alike():
    """One positive among 2 n - 1: log(2 n - 1), whatever the temperature."""
    x = np.ones((5, 3))
    for temperature in (0.07, 0.5):
        close(losses.nt_xent(x, 2 * x, temperature=temperature), np.log(9))
        close(losses.info_nce(x, 2 * x, temperature=temperature), np.log(5))


# ---- Sequences ----


@pytest.mark.covers("A-053")
def test_sequence_nll_ignores_padding():
    logits, tokens = R.normal(size=(3, 5, 4)), R.integers(0, 4, (3, 5))
    mask = np.arange(5) < np.asarray([[5], [2], [3]])
    log_p = special.log_softmax(logits, -1)
    expected = [
        -sum(log_p[row, t, tokens[row, t]] for t in range(length))
        for row, length in enumerate([5, 2, 3])
    ]
    found = losses.sequence_nll(logits, tokens, sample_weight=mask, reduction="none")
    close(found, expected)
    changed = np.where(mask, tokens, 0)
    close(losses.sequence_nll(logits, changed, sample_weight=mask), np.mean(expected))
    per_token = losses.cross_entropy(logits, tokens, sample_weight=mask)
    close(per_token, sum(expected) / 10)


def read(path, blank):
    """What a path says: repetitions dropped, then blanks."""
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != blank]


@pytest.mark.parametrize("labels", [[], [1], [1, 1], [2, 1], [0, 1, 0], [1, 1, 1]])
def test_ctc_sums_over_all_paths(labels):
    """Labels up to the longest that fit into 4 steps, and three equal ones, which do not."""
    blank, log_p = 3, special.log_softmax(R.normal(size=(4, 4)), -1)
    paths = [p for p in itertools.product(range(4), repeat=4) if read(p, blank) == labels]
    with np.errstate(divide="ignore"):
        expected = -np.log(sum(np.exp(sum(log_p[t, s] for t, s in enumerate(p))) for p in paths))
    found = losses.ctc(log_p, np.asarray(labels, np.int64), blank=blank)
    close(found, expected)
    padded = np.asarray([*labels, 2, 2], np.int64)
    longer = np.concatenate([log_p, R.normal(size=(2, 4))])
    counts = np.asarray(4), np.asarray(len(labels))
    close(losses.ctc(longer, padded, *counts, blank=blank), expected)


def test_ctc_of_labels_that_do_not_fit():
    logits, labels = cr.asarray(R.normal(size=(2, 3, 4))), np.asarray([[1, 1, 1], [1, 2, 3]])
    each = losses.ctc(logits, labels, reduction="none").numpy()
    assert np.isinf(each[0]) and np.isfinite(each[1])
    value, gradient = cr.value_and_grad(lambda z: losses.ctc(z, labels, zero_infinity=True))(logits)
    close(value, each[1] / 2)
    assert np.abs(gradient.numpy()[0]).max() == 0 < np.abs(gradient.numpy()[1]).max()


# ---- Generative models ----


@pytest.mark.covers("A-054")
def test_only_the_minimax_generator_saturates():
    found_out = cr.asarray(np.asarray([-10.0]))
    slopes = {
        kind: float(cr.grad(lambda x, k=kind: losses.gan_generator(x, kind=k))(found_out)[0])
        for kind in ("minimax", "non-saturating", "wasserstein", "hinge", "least-squares")
    }
    assert abs(slopes["minimax"]) < 1e-4
    assert all(slopes[kind] < -0.99 for kind in slopes.keys() - {"minimax"})


@pytest.mark.covers("A-055")
def test_elbo_is_a_bound_of_the_likelihood():
    """With x = z + noise, both normal, the true posterior N(x / 2, 1 / 2) reaches log p(x)."""
    x = np.asarray([[1.5]])
    exact = 0.5 * (np.log(2 * np.pi * 2) + 1.5**2 / 2)

    def bound(mean, variance):
        # The expected squared error of a reconstruction z ~ N(mean, variance), and its constant.
        inside = losses.vae(
            cr.asarray([[mean]]), x, cr.asarray([[mean]]), cr.asarray([[np.log(variance)]]),
            loss=losses.half_squares,
        )  # fmt: skip
        return float(inside) + 0.5 * variance + 0.5 * np.log(2 * np.pi)

    assert bound(0.75, 0.5) == pytest.approx(exact, rel=1e-12)
    for mean, variance in ((0.0, 1.0), (0.75, 0.4), (1.0, 0.5)):
        assert bound(mean, variance) > exact
    twice = losses.vae(x, x, x, x * 0, beta=2.0) - losses.vae(x, x, x, x * 0)
    close(twice, losses.gaussian_kl(x, x * 0))


@pytest.mark.covers("A-056")
def test_diffusion_ends_in_noise_and_keeps_the_variance():
    signal = losses.diffusion_signal().numpy()
    close(signal[:2], [0.9999, 0.9999 * (1 - 1e-4 - 0.0199 / 999)], rtol=1e-6)
    assert signal[-1] < 1e-4 and (np.diff(signal) < 0).all()
    x, noise = R.normal(size=(2, 20000, 1))
    steps = R.integers(0, 1000, 20000)
    assert np.var(losses.diffuse(x, steps, noise, signal).numpy()) == pytest.approx(1, abs=0.03)
    exact = losses.ddpm(lambda *_: cr.asarray(noise), x, steps, noise, signal)
    assert float(exact) == 0


# ---- Several aims ----


@pytest.mark.covers("A-057")
def test_distillation():
    teacher = R.normal(size=Z.shape)
    hard = losses.distillation(Z, teacher, LABELS, soft_share=0.0)
    close(hard, losses.cross_entropy(Z, LABELS))
    soft = losses.distillation(Z, teacher, temperature=1.0)
    close(soft, losses.kl_divergence(special.softmax(teacher, -1), special.softmax(Z, -1)))
    # At high temperatures it matches logits, with a gradient of the same size (Hinton, eq. 4).
    gradient = cr.grad(lambda z: losses.distillation(z, teacher, temperature=1e4))(cr.asarray(Z))
    centred = [logits - logits.mean(-1, keepdims=True) for logits in (Z, teacher)]
    close(gradient, (centred[0] - centred[1]) / 4 / 6, rtol=1e-2, atol=1e-4)


@pytest.mark.covers("A-059")
def test_best_uncertainty_is_the_loss():
    """Where the loss stands still, exp(s) is the loss itself."""
    tasks = np.asarray([0.2, 3.0])
    weighted = losses.uncertainty_weighted_tasks
    gradient = cr.grad(lambda s: weighted(tasks, s))(cr.asarray(np.log(tasks)))
    close(gradient, [0, 0], atol=1e-15)
    listed = weighted([cr.asarray(0.2), cr.asarray(3.0)], np.zeros(2))
    close(listed, 1.6)
    close(losses.weighted_tasks(tasks, np.asarray([2.0, 1.0])), 3.4)

"""Learning rates, one batch by heart, and grids: against plain loops and scikit-learn."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError
from chainrule.train import Trainer, find_learning_rate, grid_search, overfit_one_batch

X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
SLOPES = np.asarray([1.0, -2.0, 0.5, 0.0, 3.0], np.float32)


def trainer(rate, hidden=16):
    model = nn.Sequential(nn.Linear(5, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 2))
    return Trainer(model, nn.losses.cross_entropy, optim.SGD(model, rate, momentum=0.9))


@pytest.mark.parametrize("rate", [0.1, optim.schedules.OneCycle(0.1, 100)])
@pytest.mark.parametrize("look", [find_learning_rate, overfit_one_batch])
def test_looking_ahead_changes_nothing(look, rate):
    made = trainer(rate)
    before, stream = made.step.state_dict(), cr.random.get_state().numpy().copy()
    expected = float(made.optimizer.learning_rate)
    look(made, (X, Y), steps=20)
    for name, array in made.step.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(cr.random.get_state().numpy(), stream)
    assert float(made.optimizer.learning_rate) == expected


def test_rates_grow_until_training_diverges():
    found = find_learning_rate(trainer(0.1), (X, Y), low=1e-6, high=1e6, steps=120, batch_size=16)
    ratios = np.divide(found.rates[1:], found.rates[:-1])
    np.testing.assert_allclose(ratios, 1e12 ** (1 / 119), rtol=1e-6)
    assert len(found.losses) == len(found.rates) < 120
    assert 1e-3 < found.suggestion < 10
    with pytest.raises(ArgumentError, match="choose 0 < low < high"):
        find_learning_rate(trainer(0.1), (X, Y), low=1.0, high=0.1)


def test_one_batch_is_learnt_by_heart():
    losses = overfit_one_batch(trainer(0.05, hidden=64), (X, Y), steps=150, batch_size=16)
    assert len(losses) == 150 and losses[-1] < 0.05 < 0.5 < losses[0]


def ridge(decay):
    """A linear model whose optimum under coupled decay is ridge regression's."""
    model = nn.Linear(5, 1, init=nn.init.zeros(), bias=False)

    def loss(prediction, target):
        return nn.losses.mse(prediction[:, 0], target)

    return Trainer(model, loss, optim.SGD(model, 0.1, weight_decay=decay))


@pytest.mark.covers("B-064")
def test_the_curve_over_a_grid_is_that_of_scikit_learn():
    from chainrule.data.split import bins, folds

    linear_model = pytest.importorskip("sklearn.linear_model")
    y = X @ SLOPES + np.random.default_rng(1).normal(size=60).astype(np.float32)
    decays = [0.0, 0.1, 1.0, 10.0]
    found = grid_search(
        ridge, {"decay": decays}, (X, y), count=3, epochs=200, batch_size=60, shuffle=False
    )
    values, training, validation = found.curve("decay")
    assert values == decays and training.shape == validation.shape == (4, 3)
    for row, decay in enumerate(decays):
        for fold, (kept, held) in enumerate(folds(60, 3, labels=bins(y))):
            # SGD with decay d settles where the gradient of mse + d/2 |w|**2 is zero.
            model = linear_model.Ridge(alpha=decay * len(kept) / 2, fit_intercept=False)
            model.fit(X[kept], y[kept])
            for part, rows in ((training, kept), (validation, held)):
                expected = np.mean((model.predict(X[rows]) - y[rows]) ** 2)
                assert part[row, fold] == pytest.approx(expected, rel=1e-3)
    assert found.best == {"decay": decays[int(np.argmin(validation.mean(axis=1)))]}

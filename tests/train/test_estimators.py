"""Estimators: what they learn, in scikit-learn's pipelines and searches, weighed, calibrated, from
tables with text and gaps.
"""

import pickle

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_wine,
    make_multilabel_classification,
)
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import chainrule as cr
from chainrule.errors import ArgumentError, TrainingError
from chainrule.train import Callback, EarlyStopping, NetClassifier, NetRegressor

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 40, "random_state": 0}


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


# ---- What is learned ----


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classifier_beats_a_scikit_learn_network():
    """On wine, whose columns have sizes of their own, with the settings that each has by itself."""
    x, y = load_wine(return_X_y=True)
    found = cross_val_score(NetClassifier(random_state=0), x, y).mean()
    assert found > 0.95 > cross_val_score(MLPClassifier(random_state=0), x, y).mean()


def test_regressor_beats_a_linear_model_nearly(diabetes):
    found = cross_val_score(NetRegressor(random_state=0), *diabetes).mean()
    assert found > 0.47  # Linear regression has 0.48, MLPRegressor of itself -3.


def test_probabilities_and_classes(iris):
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    net = NetClassifier(**QUICK).fit(x, names[y])
    assert net.classes_.tolist() == names.tolist()
    p = net.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(net.predict_log_proba(x), np.log(p))
    assert (net.predict(x) == names[p.argmax(axis=1)]).all()


def test_weights_by_hand_give_the_predictions(diabetes):
    """`coefs_` and `intercepts_` are those of the columns that there are."""
    x, y = diabetes
    net = NetRegressor(**QUICK, activation="relu").fit(x, y)
    assert [w.shape for w in net.coefs_] == [(10, 16), (16, 1)]
    hidden = np.maximum((x - x.mean(0)) / x.std(0) @ net.coefs_[0] + net.intercepts_[0], 0)
    found = (hidden @ net.coefs_[1] + net.intercepts_[1])[:, 0] * y.std() + y.mean()
    np.testing.assert_allclose(net.predict(x), found, rtol=1e-4)


def test_several_targets(diabetes):
    x, y = diabetes
    both = NetRegressor(**QUICK).fit(x, np.column_stack([y, -y])).predict(x)
    assert both.shape == (len(x), 2)
    assert np.corrcoef(both[:, 0], -both[:, 1])[0, 1] > 0.95


def test_several_labels():
    x, y = make_multilabel_classification(300, 10, n_classes=3, random_state=0)
    net = NetClassifier(random_state=0).fit(x, y)
    assert net.predict_proba(x).shape == net.predict(x).shape == (300, 3)
    assert (net.predict(x) == y).mean() > 0.8


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "bce", "hinge"])
def test_losses_of_classes(loss):
    x, y = load_breast_cancer(return_X_y=True)
    assert NetClassifier(**QUICK, loss=loss).fit(x, y).score(x, y) > 0.95


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "quantile", "mape"])
def test_losses_of_numbers(loss, diabetes):
    x, y = diabetes
    assert NetRegressor(**QUICK, loss=loss, learning_rate_init=0.01).fit(x, y).score(x, y) > 0.3


def test_a_quantile_is_above_its_share_of_targets(diabetes):
    x, y = diabetes
    net = NetRegressor(**QUICK, loss="quantile", loss_options={"quantile": 0.9}).fit(x, y)
    assert abs((y < net.predict(x)).mean() - 0.9) < 0.05


@pytest.mark.parametrize("solver", ["adam", "sgd", "muon", "schedulefreeadamw", "sam"])
def test_solvers(solver):
    x, y = load_wine(return_X_y=True)
    assert NetClassifier(**QUICK, solver=solver).fit(x, y).score(x, y) > 0.95


# ---- In scikit-learn's tools ----


def test_pipelines_and_searches(iris):
    pipeline = make_pipeline(MinMaxScaler(), NetClassifier(**QUICK))
    grid = {"netclassifier__alpha": [1e-4, 100.0], "netclassifier__learning_rate_init": [0.01]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(*iris)
    assert search.best_params_["netclassifier__alpha"] == 1e-4


def test_rates_and_decays_share_a_program(iris, caplog):
    """What GridSearchCV tries of them is not compiled anew."""
    made = []
    for changed in (
        {"learning_rate_init": 0.01},
        {"weight_decay": 0.5},
        {"learning_rate": "linear"},
    ):
        net = NetClassifier(**QUICK, **changed)
        net.fit(*iris)
        made.append(cr.train.programs._shared.cache_info().misses)
    assert made[0] == made[1] == made[2]


def test_pickles_predict_the_same(iris):
    net = NetClassifier(**QUICK).fit(*iris)
    copied = pickle.loads(pickle.dumps(net))
    assert (copied.predict_proba(iris[0]) == net.predict_proba(iris[0])).all()
    assert not hasattr(clone(net), "n_iter_")


def test_the_same_seed_gives_the_same_bits(iris):
    a, b = (NetClassifier(**QUICK).fit(*iris).predict_proba(iris[0]) for _ in range(2))
    assert (a == b).all()
    state = cr.random.get_state().numpy()
    NetClassifier(**QUICK).fit(*iris)
    assert (cr.random.get_state().numpy() == state).all()


# ---- Rows ----


def test_weights_are_repetitions(iris):
    x, y = iris
    weights = np.random.default_rng(0).integers(0, 3, len(x))
    weighed = NetClassifier(**QUICK).fit(x, y, sample_weight=weights).predict_proba(x)
    repeated = NetClassifier(**QUICK).fit(x.repeat(weights, 0), y.repeat(weights))
    assert (weighed == repeated.predict_proba(x)).all()


def test_class_weights_move_the_decision():
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = (x[:, 0] + np.random.default_rng(1).normal(size=400) > 1.5).astype(int)
    found = [NetClassifier(**QUICK, class_weight=w).fit(x, y) for w in (None, "balanced")]
    shares = [net.predict(x).mean() for net in found]
    assert shares[0] < y.mean() < shares[1]


def test_validation_data_are_judged(diabetes):
    x, held, y, truth = train_test_split(*diabetes, random_state=0)
    net = NetRegressor(**QUICK).fit(x, y, validation_data=(held, truth))
    scaled = (net.predict(held) - truth) / y.std()
    assert net.validation_loss_curve_
    np.testing.assert_allclose(min(net.validation_loss_curve_), np.mean(scaled**2), rtol=1e-4)
    assert net.best_loss_ == min(net.validation_loss_curve_)


def test_early_stopping_ends_training(iris):
    net = NetClassifier(hidden_layer_sizes=64, max_iter=500, n_iter_no_change=5, random_state=0)
    assert net.set_params(early_stopping=True).fit(*iris).n_iter_ < 500
    assert len(net.loss_curve_) == len(net.validation_loss_curve_) == net.n_iter_


def test_warm_start_goes_on(iris):
    net = NetClassifier(**QUICK, warm_start=True).fit(*iris)
    before = net.loss_
    assert net.fit(*iris).loss_ < before
    assert net.n_iter_ == len(net.loss_curve_) == 80


def test_partial_fit_learns_batch_by_batch(iris):
    x, y = iris
    net = NetClassifier(learning_rate_init=0.01, batch_size=25, random_state=0)
    for _ in range(60):
        for rows in np.array_split(np.random.default_rng(0).permutation(150), 3):
            net.partial_fit(x[rows], y[rows], classes=[0, 1, 2])
    assert net.score(x, y) > 0.95
    assert net.n_iter_ == 180


def test_text_dates_and_gaps():
    rng = np.random.default_rng(0)
    town = rng.choice(["Bonn", "Kiel", "Ulm"], 400)
    size = rng.normal(size=400)
    y = size + 2 * (town == "Kiel")
    gaps = np.where(rng.random(400) < 0.1, None, size)
    frame = pl.DataFrame({"town": town, "size": gaps.tolist()}, strict=False)
    net = NetRegressor(random_state=0).fit(frame[:300], y[:300])
    assert net.score(frame[300:], y[300:]) > 0.8
    assert net.feature_names_in_.tolist() == ["town", "size"]


def test_gaps_in_arrays(diabetes):
    x, y = diabetes
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.05, np.nan, x)
    assert NetRegressor(**QUICK).fit(x, y).score(x, y) > 0.3


# ---- Calibration, callbacks ----


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_calibration(kind):
    """A network that knows its training rows by heart is too sure of others."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 20))
    y = (x[:, 0] + 2 * rng.normal(size=3000) > 0).astype(int)
    heart = {"dropout": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "early_stopping": False}
    options = heart | {"hidden_layer_sizes": 64, "max_iter": 60, "random_state": 0}
    training, held = (x[:300], y[:300]), (x[300:1500], y[300:1500])
    plain = NetClassifier(**options).fit(*training)
    calibrated = NetClassifier(**options, calibration=kind).fit(*training, validation_data=held)
    found = [net.predict_proba(x[1500:])[:, 1] for net in (plain, calibrated)]
    losses = [brier_score_loss(y[1500:], p) for p in found]
    assert losses[1] < losses[0] - 0.05
    np.testing.assert_allclose(calibrated.predict_proba(x).sum(axis=1), 1)


def test_callbacks_see_epochs_and_stop(iris):
    class Third(Callback):
        rows: list = []

        def epoch_end(self, trainer):
            self.rows.append(trainer.row)
            if trainer.row["epoch"] == 3:
                trainer.stop("third")

    net = NetClassifier(**QUICK, callbacks=[Third()]).fit(*iris)
    assert net.n_iter_ == 3
    assert [row["loss"] for row in Third.rows] == net.loss_curve_


def test_callbacks_change_no_bit(iris):
    told = NetClassifier(**QUICK, callbacks=[Callback()]).fit(*iris)
    assert (
        told.predict_proba(iris[0]) == NetClassifier(**QUICK).fit(*iris).predict_proba(iris[0])
    ).all()


def test_early_stopping_follows_a_figure_that_there_is(iris):
    worse = EarlyStopping("loss", patience=1, least=1e9)
    assert NetClassifier(**QUICK, callbacks=[worse]).fit(*iris).n_iter_ == 2
    held_out = NetClassifier(**QUICK, early_stopping=False, callbacks=[EarlyStopping()])
    with pytest.raises(ArgumentError, match="there is no 'validation_loss'"):
        held_out.fit(*iris)


def test_verbose_tells_of_epochs(iris, capsys):
    NetClassifier(**QUICK | {"max_iter": 2}, verbose=True).fit(*iris)
    assert "epoch 2/2  loss " in capsys.readouterr().out


# ---- Errors ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "adams"}, "no optimizer 'adams'"),
        ({"loss": "crossentropie"}, "no loss"),
        ({"hidden_layer_sizes": 0}, "hidden is 0"),
        ({"calibration": "platt"}, "choose 'temperature' or 'isotonic'"),
        ({"learning_rate": "sometimes"}, "no schedule"),
    ],
)
def test_wrong_parameters(options, message, iris):
    with pytest.raises(ArgumentError, match=message):
        NetClassifier(**QUICK | options).fit(*iris)


def test_a_loss_that_is_not_finite(diabetes):
    with pytest.raises(TrainingError, match="lower learning_rate_init"):
        NetRegressor(**QUICK, solver="sgd", learning_rate_init=1e9).fit(*diabetes)


def test_unknown_class_in_partial_fit(iris):
    x, y = iris
    net = NetClassifier(**QUICK).partial_fit(x[:100], y[:100])
    with pytest.raises(ValueError, match="class"):
        net.partial_fit(x, y)


# ---- Frames of pandas ----


def test_frames_of_pandas(diabetes):
    pandas = pytest.importorskip("pandas")
    x, y = diabetes
    frame = pandas.DataFrame(x, columns=[f"c{n}" for n in range(10)])
    net = NetRegressor(**QUICK).fit(frame, pandas.Series(y))
    assert (net.predict(frame) == NetRegressor(**QUICK).fit(x, y).predict(x)).all()
    kinds = pandas.Series(np.where(x[:, 1] > 0, "a", "b"), dtype="category")
    mixed = frame.assign(kind=kinds, seen=pandas.Series([None, True] * 221))
    mixed.loc[3, "c2"] = np.nan
    net = NetRegressor(**QUICK).fit(mixed, y)
    assert net.score(mixed, y) > 0.4
    assert net.feature_names_in_.tolist() == [*frame.columns, "kind", "seen"]
    with pytest.raises(ValueError, match="feature names"):
        net.predict(mixed.rename(columns={"kind": "sort"}))

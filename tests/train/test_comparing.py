"""Comparisons: the figures are scikit-learn's on the same folds; intervals, choice and verdict."""

import json
import math

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold, TimeSeriesSplit, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from chainrule import data, metrics, train
from chainrule.errors import ArgumentError, DataError
from chainrule.train.baselines import BASELINES, Baseline
from chainrule.train.comparing import running as comparing
from chainrule.train.comparing.comparison import NETWORK, Comparison, Entry
from chainrule.train.scores import Prediction

QUICK = {"epochs": 3, "repeats": 1, "count": 3, "members": 1, "hidden": (4,)}


@pytest.fixture
def untrained(monkeypatch):
    """In place of the network, what takes no time: equal probabilities, or the mean."""

    def answer(self, problem):
        target = problem.target
        if not target.classes:
            return lambda x: Prediction(np.full(len(x), target.mean))
        count = len(target.classes)
        shares = np.full((1, count), 1 / count)
        return lambda x: Prediction(
            target.decode(np.arange(len(x)) % count), shares.repeat(len(x), 0)
        )

    monkeypatch.setattr(comparing._Fold, "_network", answer)


class Recorder(train.Onlooker):
    def __init__(self, stop_at=None):
        self.seen, self.stop_at = [], stop_at

    def planned(self, gathered, metric, plan, models):
        self.parts = plan.parts(gathered)

    def starts(self, name, fold):
        if (name, fold) == self.stop_at:
            raise KeyboardInterrupt

    def done(self, name, fold):
        self.seen.append((name, fold))


# ---- Figures ----


@pytest.mark.covers("A-243")
def test_scores_are_those_of_scikit_learn_on_the_same_folds(untrained):
    models = {
        "logistic regression": LogisticRegression(max_iter=2000),
        "k-NN": KNeighborsClassifier(),
        "Gaussian SVM": SVC(),
    }
    onlooker = Recorder()
    found = train.compare("breast-cancer", models=list(models), onlooker=onlooker, **QUICK)
    x, y = datasets.load_breast_cancer(return_X_y=True)
    for name, model in models.items():
        ours = make_pipeline(StandardScaler(), model)
        scoring = ("roc_auc", "accuracy", "balanced_accuracy", "f1_macro")
        theirs = cross_validate(ours, x, y, cv=onlooker.parts, scoring=scoring)
        for metric, score in zip(("AUC", "accuracy", "balanced accuracy", "F1"), scoring):
            expected = theirs[f"test_{score}"]
            np.testing.assert_allclose(found[name].values(metric), expected, atol=1e-6)


def test_several_classes_have_the_area_against_the_rest(untrained):
    onlooker = Recorder()
    found = train.compare("wine", models=["logistic regression"], onlooker=onlooker, **QUICK)
    assert found.metric == "accuracy"
    x, y = datasets.load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    for metric, scoring in (("AUC", "roc_auc_ovr"), ("log loss", "neg_log_loss")):
        theirs = np.abs(cross_val_score(model, x, y, cv=onlooker.parts, scoring=scoring))
        mine = found["logistic regression"].values(metric)
        np.testing.assert_allclose(mine, theirs, rtol=1e-4)


def test_numbers_are_compared_in_their_units(untrained):
    onlooker = Recorder()
    found = train.compare("diabetes", models=["linear regression"], onlooker=onlooker, **QUICK)
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
    for metric, scoring in (("R2", "r2"), ("RMSE", "neg_root_mean_squared_error")):
        theirs = np.abs(cross_val_score(model, x, y, cv=onlooker.parts, scoring=scoring))
        # Theirs has the penalty beside errors in units, ours beside standardised ones.
        np.testing.assert_allclose(found["linear regression"].values(metric), theirs, rtol=1e-3)


def test_rows_of_a_group_stay_together_and_time_goes_on(untrained):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "x": rng.normal(size=90),
            "patient": np.repeat([f"p{i}" for i in range(30)], 3),
            "when": rng.permutation(90),
            "y": rng.normal(size=90),
        }
    )
    onlooker = Recorder()
    options = {"models": ["mean"], "onlooker": onlooker, **QUICK}
    train.compare(frame, "y", groups="patient", **options)
    for taught, tested in onlooker.parts:
        patients = frame["patient"].to_numpy()
        assert not set(patients[taught]) & set(patients[tested])
    assert len(onlooker.parts) == GroupKFold(3).get_n_splits()
    found = train.compare(frame, "y", ordered="when", **options)
    expected = list(TimeSeriesSplit(3).split(np.arange(90)))
    for pair, theirs in zip(onlooker.parts, expected, strict=True):
        np.testing.assert_array_equal(pair[0], theirs[0])
        np.testing.assert_array_equal(pair[1], theirs[1])
    in_time = frame.sort("when")["y"].to_numpy()
    errors = [in_time[tested] - in_time[taught].mean() for taught, tested in expected]
    rmse = [np.sqrt(np.mean(error**2)) for error in errors]
    np.testing.assert_allclose(found["mean"].values("RMSE"), rmse)


def test_the_network_stops_by_rows_that_its_fold_trains_on(monkeypatch):
    """And by later ones, or of other groups, where the folds are of these."""
    seen = []

    def spied(problem, recipe, watcher):
        seen.append({name: part.values.tolist() for name, part in problem.parts.items()})
        return train_network(problem, recipe, watcher)

    train_network = comparing.train_network
    monkeypatch.setattr(comparing, "train_network", spied)
    frame = pl.DataFrame(
        {"t": range(80), "g": [i // 8 for i in range(80)], "x": np.sin(range(80)), "y": range(80)}
    )
    options = {"models": ["mean"], **QUICK, "count": 2}
    for way in ({}, {"ordered": "t"}, {"groups": "g"}):
        seen.clear()
        train.compare(
            frame, "y", drop=["t"] if way == {} else [], task="regression", **options, **way
        )
        for parts in seen:
            rows = {name: set(values) for name, values in parts.items()}
            assert not rows["test"] & (rows["training"] | rows["validation"])
            assert not rows["training"] & rows["validation"]
            if "ordered" in way:
                assert max(rows["training"]) < min(rows["validation"])
                assert max(rows["validation"]) < min(rows["test"])
            if "groups" in way:
                groups = [{value // 8 for value in rows[name]} for name in rows]
                assert not groups[0] & groups[1] and not groups[0] & groups[2]


def test_categories_reach_boosting_as_numbers_and_others_as_columns(untrained, monkeypatch):
    widths = {}
    for name in ("logistic regression", "gradient boosting"):
        own = BASELINES[name]

        def make(setting, own=own):
            widths[own.name] = setting.categorical
            return own.make(setting)

        changed = Baseline(own.name, make, own.tasks, categories=own.categories)
        monkeypatch.setitem(BASELINES, name, changed)
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green", "blue", "grey"], 200)
    frame = pl.DataFrame(
        {
            "gap": [None if i % 7 == 0 else float(i) for i in range(200)],
            "colour": colour,
            "y": np.isin(colour, ["red", "grey"]),
        }
    )
    found = train.compare(frame, "y", models=["logistic regression", "gradient boosting"], **QUICK)
    # Numbers with gaps are two columns: the number, and whether it is missing.
    assert widths == {"logistic regression": (), "gradient boosting": (2,)}
    assert found.interval("gradient boosting").value == 1.0


# ---- Intervals, choice, verdict ----


def made(scores, metric="AUC", folds=None, **facts):
    """A comparison from the scores of each model on each fold."""
    entries = [
        Entry(name, [{metric: value} for value in values], [1.0] * len(values), [0.1] * len(values))
        for name, values in scores.items()
    ]
    sizes = folds or {"trained": 80.0, "tested": 20.0}
    what = {"name": "table", "rows": 100}
    return Comparison(
        what, "y", "task", metric, sizes, tuple(comparing._sorted(entries, metric)), {}, **facts
    )


def test_the_interval_is_that_of_the_corrected_t_test():
    differences = np.array([0.02, 0.01, 0.05, 0.03, -0.01])
    found = metrics.over_folds(differences, trained=80, tested=20)
    variance = (1 / 5 + 20 / 80) * differences.var(ddof=1)
    expected = stats.t(4, differences.mean(), np.sqrt(variance)).interval(0.95)
    np.testing.assert_allclose(found[:2], expected)
    assert found.value == pytest.approx(0.02)
    alone = metrics.over_folds([0.5], trained=80, tested=20)
    assert math.isnan(alone.low) and alone.value == 0.5


def test_the_corrected_interval_errs_as_seldom_as_it_says():
    """Of two models that are equal, 5 % of all draws of rows may show a difference; a plain t-test
    over repeated folds shows one in an eighth of them.
    """
    rng = np.random.default_rng(0)
    wrong = {"corrected": 0, "plain": 0}
    for _ in range(300):
        # Targets that nothing tells: of two columns of noise, each model reads one.
        x, y = rng.normal(size=(60, 2)), rng.normal(size=60)
        differences = []
        for repeat in range(4):
            for taught, tested in data.folds(60, 5, seed=repeat):
                errors = []
                for column in x.T:
                    slope, level = np.polyfit(column[taught], y[taught], 1)
                    errors.append(np.mean((y[tested] - level - slope * column[tested]) ** 2))
                differences.append(errors[0] - errors[1])
        low, high, _ = metrics.over_folds(differences, trained=48, tested=12)
        wrong["corrected"] += low > 0 or high < 0
        wrong["plain"] += stats.ttest_1samp(differences, 0).pvalue < 0.05
    assert wrong["corrected"] / 300 < 0.08
    assert wrong["plain"] / 300 > 0.1


def test_gains_are_positive_for_the_better_one_whatever_the_metric():
    scores = {"network": [0.9, 0.8, 0.9], "k-NN": [0.7, 0.6, 0.8]}
    assert made(scores).gain("network", "k-NN").value == pytest.approx(1 / 6)
    assert made(scores, "RMSE").gain("network", "k-NN").value == pytest.approx(-1 / 6)
    assert made(scores).best.name == "network"
    assert made(scores, "log loss").best.name == "k-NN"


VERDICTS = [
    (
        {"network": [0.80, 0.81, 0.79], "gradient boosting": [0.84, 0.85, 0.83]},
        "gradient boosting is better than the network, 0.040 AUC (0.040 .. 0.040): use it",
        "gradient boosting",
    ),
    (
        {"network": [0.90, 0.91, 0.92], "k-NN": [0.80, 0.80, 0.81], "stacking": [0.91, 0.91, 0.92]},
        "no difference that these rows can show between stacking and the network, 0.003 AUC "
        "(-0.016 .. 0.022): take the network, which is simpler",
        NETWORK,
    ),
    (
        {"network": [0.90, 0.91, 0.92], "k-NN": [0.80, 0.80, 0.81]},
        "the network is better than k-NN, 0.107 AUC (0.088 .. 0.126): use it",
        NETWORK,
    ),
    (
        {"network": [0.90, 0.91, 0.92], "logistic regression": [0.91, 0.90, 0.91]},
        "no difference that these rows can show between the network and logistic regression, 0.003 "
        "AUC (-0.035 .. 0.041): take logistic regression, which is simpler",
        "logistic regression",
    ),
    (
        {"network": [0.52, 0.48, 0.52], "majority class": [0.5, 0.5, 0.5]},
        "no model is shown to be better than the majority class, not even the network, 0.007 AUC "
        "(-0.069 .. 0.083): these rows are too few, or tell nothing",
        "majority class",
    ),
    (
        {
            "network": [0.80, 0.81, 0.79],
            "gradient boosting": [0.84, 0.85, 0.83],
            "decision tree": [0.78, 0.84, 0.85],
        },
        "gradient boosting is better than the network, 0.040 AUC (0.040 .. 0.040); no difference "
        "that these rows can show to decision tree, 0.017 AUC (-0.116 .. 0.149): take decision "
        "tree, which is simpler",
        "decision tree",
    ),
    (
        {"network": [0.84, 0.86, 0.83], "k-NN": [0.80, 0.85, 0.80]},
        "the network is best, though these rows cannot show that it is better than k-NN, 0.027 AUC "
        "(-0.024 .. 0.077): use it",
        NETWORK,
    ),
    (
        {"network": [0.84, 0.86, 0.83], "stacking": [0.88, 0.87, 0.86]},
        "no difference that these rows can show between stacking and the network, 0.027 AUC "
        "(-0.024 .. 0.077): take the network, which is simpler",
        NETWORK,
    ),
    ({"network": [0.9], "k-NN": [0.8]}, "the network is best on one fold, which tells nothing of "
     "chance: make more", "k-NN"),
    ({"network": [0.9, 0.8]}, "the network is the only model here", NETWORK),
]  # fmt: skip


@pytest.mark.parametrize(("scores", "verdict", "choice"), VERDICTS)
def test_verdicts(scores, verdict, choice):
    found = made(scores)
    assert found.verdict == verdict
    assert found.choice == choice


def test_a_fold_on_which_a_model_fails_altogether_is_no_excuse():
    """Of prices told by their logarithms: the exponential of an outlier."""
    scores = {"network": [0.98, 0.97, 0.98, 0.96, 0.98], "k-NN": [0.95, 0.98, -4e7, 0.95, 0.94]}
    found = made(scores)
    assert found.gain(NETWORK, "k-NN").low < 0  # By the standard error it might be chance.
    assert found.choice == NETWORK and found.verdict.startswith("the network is best")


def test_small_differences_have_the_digits_that_tell_them():
    scores = {"network": [0.9480, 0.9485, 0.9475], "k-NN": [0.9491, 0.9495, 0.9488]}
    assert made(scores).verdict == (
        "k-NN is better than the network, 0.0011 AUC (0.0006 .. 0.0016): use it"
    )


def test_a_network_on_the_wrong_task_is_told_so():
    """A product of columns is nothing for a linear model; a line, nothing for more."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (300, 2))
    columns = {"a": x[:, 0], "b": x[:, 1]}
    product = pl.DataFrame({**columns, "y": x[:, 0] * x[:, 1]})
    options = {"models": ["linear regression"], "repeats": 1, "members": 1}
    found = train.compare(product, "y", epochs=60, **options)
    assert found.choice == NETWORK
    assert found.verdict.startswith("the network is better than linear regression")
    line = pl.DataFrame({**columns, "y": x[:, 0] + 0.3 * rng.normal(size=300)})
    assert train.compare(line, "y", epochs=20, **options).choice == "linear regression"


# ---- What is left out, interruptions, files ----


def test_models_that_fail_or_are_slow_are_left_out_with_the_reason(untrained, monkeypatch):
    def broken(setting):
        raise ValueError("it is broken.\nAnd more")

    monkeypatch.setitem(BASELINES, "k-NN", Baseline("k-NN", broken))
    slow = Baseline("Gaussian SVM", broken, most_rows=100)
    monkeypatch.setitem(BASELINES, "Gaussian SVM", slow)
    found = train.compare("iris", models=["k-NN", "Gaussian SVM", "naive Bayes"], **QUICK)
    assert [entry.name for entry in found.entries if entry.name != NETWORK] == ["naive Bayes"]
    assert found.left_out == {
        "Gaussian SVM": "too slow for 150 rows, at most 100",
        "k-NN": "failed: ValueError: it is broken.",
    }


def test_an_interruption_keeps_the_folds_that_all_have_done():
    onlooker = Recorder(stop_at=("naive Bayes", 2))
    models = ["logistic regression", "naive Bayes"]
    found = train.compare("iris", models=models, onlooker=onlooker, **QUICK)
    assert found.interrupted
    assert [len(entry.scores) for entry in found.entries] == [2, 2, 2]


def test_an_interruption_of_the_first_fold_keeps_the_models_that_are_done(untrained):
    onlooker = Recorder(stop_at=("naive Bayes", 0))
    models = ["logistic regression", "naive Bayes"]
    found = train.compare("iris", models=models, onlooker=onlooker, **QUICK)
    assert {entry.name for entry in found.entries} == {NETWORK, "logistic regression"}
    with pytest.raises(KeyboardInterrupt):
        train.compare("iris", onlooker=Recorder(stop_at=(NETWORK, 0)), **QUICK)


def test_the_same_seed_gives_the_same_scores():
    options = {"models": ["random forest"], **QUICK, "count": 2, "epochs": 2}
    first, second = (train.compare("iris", **options, seed=3).to_json() for _ in range(2))
    assert [m["scores"] for m in first["models"]] == [m["scores"] for m in second["models"]]


def test_files_hold_all_figures(untrained, tmp_path):
    found = train.compare("breast-cancer", models=["linear SVM"], metric="log loss", **QUICK)
    found.write(tmp_path / "found.json")
    read = json.loads((tmp_path / "found.json").read_text())
    assert read == found.to_json()
    # An SVM gives no probabilities, so it comes last, and has no part in the verdict.
    assert [model["name"] for model in read["models"]] == [NETWORK, "linear SVM"]
    assert read["models"][1]["interval"]["value"] is None
    assert read["verdict"] == "the network is the only model here"
    for name in ("plot.png", "plot.svg"):
        found.draw(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


# ---- Errors ----


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"models": ["random forrest"]}, ArgumentError, "did you mean 'random forest'?"),
        ({"models": []}, ArgumentError, "name some of majority class"),
        ({"metric": "R2"}, ArgumentError, "there is no metric 'R2' for a classification"),
        ({"count": 1}, ArgumentError, "take 2 or more"),
        ({"count": 60}, ArgumentError, "take fewer parts"),
        ({"repeats": 0}, ArgumentError, "take 1 or more"),
        ({"groups": "patient"}, DataError, "there is no column 'patient'"),
        ({"ordered": "target"}, DataError, "rows cannot be ordered by 'target'"),
        ({"ordered": "petal width (cm)", "groups": "target"}, ArgumentError, "choose one of them"),
        ({"ordered": "petal width (cm)"}, DataError, "fold 1 has no rows of class"),
        ({"epochs": -1}, ArgumentError, "must be a whole number, 1 or more"),
        ({"depth": 3}, ArgumentError, "depth"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message.replace("(", r"\(").replace("?", r"\?")):
        train.compare("iris", **options)

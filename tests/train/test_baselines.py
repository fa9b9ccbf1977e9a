"""The models that a network must beat: each is what its name says, by its own definition."""

import numpy as np
import pytest
from scipy import stats
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from chainrule.data.steps import ORDINAL
from chainrule.train.baselines import BASELINES, Setting

CLASSIFICATION, REGRESSION = "classification", "regression"


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other take many times as long on a busy machine."""
    with threadpool_limits(1):
        yield


def fitted(name, x, y, task=CLASSIFICATION, **facts):
    model = BASELINES[name].make(Setting(task == CLASSIFICATION, len(x), **facts))
    return model.fit(x, y)


@pytest.fixture(scope="module")
def tumours():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return scale(x)[::3], y[::3]


@pytest.fixture(scope="module")
def patients():
    x, y = datasets.load_diabetes(return_X_y=True)
    return scale(x), scale(y)


@pytest.mark.covers("A-251")
def test_a_linear_svm_minimizes_the_hinge_loss(tumours):
    x, y = tumours
    model, sign = fitted("linear SVM", x, y), 2 * y - 1

    def objective(w, b):
        # liblinear's penalty is of the bias too, which it keeps as one more column.
        return (w @ w + b * b) / 2 + np.maximum(0, 1 - sign * (x @ w + b)).sum()

    w, b = model.coef_[0], model.intercept_[0]
    rng = np.random.default_rng(0)
    for _ in range(50):
        step = 0.05 * rng.normal(size=len(w) + 1)
        assert objective(w, b) <= objective(w + step[1:], b + step[0])


@pytest.mark.covers("A-251")
def test_a_gaussian_svm_decides_by_its_dual(tumours):
    x, y = tumours
    model = fitted("Gaussian SVM", x, y)
    gamma = 1 / (x.shape[1] * x.var())
    squares = ((x[:, None] - model.support_vectors_) ** 2).sum(axis=2)
    by_dual = np.exp(-gamma * squares) @ model.dual_coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.decision_function(x), by_dual, atol=1e-10)
    assert abs(model.dual_coef_.sum()) < 1e-9
    assert np.abs(model.dual_coef_).max() <= 1


@pytest.mark.covers("A-252")
def test_a_tree_makes_the_split_of_least_impurity(tumours):
    x, y = tumours
    tree = fitted("decision tree", x, y).tree_

    def impurity(column, threshold):
        left = x[:, column] <= threshold
        parts = [(side.sum(), y[side].mean()) for side in (left, ~left) if side.any()]
        return sum(count * 2 * p * (1 - p) for count, p in parts)

    best = min(
        impurity(column, value)
        for column in range(x.shape[1])
        for value in np.sort(x[:, column])[4:-5]
    )
    assert impurity(tree.feature[0], tree.threshold[0]) == pytest.approx(best)


@pytest.mark.covers("A-253")
def test_naive_bayes_multiplies_the_densities_of_columns():
    x, y = datasets.load_iris(return_X_y=True)
    density = np.stack(
        [
            stats.norm(x[y == c].mean(0), x[y == c].std(0)).pdf(x).prod(1) * np.mean(y == c)
            for c in range(3)
        ],
        axis=1,
    )
    expected = density / density.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted("naive Bayes", x, y).predict_proba(x), expected, atol=1e-5)


@pytest.mark.covers("A-254")
def test_neighbours_are_the_nearest_and_need_one_scale(tumours):
    x, y = tumours
    model, new = fitted("k-NN", x[:100], y[:100]), x[100:]
    order = np.argsort(((new[:, None] - x[:100]) ** 2).sum(axis=2), axis=1)[:, :5]
    np.testing.assert_array_equal(model.predict(new), y[:100][order].mean(axis=1) > 0.5)
    stretched = np.column_stack([x, 1000 * np.random.default_rng(0).normal(size=len(x))])
    assert fitted("k-NN", stretched[:100], y[:100]).score(stretched[100:], y[100:]) < 0.8


@pytest.mark.covers("A-255", "A-261")
@pytest.mark.parametrize("name", ["bagging", "random forest"])
def test_ensembles_take_the_mean_of_trees_that_saw_other_rows(tumours, name):
    x, y = tumours
    model = fitted(name, x, y)
    trees = model.estimators_
    expected = np.mean([tree.predict_proba(x) for tree in trees], axis=0)
    np.testing.assert_allclose(model.predict_proba(x), expected)
    assert len({tuple(tree.tree_.feature[:3]) for tree in trees}) > 1
    columns = 5 if name == "random forest" else x.shape[1]
    assert trees[0].max_features_ == columns


@pytest.mark.covers("A-255")
def test_forests_of_numbers_split_on_a_third_of_the_columns(patients):
    model = fitted("random forest", *patients, REGRESSION)
    assert model.estimators_[0].max_features_ == patients[0].shape[1] // 3


@pytest.mark.covers("A-256")
def test_adaboost_is_a_weighted_vote(tumours):
    x, y = tumours
    model = fitted("AdaBoost", x, y)
    votes = np.stack([2 * tree.predict(x) - 1 for tree in model.estimators_])
    weights = model.estimator_weights_[: len(votes)]
    np.testing.assert_array_equal(model.predict(x), (weights @ votes > 0).astype(int))
    # Log odds of the error of each tree on the rows as weighted, as SAMME has them.
    errors = model.estimator_errors_[: len(votes)]
    np.testing.assert_allclose(weights, np.log((1 - errors) / errors))


BOOSTERS = {"gradient boosting": "sklearn", "LightGBM": "lightgbm", "CatBoost": "catboost"}


@pytest.mark.covers("A-257", "A-259", "A-260")
@pytest.mark.parametrize("name", BOOSTERS)
def test_boosting_splits_categories_into_sets(name):
    """Every third category is positive: no threshold on their numbers tells these apart."""
    pytest.importorskip(BOOSTERS[name])
    assert BASELINES[name].categories == ORDINAL
    x = np.random.default_rng(0).integers(0, 30, (600, 1)).astype(float)
    y = (x[:, 0] % 3 == 0).astype(int)
    assert fitted(name, x, y, categorical=(0,)).score(x, y) == 1.0


@pytest.mark.covers("A-257", "A-258")
@pytest.mark.parametrize("name", ["gradient boosting", "XGBoost", "LightGBM", "CatBoost"])
def test_boosting_learns_what_no_linear_model_can(name):
    pytest.importorskip(BOOSTERS.get(name, name.lower()))
    x = np.random.default_rng(0).normal(size=(600, 3))
    y = x[:, 0] * x[:, 1]
    assert fitted(name, x[:400], y[:400], REGRESSION).score(x[400:], y[400:]) > 0.7
    assert fitted("linear regression", x[:400], y[:400], REGRESSION).score(x, y) < 0.05


@pytest.mark.covers("A-261")
def test_stacking_fits_the_last_model_to_answers_about_unseen_rows(patients):
    """A model that knows its rows by heart would get all the weight from answers about these."""
    x, y = patients
    model = fitted("stacking", x[:300], y[:300], REGRESSION)
    assert model.score(x[300:], y[300:]) > 0.35
    forest = model.estimators_[1].score(x[:300], y[:300])
    assert forest > 0.9
    assert model.final_estimator_.coef_[0] > 0.5


@pytest.mark.covers("A-262")
def test_principal_components_come_from_the_singular_values(tumours):
    x, y = tumours
    model = fitted("linear on principal components", x, y)
    _, values, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    shares = np.cumsum(values**2) / np.sum(values**2)
    count = int(np.searchsorted(shares, 0.95)) + 1
    assert model[0].n_components_ == count < x.shape[1]
    cosines = np.abs((model[0].components_ * directions[:count]).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-8)


@pytest.mark.covers("A-263")
def test_the_number_of_centres_is_chosen_by_what_serves_the_target():
    """Rings: 4 centres cannot tell them apart, and the columns alone still less."""
    x, y = datasets.make_circles(400, noise=0.08, factor=0.6, random_state=0)
    model = fitted("linear on k-means", x, y)
    assert model.best_params_["featureunion__centres__n_clusters"] > 4
    assert cross_val_score(model, x, y, cv=3).mean() > 0.9
    assert fitted("logistic regression", x, y).score(x, y) < 0.6


@pytest.mark.covers("A-264")
def test_the_generative_model_learns_from_fewer_rows_unless_the_other_has_a_penalty():
    def draw(rng, rows):
        y = np.arange(rows) % 2
        return rng.normal(size=(rows, 50)) + 0.4 * y[:, None], y

    models = {
        "generative": BASELINES["naive Bayes"].make,
        "discriminative": BASELINES["logistic regression"].make,
        "without penalty": lambda _: LogisticRegression(C=np.inf, max_iter=2000),
    }
    rng, scores = np.random.default_rng(0), {}
    new = draw(rng, 5000)
    for rows, times in ((80, 10), (5000, 1)):
        samples = [draw(rng, rows) for _ in range(times)]
        for name, make in models.items():
            fits = [make(Setting(True, rows)).fit(*sample).score(*new) for sample in samples]
            scores[name, rows] = np.mean(fits)
    assert scores["generative", 80] > scores["without penalty", 80] + 0.05
    assert scores["generative", 80] == pytest.approx(scores["discriminative", 80], abs=0.02)
    assert scores["generative", 5000] == pytest.approx(scores["without penalty", 5000], abs=0.01)


@pytest.mark.covers("A-264")
def test_the_discriminative_model_wins_where_columns_repeat_each_other():
    """Ten columns show one thing with one noise, and an eleventh takes it away."""
    rng = np.random.default_rng(0)
    y = np.arange(1000) % 2
    noise = rng.normal(size=(1000, 1))
    shown = 0.5 * y[:, None] + noise + 0.1 * rng.normal(size=(1000, 10))
    x = np.hstack([shown, noise])
    generative, discriminative = (
        fitted(name, x[:500], y[:500]).score(x[500:], y[500:])
        for name in ("naive Bayes", "logistic regression")
    )
    assert discriminative > generative + 0.2


@pytest.mark.parametrize("name", BASELINES)
def test_each_is_fitted_alike_for_the_same_seed(name, tumours, patients):
    baseline = BASELINES[name]
    pytest.importorskip(baseline.package or "sklearn")
    for task, (x, y) in ((CLASSIFICATION, tumours), (REGRESSION, patients)):
        if task in baseline.tasks and name not in ("stacking", "linear on k-means", "CatBoost"):
            answers = [fitted(name, x[:80], y[:80], task).predict(x) for _ in range(2)]
            np.testing.assert_array_equal(*answers)


def test_obstacles_are_said():
    assert "at most 20,000" in BASELINES["Gaussian SVM"].obstacle(20_001)
    assert BASELINES["Gaussian SVM"].obstacle(20_000) == ""
    assert "random" in BASELINES["stacking"].obstacle(100, dependent=True)

"""Baselines: what a network must beat. Receives what is known of a task; hands on models of
scikit-learn and of the libraries of gradient boosting.

They have the defaults of their libraries, as the network has those of `fit`; where one differs, its
line says why. The simplest stand first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.data import Preprocessing
from chainrule.data.fitted import Ordinal
from chainrule.data.steps import ONE_HOT, ORDINAL
from chainrule.data.target import CLASSIFICATION, REGRESSION

# Solvers that walk over the rows stop here at the latest, and say that they did.
MOST_STEPS = 2000
TREES = 200
# Of categories beyond the bins of histograms, boosting takes the numbers as they are.
MOST_CATEGORIES = 254


@dataclass(frozen=True)
class Setting:
    """What a model must know before it is made: whether it tells classes apart, how many rows it is
    fitted on, the seed of its chance, and which columns of the matrix are numbers of categories.
    """

    classes: bool
    rows: int
    seed: int = 0
    categorical: tuple[int, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """One kind of model. `most_rows`: with more, its fit takes too long; `package`: what must be
    installed; `categories`: how it wants them encoded.
    """

    name: str
    make: Callable[[Setting], Any]
    tasks: tuple[str, ...] = (CLASSIFICATION, REGRESSION)
    most_rows: int | None = None
    package: str = ""
    categories: str = ONE_HOT
    independent_rows: bool = False

    def obstacle(self, rows: int, dependent: bool = False) -> str:
        """Why it is left out for so many rows, which may depend on each other; else empty."""
        if self.package and find_spec(self.package) is None:
            return f"not installed: pip install {self.package}"
        if self.most_rows is not None and rows > self.most_rows:
            return f"too slow for {rows:,} rows, at most {self.most_rows:,}"
        if self.independent_rows and dependent:
            return "splits its rows at random inside, but these depend on each other"
        return ""


def categorical(preprocessing: Preprocessing) -> tuple[int, ...]:
    """The columns of the matrix that hold numbers of categories."""
    columns = preprocessing.columns
    widths = [len(column.outputs()) for column in columns]
    starts = [end - width for end, width in zip(accumulate(widths), widths)]
    return tuple(
        start
        for start, column in zip(starts, columns)
        if isinstance(column, Ordinal) and len(column.categories) <= MOST_CATEGORIES
    )


BASELINES: dict[str, Baseline] = {}


def _baseline(name: str, **facts: Any) -> Callable:
    def added(make: Callable[[Setting], Any]) -> Callable[[Setting], Any]:
        BASELINES[name] = Baseline(name, make, **facts)
        return make

    return added


def of_task(task: str) -> dict[str, Baseline]:
    """The baselines of classification or regression by name, the simplest first."""
    return {name: found for name, found in BASELINES.items() if task in found.tasks}


@_baseline("majority class", tasks=(CLASSIFICATION,))
def majority(setting: Setting) -> Any:
    """The share of each class, whatever the row."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


@_baseline("mean", tasks=(REGRESSION,))
def mean(setting: Setting) -> Any:
    """The mean of the target, whatever the row."""
    from sklearn.dummy import DummyRegressor

    return DummyRegressor()


@_baseline("logistic regression", tasks=(CLASSIFICATION,))
def logistic_regression(setting: Setting) -> Any:
    """softmax(W x + b) with the penalty |W|^2 / 2 beside the summed log loss: it models p(y | x)
    alone, the discriminative one of the pair with naive Bayes (A-264).
    """
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=MOST_STEPS)


@_baseline("linear regression", tasks=(REGRESSION,))
def linear_regression(setting: Setting) -> Any:
    """w . x + b by least squares with the penalty alpha |w|^2, of which the best of 13 alphas is
    taken, by leaving each row out: without it, columns of rare categories would run away.
    """
    from sklearn.linear_model import RidgeCV

    return RidgeCV(np.logspace(-3, 3, 13))


@_baseline("naive Bayes", tasks=(CLASSIFICATION,))
def naive_bayes(setting: Setting) -> Any:
    """p(y) prod p(x_i | y) with a Gaussian for each column and class, as if columns did not depend
    on each other (A-253). It models p(x, y), the generative one of the pair with logistic
    regression. If columns are nearly independent it wins on few rows (Ng and Jordan 2001), but only
    against one without a penalty: with it, they are equals, measured in the tests (A-264).
    """
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


@_baseline("decision tree")
def decision_tree(setting: Setting) -> Any:
    """Splits of one column each, chosen by Gini impurity or by squared error (A-252).

    Its leaves have 5 rows or more: by default they end pure, and give probabilities of 0 and 1.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if setting.classes else DecisionTreeRegressor
    return kind(min_samples_leaf=5, random_state=setting.seed)


@_baseline("k-NN", most_rows=100_000)
def nearest_neighbours(setting: Setting) -> Any:
    """The answer of the 5 nearest rows: it needs columns of one scale (A-254)."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return KNeighborsClassifier() if setting.classes else KNeighborsRegressor()


@_baseline("linear on principal components")
def principal_components(setting: Setting) -> Any:
    """The linear model on the directions that hold 95 % of the variance, by the singular value
    decomposition of the centred matrix (A-262): columns that repeat each other become few.
    """
    from sklearn.decomposition import PCA

    return _before_linear(PCA(0.95, svd_solver="full"), setting)


@_baseline("linear on k-means")
def clusters(setting: Setting) -> Any:
    """The linear model on the distances to k centres (Coates and Ng 2012), beside the columns
    themselves; k is the one of 4, 16 and 64 that serves the target best in 3 folds (A-263). Fewer
    than 4 rows a centre would be too few.
    """
    from sklearn.cluster import KMeans
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import FeatureUnion, make_pipeline

    centres = KMeans(n_init=1, random_state=setting.seed)
    both = FeatureUnion([("columns", "passthrough"), ("centres", centres)])
    counts = [k for k in (4, 16, 64) if k == 4 or 4 * k <= setting.rows]
    grid = {"featureunion__centres__n_clusters": counts}
    return GridSearchCV(make_pipeline(both, _linear(setting)), grid, cv=3)


@_baseline("linear SVM", most_rows=100_000)
def linear_svm(setting: Setting) -> Any:
    """|w|^2 / 2 + sum max(0, 1 - y (w . x + b)), the widest margin, solved in its dual, of one
    multiplier a row (A-251); for numbers, errors count by their size.
    """
    from sklearn.svm import LinearSVC, LinearSVR

    options = {"dual": True, "max_iter": MOST_STEPS, "random_state": setting.seed}
    return LinearSVC(loss="hinge", **options) if setting.classes else LinearSVR(**options)


@_baseline("Gaussian SVM", most_rows=20_000)
def gaussian_svm(setting: Setting) -> Any:
    """The same margin in the space of the kernel exp(-gamma |x - x'|^2), by its dual (A-251). Time
    grows with the square of the rows and more.
    """
    from sklearn.svm import SVC, SVR

    return SVC(random_state=setting.seed) if setting.classes else SVR()


@_baseline("bagging", most_rows=200_000)
def bagging(setting: Setting) -> Any:
    """The mean of 50 trees, each on rows drawn with replacement (A-261; Breiman 1996)."""
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor

    kind = BaggingClassifier if setting.classes else BaggingRegressor
    return kind(n_estimators=50, random_state=setting.seed)


@_baseline("random forest", most_rows=200_000)
def random_forest(setting: Setting) -> Any:
    """The mean of 200 trees, each on rows drawn with replacement, each split on columns drawn anew:
    the root of their number, or a third for numbers as Breiman (2001) has it (A-255).
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    options = {"n_estimators": TREES, "random_state": setting.seed}
    if setting.classes:
        return RandomForestClassifier(**options)
    return RandomForestRegressor(max_features=1 / 3, **options)


@_baseline("AdaBoost", most_rows=200_000)
def adaboost(setting: Setting) -> Any:
    """The weighted vote of 50 small trees, one after the other: rows that those before got wrong
    weigh more (A-256; Freund and Schapire 1997).
    """
    from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor

    kind = AdaBoostClassifier if setting.classes else AdaBoostRegressor
    return kind(random_state=setting.seed)


@_baseline("gradient boosting", categories=ORDINAL)
def gradient_boosting(setting: Setting) -> Any:
    """The sum of up to 100 trees, each fitted to the gradient of the loss at those before, on
    columns in 255 bins (A-257); it splits categories into two sets.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if setting.classes else HistGradientBoostingRegressor
    return kind(categorical_features=list(setting.categorical), random_state=setting.seed)


@_baseline("XGBoost", package="xgboost")
def xgboost(setting: Setting) -> Any:
    """Gradient boosting by the loss's second-order Taylor series, with a penalty on leaves (A-258;
    Chen and Guestrin 2016).
    """
    import xgboost as library

    kind = library.XGBClassifier if setting.classes else library.XGBRegressor
    return kind(random_state=setting.seed, n_jobs=1)


@_baseline("LightGBM", package="lightgbm", categories=ORDINAL)
def lightgbm(setting: Setting) -> Any:
    """Gradient boosting that grows the leaf that gains most, and sorts categories by their gradient
    before it splits them in two (A-259; Ke and others 2017).
    """
    import lightgbm as library

    kind = library.LGBMClassifier if setting.classes else library.LGBMRegressor
    model = kind(random_state=setting.seed, n_jobs=1, verbose=-1)
    if setting.categorical:  # Only its `fit` can be told; in its parameters they are ignored.
        model.fit = partial(model.fit, categorical_feature=list(setting.categorical))
    return model


@_baseline("CatBoost", package="catboost", categories=ORDINAL, most_rows=500_000)
def catboost(setting: Setting) -> Any:
    """Gradient boosting of symmetric trees; a category becomes the mean target of the rows that
    come before, so that no row sees its own (A-260; Prokhorenkova and others 2018).
    """
    import catboost as library
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    kind = library.CatBoostClassifier if setting.classes else library.CatBoostRegressor
    model = kind(
        random_seed=setting.seed,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
        cat_features=list(setting.categorical),
    )
    as_objects = FunctionTransformer(partial(_whole_numbers, places=list(setting.categorical)))
    return make_pipeline(as_objects, model) if setting.categorical else model


@_baseline("stacking", most_rows=20_000, independent_rows=True)
def stacking(setting: Setting) -> Any:
    """The linear model of what a linear model, a forest and gradient boosting say of rows that they
    were not fitted on, by 5 folds (A-261; Wolpert 1992).
    """
    from sklearn.ensemble import StackingClassifier, StackingRegressor

    makers = (_linear, random_forest, gradient_boosting)
    parts = [(make.__name__, make(setting)) for make in makers]
    kind = StackingClassifier if setting.classes else StackingRegressor
    return kind(parts, final_estimator=_linear(setting))


def _linear(setting: Setting) -> Any:
    return logistic_regression(setting) if setting.classes else linear_regression(setting)


def _before_linear(transformer: Any, setting: Setting) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(transformer, _linear(setting))


def _whole_numbers(x: np.ndarray, places: list[int]) -> np.ndarray:
    """The matrix with integers in these columns, which CatBoost wants of categories."""
    found = x.astype(object)
    found[:, places] = x[:, places].astype(int)
    return found

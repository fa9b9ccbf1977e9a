"""Estimators: all that scikit-learn checks of an estimator."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.train import NetClassifier, NetRegressor


@parametrize_with_checks([NetClassifier(), NetRegressor()])
def test_scikit_learn(estimator, check):
    check(estimator)

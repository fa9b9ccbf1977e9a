"""Estimators: networks behind scikit-learn's interface, which is imported only here."""

from chainrule.train.estimators.classifier import NetClassifier
from chainrule.train.estimators.regressor import NetRegressor

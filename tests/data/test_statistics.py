"""Skewness, kurtosis and descriptions of columns, against SciPy."""

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from chainrule.data import describe, kurtosis, skewness
from chainrule.errors import ShapeError

RNG = np.random.default_rng(0)


@pytest.mark.covers("A-224")
@pytest.mark.parametrize("values", [RNG.normal(size=50), RNG.exponential(size=999), [1, 2, 9]])
def test_moments_are_scipys(values):
    assert skewness(values) == pytest.approx(stats.skew(values), rel=1e-12)
    assert kurtosis(values) == pytest.approx(stats.kurtosis(values), rel=1e-12)


def test_moments_of_constants_are_not_numbers():
    assert math.isnan(skewness([1, 1])) and math.isnan(kurtosis([1, 1]))
    assert math.isnan(skewness([]))


def test_columns_are_described():
    frame = pl.DataFrame({"n": [1.0, 2.0, 2.0, None], "t": ["a", "b", "b", "b"]})
    numbers, texts = describe(frame).rows(named=True)
    assert (numbers["missing"], numbers["distinct"], numbers["median"]) == (1, 2, 2.0)
    assert numbers["std"] == pytest.approx(np.std([1, 2, 2], ddof=1))
    assert texts["mean"] is None and texts["distinct"] == 2


@pytest.mark.parametrize("figure", [skewness, kurtosis])
def test_figures_are_of_one_column(figure):
    with pytest.raises(ShapeError, match=r"have shape \[3, 2\]; it is a figure of one column"):
        figure(np.ones((3, 2)))

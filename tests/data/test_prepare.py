"""Preparing: the target, the task, the split, and what is said of tables that cannot be used."""

import json

import numpy as np
import polars as pl
import pytest

from chainrule.data import gather, prepare, read, split
from chainrule.data.split import bins
from chainrule.data.target import Target
from chainrule.errors import DataError

ROWS = 40
X = [0.37 * i % 1 for i in range(ROWS)]


def table(**columns):
    return read(pl.DataFrame({"x": X, **columns}))


def test_split_is_stratified_and_complete():
    groups = np.repeat([0, 1, 2], [100, 10, 5])
    parts = split(groups, seed=3)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(115))
    counts = {name: np.bincount(groups[rows]).tolist() for name, rows in parts.items()}
    assert counts == {"training": [60, 6, 3], "validation": [20, 2, 1], "test": [20, 2, 1]}


def test_split_follows_its_seed():
    groups = np.zeros(100, int)
    assert (split(groups, 1)["test"] == split(groups, 1)["test"]).all()
    assert (split(groups, 1)["test"] != split(groups, 2)["test"]).any()


def test_bins_are_of_equal_size_and_in_order():
    values = np.random.default_rng(0).normal(size=100)
    found = bins(values)
    assert np.bincount(found).tolist() == [10] * 10
    assert all(values[found == i].max() <= values[found == i + 1].min() for i in range(9))


def test_preprocessing_sees_the_training_part_alone():
    frame = read("wine").frame
    problem = prepare(read(frame), "target")
    rows = split(frame["target"].to_numpy(), 0)
    column = problem.preprocessing.columns[0]
    mean = frame[rows["training"]][column.name].mean()
    assert column.mean == pytest.approx(mean, rel=1e-12)
    changed = frame.to_dict(as_series=False)
    for row in rows["test"]:
        changed[column.name][row] *= 1000
    again = prepare(read(pl.DataFrame(changed)), "target")
    assert again.preprocessing == problem.preprocessing
    np.testing.assert_array_equal(again.parts["training"].x, problem.parts["training"].x)


def test_regression_is_standardised_and_comes_back():
    problem = prepare(read("diabetes"))
    y = problem.parts["training"].y
    assert y.mean() == pytest.approx(0, abs=1e-6)
    assert y.std() == pytest.approx(1, abs=1e-6)
    test = problem.parts["test"]
    np.testing.assert_allclose(problem.target.decode(test.y), test.values, rtol=1e-6)


def test_labels_come_back():
    problem = prepare(read("iris"))
    test = problem.parts["test"]
    assert problem.target.decode(test.y).tolist() == test.values.tolist()
    assert set(test.values) == {"setosa", "versicolor", "virginica"}


@pytest.mark.parametrize(
    ("target", "wanted", "task", "reason"),
    [
        (["a", "b"] * 20, None, "classification", "the target is text"),
        ([True, False] * 20, None, "classification", "the target is true or false"),
        (
            [3, 4, 5, 6] * 10,
            None,
            "classification",
            "the target has only 4 different whole numbers",
        ),
        ([3, 4] * 20, "regression", "regression", "as asked"),
        (
            list(range(ROWS)),
            None,
            "regression",
            "the target is a number with 40 different values",
        ),
        ([0.5, 1.5] * 20, None, "regression", "the target is a number with 2 different values"),
        ([0.5, 1.5] * 20, "classification", "classification", "as asked"),
    ],
)
def test_task_is_found(target, wanted, task, reason):
    found = prepare(table(y=target), task=wanted).target
    assert (found.task, found.reason) == (task, reason)


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [(["a", "label", "b"], "label"), (["Y", "a", "b"], "Y"), (["a", "b", "c"], "c")],
)
def test_target_is_found_by_name_or_place(columns, chosen):
    frame = pl.DataFrame({name: [0.1, 0.2, 0.3, 0.4, 0.5] * 8 for name in columns})
    assert prepare(read(frame.with_columns(pl.Series(columns[1], X)))).target.name == chosen


def test_useless_columns_are_left_out_with_reasons():
    problem = prepare(table(id=list(range(ROWS)), one=[1] * ROWS, y=["a", "b"] * 20))
    assert problem.kinds == {"x": "number"}
    assert problem.left_out == {
        "id": "every row has its own number: it names rows",
        "one": "the same value in every row",
    }


def test_dropped_columns_are_not_even_checked():
    problem = prepare(table(bad=[float("inf")] * ROWS, y=["a", "b"] * 20), drop=["bad"])
    assert list(problem.kinds) == ["x"]


def test_rows_without_a_target_are_left_out_and_told():
    problem = prepare(table(y=["a", "b", "a", None] * 10))
    assert sum(len(part.y) for part in problem.parts.values()) == 30
    assert problem.notes[1] == "10 rows without a target left out"


def test_twins_across_the_split_are_told():
    frame = pl.DataFrame({"x": [0.1, 0.2, 0.3, 0.4] * 10, "y": ["a", "b"] * 20})
    note = "8 of 8 test rows have a twin in the training part, which flatters the test"
    assert note in prepare(read(frame)).notes


@pytest.mark.parametrize(
    ("frame", "arguments", "message"),
    [
        (
            {"price": X, "rooms": X},
            {"target": "prize"},
            "[table] there is no column 'prize'; the columns are price, rooms; "
            "did you mean 'price'?",
        ),
        (
            {"a": X, "b": X},
            {"target": "zzz"},
            "[table] there is no column 'zzz'; the columns are a, b; "
            "name one of them with --target",
        ),
        (
            {"a": X, "y": ["no"] * ROWS},
            {},
            "[table] the target 'y' is 'no' in every row; telling classes apart takes two at "
            "least; check the data, or choose another --target",
        ),
        (
            {"a": X, "y": [1.5] * ROWS},
            {},
            "[table] the target 'y' is 1.5 in every row; there is nothing to predict; "
            "check the data, or choose another --target",
        ),
        (
            {"a": X, "y": ["p"] * 37 + ["q"] * 3},
            {},
            "[table] the target 'y' has classes of fewer than 5 rows: 'q' (3); each class needs "
            "rows to train, validate and test; add rows, merge classes, or leave these rows out",
        ),
        (
            {"a": X[:8], "y": X[:8]},
            {},
            "[table] the table has 8 rows; training, validation and test need 10; add rows",
        ),
        (
            {"a": X, "y": [None] * ROWS},
            {},
            "[table] the target 'y' has no values; there is nothing to learn from; "
            "choose another column with --target",
        ),
        (
            {"a": X, "y": ["1", "2", "3", "x"] * 10},
            {},
            "[table] column 'y' has text among its numbers; 10 rows, the first is row 4: 'x'; "
            "correct these cells, or leave them empty",
        ),
        (
            {"a": X, "y": ["2024-01-01", "2024-01-02"] * 20},
            {},
            "[table] the target 'y' is a date; numbers and classes can be predicted; "
            "choose another column with --target",
        ),
        (
            {"a": X, "y": ["p", "q"] * 20},
            {"task": "regression"},
            "[table] the target 'y' is a category column; a regression predicts numbers; "
            "choose classification, or another column with --target",
        ),
        (
            {"a": [1] * ROWS, "y": X},
            {},
            "[table] there is no column to learn from; 'a' is left out: the same value in every "
            "row; add columns that describe the rows",
        ),
        (
            {"a": X, "y": X},
            {"drop": ["b"]},
            "[table] there is no column 'b' to leave out; check --drop",
        ),
        (
            {"a": X, "y": X},
            {"drop": ["y"]},
            "[table] 'y' is the target and cannot be left out; it is what is predicted; "
            "choose another --target",
        ),
    ],
)
def test_table_that_cannot_be_trained_on_is_an_error(frame, arguments, message):
    with pytest.raises(DataError) as caught:
        prepare(read(pl.DataFrame(frame)), **arguments)
    assert str(caught.value) == message


def test_skewed_positive_targets_are_learned_as_logarithms():
    values = np.random.default_rng(0).lognormal(3, 1, 400)
    frame = pl.DataFrame({"a": np.random.default_rng(1).normal(size=400), "price": values})
    problem = prepare(read(frame), "price")
    part = problem.parts["training"]
    assert problem.target.logarithm
    logs = np.log(part.values)
    np.testing.assert_allclose(part.y, (logs - logs.mean()) / logs.std(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(problem.target.decode(part.y), part.values, rtol=1e-5)
    in_units = np.asarray(problem.target.in_units(part.y.astype(float)))
    np.testing.assert_allclose(in_units, part.values, rtol=1e-5)


@pytest.mark.parametrize("shift", [-1.0, 100.0])
def test_targets_below_zero_or_far_above_it_are_learned_as_they_are(shift):
    values = np.random.default_rng(0).lognormal(0, 0.5, 400) + shift
    frame = pl.DataFrame({"a": np.random.default_rng(1).normal(size=400), "price": values})
    assert not prepare(read(frame), "price").target.logarithm


def test_answers_of_logarithms_stay_near_what_was_seen():
    price = np.exp(np.random.default_rng(1).normal(size=300))
    problem = prepare(read(pl.DataFrame({"a": np.arange(300.0), "price": price})), "price")
    seen = np.log(problem.parts["training"].values)
    least, most = problem.target.decode(np.array([-50.0, 50.0]))
    np.testing.assert_allclose(np.log(least), seen.min() - seen.std(), rtol=1e-6)
    np.testing.assert_allclose(np.log(most), seen.max() + seen.std(), rtol=1e-6)
    back = problem.target.decode(problem.target.encode(price))
    np.testing.assert_allclose(back, price, rtol=1e-5)
    again = Target.from_json(json.loads(json.dumps(problem.target.to_json())))
    assert again == problem.target


def test_a_file_without_a_header_is_noticed():
    frame = pl.DataFrame({"74": X, "284468": X, "Wien": X})
    (note, *_) = gather(read(frame), "284468").notes
    assert note == "the first line is taken for names of columns, and has numbers: 74, 284468"
    assert not gather(read(pl.DataFrame({"0": X, "1": X})), "1").notes


def test_text_with_too_many_values_is_no_target():
    frame = pl.DataFrame({"a": X, "y": [f"€{1000 + n}" for n in range(len(X))]})
    with pytest.raises(DataError, match="too many for classes; text such as '€1000': numbers are"):
        prepare(read(frame))
    with pytest.raises(DataError, match="choose --task regression"):
        prepare(read(pl.DataFrame({"a": X, "y": X})), task="classification")

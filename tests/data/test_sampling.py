"""Parts, folds, orders and weights: what must hold of them on 200 random cases, against
scikit-learn where it has them.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.class_weight import compute_class_weight

from chainrule import data
from chainrule.errors import ArgumentError

CASES = [np.random.default_rng([5, case]) for case in range(200)]


@pytest.mark.covers("A-242")
def test_parts_hold_every_row_once():
    for rng in CASES:
        rows = int(rng.integers(30, 200))
        shares = rng.dirichlet(np.full(rng.integers(2, 5), 20))
        parts = data.hold_out(rows, shares, seed=int(rng.integers(99)))
        assert_allclose([len(part) for part in parts], shares * rows, atol=1)
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))


@pytest.mark.covers("A-242")
def test_parts_have_the_shares_of_labels():
    for rng in CASES[:50]:
        labels = rng.choice(3, 120, p=[0.6, 0.3, 0.1])
        whole = np.bincount(labels, minlength=3) / 120
        for part in data.hold_out(120, (0.6, 0.2, 0.2), labels=labels):
            found = np.bincount(labels[part], minlength=3) / len(part)
            assert_allclose(found, whole, atol=1.5 / len(part))


@pytest.mark.covers("A-242")
def test_groups_stay_in_one_part():
    for rng in CASES[:50]:
        groups = rng.choice([f"patient {i}" for i in range(20)], 150)
        parts = data.hold_out(150, (0.5, 0.25, 0.25), groups=groups)
        sets = [set(groups[part]) for part in parts]
        assert sum(map(len, sets)) == len(set(groups))
        assert sum(map(len, parts)) == 150


@pytest.mark.covers("A-242")
def test_ordered_parts_follow_each_other():
    parts = data.hold_out(10, (0.5, 0.3, 0.2), ordered=True)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(10))
    assert [len(part) for part in parts] == [5, 3, 2]


def check_partition(folds, rows):
    np.testing.assert_array_equal(np.sort(np.concatenate([b for _, b in folds])), np.arange(rows))
    for training, test in folds:
        assert not np.intersect1d(training, test).size
        assert len(training) + len(test) == rows


@pytest.mark.covers("A-243")
def test_folds_test_every_row_once():
    for rng in CASES:
        rows, count = int(rng.integers(10, 80)), int(rng.integers(2, 6))
        folds = data.folds(rows, count, seed=3)
        check_partition(folds, rows)
        assert np.ptp([len(test) for _, test in folds]) <= 1


@pytest.mark.covers("A-243")
def test_folds_by_labels_and_groups():
    for rng in CASES[:30]:
        labels, groups = rng.integers(0, 2, 100), rng.integers(0, 12, 100)
        stratified = data.folds(100, 4, labels=labels)
        assert np.ptp([labels[test].sum() for _, test in stratified]) <= 1
        for folds in (
            data.folds(100, 4, groups=groups),
            data.folds(100, 3, labels=labels, groups=groups),
        ):
            check_partition(folds, 100)
            assert all(not set(groups[a]) & set(groups[b]) for a, b in folds)


@pytest.mark.covers("A-243")
def test_ordered_folds_look_ahead():
    for training, test in data.folds(50, 4, ordered=True, gap=3):
        assert test.min() - training.max() == 4


def test_seeds_decide():
    first, again, other = (data.folds(30, 3, seed=seed)[0][1].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.hold_out(10, (0.5, 0.4)), "sum to 1"),
        (lambda: data.hold_out(3, (0.9, 0.1)), "parts of"),
        (lambda: data.hold_out(6, labels=[0, 0, 0, 0, 0, 1]), "hold_out"),
        (lambda: data.hold_out(4, labels=[0, 0]), "one for each row"),
        (lambda: data.hold_out(4, labels=[0, 0, 1, 1], ordered=True), "leave labels away"),
        (lambda: data.hold_out(4, labels=[0, 0, 1, 1], groups=[0, 0, 1, 1]), "folds"),
        (lambda: data.folds(3, 5), "folds"),
        (lambda: data.folds(6, 3, labels=[0, 0, 0, 0, 1, 1]), "least populated class"),
        (lambda: data.folds(6, 3, groups=[0, 0, 0, 0, 1, 1]), "folds"),
        (lambda: data.weighted([1.0, -1.0, 3.0]), "none below 0"),
        (lambda: data.weighted(np.zeros(3)), "none below 0"),
        (lambda: data.over_sampled([0, 1])(CASES[0], 3), "made for 2 rows"),
        (lambda: data.class_weights(np.asarray([0, 2])), "infinite"),
        (lambda: data.class_weights(np.asarray([0, 1]), classes=3), "infinite"),
        (lambda: data.class_weights(["cat", "dog"]), "count from 0"),
        (lambda: data.class_weights([-1, 1]), "count from 0"),
        (lambda: data.folds(6, 1), "take 2 or more"),
    ],
)
def test_arguments(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.covers("A-245", "A-246")
def test_weighted_rows_come_as_often_as_they_weigh():
    weights = np.asarray([0.0, 1.0, 2.0, 5.0])
    rows = data.weighted(weights, count=20000)(np.random.default_rng(0), 4)
    assert_allclose(np.bincount(rows, minlength=4) / 20000, weights / 8, atol=0.015)


@pytest.mark.covers("A-245")
def test_over_and_under_sampled_classes_are_equally_many():
    for rng in CASES:
        labels = rng.integers(0, rng.integers(2, 5), rng.integers(5, 60))
        counts = np.unique(labels, return_counts=True)[1]
        over = data.over_sampled(labels)(rng, len(labels))
        assert (np.unique(labels[over], return_counts=True)[1] == counts.max()).all()
        assert set(over) == set(range(len(labels)))
        for label in np.unique(labels):
            times = np.unique(over[labels[over] == label], return_counts=True)[1]
            assert np.ptp(times) <= 1
        under = data.under_sampled(labels)(rng, len(labels))
        assert (np.unique(labels[under], return_counts=True)[1] == counts.min()).all()
        assert len(set(under)) == len(under)


@pytest.mark.covers("A-245", "A-246")
def test_epochs_draw_anew_and_go_on_where_they_stopped():
    labels = np.asarray([0] * 20 + [1] * 4)
    loaders = [
        data.ArrayLoader(np.arange(24), 3, order=data.under_sampled(labels), seed=4)
        for _ in range(2)
    ]
    first, second = (np.concatenate(list(loaders[0])) for _ in range(2))
    assert len(first) == len(second) == 8
    assert set(first) != set(second)
    loaders[1].end_epoch()
    next(iter(loaders[1]))
    state = loaders[1].state_dict()
    loaders[0].load_state_dict(state)
    np.testing.assert_array_equal(np.concatenate(list(loaders[0])), second[3:])


@pytest.mark.covers("A-247")
def test_class_weights_are_scikit_learns():
    for rng in CASES:
        labels = np.concatenate([np.arange(4), rng.integers(0, 4, rng.integers(0, 50))])
        expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
        found = data.class_weights(labels, classes=4)
        assert_allclose(found, expected, rtol=1e-12)
        assert np.mean(found[labels]) == pytest.approx(1)

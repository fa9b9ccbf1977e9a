"""Indexing against NumPy: random indices of every kind, at once and traced; updates; errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.dtypes import int64
from chainrule.errors import ArgumentError, IndexingError, ShapeError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.tensor import Tensor
from chainrule.ir.interpret import evaluate
from chainrule.ir.node import Spec, variable


@st.composite
def slices(draw, extent):
    bound = st.none() | st.integers(-extent - 2, extent + 2)
    step = draw(st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))
    return slice(draw(bound), draw(bound), step)


@st.composite
def entries(draw, extent, broadcast, masks):
    """An index for one axis. Arrays have the shape `broadcast`."""
    kinds = ["int", "slice", "slice", "array"]
    if masks and broadcast in ((), (1,), (3,)):
        kinds.append("mask")
    kind = draw(st.sampled_from(kinds))
    place = st.integers(-extent, extent - 1)
    if kind == "int":
        return draw(place)
    if kind == "slice":
        return draw(slices(extent))
    if kind == "array":
        array = np.array(draw(st.lists(place, min_size=6, max_size=6)))
        return array[: int(np.prod(broadcast))].reshape(broadcast)
    # one place, which broadcasts to the arrays beside it
    mask = np.zeros(extent, bool)
    mask[draw(place)] = True
    return mask


@st.composite
def cases(draw, masks=True):
    """A shape and an index for it; an ellipsis may stand for some of its axes or for none."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    broadcast = draw(st.sampled_from([(), (1,), (3,), (2, 1), (2, 3)]))
    index = [draw(entries(extent, broadcast, masks)) for extent in shape]
    start = draw(st.integers(0, len(index)))
    stop = draw(st.integers(start, len(index)))
    index[start:stop] = draw(st.sampled_from([index[start:stop], [...]]))
    for place in draw(st.lists(st.integers(0, len(index)), max_size=2)):
        index.insert(place, None)
    return shape, tuple(index)


def with_tensors(index):
    return tuple(cr.asarray(item) if isinstance(item, np.ndarray) else item for item in index)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_getitem(case):
    shape, index = case
    x = np.arange(np.prod(shape)).reshape(shape)
    want = x[index]
    for spelled in (index, with_tensors(index)):
        got = cr.asarray(x)[spelled]
        assert got.shape == want.shape
        np.testing.assert_array_equal(np.asarray(got), want)


@settings(max_examples=100, deadline=None)
@given(cases(masks=False))
def test_getitem_traced(case):
    """Tensor and index arrays are unknown while the graph is built."""
    shape, index = case
    x = np.arange(np.prod(shape)).reshape(shape)
    known = {variable(Spec(shape, int64)): x}
    with trace.level("jit"):
        spelled = []
        for item in index:
            if isinstance(item, np.ndarray):
                node = variable(Spec(item.shape, int64))
                known[node] = item
                item = Tensor(None, node)
            spelled.append(item)
        output = node_of(Tensor(None, next(iter(known)))[tuple(spelled)])
    np.testing.assert_array_equal(evaluate([output], known)[0], x[index])


@settings(max_examples=100, deadline=None)
@given(cases())
def test_at(case):
    shape, index = case
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    added = x.copy()
    np.add.at(added, index, 10)
    np.testing.assert_array_equal(np.asarray(cr.asarray(x).at[index].add(10)), added)
    places = np.arange(x.size).reshape(shape)[index]
    if np.unique(places).size == places.size:
        written = x.copy()
        written[index] = -1
        np.testing.assert_array_equal(np.asarray(cr.asarray(x).at[index].set(-1)), written)


X = cr.reshape(cr.arange(12), (3, 4))


def test_masks():
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(np.asarray(X[X > 5]), x[x > 5])
    np.testing.assert_array_equal(np.asarray(X[x[:, 0] > 3]), x[x[:, 0] > 3])
    np.testing.assert_array_equal(np.asarray(X[True]), x[True])
    np.testing.assert_array_equal(np.asarray(X[False, 1]), x[False, 1])
    np.testing.assert_array_equal(np.asarray(X.at[X > 5].set(0)), np.where(x > 5, 0, x))
    np.testing.assert_array_equal(np.asarray(X[[0, 2]]), x[[0, 2]])
    np.testing.assert_array_equal(np.asarray(X[[]]), x[[]])


def test_update_keeps_nan_and_bool():
    assert cr.asarray([True, False]).at[1].set(True).tolist() == [True, True]
    x = cr.asarray([cr.nan, 1.0]).at[1].set(cr.inf)
    np.testing.assert_array_equal(np.asarray(x), np.array([np.nan, np.inf], np.float32))


def test_take_clamps_nothing_silently():
    assert cr.take(X, cr.asarray([-1]), axis=0).tolist() == [[8, 9, 10, 11]]
    with pytest.raises(IndexingError, match=r"\[index\] indices from 0 to 3 for 3 elements"):
        cr.take(X, cr.asarray([0, 3]), axis=0)
    with pytest.raises(IndexingError):
        cr.take_along_axis(X, cr.asarray([[4]]), axis=1)


ERRORS = [
    (lambda: X[3], IndexingError,
     "[index] index 3 of axis 0, which has 3 elements; indices run from -3 to 2"),
    (lambda: X[0, 0, 0], IndexingError,
     "[index] 3 indices for 2 axes of [3, 4]; each axis takes one; write x[:, None] to insert an "
     "axis"),
    (lambda: X[..., ...], IndexingError,
     "[index] more than one ... in an index; the others would be ambiguous"),
    (lambda: X[1.5], IndexingError,
     "[index] a float is no index; indices are integers, slices, None, ... and arrays of integers "
     "or bools; cast it to an integer, or compare to get a mask"),
    (lambda: X[cr.asarray([1.0])], IndexingError,
     "[index] a float32 is no index; indices are integers, slices, None, ... and arrays of "
     "integers or bools; cast it to an integer, or compare to get a mask"),
    (lambda: X[cr.asarray([True, False])], IndexingError,
     "[index] a mask of shape [2] on axes [3] of [3, 4]; a mask must have the extents of what it "
     "selects from"),
    (lambda: X[::0], IndexingError, "[index] a slice with step 0; it would never arrive"),
    (lambda: X[[0, 1], [0, 1, 2]], ShapeError,
     "[index] shapes [2] and [3] do not fit together; axis -1 has 2 and 3 elements, and only 1 "
     "stretches; reshape one of them, or insert an axis with x[:, None]"),
    (lambda: X.at[[0, 0]].set(1), IndexingError,
     "[at] set() names a place twice; it is not defined which value stays; make the indices "
     "distinct, or use add()"),
    (lambda: cr.take(X, cr.asarray([0])), ArgumentError,
     "[take] from [3, 4] without an axis; there is more than one; name the axis"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


def test_mask_of_unknown_values():
    with trace.level("jit"):
        x = Tensor(None, variable(Spec((3,), int64)))
        with pytest.raises(
            TraceError,
            match=r"\[jit\] a boolean index was asked of a traced bool\[3\] at .*test_ind",
        ):
            x[x > 0]

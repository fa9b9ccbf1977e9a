"""Sequences of many lengths: padding, buckets, and how often is compiled."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.data import BucketLoader, pad
from chainrule.errors import ArgumentError

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 100, 500)
SEQUENCES = [np.full(length, row) for row, length in enumerate(LENGTHS, 1)]
LABELS = np.arange(1, 501)


def loader(**options):
    return BucketLoader((SEQUENCES, LABELS), **{"batch_size": 16, "buckets": 4, **options})


@pytest.mark.covers("B-060")
@pytest.mark.parametrize("shape", [(), (3,)])
def test_padding_keeps_sequences_and_masks_the_rest(shape):
    sequences = [RNG.normal(size=(length, *shape)) for length in (3, 1, 5)]
    padded, mask = pad(sequences, value=-1)
    assert padded.shape == (3, 5, *shape) and mask.sum(1).tolist() == [3, 1, 5]
    for row, sequence in enumerate(sequences):
        np.testing.assert_array_equal(padded[row][mask[row]], sequence)
    assert (padded[~mask] == -1).all()


@pytest.mark.parametrize(("keep", "expected"), [("start", [1, 2]), ("end", [2, 3])])
def test_truncation(keep, expected):
    padded, mask = pad([[1, 2, 3], [4]], length=2, keep=keep)
    assert padded.tolist() == [expected, [4, 0]] and mask.tolist() == [[True] * 2, [True, False]]


def test_an_empty_sequence_is_all_padding():
    padded, mask = pad([[], [1, 2]])
    assert padded.dtype == np.int64 and not mask[0].any()


@pytest.mark.parametrize("options", [{"keep": "middle"}, {}])
def test_padding_refuses(options):
    with pytest.raises(ArgumentError, match="pad"):
        pad([[1]] if options else [], **options)


def test_each_row_comes_once_an_epoch_with_its_label():
    batches = loader()
    orders = []
    for _ in range(2):
        seen = []
        for x, mask, y in batches:
            assert (x == np.where(mask, y[:, None], 0)).all()
            assert mask.sum(1).tolist() == LENGTHS[y - 1].tolist()
            seen += y.tolist()
        assert sorted(seen) == LABELS.tolist()
        orders.append(seen)
    assert orders[0] != orders[1]


def test_shapes_are_as_few_as_buckets():
    shapes = {x.shape for x, _, _ in loader()}
    assert len(shapes) == len(loader().buckets) + 1 == 5
    assert sum(shape[0] < 16 for shape in shapes) == 1


def test_a_compiled_step_is_compiled_once_a_bucket():
    model = nn.Embedding(501, 4)
    step = cr.jit(lambda model, x, mask: cr.sum(model(x)[..., 0] * mask))
    batches = loader()
    for _ in range(2):
        for x, mask, _ in batches:
            step(model, x, mask)
    assert len(step.compiled) == len(batches.buckets) + 1


def test_a_masked_mean_does_not_see_the_padding():
    for x, mask, y in loader():
        np.testing.assert_allclose((x * mask).sum(1) / mask.sum(1), y)


def test_buckets_pad_less_than_batches_of_any_lengths():
    def padding(buckets):
        masks = [mask for _, mask, _ in loader(buckets=buckets)]
        return 1 - sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)

    assert padding(8) < 0.15 < 0.4 < padding([100])


def test_long_sequences_are_cut():
    assert max(x.shape[1] for x, _, _ in loader(longest=40)) == 40
    assert {x.shape[1] for x, _, _ in loader(buckets=(10, 20))} == {10, 20}


def test_several_lists_share_a_bucket():
    targets = [sequence[: len(sequence) // 2 + 1] for sequence in SEQUENCES]
    for x, mask, target, target_mask in BucketLoader((SEQUENCES, targets), batch_size=16):
        assert x.shape == target.shape and (target_mask.sum(1) == mask.sum(1) // 2 + 1).all()


def test_a_state_goes_on_exactly():
    whole = [y.tolist() for *_, y in loader()]
    started, again = loader(), loader()
    for number, _ in enumerate(started, 1):
        if number == 9:
            break
    again.load_state_dict(started.state_dict())
    assert [y.tolist() for *_, y in again] == whole[9:]
    assert len(loader()) == len(whole)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ((SEQUENCES, LABELS[:3]), {}),
        ((LABELS,), {}),
        ((SEQUENCES,), {"buckets": 0}),
        ((SEQUENCES,), {"buckets": (0, 4)}),
    ],
)
def test_what_makes_no_buckets_is_refused(data, options):
    with pytest.raises(ArgumentError, match="BucketLoader"):
        BucketLoader(data, **options)


def test_batches_of_several_shapes_make_no_run():
    with pytest.raises(ArgumentError, match="they make no run"):
        next(loader().runs(2))

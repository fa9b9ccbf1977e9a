"""Up-sampling and shuffles: inverses and known images; PyTorch is asked elsewhere."""

import numpy as np
import pytest

import chainrule as cr


def test_nearest_repeats_in_any_rank():
    x = cr.random.normal((2, 3, 2, 4, 5))
    expected = x.numpy().repeat(2, 1).repeat(3, 2).repeat(1, 3)
    np.testing.assert_array_equal(cr.upsample(x, scale_factor=(2, 3, 1)), expected)
    assert cr.upsample(x, (5, 1, 7)).shape == (2, 5, 1, 7, 5)


def test_linear_keeps_lines():
    """Between corners a plane stays a plane; between squares it does inside."""
    rows, columns = np.meshgrid(np.arange(4.0), np.arange(5.0), indexing="ij")
    plane = cr.asarray((2 * rows - columns)[None, :, :, None], dtype="float64")
    found = cr.upsample(plane, (7, 9), mode="linear", align_corners=True)[0, :, :, 0]
    rows, columns = np.meshgrid(np.arange(7) / 2, np.arange(9) / 2, indexing="ij")
    np.testing.assert_allclose(found, 2 * rows - columns, atol=1e-12)
    found = cr.upsample(plane, scale_factor=2, mode="linear")[0, 1:-1, 1:-1, 0].numpy()
    np.testing.assert_allclose(np.diff(found, axis=0), 1)
    np.testing.assert_allclose(np.diff(found, axis=1), -0.5)


def test_dtypes():
    for kind in ("float32", "float64"):
        x = cr.ones((1, 3, 2), dtype=kind)
        for mode in ("nearest", "linear"):
            assert cr.upsample(x, 5, mode=mode).dtype.name == kind
    assert cr.upsample(cr.ones((1, 3, 2), dtype="int32"), 6).dtype is cr.float32


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pixel_shuffle_back_and_forth(rank):
    x = cr.random.normal((2, *[3] * rank, 2 * 3**rank))
    y = cr.pixel_shuffle(x, 3)
    assert y.shape == (2, *[9] * rank, 2)
    np.testing.assert_array_equal(cr.pixel_unshuffle(y, 3), x)
    # The first block of places holds the channels of the first place in order.
    block = y[(0, *[slice(0, 3)] * rank, 0)]
    np.testing.assert_array_equal(block.numpy().ravel(), x[(0, *[0] * rank)][: 3**rank])


@pytest.mark.covers("A-145")
def test_channel_shuffle_lets_groups_see_each_other():
    x = cr.random.normal((2, 5, 12))
    np.testing.assert_array_equal(cr.channel_shuffle(cr.channel_shuffle(x, 3), 4), x)
    groups = cr.asarray(np.repeat(np.arange(3), 4))
    mixed = cr.channel_shuffle(groups, 3).numpy().reshape(3, 4)
    assert all(set(group) == {0, 1, 2} for group in mixed.tolist())


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: cr.upsample(cr.ones((1, 4, 1)), 8, mode="bilinear"), '"linear" (bilinear for'),
        (lambda: cr.upsample(cr.ones((1, 4, 1))), "there is one size"),
        (lambda: cr.upsample(cr.ones((1, 4, 1)), 8, 2), "there is one size"),
        (lambda: cr.upsample(cr.ones((4, 4)), 8), "add an axis for the batch"),
        (lambda: cr.upsample(cr.ones((1, 4, 4, 1)), (8, 8, 8)), "one for each axis"),
        (lambda: cr.pixel_shuffle(cr.ones((1, 4, 4, 6)), 2), "choose a divisor"),
        (lambda: cr.pixel_unshuffle(cr.ones((1, 4, 5, 6)), 2), "or pad x"),
        (lambda: cr.channel_shuffle(cr.ones((1, 4, 5, 6)), 4), "cr.moveaxis(x, 1, -1)"),
    ],
)
def test_errors(run, says):
    with pytest.raises(cr.ChainruleError) as caught:
        run()
    assert says in str(caught.value)

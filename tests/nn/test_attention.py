"""Attention: who sees whom, tiles and their memory, generation from a cache, errors."""

from functools import partial

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.attention.sight import sight

RANDOM = np.random.default_rng(0)


def arrays(*shapes, dtype=cr.float64):
    return [cr.asarray(RANDOM.normal(size=shape), dtype=dtype) for shape in shapes]


def gradients(function, *given):
    """The value of a function, and the gradients of its sum with random weights."""
    weights = np.random.default_rng(1).normal(size=function(*given).shape)
    step = cr.value_and_grad(
        lambda *x: cr.sum(function(*x) * weights), argnums=tuple(range(len(given)))
    )
    value, slopes = cr.jit(step)(*given)
    return [np.asarray(x) for x in (value, *slopes)]


def close(found, expected, tolerance=1e-9):
    for ours, theirs in zip(found, expected, strict=True):
        scale = max(np.abs(theirs).max(initial=0), 1.0)
        np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=tolerance)


# ---- Who sees whom ----


def table(queries, keys, **options):
    """Where the weights are above 0."""
    q, k = np.zeros((1, queries, 2)), np.zeros((1, keys, 2))
    return cr.attention_weights(q, k, **options).numpy()[0] > 0


@pytest.mark.covers("A-160", "A-174")
@pytest.mark.parametrize("offset", [0, 2])
@pytest.mark.parametrize("window", [None, 1, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_causality_and_windows(causal, window, offset):
    found = table(4, 6, causal=causal, window=window, offset=offset)
    for i in range(4):
        for j in range(6):
            past = i + offset - j
            near = window is None or past < window and (causal or -past < window)
            assert found[i, j] == (near and (past >= 0 or not causal))


@pytest.mark.covers("A-157", "A-161")
@pytest.mark.parametrize("tiled", [False, True])
def test_a_query_that_sees_nothing_finds_nothing(tiled):
    q, k, v = arrays((2, 5, 4), (2, 6, 4), (2, 6, 3))
    mask = np.ones((2, 5, 6), bool)
    mask[0, 2] = mask[1] = False

    def attend(q, k, v):
        return cr.attention(q, k, v, mask, tiled=tiled, block=4)

    found = attend(q, k, v).numpy()
    assert (found[0, 2] == 0).all() and (found[1] == 0).all() and (found[0, 1] != 0).all()
    _, dq, dk, dv = gradients(attend, q, k, v)
    assert (dq[0, 2] == 0).all() and not any(slope[1].any() for slope in (dq, dk, dv))
    assert all(np.isfinite(slope).all() for slope in (dq, dk, dv))


def test_infinities_in_an_added_mask_hide():
    q, k, v, bias = arrays((2, 5, 4), (2, 6, 4), (2, 6, 3), (5, 6))
    hidden = RANDOM.random((5, 6)) < 0.5
    hidden[1] = True
    mask = cr.where(hidden, -np.inf, bias)
    found = gradients(lambda q, k, v: cr.attention(q, k, v, mask), q, k, v)
    function = gradients(
        lambda q, k, v: cr.attention(
            q, k, v, lambda rows, columns: mask[rows, columns], tiled=True, block=4
        ),
        q,
        k,
        v,
    )
    close(found, function)
    assert (cr.attention_weights(q, k, mask).numpy()[:, hidden] == 0).all()


def test_weights_have_sum_one():
    q, k = arrays((2, 3, 5, 4), (2, 1, 6, 4))
    weights = cr.attention_weights(q, k).numpy()
    assert weights.shape == (2, 3, 5, 6)
    np.testing.assert_allclose(weights.sum(-1), 1)


@pytest.mark.parametrize("tiled", [False, True])
def test_shared_heads(tiled):
    """Neighbouring heads of queries share one head of keys and values."""
    q, k, v = arrays((2, 6, 5, 4), (2, 2, 7, 4), (2, 2, 7, 3))
    found = cr.attention(q, k, v, tiled=tiled, block=4).numpy()
    for head in range(6):
        alone = cr.attention(q[:, head], k[:, head // 3], v[:, head // 3]).numpy()
        np.testing.assert_allclose(found[:, head], alone, rtol=1e-12)


@pytest.mark.parametrize("tiled", [False, True])
def test_stacks_broadcast_and_may_be_empty(tiled):
    q, k, v = arrays((3, 2, 5, 4), (5, 4), (2, 5, 3))
    found = cr.attention(q, k, v, causal=True, tiled=tiled, block=2)
    assert found.shape == (3, 2, 5, 3) and found.dtype == cr.float64
    q = cr.zeros((0, 2, 5, 4))
    found = gradients(lambda q: cr.attention(q, q, q, causal=True, tiled=tiled, block=2), q)
    assert found[1].shape == (0, 2, 5, 4)


def test_dtypes_stay():
    x = cr.ones((1, 4, 2))
    for options in ({}, {"tiled": True, "block": 2}, {"mask": np.zeros((4, 4))}):
        assert cr.attention(x, x, x, causal=True, **options).dtype == cr.float32
    assert cr.attention(x, x, x, nn.patterns.alibi(1)).dtype == cr.float32
    assert cr.linear_attention(x, x, x).dtype == cr.float32


# ---- Tiles ----


@pytest.mark.covers("A-172", "B-065")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"causal": True},
        {"causal": True, "window": 100},
        {"window": 90},
        {"causal": True, "mask": nn.patterns.strided(64)},
        {"mask": np.random.default_rng(2).random((1, 1, 1, 500)) < 0.7},
    ],
    ids=["all", "causal", "window", "two-sided", "strided", "padding"],
)
def test_tiles_equal_all_scores_at_once(options):
    given = arrays((2, 2, 500, 16), (2, 2, 500, 16), (2, 2, 500, 8))
    attend = partial(cr.attention, **options)
    close(*[gradients(partial(attend, tiled=tiled), *given) for tiled in (True, False)])


def peak(length, dtype=cr.float32, **options):
    """Bytes that value and gradients of one head of 64 need."""

    def loss(q, k, v):
        return cr.sum(cr.square(cr.attention(q, k, v, causal=True, **options)))

    given = [cr.zeros((1, length, 64), dtype=dtype)] * 3
    step = cr.jit(lambda q, k, v: cr.value_and_grad(loss, argnums=(0, 1, 2))(q, k, v))
    return step.plan(*given).peak_bytes


@pytest.mark.covers("A-172", "B-065")
def test_memory_of_tiles_grows_with_the_length():
    lengths = (1024, 2048, 4096)
    bytes_of = [peak(length) for length in lengths]
    grown = np.diff(bytes_of) / np.diff(lengths)
    assert grown[1] < 1.05 * grown[0] and grown[0] < 4000
    whole = [peak(length, tiled=False) for length in lengths[:2]]
    assert whole[1] > 3.5 * whole[0] and whole[1] > 10 * bytes_of[1]


def test_tiles_are_chosen_for_many_scores():
    assert peak(1024) == peak(1024, tiled=True) < peak(1024, tiled=False)
    assert peak(512) == peak(512, tiled=False)


@pytest.mark.covers("A-173", "A-174", "B-066")
def test_tiles_with_nothing_to_see_are_skipped():
    def count(mask=None, causal=False, window=None, offset=0):
        return sight(mask, causal, window, offset, 1024, 1024).tiles(1024, 1024, 64).sum()

    assert count() == 16 * 16
    assert count(causal=True) == 16 * 17 / 2
    assert count(causal=True, window=65) == 16 + 15
    assert count(causal=True, window=65, offset=1024) == 1
    assert count(nn.patterns.fixed(128, 32), causal=True) < count(causal=True)
    assert count(nn.patterns.alibi(2)) == 16 * 16
    assert count(lambda rows, columns: rows // 64 == columns // 64) == 16


@pytest.mark.covers("A-173", "B-066")
def test_sparse_patterns_of_child():
    """The last places, and every stride-th; the block of a query, and the ends of all."""
    strided, fixed = (
        table(9, 9, mask=pattern, causal=True)
        for pattern in (nn.patterns.strided(3), nn.patterns.fixed(3, 1))
    )
    assert np.flatnonzero(strided[7]).tolist() == [1, 4, 5, 6, 7]
    assert np.flatnonzero(fixed[7]).tolist() == [2, 5, 6, 7]


def test_a_function_may_use_tensors():
    """Documents in one sequence, each of which sees itself alone."""
    document = cr.asarray([0, 0, 0, 1, 1, 2, 2, 2])

    def same(rows, columns):
        return document[rows] == document[columns]

    (x,) = arrays((1, 8, 4))
    found = cr.attention(x, x, x, same, causal=True, tiled=True, block=3).numpy()
    for first, last in ((0, 3), (3, 5), (5, 8)):
        part = x[:, first:last]
        expected = cr.attention(part, part, part, causal=True).numpy()
        np.testing.assert_allclose(found[:, first:last], expected, rtol=1e-12)


def test_slopes_of_alibi():
    """Those that the paper gives for 8 heads, and its code for 6."""
    one = np.array([[1]]), np.array([[0]])
    eight, six = (-nn.patterns.alibi(heads)(*one).numpy()[:, 0, 0] for heads in (8, 6))
    np.testing.assert_allclose(eight, [2.0**-i for i in range(1, 9)], rtol=1e-6)
    between = [2**-1, 2**-3]
    np.testing.assert_allclose(six, [2**-2, 2**-4, 2**-6, 2**-8, *between], rtol=1e-6)


@pytest.mark.covers("B-066")
def test_linear_attention_is_the_formula_in_linear_memory():
    def bytes_for(length):
        def loss(q):
            return cr.sum(cr.linear_attention(q, q, q, causal=True))

        return cr.jit(lambda q: cr.grad(loss)(q)).plan(cr.ones((1, length, 32))).peak_bytes

    assert bytes_for(4096) < 2.1 * bytes_for(2048)
    q, k, v = (x.numpy() for x in arrays((1, 9, 4), (1, 9, 4), (1, 9, 3)))
    feature = [np.where(x > 0, x + 1, np.exp(x)) for x in (q, k)]
    scores = np.tril(feature[0] @ feature[1].swapaxes(-1, -2))
    expected = scores / scores.sum(-1, keepdims=True) @ v
    found = cr.linear_attention(*map(cr.asarray, arrays_of(q, k, v)), causal=True, block=4)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def arrays_of(*values):
    return [cr.asarray(value, dtype=cr.float64) for value in values]


# ---- Many heads ----


@pytest.mark.covers("A-158", "A-162")
def test_self_and_cross_attention():
    layer, x, memory = nn.MultiHeadAttention(8, 2), *arrays((3, 5, 8), (3, 4, 8))
    assert (layer(x).numpy() == layer(x, x, x).numpy()).all()
    assert (layer(x, memory).numpy() == layer(x, memory, memory).numpy()).all()
    weights = layer.weights(x, memory, key_mask=np.ones((3, 4), bool))
    assert weights.shape == (3, 2, 5, 4)


@pytest.mark.covers("A-159")
def test_heads_are_attentions_of_their_own():
    layer, (x,) = nn.MultiHeadAttention(6, 3), arrays((2, 4, 6), dtype=cr.float32)
    heads = []
    for head in range(3):
        part = slice(2 * head, 2 * head + 2)
        heads.append(
            cr.attention(*[p(x)[..., part] for p in (layer.query, layer.key, layer.value)])
        )
    expected = layer.out(cr.concat(heads, axis=-1)).numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.covers("A-161")
@pytest.mark.parametrize(
    "mask", [None, np.ones((5, 5), bool), np.zeros((5, 5)), lambda i, j: j <= i]
)
def test_padding_is_not_read(mask):
    layer, (x,) = nn.MultiHeadAttention(8, 2), arrays((2, 5, 8), dtype=cr.float32)
    real = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    found = layer(x, mask=mask, key_mask=real, causal=True).numpy()
    changed = cr.where(real[..., None], x, 7.0)
    again = layer(changed, mask=mask, key_mask=real, causal=True).numpy()
    assert (found[real] == again[real]).all()
    np.testing.assert_allclose(found[1:], layer(x[1:], causal=True).numpy(), rtol=1e-5, atol=1e-6)


def test_biases_of_keys_are_not_felt():
    layer, (x,) = nn.MultiHeadAttention(8, 2), arrays((2, 5, 8), dtype=cr.float32)
    slopes = cr.grad(lambda m: cr.sum(cr.square(m(x))))(layer)
    assert np.abs(slopes["key.bias"].numpy()).max() < 1e-5
    assert np.abs(slopes["query.bias"].numpy()).max() > 1e-5


def test_weights_are_dropped_in_training_only():
    layer, (x,) = nn.MultiHeadAttention(8, 2, dropout=0.5), arrays((2, 5, 8), dtype=cr.float32)
    assert (layer(x).numpy() == layer(x).numpy()).all()
    with cr.training():
        assert (layer(x).numpy() != layer(x).numpy()).any()


@pytest.mark.covers("A-175")
@pytest.mark.parametrize(
    "options", [{}, {"num_kv_heads": 2}, {"num_kv_heads": 1, "rotary": 1e4}, {"window": 3}], ids=str
)
@pytest.mark.parametrize("steps", [(1,) * 7, (4, 1, 2), (7,)], ids=str)
def test_a_cache_continues_the_sequence(options, steps):
    layer, (x,) = nn.MultiHeadAttention(16, 4, **options), arrays((2, 7, 16), dtype=cr.float32)
    cache, parts, start = layer.cache(2, 10), [], 0
    for count in steps:
        parts.append(layer(x[:, start : start + count], cache=cache).numpy())
        start += count
    expected = layer(x, causal=True).numpy()
    np.testing.assert_allclose(np.concatenate(parts, 1), expected, rtol=1e-4, atol=1e-6)
    assert cache.keys.shape == (2, options.get("num_kv_heads", 4), 10, 4)
    with pytest.raises(ArgumentError, match=r"4 places after 7 of 10; the cache is full"):
        layer(x[:, :4], cache=cache)


# ---- Errors ----


@pytest.mark.parametrize(
    ("error", "match", "shapes", "options"),
    [
        (ShapeError, "compared by as many features", [(4, 3), (4, 2), (4, 2)], {}),
        (ShapeError, "each key has a value", [(4, 2), (4, 2), (5, 2)], {}),
        (ShapeError, r"\(\.\.\., length, features\)", [(4,), (4, 4), (4, 4)], {}),
        (ShapeError, "6 heads .* share 4", [(6, 3, 2), (4, 3, 2), (4, 3, 2)], {}),
        (ShapeError, r"of shape \[2, 4\]", [(3, 2), (4, 2), (4, 2)], {"mask": np.ones((2, 4)) > 0}),
        (ArgumentError, "mask is int", [(3, 2)] * 3, {"mask": np.ones((3, 3), int)}),
        (ArgumentError, "window is 0", [(3, 2)] * 3, {"window": 0}),
        (ArgumentError, "block is 0", [(3, 2)] * 3, {"tiled": True, "block": 0}),
        (ArgumentError, "know neither", [(3, 2)] * 3, {"tiled": True, "mask": np.ones((3, 3))}),
    ],
)  # fmt: skip
def test_errors(error, match, shapes, options):
    with pytest.raises(error, match=match):
        cr.attention(*map(cr.ones, shapes), **options)


def test_errors_of_many_heads():
    with pytest.raises(ArgumentError, match="embed_dim=8, num_heads=3"):
        nn.MultiHeadAttention(8, 3)
    with pytest.raises(ArgumentError, match="num_kv_heads=3"):
        nn.MultiHeadAttention(8, 4, num_kv_heads=3)
    layer = nn.MultiHeadAttention(8, 2)
    with pytest.raises(ArgumentError, match="cache for cross-attention"):
        layer(cr.ones((1, 2, 8)), cr.ones((1, 2, 8)), cache=layer.cache(1, 4))
    with pytest.raises(ShapeError, match="each query stands where its key is"):
        cr.linear_attention(cr.ones((2, 1)), cr.ones((3, 1)), cr.ones((3, 1)), causal=True)
    with pytest.raises(ArgumentError, match="strided"):
        nn.patterns.strided(0)

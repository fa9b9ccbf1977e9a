"""Randomness: Philox's published vectors, draws that never overlap, and the distributions."""

import numpy as np
import pytest
import scipy.stats

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.random import stream
from chainrule.ir.interpret import evaluate
from chainrule.ir.ops.random import philox

# Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, result.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text):
    return [np.array([int(word, 16)], np.uint64) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_philox_vectors(counter, key, result):
    assert philox(words(counter), words(key)) == words(result)


def test_element_index_and_draw_number_are_the_counter():
    """Element i of draw d under key k is word 0 of block (i, 0, d, 0)."""
    cr.random.seed(0x299F31D0A4093822)
    for draw in range(3):
        got = cr.random.bits((2, 2)).numpy().ravel()
        for i in range(4):
            counter = [np.array([n], np.uint64) for n in (i, 0, draw, 0)]
            assert got[i] == philox(counter, words("a4093822 299f31d0"))[0][0]


def test_large_draws_begin_like_small_ones():
    """And their last element is the word of its own block."""
    found = []
    for count in (10, 20_000):
        cr.random.seed(0)
        found.append(cr.random.bits(count).numpy())
    np.testing.assert_array_equal(found[1][:10], found[0])
    counter = [np.array([n], np.uint64) for n in (19_999, 0, 0, 0)]
    assert found[1][-1] == philox(counter, words("0 0"))[0][0]


def test_counter_carries():
    cr.random.set_state(cr.asarray([1, 2, 0xFFFFFFFF, 5], dtype=cr.uint32))
    cr.random.bits(1)
    assert cr.random.get_state().tolist() == [1, 2, 0, 6]


def test_seed_repeats_and_state_resumes():
    cr.random.seed(3)
    first = cr.random.normal((5,)).tolist()
    state = cr.random.get_state()
    second = cr.random.normal((5,)).tolist()
    cr.random.set_state(state)
    assert cr.random.normal((5,)).tolist() == second
    cr.random.seed(3)
    assert cr.random.normal((5,)).tolist() == first
    assert first != second


def test_each_draw_advances_by_one_whatever_its_size():
    draws = [
        lambda: cr.random.bits(1000), lambda: cr.random.uniform(7), lambda: cr.random.normal(7),
        lambda: cr.random.uniform(7, dtype="float64"), lambda: cr.random.bernoulli(3),
        lambda: cr.random.integers(5, 10), lambda: cr.random.permutation(9),
        lambda: cr.random.categorical(cr.zeros((2, 3))), lambda: cr.random.exponential(4),
        lambda: cr.random.truncated_normal(4), lambda: cr.random.choice(5, 3, replace=False),
    ]  # fmt: skip
    cr.random.seed(0)
    for number, draw in enumerate(draws, 1):
        draw()
        assert cr.random.get_state().tolist() == [0, 0, number, 0]


def test_draws_share_no_word():
    cr.random.seed(0)
    parts = [cr.random.bits(n).numpy() for n in (1000, 1, 3000, 500)]
    parts += [cr.random.bits(1000, key=key).numpy() for key in cr.random.split(cr.random.key(0), 3)]
    whole = np.concatenate(parts)
    # Of 7,501 words of 32 bits, 0.007 pairs are equal by chance.
    assert np.unique(whole).size == whole.size


def test_keys():
    key = cr.random.key(5)
    before = cr.random.get_state().tolist()
    same = [cr.random.normal((3,), key=key).tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert cr.random.get_state().tolist() == before
    first, second = cr.random.split(key)
    assert cr.random.normal((3,), key=first).tolist() != cr.random.normal((3,), key=second).tolist()


@pytest.mark.parametrize("kind", ["grad", "jit", "body"])
def test_levels_draw_the_same_bits(kind):
    cr.random.seed(11)
    want = [cr.random.normal((4,)).numpy() for _ in range(2)]
    after = cr.random.get_state().tolist()
    cr.random.seed(11)
    with trace.level(kind) as (session, level):
        draws = [cr.random.normal((4,)) for _ in range(2)]
        state = node_of(stream)
        known = dict(session.values)
        if kind == "jit":
            known[level.boxes[stream].inside] = np.array([11, 0, 0, 0], np.uint32)
        got = evaluate([*map(node_of, draws), state], known)
    np.testing.assert_array_equal(got[:2], want)
    assert got[2].tolist() == after


N = 20000
NORMAL = scipy.stats.norm
DISTRIBUTIONS = {
    "uniform": (lambda **k: cr.random.uniform((N,), -1, 3, **k), scipy.stats.uniform(-1, 4)),
    "normal": (lambda **k: cr.random.normal((N,), 2, 3, **k), NORMAL(2, 3)),
    "normal_odd": (lambda **k: cr.random.normal((N - 1,), **k), NORMAL()),
    "truncated": (
        lambda **k: cr.random.truncated_normal((N,), -1, 2, **k), scipy.stats.truncnorm(-1, 2),
    ),
    "exponential": (lambda **k: cr.random.exponential((N,), 2.0, **k), scipy.stats.expon(0, 0.5)),
    "gumbel": (lambda **k: cr.random.gumbel((N,), **k), scipy.stats.gumbel_r()),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("draw", "distribution"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_distribution(draw, distribution, dtype):
    cr.random.seed(1)
    sample = draw(dtype=dtype)
    assert sample.dtype.name == dtype
    values = sample.numpy().astype(float)
    assert np.isfinite(values).all()
    # The seed is fixed: this says that the sample is ordinary, not that it might be.
    assert scipy.stats.kstest(values, distribution.cdf).pvalue > 0.01
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03
    halves = values[: values.size // 2], values[-(values.size // 2) :]
    assert abs(np.corrcoef(*halves)[0, 1]) < 0.03


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 24), ("float64", 53)])
def test_uniform_is_a_multiple_below_one(dtype, digits):
    cr.random.seed(2)
    values = cr.random.uniform((N,), dtype=dtype).numpy().astype(float) * 2.0**digits
    assert (values == np.floor(values)).all()
    assert values.min() >= 0 and values.max() < 2.0**digits
    assert (values % 2 == 1).any()


def test_bernoulli():
    cr.random.seed(3)
    probabilities = cr.asarray([0.1, 0.5, 0.9])
    share = cr.mean(cr.random.bernoulli((N, 3), probabilities), axis=0).numpy()
    np.testing.assert_allclose(share, [0.1, 0.5, 0.9], atol=0.02)
    assert not cr.any(cr.random.bernoulli((N,), 0.0)) and cr.all(cr.random.bernoulli((N,), 1.0))


def test_integers():
    cr.random.seed(4)
    counts = np.bincount(cr.random.integers((N,), 2, 9).numpy())
    assert scipy.stats.chisquare(counts[2:]).pvalue > 0.01
    assert counts[:2].sum() == 0
    wide = cr.random.integers((N,), -(1 << 31), (1 << 31) - 1, dtype=cr.int32).numpy()
    assert wide.min() < -(1 << 30) and wide.max() > 1 << 30


def test_categorical():
    cr.random.seed(5)
    p = np.array([0.1, 0.2, 0.7])
    drawn = cr.random.categorical(cr.log(cr.asarray(p)), (N,)).numpy()
    assert scipy.stats.chisquare(np.bincount(drawn), N * p).pvalue > 0.01


def test_permutation():
    cr.random.seed(6)
    found = [tuple(cr.random.permutation(3).tolist()) for _ in range(600)]
    _, counts = np.unique(found, axis=0, return_counts=True)
    assert counts.size == 6 and scipy.stats.chisquare(counts).pvalue > 0.01
    rows = cr.random.permutation(cr.reshape(cr.arange(6), (3, 2)))
    assert sorted(rows.tolist()) == [[0, 1], [2, 3], [4, 5]]
    assert np.unique(cr.random.permutation(10000).numpy()).size == 10000


def test_choice():
    cr.random.seed(7)
    p = np.array([0.5, 0.25, 0.25])
    drawn = cr.random.choice(3, (N,), p=p).numpy()
    assert scipy.stats.chisquare(np.bincount(drawn), N * p).pvalue > 0.01
    few = cr.random.choice(cr.asarray([7, 8, 9]), 3, replace=False, p=p)
    assert sorted(few.tolist()) == [7, 8, 9]
    assert cr.random.choice(cr.zeros((2, 5)), (3,), axis=1).shape == (2, 3)


ERRORS = [
    (lambda: cr.random.seed(-1), ArgumentError,
     "[random] seed -1; it must lie between 0 and 2**64 - 1"),
    (lambda: cr.random.integers((2,), 5, 5), ArgumentError,
     "[integers] from 5 to 5; high must lie above low, by less than 2**32"),
    (lambda: cr.random.normal((2,), dtype=cr.int32), DTypeError,
     "[normal] asked for int32; these numbers are floats; cast the result, or use integers()"),
    (lambda: cr.random.choice(2, 3, replace=False), ArgumentError,
     "[choice] 3 of 2 without replacement; there are not enough; draw fewer, or with replacement"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message

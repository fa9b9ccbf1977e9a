"""Attention of recurrent networks: masks, scores, and a decoder's step within a scan."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return cr.asarray(RANDOM.normal(size=shape).astype(np.float32))


KINDS = [
    lambda: nn.AdditiveAttention(4, 4, 8),
    lambda: nn.MultiplicativeAttention(4, 4),
    lambda: nn.MultiplicativeAttention(4, 4, "dot"),
    lambda: nn.MultiplicativeAttention(4, 4, "scaled"),
]
every = pytest.mark.parametrize("build", KINDS)


@pytest.mark.covers("A-155")
@every
def test_hidden_keys_do_not_matter(build):
    attention, queries, keys = build(), draw(3, 2, 4), draw(3, 5, 4)
    lengths = [5, 2, 0]
    mask = np.arange(5) < np.array(lengths)[:, None]

    def loss(attention, queries, keys):
        return cr.sum(cr.sin(attention(queries, keys, mask)[0]))

    context, weights = attention(queries, keys, mask)
    gradients = cr.jit(cr.grad(loss, argnums=(1, 2)))(attention, queries, keys)
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(weights[row, :, length:].numpy(), 0)
        np.testing.assert_array_equal(gradients[1][row, length:].numpy(), 0)
        if length:
            alone = attention(queries[row : row + 1], keys[row : row + 1, :length])
            np.testing.assert_allclose(context[row].numpy(), alone[0][0].numpy(), atol=1e-6)
            np.testing.assert_allclose(weights[row].numpy().sum(-1), 1, rtol=1e-5)
        else:
            np.testing.assert_array_equal(context[row].numpy(), 0)
    assert all(np.isfinite(gradient.numpy()).all() for gradient in gradients)


@pytest.mark.covers("A-155")
def test_scores():
    queries, keys = draw(2, 3, 4), draw(2, 5, 4)
    dot = queries.numpy() @ keys.numpy().swapaxes(1, 2)
    general = nn.MultiplicativeAttention(4, 4)
    changed = queries.numpy() @ general.map.weight.numpy() @ keys.numpy().swapaxes(1, 2)
    for attention, expected in (
        (nn.MultiplicativeAttention(4, 4, "dot"), dot),
        (nn.MultiplicativeAttention(4, 4, "scaled"), dot / 2),
        (general, changed),
    ):
        np.testing.assert_allclose(attention.scores(queries, keys).numpy(), expected, atol=1e-5)


@every
def test_empty_batch(build):
    context, weights = build()(draw(0, 2, 4), draw(0, 5, 4), np.ones((0, 5), bool))
    assert context.shape == (0, 2, 4)
    assert weights.shape == (0, 2, 5)


@pytest.mark.covers("A-155")
@pytest.mark.parametrize("kind", ["GRUCell", "LSTMCell"])
def test_a_step_within_a_scan(kind):
    cell = getattr(nn, kind)(3 + 4, 6)
    step = nn.AttentionCell(cell, nn.AdditiveAttention(6, 4, 5))
    xs, keys, mask = draw(7, 2, 3), draw(2, 5, 4), np.array([[True] * 5, [True] * 2 + [False] * 3])
    start = cr.zeros((2, 6)) if kind == "GRUCell" else (cr.zeros((2, 6)), cr.zeros((2, 6)))

    def decode(step, xs, keys):
        def turn(state, x):
            output, state = step(x, state, keys, mask)
            return state, output

        return cr.scan(turn, start, xs)[1]

    state, outputs = start, []
    for x in cr.unstack(xs):
        output, state = step(x, state, keys, mask)
        outputs.append(output)
    found = cr.jit(decode)(step, xs, keys)
    assert found.shape == (7, 2, 6 + 4)
    np.testing.assert_allclose(found.numpy(), cr.stack(outputs).numpy(), atol=1e-6)


def test_errors():
    with pytest.raises(cr.ChainruleError, match="score='concat'"):
        nn.MultiplicativeAttention(4, 4, "concat")
    with pytest.raises(cr.ChainruleError, match="multiplies them one by one"):
        nn.MultiplicativeAttention(4, 3, "dot")
    attention = nn.AdditiveAttention(4, 4, 8)
    for mask in (np.ones((2, 4), bool), np.ones((2, 5), int)):
        with pytest.raises(cr.ChainruleError, match="the mask is"):
            attention(draw(2, 3, 4), draw(2, 5, 4), mask)
    with pytest.raises(cr.ChainruleError, match=r"AdditiveAttention.query"):
        attention(draw(2, 3, 3), draw(2, 5, 4))

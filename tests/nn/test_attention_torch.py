"""Attention beside PyTorch: masks that hide all, long sequences, and weights carried over."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("causal", [False, True])
def test_long_sequences(causal):
    """Tiles, and PyTorch's own, in value and all gradients."""
    given = [RANDOM.normal(size=(2, 2, 1100, 16)) for _ in range(3)]
    weights = RANDOM.normal(size=given[0].shape)
    theirs = [torch.tensor(x, requires_grad=True) for x in given]
    y = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    (y * torch.tensor(weights)).sum().backward()

    def loss(q, k, v):
        return cr.sum(cr.attention(q, k, v, causal=causal) * weights)

    ours = [cr.asarray(x, dtype=cr.float64) for x in given]
    slopes = cr.jit(lambda *x: cr.grad(loss, argnums=(0, 1, 2))(*x))(*ours)
    for found, expected in zip(slopes, theirs, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.grad, rtol=1e-9, atol=1e-12)


def test_a_query_that_sees_nothing():
    """PyTorch 2.5 and later find 0 too, except in some of its kernels: compared are the others."""
    q, k, v = (RANDOM.normal(size=(2, 3, 5, 4)) for _ in range(3))
    mask = RANDOM.random((2, 1, 5, 5)) < 0.6
    mask[:, :, 2] = False
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, (q, k, v)), attn_mask=torch.tensor(mask)
    ).numpy()
    found = cr.attention(*[cr.asarray(x, dtype=cr.float64) for x in (q, k, v)], mask).numpy()
    seen = [0, 1, 3, 4]
    np.testing.assert_allclose(found[:, :, seen], expected[:, :, seen], rtol=1e-9, atol=1e-12)
    assert (found[:, :, 2] == 0).all()


def carried_over(layer):
    """The parameters of one of PyTorch's attentions, by the paths of ours."""
    size = layer.embed_dim
    state = {path: value.detach().numpy() for path, value in layer.named_parameters()}
    ours = {"out.weight": state["out_proj.weight"].T, "out.bias": state["out_proj.bias"]}
    for number, part in enumerate(("query", "key", "value")):
        rows = slice(number * size, (number + 1) * size)
        ours[f"{part}.weight"] = state["in_proj_weight"][rows].T
        ours[f"{part}.bias"] = state["in_proj_bias"][rows]
    return ours


def test_weights_are_carried_over():
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    layer = nn.MultiHeadAttention(12, 3)
    layer.load_state_dict(carried_over(theirs))
    x, memory = (RANDOM.normal(size=(2, n, 12)).astype(np.float32) for n in (5, 7))
    padding = np.array([[0] * 7, [0] * 4 + [1] * 3], bool)
    expected, weights = theirs(
        *[torch.tensor(a) for a in (x, memory, memory)],
        key_padding_mask=torch.tensor(padding),
        average_attn_weights=False,
    )
    np.testing.assert_allclose(
        layer(x, memory, key_mask=~padding).numpy(), expected.detach(), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        layer.weights(x, memory, key_mask=~padding).numpy(), weights.detach(), rtol=1e-4, atol=1e-6
    )


def test_starting_values_are_of_the_same_size():
    """PyTorch draws all three projections as one matrix, so theirs are smaller by sqrt(2)."""
    ours, theirs = nn.MultiHeadAttention(256, 4), torch.nn.MultiheadAttention(256, 4)
    ratio = ours.query.weight.numpy().std() / theirs.in_proj_weight.detach().numpy().std()
    assert ratio == pytest.approx(np.sqrt(2), rel=0.02)
    ratio = ours.out.weight.numpy().std() / theirs.out_proj.weight.detach().numpy().std()
    assert ratio == pytest.approx(1, rel=0.02)

"""Recurrent layers: cells over time, what padding and states mean, and how they are compiled."""

import re

import numpy as np
import pytest
from explain.functions import planned

import chainrule as cr
from chainrule import nn, tree
from chainrule.ir.plan import Kernel, Loop

RANDOM = np.random.default_rng(0)
KINDS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("LSTM", {}),
    ("LSTM", {"peephole": True, "proj_size": 2}),
    ("GRU", {}),
    ("GRU", {"reset_after": False}),
]
every = pytest.mark.parametrize(("kind", "options"), KINDS)


def layer(kind, options, **more):
    cr.random.seed(0)
    return getattr(nn, kind)(3, 4, **options, **more)


def sequences(*shape):
    return cr.asarray(RANDOM.normal(size=shape).astype(np.float32))


def assert_same(found, expected, **tolerance):
    assert found is not None
    for ours, theirs in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), **(tolerance or {"atol": 1e-6}))


@pytest.mark.covers("A-152", "A-153", "A-154")
@every
def test_a_layer_is_its_cell_step_by_step(kind, options):
    net, x = layer(kind, options, bidirectional=True), sequences(5, 6, 3)
    outputs, final = net(x)
    for row, times in enumerate((range(6), reversed(range(6)))):
        state, seen = None, [None] * 6
        for time in times:
            state = net.cells[row](x[:, time], state)
            seen[time] = tree.leaves(state)[0]
        width = seen[0].shape[-1]
        part = slice(row * width, (row + 1) * width)
        assert_same(outputs[..., part], cr.stack(seen, axis=1))
        assert_same(tree.map(lambda part, row=row: part[row], final), state)


@every
def test_layers_read_each_other(kind, options):
    x = sequences(5, 6, 3)
    both = layer(kind, options, num_layers=2)
    lower = layer(kind, options)
    upper = getattr(nn, kind)(lower.cells[0].output_size, 4, **options)
    lower.cells[0].load_state_dict(both.cells[0].state_dict())
    upper.cells[0].load_state_dict(both.cells[1].state_dict())
    middle, first = lower(x)
    outputs, second = upper(middle)
    assert_same(both(x)[0], outputs)
    assert_same(both(x)[1], tree.map(lambda *parts: cr.concat(parts), first, second))


@every
def test_a_state_carries_on(kind, options):
    net, x = layer(kind, options, num_layers=2), sequences(5, 6, 3)
    outputs, state = net(x[:, :4])
    rest, last = net(x[:, 4:], state)
    assert_same((cr.concat([outputs, rest], axis=1), last), net(x))


@every
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_lies_behind_an_end_does_not_matter(kind, options, bidirectional):
    net = layer(kind, options, num_layers=2, bidirectional=bidirectional)
    x, lengths = sequences(4, 6, 3), [6, 2, 0, 5]
    mask = np.arange(6) < np.array(lengths)[:, None]
    dirty = cr.where(mask[..., None], x, np.nan)

    def loss(net, x, lengths):
        outputs, state = net(x, lengths=lengths)
        return sum(cr.sum(cr.sin(part)) for part in (outputs, *tree.leaves(state)))

    given = dirty, np.array(lengths)
    outputs, state = net(dirty, mask=mask)
    assert_same((outputs, state), net(*given[:1], lengths=given[1]))
    assert not outputs.numpy()[~mask].any()
    gradients = cr.jit(cr.grad(loss, argnums=(0, 1)))(net, *given)
    total = None
    for row, length in enumerate(lengths):
        alone = x[row : row + 1, :length]
        y, last = net(alone)
        assert_same(outputs[row : row + 1, :length], y)
        assert_same(tree.map(lambda part, row=row: part[:, row : row + 1], state), last)
        mine = cr.grad(loss)(net, alone, None)
        total = mine if total is None else tree.map(cr.add, total, mine)
    assert_same(gradients[0], total, rtol=1e-4, atol=1e-5)
    assert not gradients[1].numpy()[~mask].any()


def test_a_mask_may_have_holes():
    net, x = layer("LSTM", {}), sequences(1, 6, 3)
    mask = np.array([[False, True, True, False, True, False]])
    outputs, state = net(x, mask=mask)
    expected, last = net(x[:, [1, 2, 4]])
    assert_same(outputs[:, [1, 2, 4]], expected)
    assert_same(state, last)


@every
@pytest.mark.parametrize("shape", [(6, 3), (2, 5, 6, 3), (0, 6, 3), (5, 0, 3)])
def test_any_batch(kind, options, shape):
    net, x = layer(kind, options, num_layers=2, bidirectional=True), sequences(*shape)
    outputs, state = net(x)
    width = net.cells[0].output_size
    assert outputs.shape == (*shape[:-1], 2 * width)
    assert [part.shape for part in tree.leaves(state)][0] == (4, *shape[:-2], width)
    if x.size:
        one = x[(0,) * (x.ndim - 2)]
        assert_same(outputs[(0,) * (x.ndim - 2)], net(one)[0])

    def loss(net, x):
        return cr.sum(net(x)[0])

    found = cr.jit(cr.value_and_grad(loss))(net, x)
    assert_same(found, cr.value_and_grad(loss)(net, x), rtol=1e-4, atol=1e-4)
    if not x.size and shape[0] == 0:
        assert not any(part.numpy().any() for part in tree.leaves(found))


@every
def test_dtypes(kind, options):
    net, x = layer(kind, options), sequences(5, 6, 3)
    assert {part.dtype for part in tree.leaves(net(x))} == {cr.float32}
    assert {part.dtype for part in tree.leaves(net(cr.astype(x, cr.float64)))} == {cr.float64}


def test_dropout_stands_between_layers():
    x = sequences(64, 5, 3)
    net, plain = (layer("GRU", {}, num_layers=2, dropout=p) for p in (0.5, 0.0))
    assert_same(net(x), plain(x))
    with cr.training():
        (outputs, state), expected = net(x), plain(x)
    assert_same(state[0], expected[1][0])
    assert np.abs(state[1].numpy() - expected[1][1].numpy()).max() > 1e-3
    assert (outputs.numpy() != 0).all()


@pytest.mark.covers("A-153")
def test_where_the_forget_bias_starts():
    biases = [layer("LSTM", {}, forget_bias=bias).cells[0].bias.numpy() for bias in (None, 1.0)]
    np.testing.assert_array_equal(biases[1][4:8], 1)
    np.testing.assert_array_equal(
        np.delete(biases[0], slice(4, 8)), np.delete(biases[1], slice(4, 8))
    )
    assert np.abs(biases[0]).max() <= 1 / np.sqrt(4)


@pytest.mark.covers("B-025")
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_plan_of_a_training_step(kind):
    """What does not wait for a state is done for all steps at once, before or after the loops."""
    net, x = getattr(nn, kind)(16, 32), sequences(8, 6, 16)
    program = planned(cr.grad(lambda net, x: cr.sum(net(x)[0] ** 2)), net, x)
    loops = [item for item in program.block.items if isinstance(item, Loop)]
    assert len(loops) == 2
    for loop in loops:
        inside = [item for item in loop.body.items if isinstance(item, Kernel)]
        # One product with the state, and no copy of a weight.
        assert sum(kernel.hero is not None for kernel in inside) == 1
        read = {
            place.buffer for kernel in inside if kernel.hero is None for place in kernel.reads()
        }
        assert not any("weight" in buffer.name for buffer in read)
    outside = [item for item in program.block.items if isinstance(item, Kernel) and item.hero]
    # Of the inputs before, and of the gradients of both weights behind.
    assert len(outside) == 3


def test_errors():
    net, x = layer("LSTM", {}), sequences(5, 6, 3)
    cases = [
        (lambda: net(x, state=(cr.zeros((1, 5, 4)),)), "the state has shapes"),
        (lambda: net(x, state=(cr.zeros((1, 5, 4)), cr.zeros((2, 5, 4)))), "expected"),
        (lambda: net(x, lengths=[1] * 5), "got a list"),
        (lambda: net(x, lengths=np.ones(4, int)), "lengths are int64"),
        (lambda: net(x, lengths=np.ones(5, np.float32)), "lengths are float32"),
        (lambda: net(x, lengths=np.full(5, 7)), "lengths run from 7 to 7"),
        (lambda: net(x, mask=np.ones((5, 7), bool)), "the mask is"),
        (lambda: net(x, mask=np.ones((5, 6), int)), "the mask is int64"),
        (lambda: net(x, lengths=np.ones(5, int), mask=np.ones((5, 6), bool)), "either says"),
        (lambda: net(sequences(5, 6, 2)), "expected 3 features"),
        (lambda: net(sequences(6)), "reads sequences"),
        (lambda: nn.LSTM(3, 4, num_layers=0), "num_layers=0"),
        (lambda: nn.LSTM(3, 4, dropout=0.5), "between layers"),
        (lambda: nn.LSTM(3, 0), "hidden_size=0"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size=4"),
        (lambda: nn.LSTM(3, 4, bias=False, forget_bias=1.0), "forget_bias"),
        (lambda: nn.RNN(3, 4, nonlinearity="sigmoid"), "nonlinearity='sigmoid'"),
        (lambda: nn.GRUCell(3, 4)(cr.ones((2, 3)), cr.ones((3, 4))), "the state has shapes"),
    ]
    for call, message in cases:
        with pytest.raises(cr.ChainruleError, match=re.escape(message)):
            call()


def test_errors_name_the_path():
    model = nn.Sequential(nn.Linear(2, 2), nn.GRU(3, 4))
    with pytest.raises(cr.ChainruleError, match=r"\[Sequential.layers.1\]"):
        model(sequences(5, 6, 2))

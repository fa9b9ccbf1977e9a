"""Recurrent networks with the weights of PyTorch's modules, its two biases among them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, tree

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

RANDOM = np.random.default_rng(0)


def carried_over(cell, theirs, suffix):
    """What the docstrings say about PyTorch's weights."""
    given = {
        name.removesuffix(suffix): parameter.detach().numpy()
        for name, parameter in theirs.named_parameters()
        if name.endswith(suffix)
    }
    for name in ("weight_ih", "weight_hh", "weight_hr"):
        if name in given:
            getattr(cell, name).assign(cr.asarray(given[name].T, dtype=cr.float64))
    if cell.bias is not None:
        first, second = given["bias_ih"].copy(), given["bias_hh"].copy()
        if isinstance(cell, nn.GRUCell):
            cell.bias_hn.assign(cr.asarray(second[-cell.hidden_size :], dtype=cr.float64))
            second[-cell.hidden_size :] = 0
        cell.bias.assign(cr.asarray(first + second, dtype=cr.float64))


@pytest.fixture(autouse=True)
def wide():
    cr.config.float64 = True
    yield
    cr.config.float64 = False


OPTIONS = [
    ("RNN", {"nonlinearity": "relu"}),
    ("RNN", {"nonlinearity": "relu", "num_layers": 3, "bidirectional": True, "bias": False}),
    ("RNN", {"num_layers": 2}),
    ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", {"proj_size": 3, "bidirectional": True}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"bias": False}),
]


@pytest.mark.parametrize("shape", [(4, 6, 3), (0, 6, 3), (6, 3)])
@pytest.mark.parametrize(("kind", "options"), OPTIONS)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_modules(kind, options, shape):
    theirs = getattr(torch.nn, kind)(3, 5, batch_first=True, dtype=torch.float64, **options)
    ours = getattr(nn, kind)(3, 5, **options)
    for row, cell in enumerate(ours.cells):
        layer, direction = divmod(row, ours.directions)
        carried_over(cell, theirs, f"_l{layer}" + ("_reverse" if direction else ""))
    x = RANDOM.normal(size=shape)
    given = torch.tensor(x, requires_grad=True)
    expected, state = theirs(given)
    outputs, final = ours(x)
    np.testing.assert_allclose(outputs.numpy(), expected.detach().numpy(), atol=1e-12)
    states = state if isinstance(state, tuple) else (state,)
    for part, other in zip(tree.leaves(final), states, strict=True):
        np.testing.assert_allclose(part.numpy(), other.detach().numpy(), atol=1e-12)
    (expected**2).sum().backward()
    gradients = cr.jit(cr.grad(lambda net, x: cr.sum(net(x)[0] ** 2), argnums=(0, 1)))(ours, x)
    np.testing.assert_allclose(gradients[1].numpy(), given.grad.numpy(), atol=1e-10)
    for name, ours_of in (
        ("weight_ih", "weight_ih"),
        ("weight_hh", "weight_hh"),
        ("bias_ih", "bias"),
    ):
        if ours.cells[0].bias is None and ours_of == "bias":
            continue
        found = gradients[0][f"cells.0.{ours_of}"].numpy()
        np.testing.assert_allclose(found.T, getattr(theirs, f"{name}_l0").grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (0, 3), (3,)])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells(kind, shape, bias):
    theirs = getattr(torch.nn, kind)(3, 5, bias, dtype=torch.float64)
    ours = getattr(nn, kind)(3, 5, bias)
    carried_over(ours, theirs, "")
    x = RANDOM.normal(size=shape)
    state, expected = ours(x), theirs(torch.tensor(x))
    for _ in range(2):
        states = expected if isinstance(expected, tuple) else (expected,)
        for part, other in zip(tree.leaves(state), states, strict=True):
            np.testing.assert_allclose(part.numpy(), other.detach().numpy(), atol=1e-12)
        state, expected = ours(x, state), theirs(torch.tensor(x), expected)


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(padding):
    theirs = torch.nn.Embedding(9, 4, padding_idx=padding, dtype=torch.float64)
    ours = nn.Embedding(9, 4, padding_idx=padding)
    ours.weight.assign(cr.asarray(theirs.weight.detach().numpy()))
    ids = RANDOM.integers(0, 9, (5, 6))
    expected = theirs(torch.tensor(ids))
    np.testing.assert_array_equal(ours(ids).numpy(), expected.detach().numpy())
    expected.sin().sum().backward()
    gradient = cr.grad(lambda layer: cr.sum(cr.sin(layer(ids))))(ours)["weight"]
    np.testing.assert_allclose(gradient.numpy(), theirs.weight.grad.numpy(), atol=1e-12)

"""Every component that PyTorch has too: value and gradient, on 20 random shapes in both dtypes."""

import pytest
from components.harness import (
    arguments_of,
    assert_close,
    cotangents,
    differentiable,
    precision,
    value_and_gradients,
)
from components.numpy_references import REFERENCES as OTHERS
from components.torch_references import REFERENCES

from chainrule import nn
from chainrule.checks import CHECKS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

SEEDS = range(20)
COMPARED = [check for check in CHECKS if check.name in REFERENCES]


def theirs(argument):
    """An argument for PyTorch: a tensor, a dict of them for a module, anything else as it is."""
    if isinstance(argument, nn.Module):
        trained = argument.trainable()
        return {
            path: torch.tensor(array, requires_grad=path in trained)
            for path, array in argument.state_dict().items()
        }
    if hasattr(argument, "dtype"):
        return torch.tensor(argument, requires_grad=argument.dtype.kind == "f")
    return argument


def flat(outputs):
    if isinstance(outputs, (tuple, list)):
        return [tensor for output in outputs for tensor in flat(output)]
    return [outputs] if outputs.is_floating_point() else []


def gradients_of(arguments, places):
    """Their gradients in the order of ours: the trainable leaves of each argument."""
    for place in places:
        given = arguments[place]
        for tensor in given.values() if isinstance(given, dict) else [given]:
            if tensor.requires_grad:
                missing = tensor.grad is None
                yield (torch.zeros_like(tensor) if missing else tensor.grad).numpy()


def test_every_check_has_a_reference():
    assert REFERENCES.keys() | OTHERS.keys() == {c.name for c in CHECKS}


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("check", COMPARED, ids=[check.name for check in COMPARED])
def test_against_torch(check, kind):
    for seed in SEEDS:
        with precision(kind):
            arguments = arguments_of(check, seed, kind)
            given = [theirs(argument) for argument in arguments]
            values, gradients = value_and_gradients(check.function, arguments)
        outputs = flat(REFERENCES[check.name](*given))
        assert_close(values, [output.detach().numpy() for output in outputs], kind, "value")
        directions = cotangents([output.detach().numpy() for output in outputs])
        total = sum(
            (output * torch.tensor(direction)).sum()
            for output, direction in zip(outputs, directions, strict=True)
        )
        total.backward()
        expected = list(gradients_of(given, differentiable(arguments)))
        assert_close(gradients, expected, kind, "gradient")

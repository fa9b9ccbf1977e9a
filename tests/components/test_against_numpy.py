"""Every component that PyTorch lacks, against its formula in float64 NumPy, on 20 random shapes."""

import numpy as np
import pytest
from components.harness import arguments_of, assert_close, leaves, precision
from components.numpy_references import REFERENCES

import chainrule as cr
from chainrule import nn
from chainrule.checks import CHECKS

COMPARED = [check for check in CHECKS if check.name in REFERENCES]


def theirs(argument):
    if isinstance(argument, nn.Module):
        return {path: array.astype(np.float64) for path, array in argument.state_dict().items()}
    return (
        argument.astype(np.float64) if getattr(argument, "dtype", None) == np.float32 else argument
    )


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("check", COMPARED, ids=[check.name for check in COMPARED])
def test_against_numpy(check, kind):
    for seed in range(20):
        with precision(kind), cr.training():
            arguments = arguments_of(check, seed, kind)
            expected = REFERENCES[check.name](*map(theirs, arguments))
            assert_close(leaves(check.function(*arguments)), leaves(expected), kind, "value")

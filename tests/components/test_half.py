"""Every component in 16 bits: near what float64 makes of the same values, eagerly and compiled."""

import numpy as np
import pytest
from components.harness import (
    arguments_of,
    is_float_array,
    precision,
    relative_error,
    value_and_gradients,
)

import chainrule as cr
from chainrule import nn
from chainrule.checks import CHECKS
from chainrule.dtypes import stored, widened

UNITS = 4  # Errors relative to the largest element, in units of the type's epsilon.
# Differences of large terms, and sums that pass through many layers.
ROUGHER = {
    "linear_attention": 32, "nn.RNNCell": 16, "nn.Seq2Seq": 10, "nn.Transformer": 8,
    "nn.AdditiveAttention": 8, "attention_weights": 8, "augment.hue": 300, "augment.blur": 20,
    "augment.pitch_shift": 8,
}  # fmt: skip
# Densities compute in the type of their parameters, in which terms of lgamma cancel.
ROWS = [check for check in CHECKS if not check.name.startswith("distributions")]


def boxes(argument):
    """The state of a module that holds floats."""
    found = argument.named_boxes().values() if isinstance(argument, nn.Module) else ()
    return [box for box in found if box.dtype.is_float]


def in_16_bits(check, dtype):
    """The arguments of a check, rounded."""
    with precision("float32"):
        arguments = arguments_of(check, 2, "float32")
        for box in [box for argument in arguments for box in boxes(argument)]:
            box._value = stored(box._value, dtype)
    return [cr.asarray(x, dtype=dtype) if is_float_array(x) else x for x in arguments]


def as_float64(check, narrow):
    """The same values in float64."""
    arguments = []
    for exact, rounded in zip(arguments_of(check, 2, "float64"), narrow, strict=True):
        for box, other in zip(boxes(exact), boxes(rounded), strict=True):
            box._value = widened(other._value).astype(np.float64)
        floats = is_float_array(exact)
        arguments.append(np.asarray(rounded, np.float64) if floats else exact)
    return arguments


@pytest.mark.parametrize("dtype", [cr.bfloat16, cr.float16], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("check", ROWS, ids=[check.name for check in ROWS])
def test_values_and_gradients(check, dtype):
    with precision("float64"):
        arguments = as_float64(check, in_16_bits(check, dtype))
        wanted = value_and_gradients(check.function, arguments)
    most = ROUGHER.get(check.name, UNITS) * cr.finfo(dtype).eps
    for compiled in (False, True):
        found = value_and_gradients(check.function, in_16_bits(check, dtype), compiled)
        for what, ours, exact in zip(("value", "gradient"), found, wanted, strict=True):
            for a, b in zip(ours, exact, strict=True):
                assert relative_error(a, b) <= most, (what, compiled)

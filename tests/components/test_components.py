"""Every component: compiled equals interpreted, vmap equals the loop, derivatives are right."""

import numpy as np
import pytest
from components.harness import (
    arguments_of,
    assert_close,
    is_float_array,
    leaves,
    precision,
    value_and_gradients,
)

import chainrule as cr
from chainrule.checks import CHECKS, verdicts

every = pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])


@every
def test_derivatives(check):
    (verdict,) = verdicts([check], seed=1)
    assert verdict.result.verdict in ("perfect", "acceptable")


@every
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_compiled_equals_interpreted(check, kind):
    with precision(kind):
        interpreted = value_and_gradients(check.function, arguments_of(check, 2, kind))
        compiled = value_and_gradients(check.function, arguments_of(check, 2, kind), compiled=True)
    for what, found, expected in zip(("value", "gradient"), compiled, interpreted, strict=True):
        assert {array.dtype.name for array in found} <= {kind}
        assert_close(found, expected, kind, what)


@every
def test_vmap_equals_the_loop(check):
    random = np.random.default_rng(3)
    with precision("float64"):
        arguments = arguments_of(check, 3, "float64")
        axes = tuple(0 if isinstance(x, np.ndarray) else None for x in arguments)
        stacked = tuple(
            np.stack([x * random.uniform(0.98, 1.02) if is_float_array(x) else x for _ in range(3)])
            if isinstance(x, np.ndarray)
            else x
            for x in arguments
        )
        mapped = leaves(cr.vmap(check.function, in_axes=axes)(*stacked))
        for turn in range(3):
            one = [x if axis is None else x[turn] for x, axis in zip(stacked, axes, strict=True)]
            expected = leaves(check.function(*one))
            assert_close([array[turn] for array in mapped], expected, "float64", "value")

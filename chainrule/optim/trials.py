"""Parameters at other values for a while: what SAM, averages and schedule-free steps share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chainrule.frontend.box import Box
from chainrule.frontend.lift import unboxed
from chainrule.frontend.tensor import Tensor


def assign(parameters: Mapping[str, Box], values: Mapping[str, Tensor]) -> None:
    """Gives parameters the values that are there under their paths."""
    for path, value in values.items():
        parameters[path].assign(unboxed(value))


@contextmanager
def holding(parameters: Mapping[str, Box], values: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, parameters have these values; afterwards their own again, bit for bit."""
    before = {path: unboxed(parameters[path]) for path in values}
    assign(parameters, values)
    try:
        yield
    finally:
        assign(parameters, before)

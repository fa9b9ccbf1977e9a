"""Primitives without arithmetic: leaves of the graph, and identities, whose derivative differs."""

from __future__ import annotations

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import DType
from chainrule.ir.node import OPS, Array, Op, Spec
from chainrule.ir.ops.table import register


@register("constant", "leaf", lambda value, dtype: Spec((), dtype))
def _constant(value: float, dtype: DType) -> np.ndarray:
    return dtypes.stored(np.array(value), dtype)


@register("buffer", "leaf", lambda data: Spec(data.value.shape, dtypes.of(data.value.dtype)))
def _buffer(data: Array) -> np.ndarray:
    return data.value


OPS["variable"] = Op("variable", "leaf", lambda spec, serial, name: spec, None)


@register("iota", "leaf", lambda size, dtype: Spec((size,), dtype))
def _iota(size: int, dtype: DType) -> np.ndarray:
    return dtypes.stored(np.arange(size), dtype)


# ---- Identities: the value passes through, the derivative may not. ----

OPS["mark"] = Op("mark", "identity", lambda x, serial: x.spec, lambda x, serial: x)
OPS["stop_gradient"] = Op("stop_gradient", "identity", lambda x: x.spec, lambda x: x)
# `x` not before `token` is known: it keeps recomputation in the backward pass from being merged
# with the forward pass.
OPS["after"] = Op("after", "identity", lambda x, token, serial: x.spec, lambda x, token, serial: x)
# Inputs: `count` results, the arguments they were made from, then residuals. The graph `rule` takes
# the results' cotangents and the residuals to the arguments' cotangents.
OPS["custom_gradient"] = Op(
    "custom_gradient",
    "identity",
    lambda *nodes, count, rule: tuple(node.spec for node in nodes[:count]),
    lambda *arrays, count, rule: arrays[:count],
)
OPS["pick"] = Op(
    "pick", "identity", lambda node, index: node.outputs[index], lambda values, index: values[index]
)

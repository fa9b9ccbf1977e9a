"""A primitive on tensors: computed where values are known, recorded in an open transform."""

from __future__ import annotations

from typing import Any

from chainrule import debug
from chainrule.config import config
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.ir import interpret
from chainrule.ir.node import OPS, Op, make, pick


def computed(op: Op, arrays: list, attributes: dict[str, Any]) -> Any:
    """A primitive on arrays. With `config.debug_nans`, raises NanError where it makes a NaN."""
    result = interpret.compute(op, arrays, attributes)
    if config.debug_nans:
        debug.check(op, arrays, attributes, result, trace.user_origin)
    return result


def apply(op: str, *tensors: Tensor, **attributes: Any) -> Any:
    """One primitive on tensors: computed where values are known, recorded in an open transform."""
    level = trace.state.level
    if level is None:
        OPS[op].infer(*tensors, **attributes)
        result = computed(OPS[op], [concrete(tensor) for tensor in tensors], attributes)
        return tuple(map(Tensor, result)) if isinstance(result, tuple) else Tensor(result)
    trace.note_origin()
    node = make(op, *[node_of(tensor) for tensor in tensors], **attributes)
    known = not level.symbolic and all(tensor._value is not None for tensor in tensors)
    value = computed(node.op, [tensor._value for tensor in tensors], attributes) if known else None
    if known:
        trace.state.session.values[node] = value
    if node.shape is not None:
        return Tensor(value, node)
    picks = [pick(node, index) for index in range(len(node.outputs))]
    if known:
        trace.state.session.values.update(zip(picks, value, strict=True))
    return tuple(Tensor(value[i] if known else None, part) for i, part in enumerate(picks))

"""Mixed precision: receives a function that calls modules; hands on one in which they compute in 16
bits, on parameters that stay float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from chainrule.dtypes import bfloat16, of
from chainrule.errors import DTypeError
from chainrule.events import Events
from chainrule.frontend import trace


def mixed_precision(f: Callable, dtype: Any = bfloat16) -> Callable:
    """`f`, but modules that are called in it compute in 16 bits (Micikevicius et al. 2018). (B-049)

    A module finds its float32 parameters, and the float32 tensors that it is called with, rounded
    to `dtype`; so products, activations and what is kept for the backward pass take half of the
    memory. The parameters themselves are not changed, and gradients, optimizers and their moments
    are float32. Products add up in float32, norms and softmax compute in it, losses hand it on, and
    what belongs to a norm, running statistics too, stays in it; so does any module with
    `full_precision = True`. bfloat16 has the range of float32; gradients of float16 need
    `cr.optim.LossScaling`. As Keras's policies do it: by layers, not by lists of operations. Raises
    DTypeError for other types.

    >>> model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.relu, cr.nn.Linear(8, 3))
    >>> def loss(model, x, labels):
    ...     return cr.nn.losses.cross_entropy(model(x), labels)
    >>> x, labels = cr.ones((2, 4)), cr.asarray([0, 2])
    >>> value, grads = cr.value_and_grad(cr.mixed_precision(loss))(model, x, labels)
    >>> value.dtype, grads["layers.0.weight"].dtype, cr.mixed_precision(model)(x).dtype
    (chainrule.float32, chainrule.float32, chainrule.bfloat16)
    """
    kind = of(dtype)
    if not kind.is_narrow:
        raise DTypeError(
            "mixed_precision", f"got {kind.name}", "modules compute in 16 bits", "use cr.bfloat16"
        )

    @wraps(f, updated=())
    def mixed(*arguments: Any, **keywords: Any) -> Any:
        before, trace.state.precision = trace.state.precision, kind
        Events.open += 1
        try:
            return f(*arguments, **keywords)
        finally:
            Events.open -= 1
            trace.state.precision = before

    return mixed

"""The fully connected layer: receives and hands on tensors with features on the last axis."""

from __future__ import annotations

import math
from typing import Any

from chainrule.dtypes import default_float, of
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init as inits
from chainrule.nn.calls import here
from chainrule.nn.module import Module, Parameter


class Linear(Module):
    """x @ weight + bias, from (..., in_features) to (..., out_features); weight is (in, out).

    Unless `init` and `bias_init` say otherwise, both start uniform in +-1/sqrt(in_features), as in
    PyTorch. Raises ShapeError, naming the path of the layer, for x with other features.

    >>> cr.nn.Linear(3, 2, init=cr.nn.init.zeros())(cr.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: inits.Init | None = None,
        bias_init: inits.Init | None = None,
        dtype: Any = None,
    ) -> None:
        if in_features < 0 or out_features < 0:
            raise ArgumentError(
                "Linear", f"{in_features} and {out_features} features", "a count is not negative"
            )
        kind = default_float() if dtype is None else of(dtype)
        bound = 1 / math.sqrt(max(in_features, 1))
        default = inits.uniform(-bound, bound)
        self.weight = Parameter((init or default)((in_features, out_features), kind))
        self.bias = Parameter((bias_init or default)((out_features,), kind)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        if not x.ndim or x.shape[-1] != self.weight.shape[0]:
            raise _misfit(self.weight.shape, x.shape)
        y = matmul(x, self.weight)
        return y if self.bias is None else y + self.bias


def _misfit(weight: tuple[int, ...], given: tuple[int, ...]) -> ShapeError:
    features, out = weight
    what = f"Linear expects {features} features, got x of shape {list(given)}"
    if len(given) > 2 and math.prod(given[1:]) == features:
        return ShapeError(
            here(),
            what,
            f"the axes {list(given[1:])} hold {features} numbers together",
            "put nn.Flatten() before this layer",
        )
    last = given[-1] if given else 1
    return ShapeError(
        here(),
        what,
        "the last axis of x holds its features",
        f"write nn.Linear({last}, {out}), or reshape x to [..., {features}]",
    )

"""The part of a Transformer that looks at each place alone: receives and hands on sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.frontend.functions.activation import relu
from chainrule.frontend.tensor import Tensor
from chainrule.nn.activations import GLU
from chainrule.nn.containers import Sequential
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module


class FeedForward(Module):
    """activation(x W_1 + b_1) W_2 + b_2, from (..., features) over `hidden` features and back.

    By default 4 times as many, with ReLU (Vaswani et al. 2017); GPT and BERT take `cr.gelu`. With
    `gated` it is (activation(x V) * x W_1) W_2, SwiGLU with `cr.silu` (Shazeer 2020), and two
    thirds as many hidden features make up for V. `dropout` is between the layers, as in PyTorch's
    Transformer. (A-163)

    >>> cr.nn.FeedForward(8, activation=cr.gelu)(cr.ones((2, 3, 8))).shape
    (2, 3, 8)
    """

    def __init__(
        self,
        features: int,
        hidden: int | None = None,
        activation: Callable[[Tensor], Tensor] = relu,
        dropout: float = 0.0,
        *,
        gated: bool = False,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        if hidden is None:
            hidden = 8 * features // 3 if gated else 4 * features
        self.inner = (
            GLU(features, hidden, bias, function=activation, dtype=dtype)
            if gated
            else Sequential(Linear(features, hidden, bias, dtype=dtype), activation)
        )
        self.dropout = Dropout(dropout)
        self.outer = Linear(hidden, features, bias, dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return self.outer(self.dropout(self.inner(x)))

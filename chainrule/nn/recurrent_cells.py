"""One step of a recurrent network: receives an input and a state, hands on the next state.

The layers in `recurrent` run these over time. All weights start uniform in +-1/sqrt(hidden_size),
as in PyTorch, and are those of PyTorch transposed: (inputs, gates * hidden_size).
"""

from __future__ import annotations

import math
from typing import Any

from chainrule import tree
from chainrule.dtypes import DType, default_float
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.activation import relu, sigmoid
from chainrule.frontend.functions.creation import zeros
from chainrule.frontend.functions.elementary import tanh
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.manipulation import cut
from chainrule.frontend.lift import cast, floating, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init
from chainrule.nn.calls import here
from chainrule.nn.module import Module, Parameter


class Cell(Module):
    """What the three cells share: `gates(x)`, the part that needs no state and is done for all
    steps at once, and `advance(gates, state)`, the part that waits for the step before.
    """

    GATES = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, output_size: int | None = None
    ) -> None:
        if min(input_size, hidden_size) < 1:
            raise ArgumentError(
                type(self).__name__,
                f"got input_size={input_size} and hidden_size={hidden_size}",
                "there must be something to read and to remember",
                "pass positive sizes",
            )
        self.hidden_size, self.output_size = hidden_size, output_size or hidden_size
        width = self.GATES * hidden_size
        self.weight_ih = self._drawn(input_size, width)
        self.weight_hh = self._drawn(self.output_size, width)
        self.bias = self._drawn(width) if bias else None

    def _drawn(self, *shape: int) -> Parameter:
        bound = 1 / math.sqrt(self.hidden_size)
        return Parameter(init.uniform(-bound, bound)(shape, default_float()))

    @property
    def state_sizes(self) -> Any:
        """The features of each part of the state; its first part is the output."""
        return self.output_size

    def gates(self, x: Tensor) -> Tensor:
        """x @ weight_ih + bias, for x of (..., input_size)."""
        if not x.ndim or x.shape[-1] != self.weight_ih.shape[0]:
            raise ShapeError(
                here(),
                f"expected {self.weight_ih.shape[0]} features, got x of shape {list(x.shape)}",
                "the last axis of x holds its features",
                "build the layer with the features of x",
            )
        gates = matmul(x, self.weight_ih)
        return gates if self.bias is None else gates + self.bias

    def advance(self, gates: Tensor, state: Any) -> Any:
        """The next state."""
        raise NotImplementedError

    def _parts(self, x: Tensor) -> list[Tensor]:
        """The gates apart."""
        size = self.hidden_size
        return [cut(x, x.ndim - 1, i, i + size) for i in range(0, x.shape[-1], size)]

    def __call__(self, x: Tensor, state: Any = None) -> Any:
        gates = self.gates(floating(x, type(self).__name__))
        return self.advance(
            gates, checked_state(state, self.state_sizes, gates.shape[:-1], gates.dtype)
        )


def checked_state(state: Any, sizes: Any, batch: tuple[int, ...], dtype: DType) -> Any:
    """The state as tensors of one dtype, zeros for None. Raises ShapeError unless each part has
    the shape (*batch, its size).
    """
    if state is None:
        return tree.map(lambda size: zeros((*batch, size), dtype=dtype), sizes)
    wanted, structure = tree.flatten(sizes)
    given = [lift(part, "state") for part in tree.leaves(state)]
    shapes = [(*batch, size) for size in wanted]
    if [part.shape for part in given] != shapes:
        raise ShapeError(
            here(),
            f"the state has shapes {[list(part.shape) for part in given]}",
            f"expected {[list(shape) for shape in shapes]}",
            "pass what an earlier call returned, or nothing to start with zeros",
        )
    return tree.unflatten(structure, [cast(part, dtype) for part in given])


class RNNCell(Cell):
    """h' = tanh(x @ weight_ih + bias + h @ weight_hh), the recurrence of Elman (1990).

    x (..., input_size), state h (..., hidden_size), zeros without one. `nonlinearity` is "tanh" or
    "relu". `bias` is the sum of PyTorch's two. Raises ArgumentError and ShapeError. (A-152)

    >>> h = cr.nn.RNNCell(3, 4)(cr.ones((2, 3)))
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, nonlinearity: str = "tanh"
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                type(self).__name__, f"nonlinearity={nonlinearity!r}", 'there are "tanh" and "relu"'
            )
        super().__init__(input_size, hidden_size, bias)
        self.activation = tanh if nonlinearity == "tanh" else relu

    def advance(self, gates: Tensor, state: Tensor) -> Tensor:
        return self.activation(gates + matmul(state, self.weight_hh))


class LSTMCell(Cell):
    """c' = f * c + i * g and h' = o * tanh(c'), where i, f, o = sigmoid and g = tanh of x @
    weight_ih + bias + h @ weight_hh, in the order i, f, g, o (Hochreiter and Schmidhuber 1997).

    The state is (h, c). Options: `proj_size=n` hands on h' @ weight_hr with n features (Sak et al.
    2014); `peephole` adds weight_peephole * c to i and f, and * c' to o (Gers et al. 2002);
    `forget_bias` is where the bias of f starts, 1 if long memories matter (Jozefowicz et al. 2015).
    `bias` is the sum of PyTorch's two. Raises ArgumentError and ShapeError. (A-153)

    >>> h, c = cr.nn.LSTMCell(3, 4, proj_size=2)(cr.ones((5, 3)))
    >>> h.shape, c.shape
    ((5, 2), (5, 4))
    """

    GATES = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        proj_size: int = 0,
        peephole: bool = False,
        forget_bias: float | None = None,
    ) -> None:
        if not 0 <= proj_size < max(hidden_size, 1) or (forget_bias is not None and not bias):
            raise ArgumentError(
                type(self).__name__,
                f"{proj_size=} of {hidden_size=}, {forget_bias=} with {bias=}",
                "a projection makes h smaller, and forget_bias is a part of the bias",
                "choose proj_size below hidden_size, and bias=True",
            )
        super().__init__(input_size, hidden_size, bias, proj_size)
        self.weight_hr = self._drawn(hidden_size, proj_size) if proj_size else None
        self.weight_peephole = self._drawn(3, hidden_size) if peephole else None
        if forget_bias is not None:
            forget = slice(hidden_size, 2 * hidden_size)
            self.bias.assign(self.bias.at[forget].set(forget_bias))

    @property
    def state_sizes(self) -> tuple[int, int]:
        return self.output_size, self.hidden_size

    def advance(self, gates: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        i, f, g, o = self._parts(gates + matmul(h, self.weight_hh))
        if (peephole := self.weight_peephole) is not None:
            i, f = i + peephole[0] * c, f + peephole[1] * c
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        if peephole is not None:
            o = o + peephole[2] * c
        h = sigmoid(o) * tanh(c)
        return h if self.weight_hr is None else matmul(h, self.weight_hr), c


class GRUCell(Cell):
    """h' = (1 - z) * n + z * h, where r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z) and n = tanh(
    x_n + r * (h_n + bias_hn)), for x_rzn = x @ weight_ih + bias and h_rzn = h @ weight_hh.

    This is PyTorch's form; with `reset_after=False` the original one, n = tanh(x_n + (r * h) @
    weight_hh[n]) (Cho et al. 2014). `bias` is bias_ih + bias_hh of PyTorch in r and z, bias_ih in
    n, and `bias_hn` is the rest of bias_hh. Raises ArgumentError and ShapeError. (A-154)

    >>> h = cr.nn.GRUCell(3, 4)(cr.ones((2, 3)))
    >>> h.shape
    (2, 4)
    """

    GATES = 3

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, reset_after: bool = True
    ) -> None:
        super().__init__(input_size, hidden_size, bias)
        self.bias_hn = self._drawn(hidden_size) if bias and reset_after else None
        self.reset_after = reset_after

    def advance(self, gates: Tensor, state: Tensor) -> Tensor:
        return (self._reset_after if self.reset_after else self._reset_before)(gates, state)

    def _reset_after(self, gates: Tensor, h: Tensor) -> Tensor:
        x_r, x_z, x_n = self._parts(gates)
        h_r, h_z, h_n = self._parts(matmul(h, self.weight_hh))
        h_n = h_n if self.bias_hn is None else h_n + self.bias_hn
        return _mixed(sigmoid(x_z + h_z), h, tanh(x_n + sigmoid(x_r + h_r) * h_n))

    def _reset_before(self, gates: Tensor, h: Tensor) -> Tensor:
        x_r, x_z, x_n = self._parts(gates)
        of_r, of_z, of_n = self._parts(self.weight_hh)
        r, z = sigmoid(x_r + matmul(h, of_r)), sigmoid(x_z + matmul(h, of_z))
        return _mixed(z, h, tanh(x_n + matmul(r * h, of_n)))


def _mixed(z: Tensor, old: Tensor, new: Tensor) -> Tensor:
    return (1 - z) * new + z * old

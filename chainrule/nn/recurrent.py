"""Recurrent layers: receive sequences (batch, time, features), hand on the outputs at all times and
the state after the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule import tree
from chainrule.control import scan
from chainrule.dtypes import bool_
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend.functions.creation import arange
from chainrule.frontend.functions.data_types import result_type
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import concat, moveaxis, stack
from chainrule.frontend.lift import Operand, floating, lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn.calls import here
from chainrule.nn.dropout import Dropout
from chainrule.nn.module import Module
from chainrule.nn.recurrent_cells import Cell, GRUCell, LSTMCell, RNNCell, checked_state


class Recurrent(Module):
    """Cells over time. `cells[layer * directions + direction]` has that row of the states."""

    def __init__(
        self,
        cell: Callable[[int], Cell],
        input_size: int,
        num_layers: int,
        dropout: float,
        bidirectional: bool,
    ) -> None:
        if num_layers < 1 or (num_layers == 1 and dropout):
            raise ArgumentError(
                type(self).__name__,
                f"{num_layers=} and {dropout=}",
                "dropout is applied between layers, not after the last",
                "pass num_layers >= 2, or use nn.Dropout on the outputs",
            )
        self.directions = 2 if bidirectional else 1
        self.cells = [cell(input_size) for _ in range(self.directions)]
        features = self.directions * self.cells[0].output_size
        self.cells += [cell(features) for _ in range((num_layers - 1) * self.directions)]
        self.dropout = Dropout(dropout)

    def __call__(
        self,
        x: Tensor,
        state: Any = None,
        lengths: Operand | None = None,
        mask: Operand | None = None,
    ) -> tuple[Tensor, Any]:
        """(outputs, state after the last step) of x (batch, time, input_size), from `state` on.

        The batch may have any axes, or none. The parts of a state are (layers * directions, batch,
        size), zeros where none is given. Where a sequence is over, by `lengths` (batch) or a `mask`
        (batch, time), x is not read, the state stays and the output is 0; the other direction
        starts at the sequence's own end: these are the results of PyTorch's packed sequences.
        """
        x = _sequences(x)
        batch, dtype = x.shape[:-2], result_type(x, self.cells[0].weight_ih)
        state = checked_state(state, self.cells[0].state_sizes, (len(self.cells), *batch), dtype)
        alive = _alive(x.shape[:-1], lengths, mask)
        x = moveaxis(x, -2, 0)
        x = x if alive is None else where(alive, x, 0)
        finals: list[Any] = []
        outputs: list[Tensor] = []
        for row, cell in enumerate(self.cells):
            if row and row % self.directions == 0:
                x, outputs = self.dropout(concat(outputs, axis=-1)), []
            start = tree.map(lambda part, row=row: part[row], state)
            final, y = _unrolled(cell, x, start, alive, reverse=row % self.directions == 1)
            finals.append(final)
            outputs.append(y)
        y = concat(outputs, axis=-1)
        return moveaxis(y, 0, -2), tree.map(lambda *parts: stack(parts), *finals)


def _unrolled(
    cell: Cell, x: Tensor, state: Any, alive: Tensor | None, reverse: bool
) -> tuple[Any, Tensor]:
    """The last state and all outputs of one cell, for x with time in front."""

    def turn(state: Any, inputs: tuple[Tensor, Tensor | None]) -> tuple[Any, Tensor]:
        gates, alive = inputs
        new = cell.advance(gates, state)
        output = tree.leaves(new)[0]
        if alive is None:
            return new, output
        kept = tree.map(lambda new, old: where(alive, new, old), new, state)
        return kept, where(alive, output, 0)

    # The products with x do not wait for a state: one large one instead of one each turn.
    return scan(turn, state, (cell.gates(x), alive), reverse=reverse)


def _sequences(x: Any) -> Tensor:
    x = floating(x, "recurrent layer")
    if x.ndim < 2:
        raise ShapeError(
            here(),
            f"expected (batch, time, features), got x of shape {list(x.shape)}",
            "a recurrent layer reads sequences",
            "insert an axis, or call a cell for single steps",
        )
    return x


def _alive(shape: tuple[int, ...], lengths: Operand | None, mask: Operand | None) -> Tensor | None:
    """Whether each sequence goes on, with time in front and an axis for the features behind."""
    if lengths is None and mask is None:
        return None
    if lengths is not None and mask is not None:
        raise ArgumentError(here(), "got lengths and a mask", "either says it all", "pass one")
    alive = within(lengths, shape) if mask is None else lift(mask)
    if alive.shape != shape or alive.dtype is not bool_:
        raise ShapeError(
            here(),
            f"the mask is {alive.dtype.name}{list(alive.shape)}",
            f"x has batch and time {list(shape)}",
            "pass bools of that shape, true where a sequence goes on",
        )
    return moveaxis(alive, -1, 0)[..., None]


def within(lengths: Operand, shape: tuple[int, ...]) -> Tensor:
    """Whether each step of (batch, time) lies before its sequence's end. Raises for lengths that
    do not fit.
    """
    lengths = lift(lengths)
    if lengths.shape != shape[:-1] or not lengths.dtype.is_integer:
        raise ShapeError(
            here(),
            f"lengths are {lengths.dtype.name}{list(lengths.shape)}",
            f"x has batch and time {list(shape)}",
            f"pass integers of shape {list(shape[:-1])}",
        )
    known = lengths._value
    if known is not None and known.size and not 0 <= known.min() <= known.max() <= shape[-1]:
        raise ArgumentError(
            here(),
            f"lengths run from {known.min()} to {known.max()}",
            f"x has {shape[-1]} steps",
            "pass the number of steps of each sequence",
        )
    return arange(shape[-1]) < lengths[..., None]


class RNN(Recurrent):
    """Layers of `RNNCell` over time: (outputs, h), the outputs being h at all times.

    Further layers read the outputs of the one before, through dropout in training; with
    `bidirectional` each has a second cell that runs backwards, and both outputs side by side; see
    `__call__` for states, lengths and masks. PyTorch's weight_ih_l{k} is cells[k].weight_ih.T,
    cells[2 * k] and its _reverse cells[2 * k + 1] with two directions. The gradient is
    backpropagation through time. Raises ArgumentError and ShapeError. (A-152, B-025)

    >>> outputs, h = cr.nn.RNN(3, 4, num_layers=2)(cr.ones((5, 7, 3)))
    >>> outputs.shape, h.shape
    ((5, 7, 4), (2, 5, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        *,
        dropout: float = 0.0,
        bidirectional: bool = False,
        nonlinearity: str = "tanh",
    ) -> None:
        def cell(size: int) -> RNNCell:
            return RNNCell(size, hidden_size, bias, nonlinearity=nonlinearity)

        super().__init__(cell, input_size, num_layers, dropout, bidirectional)


class LSTM(Recurrent):
    """Layers of `LSTMCell` over time: (outputs, (h, c)), the outputs being h at all times.

    The options of `RNN` and those of the cell; see `__call__` for states, lengths and masks.
    PyTorch's bias_ih_l{k} + bias_hh_l{k} is cells[k].bias. Raises as `RNN`. (A-153)

    >>> outputs, (h, c) = cr.nn.LSTM(3, 4, bidirectional=True)(cr.ones((5, 7, 3)))
    >>> outputs.shape, h.shape, c.shape
    ((5, 7, 8), (2, 5, 4), (2, 5, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        *,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        peephole: bool = False,
        forget_bias: float | None = None,
    ) -> None:
        def cell(size: int) -> LSTMCell:
            return LSTMCell(
                size,
                hidden_size,
                bias,
                proj_size=proj_size,
                peephole=peephole,
                forget_bias=forget_bias,
            )

        super().__init__(cell, input_size, num_layers, dropout, bidirectional)


class GRU(Recurrent):
    """Layers of `GRUCell` over time: (outputs, h), the outputs being h at all times.

    The options of `RNN` and those of the cell; see `__call__` for states, lengths and masks, and
    `GRUCell` for PyTorch's biases. Raises as `RNN`. (A-154)

    >>> outputs, h = cr.nn.GRU(3, 4)(cr.ones((2, 7, 3)), lengths=cr.asarray([7, 4]))
    >>> outputs[1, 4:].shape, cr.all(outputs[1, 4:] == 0)
    ((3, 4), Tensor(True, dtype=bool))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        *,
        dropout: float = 0.0,
        bidirectional: bool = False,
        reset_after: bool = True,
    ) -> None:
        def cell(size: int) -> GRUCell:
            return GRUCell(size, hidden_size, bias, reset_after=reset_after)

        super().__init__(cell, input_size, num_layers, dropout, bidirectional)

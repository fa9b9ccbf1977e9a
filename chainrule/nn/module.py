"""Module and Parameter, which networks are made of: named state that can be trained."""

from __future__ import annotations

from os import PathLike
from typing import Any

from chainrule import tree
from chainrule.errors import ArgumentError, DTypeError
from chainrule.frontend.box import Box
from chainrule.frontend.stateful import Buffer, Selection, Stateful, chooses, note_change
from chainrule.frontend.tensor import OPERANDS
from chainrule.nn import summary, weights
from chainrule.nn.calls import located


class Parameter(Buffer):
    """State that training changes, unless it is frozen (`trainable = False`). Owns its value.

    >>> cr.nn.Parameter([1.0, 2.0])
    Parameter([1., 2.], dtype=float32)
    """

    __slots__ = ("_trainable",)

    def __init__(self, value: Any, trainable: bool = True, name: str = "") -> None:
        super().__init__(value, name)
        if not self.dtype.is_float:
            raise DTypeError(
                "Parameter",
                f"got {self.dtype.name}{list(self.shape)}",
                "only floats have gradients",
                "use nn.Buffer for counts, or convert it to floats",
            )
        self._trainable = trainable

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = trainable
        note_change()


class Module(Stateful):
    """A network or a part of one: attributes hold its parts, `__call__` is its formula.

    It is in training mode exactly while a derivative is taken. Its gradient is a dict from paths to
    tensors.

    >>> class Line(cr.nn.Module):
    ...     def __init__(self):
    ...         self.slope = cr.nn.Parameter(2.0)
    ...     def __call__(self, x):
    ...         return self.slope * x
    >>> Line()(cr.asarray([1.0, 3.0]))
    Tensor([2., 6.], dtype=float32)
    """

    # Whether it computes in float32 under `cr.mixed_precision` too.
    full_precision = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__call__" in vars(cls):
            cls.__call__ = located(vars(cls)["__call__"])  # type: ignore[method-assign]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        renamed = hasattr(self, "forward")
        raise NotImplementedError(
            f"[{type(self).__name__}] this module has no __call__; its formula would stand there; "
            + ("rename forward to __call__" if renamed else "define __call__(self, x)")
        )

    def __setattr__(self, name: str, value: Any) -> None:
        held = vars(self).get(name)
        if isinstance(held, Box) and isinstance(value, OPERANDS) and not isinstance(value, Box):
            kind = type(held).__name__
            raise ArgumentError(
                f"{type(self).__name__}.{name}",
                f"a {kind} would be replaced by a {type(value).__name__}",
                "optimizers and compiled functions would go on with the old one",
                f"write .{name}.assign(value), or set it to a new nn.{kind}",
            )
        super().__setattr__(name, value)

    # ---- What it holds, by path ----

    def parameters(self) -> dict[str, Parameter]:
        """All parameters by path, frozen ones too; a shared one appears under its first path."""
        return {path: box for path, box in self.named_boxes().items() if isinstance(box, Parameter)}

    def trainable(self) -> dict[str, Parameter]:
        """The parameters that are not frozen, by path: those that a gradient of this module has."""
        return {path: box for path, box in self.parameters().items() if box.trainable}

    def buffers(self) -> dict[str, Box]:
        """All state that is not a parameter, by path."""
        return {
            path: box for path, box in self.named_boxes().items() if not isinstance(box, Parameter)
        }

    def narrowed_parameters(self) -> list[Parameter]:
        """What `cr.mixed_precision` rounds: all but the parameters of parts in full precision."""
        kept = [f"{path}." for path, part in self.named_modules().items() if part.full_precision]
        held = self.parameters().items()
        return [box for path, box in held if not path.startswith(tuple(kept))]

    def named_modules(self) -> dict[str, Module]:
        """This module, under "", and all modules below it by path."""
        parts = self.walk().parts
        return {path: part for path, part in parts.items() if isinstance(part, Module)}

    # ---- Freezing ----

    def freeze(self, selection: Selection = None) -> None:
        """Take parameters out of training: all, those of a pattern, or those a function chooses.

        A pattern is a path, the path of a module, or has wildcards (`"*.bias"`); a function gets
        (path, parameter). Raises ArgumentError where nothing matches.
        """
        for parameter in self.selected(selection, "freeze"):
            parameter.trainable = False

    def unfreeze(self, selection: Selection = None) -> None:
        """Undo `freeze`; optimizers that were built before do not know these parameters."""
        for parameter in self.selected(selection, "unfreeze"):
            parameter.trainable = True

    def selected(self, selection: Selection, verb: str) -> list[Parameter]:
        """The parameters that a selection has; raises ArgumentError, naming `verb`, for none."""
        parameters = self.parameters()
        chosen = [
            parameter
            for path, parameter in parameters.items()
            if chooses(selection, path, parameter)
        ]
        if not chosen and selection is not None:
            what = repr(selection) if isinstance(selection, str) else "the function"
            raise ArgumentError(
                f"{type(self).__name__}.{verb}",
                f"{what} chooses no parameter",
                f"there are {', '.join(parameters) or 'none'}",
            )
        return chosen

    # ---- Files and words ----

    def save_weights(self, path: str | PathLike) -> None:
        """Write all parameters and buffers to a safetensors file."""
        weights.save(self.state_dict(), path)

    def load_weights(
        self, path: str | PathLike, strict: bool = True
    ) -> tuple[list[str], list[str]]:
        """Take over parameters and buffers from a safetensors file; see `load_state_dict` (A-098).

        Pre-trained weights for a part of a model: `strict=False` loads what both have and leaves
        the rest as it was initialised. If a path has another shape, a new head, load the others:
        `model[:-1].load_weights(path, strict=False)`.
        """
        return self.load_state_dict(weights.load(path), strict)

    def summary(self, *inputs: Any) -> summary.Summary:
        """What each layer makes, holds and costs, as a table to print or to read (A-150).

        `inputs` are shapes, batch included, or arrays where dtypes matter; nothing is computed.
        Everything is read from the traced graph, so that any model will do: operations on floats
        of a call in use (a multiply-add is two, a function such as exp one); bytes that a layer
        keeps for the backward pass, and below what a compiled call holds at once; and of inputs
        (N, *places, channels) the receptive field, see `nn.receptive_field`. Without inputs there
        are the parameters alone.

        >>> cr.nn.Sequential(cr.nn.Linear(784, 10), cr.nn.Softmax()).summary((64, 784))
        layer     type        output    parameters       flop  kept bytes
        layers.0  Linear      [64, 10]       7,850  1,004,160
        layers.1  Softmax     [64, 10]           0      3,328       5,376
        total     Sequential  [64, 10]       7,850  1,007,488       5,376
        activations: 7,680 bytes at once in use, 5,376 kept for a backward pass
        """
        return summary.summarize(self, inputs)

    def __repr__(self) -> str:
        return summary.describe(self)


def _flatten(module: Module) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    trainable = module.trainable()
    return tuple(trainable.values()), tuple(trainable)


tree.register(Module, _flatten, lambda paths, leaves: dict(zip(paths, leaves, strict=True)))

"""The imperative front end for learners, on top of `vjp`: variables with `.grad`, `backward()`,
tapes. Receives values and functions of tensors. Nothing else in the library uses it.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from chainrule import tree
from chainrule.errors import DTypeError, ShapeError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.box import Box
from chainrule.frontend.functions.creation import asarray, ones_like
from chainrule.frontend.tensor import Tensor, describe
from chainrule.ir.node import unique
from chainrule.transforms.derivatives import Pullback, vjp


class _State(threading.local):
    recording = True
    training = True


class _Record(NamedTuple):
    """How a variable was made; `pullback` is empty once it is freed."""

    number: int  # Later ones are walked first.
    inputs: list[Variable]
    pullback: list[Pullback]


_state = _State()
_by_box: WeakValueDictionary[int, Variable] = WeakValueDictionary()


class Variable:
    """A tensor that knows how it was made, where that leads to one that `requires_grad` (B-015).

    Operators record themselves, any other function through `tape.apply`. Set `.value` to take a
    step. These are first derivatives; `cr.grad` nests.

    >>> w = cr.tape.Variable([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    Tensor([2., 4.], dtype=float32)
    """

    __array_ufunc__ = None  # NumPy leaves `array op variable` to the reflected operators below.

    def __init__(self, value: Any, requires_grad: bool = False) -> None:
        self._value = value if isinstance(value, Tensor) else asarray(value)
        self.requires_grad = requires_grad
        self.grad: Tensor | None = None
        self._record: _Record | None = None
        if requires_grad and not self._value.dtype.is_float:
            raise DTypeError("Variable", "it holds no floats", "only floats have gradients")

    @property
    def value(self) -> Tensor:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        if self._record is not None:
            raise TraceError("Variable", "it is a result", "only what nothing made can be set")
        value = asarray(value, dtype=self._value.dtype)
        if isinstance(self._value, Box):
            self._value.assign(value)
        else:
            self._value = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    def item(self) -> bool | int | float:
        return self._value.item()

    def backward(self, cotangent: Any = None, retain_graph: bool = False) -> None:
        """Add the derivatives of this variable to `.grad` of those that it was made from (B-016).

        What is not one number needs a cotangent, the direction to differentiate in (B-014). The
        records are freed, unless `retain_graph` keeps them for another call.
        """
        if not self.requires_grad:
            why = "nothing that made it requires a gradient, or it was made under no_grad()"
            raise TraceError("backward", "there is nothing to differentiate", why)
        for variable, gradient in _walk(self, cotangent, retain_graph).items():
            if variable._record is None:
                known = variable.grad
                variable.grad = gradient if known is None else known + gradient

    def zero_grad(self) -> None:
        """Forget the gradient, which `backward()` would add to (B-016)."""
        self.grad = None

    def sum(self, axis: Any = None, keepdims: bool = False) -> Variable:
        return apply(lambda x: x.sum(axis, keepdims), self)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Variable:
        return apply(lambda x: x.mean(axis, keepdims), self)

    def __getitem__(self, index: Any) -> Variable:
        return apply(lambda x: x[index], self)

    def __neg__(self) -> Variable:
        return apply(operator.neg, self)

    def __repr__(self) -> str:
        return f"Variable({self._value!r}, requires_grad={self.requires_grad})"


def _operators(function: Callable) -> tuple[Callable, Callable]:
    """An operator and its reflection."""
    return (
        lambda self, other: apply(function, self, other),
        lambda self, other: apply(function, other, self),
    )


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    _plain, _reflected = _operators(getattr(operator, _name))
    setattr(Variable, f"__{_name}__", _plain)
    setattr(Variable, f"__r{_name}__", _reflected)


def apply(f: Callable, *arguments: Any) -> Variable:
    """f(*arguments) as a Variable that knows its pullback; `f` is any function of tensors.

    Variables may stand anywhere in the arguments. A module, also as `f`, stands for its
    `tape.parameters`.

    >>> x = cr.tape.Variable(0.0, requires_grad=True)
    >>> cr.tape.apply(cr.sin, x).backward()
    >>> x.grad
    Tensor(1., dtype=float32)
    """
    found = [
        leaf if isinstance(leaf, Variable) else _by_box.get(id(leaf))
        for leaf in tree.leaves((f, arguments))
    ]
    inputs = list(dict.fromkeys(v for v in found if v is not None and v.requires_grad))

    def run(*primals: Tensor) -> Tensor:
        values = dict(zip(inputs, primals))
        unwrapped = tree.replace(
            lambda leaf: values.get(leaf, leaf.value) if isinstance(leaf, Variable) else leaf,
            arguments,
        )
        return f(*unwrapped)

    with trace.training(_state.training):
        if not (inputs and _state.recording):
            return Variable(run())
        result, pullback = vjp(run, *[variable.value for variable in inputs])
    made = Variable(result, requires_grad=result.dtype.is_float)
    made._record = _Record(unique(), inputs, [pullback])
    return made


def _walk(target: Variable, cotangent: Any, retain: bool, since: int = 0) -> dict[Variable, Tensor]:
    """The derivatives of `target` by all that it was made from by records numbered from `since`."""
    if cotangent is None and target.shape:
        why = f"the variable is {describe(target.value)}, and only one number has a gradient"
        raise ShapeError("backward", why, "", "call .mean() or .sum(), or pass a cotangent")
    made = _made(target, since)
    if not all(variable._record.pullback for variable in made):
        cure = "compute it again; before, pass retain_graph=True (a tape: persistent=True)"
        raise TraceError("backward", "an earlier call has freed the records", "", cure)
    sums = {target: ones_like(target.value) if cotangent is None else asarray(cotangent)}
    for variable in made:
        _, inputs, pullback = variable._record
        for parent, gradient in zip(inputs, pullback[0](sums[variable])):
            sums[parent] = sums[parent] + gradient if parent in sums else gradient
        if not retain:
            pullback.clear()
    return sums


def _made(target: Variable, since: int) -> list[Variable]:
    """`target` and the variables under it that have a record from `since` on, latest first."""
    found: set[Variable] = set()
    pending = [target]
    while pending:
        variable = pending.pop()
        record = variable._record
        if record is not None and record.number >= since and variable not in found:
            found.add(variable)
            pending += record.inputs
    return sorted(found, key=lambda variable: -variable._record.number)


def parameters(model: Any) -> dict[str, Variable]:
    """The parameters of a module as Variables by path, which require gradients unless frozen
    (B-015). While they are held, `tape.apply(model, x)` leads to them.

    >>> model = cr.nn.Linear(2, 1)
    >>> weights = cr.tape.parameters(model)
    >>> cr.tape.apply(model, cr.ones((3, 2))).sum().backward()
    >>> weights["bias"].grad
    Tensor([3.], dtype=float32)
    """
    found = {}
    for path, box in model.parameters().items():
        found[path] = _by_box.get(id(box)) or Variable(box, requires_grad=box.trainable)
        _by_box[id(box)] = found[path]
    return found


@contextmanager
def no_grad() -> Iterator[None]:
    """Within, nothing is recorded and nothing saved (B-017). It is no `eval()`: dropout drops.

    >>> x = cr.tape.Variable(1.0, requires_grad=True)
    >>> with cr.tape.no_grad():
    ...     (x * x).requires_grad
    False
    """
    before, _state.recording = _state.recording, False
    try:
        yield
    finally:
        _state.recording = before


def train() -> None:
    """From now on modules behave as in training, as they do at first (B-036)."""
    _state.training = True


def eval() -> None:
    """From now on modules behave as in use: dropout passes everything, normalisation takes its
    running statistics (B-036). Recording goes on; see `no_grad`.
    """
    _state.training = False


class GradientTape:
    """Derivatives of what is computed within its block (B-018): `gradient` may be called once, or
    often on a persistent tape. What was made before the block counts as constant.

    >>> x = cr.tape.Variable(3.0)
    >>> with cr.tape.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x)
    Tensor(6., dtype=float32)
    """

    def __init__(self, persistent: bool = False) -> None:
        self.persistent = persistent
        self.watched: list[Variable] = []

    def __enter__(self) -> GradientTape:
        self.start = unique()
        return self

    def __exit__(self, *error: Any) -> None:
        for variable in self.watched:
            variable.requires_grad = False

    def watch(self, variable: Variable) -> None:
        """Record what is made of a variable within the block, though it requires no gradient."""
        if not variable.requires_grad:
            variable.requires_grad = True
            self.watched.append(variable)

    def gradient(self, target: Variable, sources: Any, cotangent: Any = None) -> Any:
        """The derivatives of `target` by a tree of variables; None where no path leads."""
        return tree.map(_walk(target, cotangent, self.persistent, self.start).get, sources)

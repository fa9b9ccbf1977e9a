"""`jit`: functions that are compiled for the arguments they meet. Traces them; `compiler` makes the
programs.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import debug, dtypes, tree
from chainrule.config import config
from chainrule.deferred import Deferred
from chainrule.errors import ArgumentError
from chainrule.events import Events
from chainrule.frontend import trace
from chainrule.frontend.box import Box, node_of
from chainrule.frontend.lift import from_numpy, lift
from chainrule.frontend.stateful import Stateful
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.ir.node import Node, Spec, variable

if TYPE_CHECKING:
    from chainrule.compiler import Compiled, Entry, Executable
    from chainrule.inspection.explain import Explanation, Plan

# The compiler is half of the package, and only the first compiled call needs it.
compiler = Deferred("chainrule.compiler")
inspection = Deferred("chainrule.inspection.explain")
changes = Deferred("chainrule.inspection.changes")
search = Deferred("chainrule.inspection.search")

log = logging.getLogger("chainrule")
REMEMBERED = 256  # Calls of one function whose keys are remembered by identity.


class Call:
    """The program for one kind of arguments, the hidden state it uses, and how its results are put
    together.
    """

    def __init__(
        self, program: Compiled, implicit: list[Box], structure: tree.Structure, fixed: list
    ) -> None:
        self.program, self.implicit = program, implicit
        self.structure, self.fixed = structure, fixed
        self.single = structure is tree.LEAF and fixed[0] is _RESULT

    @functools.cached_property
    def run(self) -> Executable:
        """Compiles the program when it is first asked for."""
        if config.search:
            self.program.choose = search.fastest
        return self.program.run

    def entry(self, boxes: list[Box], args: tuple) -> Entry | None:
        """A short way for calls that differ from this one in the elements of arrays alone."""
        if self.run.door is None or not all(map(_is_plain, args)):
            return None
        return self.run.entry(boxes, [() if _is_dynamic(leaf) else (leaf,) for leaf in args])

    def release(self) -> None:
        """Let go of the boxes of the last run."""
        if "run" in vars(self):
            self.run.release()

    def rebuild(self, values: list[np.ndarray]) -> Any:
        """The function's result from the program's outputs."""
        following = iter(values)
        leaves = [Tensor(next(following)) if leaf is _RESULT else leaf for leaf in self.fixed]
        return tree.unflatten(self.structure, leaves)


class Jitted:
    """A function that is compiled for each kind of arguments it meets: see `jit`."""

    __name__: str

    def __init__(self, function: Callable) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.compiled: dict[tuple, Call] = {}
        self._known: dict[tuple, tuple[Call, list[Box]]] = {}
        self._entry: tuple[Entry | None, Call | None] = None, None
        self._changes = Stateful.changes

    def __get__(self, instance: Any, owner: type) -> Callable:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        entry, call = self._entry
        if entry and entry.seen == Events.count and not Events.open and not kwargs:
            found = entry.enter(args)
            if found is not False:
                return Tensor(found) if call.single else call.rebuild(entry.within(found))
        if trace.state.level is not None:
            return self.function(*args, **kwargs)
        return self._called(args, kwargs)

    def _called(self, args: tuple, kwargs: dict) -> Any:
        """A call that is not like the last one."""
        leaves, structure = (
            (args, None) if not kwargs else tree.flatten((args, kwargs), stop=Stateful)
        )
        inputs: list = []
        quick = self._quick(leaves, structure, inputs)
        if quick is None:
            leaves, structure = tree.flatten((args, kwargs), stop=Stateful)
            inputs.clear()
            quick = self._quick(leaves, structure, inputs)
        bound = known = self._known.get(quick)
        if bound is None:
            bound = self._bind(quick, *tree.flatten((args, kwargs), stop=Stateful))
        compiled, boxes = bound
        if config.debug_nans:
            graph = compiled.program.traced
            return compiled.rebuild(debug.watched(compiled.run, graph, boxes, inputs))
        results = compiled.run(boxes, inputs)
        if known and structure is None and not Events.open:
            self._entry = compiled.entry(boxes, args), compiled
        return compiled.rebuild(results)

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """The memory that a call with such arguments needs, without compiling or running it.

        >>> import chainrule as cr
        >>> print(cr.jit(lambda x, y: cr.sum(x @ y)).plan(cr.ones((4, 8)), cr.ones((8, 4))))
        <lambda>: bytes
          inputs                 256  x float32[4, 8], y float32[8, 4]
          state                    0
          outputs                  4  out0 float32[]
          constants                0
          temporaries             64  t0 float32[4, 4]
          peak                   324
        """
        return inspection.plan(self.__name__, self._bound(args, kwargs)[0].program)

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        """What a call with these arguments does: each kernel as loops, with its work and its time.

        Times are measured on copies of all state, so that nothing changes. Print the result, or
        read its figures.

        >>> import chainrule as cr
        >>> report = cr.jit(lambda x: cr.exp(x) * 2).explain(cr.ones(8))
        >>> len(report.kernels), report.flops
        (1, 16)
        """
        call, boxes, inputs = self._bound(args, kwargs)
        return inspection.explain(self.__name__, call.program, boxes, inputs)

    def _bound(self, args: tuple, kwargs: dict) -> tuple[Call, list[Box], list]:
        """The program for these arguments, their boxes, and the arrays to pass."""
        leaves, structure = tree.flatten((args, kwargs), stop=Stateful)
        inputs: list = []
        return *self._bind(self._quick(leaves, structure, inputs), leaves, structure), inputs

    def _quick(
        self, leaves: Sequence, structure: tree.Structure | None, inputs: list
    ) -> tuple | None:
        """A key by identity and shape, and the arrays to pass; None if a leaf turns out to be a
        container.
        """
        parts: list = [structure, Stateful.changes, *_mode()]
        for leaf in leaves:
            kind = type(leaf)
            if kind is np.ndarray:
                # NumPy does not know the types of other packages, such as a bfloat16.
                inputs.append(leaf if leaf.dtype.isbuiltin == 1 else from_numpy(leaf))
                parts += (leaf.shape, leaf.dtype)
            elif kind is Tensor:
                inputs.append(value := concrete(leaf))
                parts += (value.shape, value.dtype)
            elif isinstance(leaf, (Stateful, Box)):
                parts.append(id(leaf))
            elif isinstance(leaf, (float, int, np.generic)) and kind is not bool:
                inputs.append(leaf)
                parts.append(kind)
            elif structure is None and tree.is_container(leaf):
                return None
            else:
                parts += (kind, _setting(leaf, self.__name__))
        return tuple(parts)

    def _bind(
        self, quick: tuple, leaves: list, structure: tree.Structure
    ) -> tuple[Call, list[Box]]:
        """The program for these arguments and their boxes: one compiled before for others of the
        kind, or a new one.
        """
        whole = structure, _sharing(leaves)
        kind = (whole, _mode(), *[_kind(leaf) for leaf in leaves])
        compiled = self.compiled.get(kind)
        if compiled is None:
            if self.compiled:
                log.warning(
                    "[jit] %s is compiled again: %s",
                    self.__name__,
                    changes.difference(kind, list(self.compiled)[-1]),
                )
            compiled = self.compiled[kind] = _trace(self.function, leaves, structure)
        if self._changes != Stateful.changes or len(self._known) >= REMEMBERED:
            # Keys from before a change never match again; what they hold may go.
            self._known.clear()
            self._entry = None, None
            for call in self.compiled.values():
                call.release()
            self._changes = Stateful.changes
        boxes = _boxes(leaves) + compiled.implicit
        self._known[quick] = compiled, boxes
        return compiled, boxes


def _mode() -> tuple:
    """What a trace depends on beside its arguments."""
    return trace.state.training, trace.state.precision, config.float64


_DYNAMIC = (Tensor, np.ndarray, np.generic, float, int)
_RESULT = object()


def _is_dynamic(leaf: Any) -> bool:
    """Whether a leaf is an input of the program, rather than fixed in it."""
    return isinstance(leaf, _DYNAMIC) and not isinstance(leaf, (bool, Box))


def _is_plain(leaf: Any) -> bool:
    """Whether its identity, or for an array dtype and shape, tell all that a call has to know."""
    kind = type(leaf)
    if kind in (Tensor, np.ndarray, bool, str, type(None)) or isinstance(leaf, (Stateful, Box)):
        return True
    return kind.__hash__ is object.__hash__


def _array(leaf: Any) -> np.ndarray:
    if isinstance(leaf, Tensor):
        return concrete(leaf)
    if isinstance(leaf, (np.ndarray, np.generic)):
        return from_numpy(leaf)
    return concrete(lift(leaf))


def _setting(leaf: Any, name: str) -> Any:
    """A leaf that is fixed in the program, as part of a key."""
    try:
        hash(leaf)
    except TypeError:
        raise ArgumentError(
            "jit",
            f"{name} got an argument of type {type(leaf).__name__}",
            "arguments are tensors, NumPy arrays, numbers, modules, optimizers, containers of "
            "these, or hashable settings",
            "convert it, or close over it",
        ) from None
    return leaf


def _every_box(leaves: list) -> list[Box]:
    """All boxes that the arguments bring; a shared one occurs more than once."""
    found: list[Box] = []
    for leaf in leaves:
        if isinstance(leaf, Stateful):
            found += leaf.named_boxes().values()
        elif isinstance(leaf, Box):
            found.append(leaf)
    return found


def _boxes(leaves: list) -> list[Box]:
    """All boxes that the arguments bring, each once."""
    return list(dict.fromkeys(_every_box(leaves)))


def _sharing(leaves: list) -> tuple[int, ...]:
    """Which of these boxes are the same: an optimizer may hold the parameters of the module, or
    others.
    """
    numbers: dict[Box, int] = {}
    return tuple([numbers.setdefault(box, len(numbers)) for box in _every_box(leaves)])


def _kind(leaf: Any) -> Any:
    """What a program depends on of one argument."""
    if isinstance(leaf, Stateful):
        boxes = leaf.named_boxes()
        return leaf.settings(), tuple((path, box.shape, box.dtype) for path, box in boxes.items())
    if isinstance(leaf, Box):
        return leaf.shape, leaf.dtype, "box"
    if _is_dynamic(leaf):
        array = _array(leaf)
        return array.shape, array.dtype, "array"
    return type(leaf), leaf


def _trace(function: Callable, leaves: list, structure: tree.Structure) -> Call:
    """Run the function once on variables, collect what it returns and assigns, and compile that."""
    with trace.level("jit") as (_, level):
        for box in _boxes(leaves):
            level.admit(box, variable(box.spec, box.name))
        inputs: list[Node] = []
        names = _names(function, structure)
        stand = [_standing(leaf, name, inputs) for leaf, name in zip(leaves, names, strict=True)]
        args, kwargs = tree.unflatten(structure, stand)
        fixed, result = tree.flatten(function(*args, **kwargs), stop=Stateful)
        outputs: list[Node] = []
        for number, leaf in enumerate(fixed):
            if isinstance(leaf, (Stateful, Box)):
                raise _returned_state(leaf)
            if _is_dynamic(leaf):
                outputs.append(node_of(lift(leaf)))
                fixed[number] = _RESULT
        held = level.boxes
        updates = {n: box._node for n, box in enumerate(held) if box._node is not held[box].inside}
        parameters = [held[box].inside for box in held] + inputs
    program = compiler.Compiled(compiler.Traced(len(held), parameters, outputs, updates))
    return Call(program, [box for box in held if box.implicit], result, fixed)


def _returned_state(leaf: Any) -> ArgumentError:
    return ArgumentError(
        "jit",
        f"the function returns a {type(leaf).__name__}",
        "modules, optimizers and their parameters go in by reference and are changed in place",
        "return tensors only, and go on using the object that was passed in",
    )


def _names(function: Callable, structure: tree.Structure) -> list[str]:
    """What each argument leaf is called: `x`, or `pair.1` for the second leaf of a container."""
    positional, named = structure.children
    try:
        parameters = list(inspect.signature(function).parameters)
    except ValueError:  # It is written in C.
        parameters = []
    parameters += len(positional.children) * ["argument"]
    names = [*parameters[: len(positional.children)], *named.context]
    return [
        f"{name}.{number}" if part.kind is not None else name
        for name, part in zip(names, positional.children + named.children, strict=True)
        for number in range(part.leaves)
    ]


def _standing(leaf: Any, name: str, inputs: list[Node]) -> Any:
    """What the traced function receives in place of an argument leaf."""
    if not _is_dynamic(leaf):
        return leaf
    array = _array(leaf)
    node = variable(Spec(array.shape, dtypes.of(array.dtype)), name)
    inputs.append(node)
    return Tensor(None, node)


def jit(function: Callable) -> Jitted:
    """Compile a function whole: the first call with each kind of arguments traces it into one
    native program.

    Arguments may be tensors, NumPy arrays, numbers, modules and optimizers, and containers of
    these; everything else must be hashable and is fixed in the program. Modules and optimizers go
    in by reference: what the function assigns is written back. A new shape, dtype or setting
    compiles anew, with a notice that says what changed. Inside another transform the function is
    simply called.

    Raises TraceError where Python asks for a traced value, and for a module captured by closure.

    >>> import chainrule as cr
    >>> double = cr.jit(lambda x: 2 * x)
    >>> float(double(cr.asarray(1.5)))
    3.0
    """
    return Jitted(function)


def set_threads(count: int) -> None:
    """Let compiled programs use `count` threads from now on; at first it is `CHAINRULE_THREADS`, or
    the cores that this process may use. Results have the same bits for any number. Raises
    ArgumentError below 1.

    >>> import chainrule as cr
    >>> cr.set_threads(2)
    """
    compiler.engine.set_threads(count)

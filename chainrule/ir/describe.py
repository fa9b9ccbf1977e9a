"""Kernels and programs as loops that people read. Receives records of `ir.plan` at any stage.

The text goes to `explain` and to the dumps of the passes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chainrule.ir import index as ix
from chainrule.ir.index import Axis, Index, Quotient
from chainrule.ir.listing import attribute_text, indented, origin_text, under
from chainrule.ir.plan import (
    Barrier,
    Branch,
    Buffer,
    Condition,
    Expr,
    Kernel,
    Load,
    Loop,
    Place,
    Program,
    Reduce,
    Store,
    Turn,
    While,
    bodies,
    walk,
)
from chainrule.ir.stages import Stages

_INFIX = {
    "power": ("**", 9), "multiply": ("*", 7), "divide": ("/", 6), "floor_divide": ("//", 6),
    "remainder": ("%", 6), "add": ("+", 5), "subtract": ("-", 5), "less": ("<", 3),
    "less_equal": ("<=", 3), "equal": ("==", 3), "bitwise_and": ("&", 2), "bitwise_or": ("|", 2),
    "bitwise_xor": ("^", 2), "shift_left": ("<<", 2), "shift_right": (">>", 2),
}  # fmt: skip
_CHAINED = {"add", "multiply"}  # a + (b + c) needs no brackets to be read.
_ATOM, _UNARY, _SUM, _BITS, _AND = 10, 8, 5, 2, 1  # How tightly other texts bind.
_PLAIN = {"load", "constant", "hero", "reduced", "index"}


# ---- Programs ----


def kernels(block: Any) -> Iterator[Kernel]:
    """All kernels in the order in which their numbers count."""
    for item in block.items:
        if isinstance(item, Kernel):
            yield item
        for body in bodies(item):
            yield from kernels(body)


def _head(number: int, kernel: Kernel) -> str:
    alone = "  (one thread)" if kernel.serial else ""
    return f"kernel {number}  {origin_text(kernel.origin)}{alone}".rstrip()


def program_text(program: Program) -> str:
    """A planned program: its loops, and where each temporary lies."""
    arena = f"{program.arena_bytes} bytes for temporaries"
    places = [f"{b} at {b.offset}" for b in temporaries(program.block)]
    return "\n".join([block_text(program.block), arena, *indented(places)])


def temporaries(block: Any) -> list[Buffer]:
    """All temporary arrays of a block, those of inner blocks too."""
    inner = [body for item in block.items for body in bodies(item)]
    return [*block.temporaries, *[buffer for body in inner for buffer in temporaries(body)]]


def block_text(block: Any, head: Callable[[int, Kernel], str] = _head) -> str:
    """A block with everything inside it; `head` makes the line above the loops of a kernel."""
    return "\n".join(_Items(head).block(block))


class _Items:
    """Writes blocks; counts kernels and names the counters of loops."""

    def __init__(self, head: Callable[[int, Kernel], str]) -> None:
        self.head, self.count = head, 0
        self.turns: dict[Turn, str] = {}

    def block(self, block: Any) -> list[str]:
        lines = [line for item in block.items for line in self._item(item)]
        return lines + [f"at the end {state} = {new}" for state, new in map(_names, block.updates)]

    def _item(self, item: object) -> list[str]:
        if isinstance(item, Kernel):
            self.count += 1
            loops = KernelText(item, self.turns).lines()
            return [*self.head(self.count - 1, item).split("\n"), *indented(loops)]
        if isinstance(item, Barrier):
            return ["---- all threads meet ----"]
        if isinstance(item, Loop):
            name = self.turns[item.turn] = f"turn{len(self.turns)}"
            backwards = " backwards" if item.turn.reverse else ""
            rows = f", {item.body.rows} rows apart" if item.body.rows else ""
            head = f"for {name} < {item.turn.length}{backwards}{rows}"
            return under(head, self.block(item.body))
        if isinstance(item, While):
            test = under("repeat", self.block(item.test))
            return test + under(f"while {item.flag.buffer.name}", self.block(item.body))
        if isinstance(item, Branch):
            then = under(f"if {item.flag.buffer.name}", self.block(item.then))
            return then + under("else", self.block(item.otherwise))
        return []


def _names(update: tuple[Place, Place]) -> tuple[str, str]:
    return update[0].buffer.name, update[1].buffer.name


# ---- Kernels ----


class KernelText:
    """Writes one kernel. What is used twice gets a name; what is in memory is named already."""

    def __init__(self, kernel: Kernel, turns: dict[Turn, str] | None = None) -> None:
        self.kernel, self.turns = kernel, turns if turns is not None else {}
        summed = kernel.hero.summed if kernel.hero is not None else ()
        axes = enumerate([*kernel.axes, *summed])
        self.axes = {axis: Axis(number, axis.size) for number, axis in axes}
        self.renamed = {axis: ix.of_axis(new) for axis, new in self.axes.items()}
        self.texts: dict[int, tuple[str, int]] = {}  # How an expression reads, and how it binds.
        taken = {place.buffer.name for place in kernel.reads() + kernel.writes()}
        self.names = (name for name in _letters() if name not in taken)
        self.named = _shared(kernel)

    def lines(self) -> list[str]:
        kernel = self.kernel
        if kernel.special is not None:
            return [self._special()]
        outer = [axis for axis in kernel.axes if axis not in kernel.inner]
        self.stages = Stages(kernel)
        body = [line for number in range(self.stages.count) for line in self._stage(number)]
        head = self._for(outer) + (" in tiles" if kernel.hero is not None else "")
        return under(head, ([self._hero()] if kernel.hero is not None else []) + body)

    def _special(self) -> str:
        special = self.kernel.special
        operands = [self._place(place) for place in special.operands]
        attributes = [
            f"{name}={attribute_text(value)}" for name, value in special.attributes.items()
        ]
        arguments = ", ".join(operands + attributes)
        # Beside what the others return stands at most scratch.
        results = special.results if special.host else special.results[:1]
        return f"{', '.join(map(self._place, results))} = {special.op}({arguments})"

    def _hero(self) -> str:
        hero = self.kernel.hero
        left, right = (self._load(Load(*operand)) for operand in (hero.left, hero.right))
        return f"s = sum{self._over(hero.summed)} of {left} * {right}"

    def _ranges(self, axes: Iterable[Axis]) -> str:
        return ", ".join(f"i{self.axes[axis].number} < {axis.size}" for axis in axes)

    def _for(self, axes: Iterable[Axis]) -> str:
        ranges = self._ranges(axes)
        return ranges and f"for {ranges}"

    def _over(self, axes: Iterable[Axis]) -> str:
        ranges = self._ranges(axes)
        return ranges and f" over {ranges}"

    # ---- Statements ----

    def _stage(self, number: int) -> list[str]:
        """One of the successive loops over the inner axes, with what stands before and after it."""
        kernel, stage = self.kernel, self.stages.stage
        statements = [s for s in kernel.statements if stage[id(s.value)] == number]
        before, within = self._definitions(statements)
        stores = [s for s in statements if isinstance(s, Store)]
        inside = [s for s in stores if s.index.axes() & kernel.inner]
        axes = [axis for axis in kernel.axes if axis in kernel.inner]
        within += [self._store(store) for store in inside]
        reduces = [s for s in statements if isinstance(s, Reduce)]
        over = "" if within else self._over(axes)
        results = [f"r{s.number} = {s.kind}{over} of {self._text(s.value)}" for s in reduces]
        loop = under(self._for(axes), within + results) if within else results
        return [*before, *loop, *[self._store(s) for s in stores if s not in inside]]

    def _definitions(self, statements: list) -> tuple[list[str], list[str]]:
        """Lines for the named values needed first here: outside the inner loops, and inside."""
        before: list[str] = []
        within: list[str] = []
        for expr in walk(*[statement.value for statement in statements]):
            if id(expr) in self.texts:
                continue
            text = self._written(expr)
            self.texts[id(expr)] = text
            if id(expr) in self.named:
                name = next(self.names)
                inner = self.stages.inner[id(expr)]
                (within if inner else before).append(f"{name} = {text[0]}")
                self.texts[id(expr)] = name, _ATOM
        return before, within

    def _store(self, store: Store) -> str:
        return f"{self._at(store.place, store.index)} = {self._text(store.value)}"

    # ---- Expressions ----

    def _text(self, expr: Expr) -> str:
        return self.texts[id(expr)][0]

    def _written(self, expr: Expr) -> tuple[str, int]:
        """The expression in terms of its operands, and how tightly its operator binds."""
        op, args = expr.op, [self.texts[id(arg)] for arg in expr.args]
        if op in _INFIX:
            symbol, level = _INFIX[op]
            need = _UNARY if level == _BITS else level
            left, right = (
                _bracketed(args[0], need),
                _bracketed(args[1], need + (op not in _CHAINED)),
            )
            return f"{left} {symbol} {right}", level
        if op in ("negative", "invert"):
            return ("-" if op == "negative" else "~") + _bracketed(args[0], _UNARY), _UNARY
        if op == "load":
            return self._load(expr.data, *args), _ATOM
        if op == "constant":
            return _number(expr), _UNARY if expr.data < 0 else _ATOM
        if op == "index":
            index = expr.data.substitute(self.renamed)
            return repr(index), _ATOM if len(index.terms) < 2 and not index.constant else _SUM
        if op == "within":
            return " and ".join(map(self._condition, expr.data)), _AND
        if op in ("hero", "reduced"):
            return "s" if op == "hero" else f"r{expr.data}", _ATOM
        name = expr.dtype.name if op == "cast" else op
        return f"{name}({', '.join(text for text, _ in args)})", _ATOM

    def _condition(self, condition: Condition) -> str:
        """Only the bounds that the index could break."""
        index, (low, high) = condition.index.substitute(self.renamed), condition.index.bounds()
        if condition.high == condition.low + 1:
            return f"{index} == {condition.low}"
        below = f"{condition.low} <= " if low < condition.low else ""
        above = f" < {condition.high}" if high >= condition.high else ""
        return f"{below}{index}{above}" if below or above else "True"

    def _load(self, load: Load, row: tuple[str, int] | None = None) -> str:
        if row is None:
            text = self._at(load.place, load.index)
        else:
            text = self._gathered(load, row)
        conditions = " and ".join(map(self._condition, load.conditions))
        return f"({text} if {conditions} else 0)" if conditions else text

    def _gathered(self, load: Load, row: tuple[str, int]) -> str:
        shape, turns = load.place.shape, self._turns(load.place)
        if load.stride == math.prod(shape[1:]):
            parts = [*turns, row[0], *self._coordinates(load.index, shape[1:])]
        else:
            scaled = f"{load.stride}*{_bracketed(row, 6)}"
            parts = [*turns, f"{scaled} + {load.index.substitute(self.renamed)}"]
        return f"{load.place.buffer.name}[{', '.join(parts)}]"

    def _at(self, place: Place, index: Index) -> str:
        parts = self._turns(place) + self._coordinates(index, place.shape)
        return f"{place.buffer.name}[{', '.join(parts)}]" if parts else place.buffer.name

    def _place(self, place: Place) -> str:
        turns = self._turns(place)
        return f"{place.buffer.name}[{', '.join(turns)}]" if turns else place.buffer.name

    def _turns(self, place: Place) -> list[str]:
        return [self.turns.setdefault(turn, f"turn{len(self.turns)}") for turn, _ in place.turns]

    def _coordinates(self, index: Index, shape: tuple[int, ...]) -> list[str]:
        """The index along each dimension where that is linear, else the place in memory."""
        index = index.substitute(self.renamed)
        parts = ix.unflatten(index, shape)
        if any(isinstance(atom, Quotient) for part in parts for atom, _ in part.terms):
            return [repr(index)]
        return list(map(repr, parts))


def _letters() -> Iterator[str]:
    """a, b, ... z, a1, b1, ...; i, r and s have a meaning already."""
    for number in range(1 << 30):
        for letter in "abcdefghjklmnopquvwxyz":
            yield f"{letter}{number or ''}"


def _shared(kernel: Kernel) -> set[int]:
    """What gets a name: values used twice, and old ones read after a store has replaced them."""
    uses: Counter[int] = Counter()
    known: set[int] = set()
    stored: set[Place] = set()
    replaced: set[int] = set()
    for statement in kernel.statements:
        uses[id(statement.value)] += 1
        for expr in _unknown(statement.value, known):
            uses.update(map(id, expr.args))
            if expr.op == "load" and expr.data.place in stored:
                replaced.add(id(expr))
            if expr.op not in _PLAIN or expr.args:
                known.add(id(expr))
        if isinstance(statement, Store):
            stored.add(statement.place)
    return replaced | {key for key in known if uses[key] > 1}


def _unknown(root: Expr, known: set[int]) -> Iterator[Expr]:
    """The expressions under the root that do not stand behind a known one."""
    stack, seen = [root], set(known)
    while stack:
        expr = stack.pop()
        if id(expr) not in seen:
            seen.add(id(expr))
            yield expr
            stack.extend(expr.args)


def _bracketed(text: tuple[str, int], level: int) -> str:
    return text[0] if text[1] >= level else f"({text[0]})"


def _number(expr: Expr) -> str:
    """A constant with the digits that its dtype tells apart."""
    value = expr.dtype.arithmetic.numpy.type(expr.data)
    return str(value).removesuffix(".0")

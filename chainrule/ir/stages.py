"""Reading a kernel: which expressions change inside its inner loops, and in which of its successive
loops they stand.

A row program such as softmax is a sequence of loops over the row: stage 0 finds the maximum, stage
1 sums the exponentials that need it, stage 2 writes the quotients. Fusion and code generation both
ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chainrule.ir.index import Axis, Index
from chainrule.ir.plan import Condition, Expr, Kernel, Load, Reduce, Store, walk


def indices(expr: Expr) -> list[Index]:
    """The indices that an expression itself (not its arguments) uses."""
    if expr.op == "load":
        return [expr.data.index, *[condition.index for condition in expr.data.conditions]]
    if expr.op == "index":
        return [expr.data]
    if expr.op == "within":
        return [condition.index for condition in expr.data]
    return []


class Stages:
    """For each expression of a kernel, by identity: `inner` (changes in the inner loops) and
    `stage`.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.inner: dict[int, bool] = {}
        self.stage: dict[int, int] = {}
        self.reduce_stage: dict[int, int] = {}
        seen: set[int] = set()
        for statement in kernel.statements:
            self._visit(walk(statement.value, seen=seen), kernel)
            if isinstance(statement, Reduce):
                self.reduce_stage[statement.number] = self.stage[id(statement.value)]
        self.count = 1 + max([self.stage[id(s.value)] for s in kernel.statements], default=0)

    def _visit(self, expressions: list[Expr], kernel: Kernel) -> None:
        for expr in expressions:
            axes: set[Axis] = set()
            for index in indices(expr):
                axes |= index.axes()
            self.inner[id(expr)] = bool(axes & kernel.inner) or any(
                self.inner[id(arg)] for arg in expr.args
            )
            if expr.op == "reduced":
                self.stage[id(expr)] = self.reduce_stage[expr.data] + 1
            else:
                self.stage[id(expr)] = max((self.stage[id(arg)] for arg in expr.args), default=0)


def rewrite(
    statements: Iterable[Store | Reduce],
    change: Callable[[Expr], Expr | None] = lambda expr: None,
    index: Callable[[Index], Index] = lambda index: index,
) -> list[Store | Reduce]:
    """Statements with every expression replaced by `change` (None keeps it) and every index by
    `index`.

    Equal expressions of the result are one object.
    """
    table: dict[tuple, Expr] = {}
    new: dict[int, Expr] = {}
    statements = list(statements)

    def intern(expr: Expr) -> Expr:
        data = repr(expr.data) if expr.op == "constant" else expr.data
        return table.setdefault((expr.op, tuple(map(id, expr.args)), expr.dtype, data), expr)

    for expr in walk(*[statement.value for statement in statements]):
        args = tuple([new[id(arg)] for arg in expr.args])
        moved = Expr(expr.op, args, expr.dtype, _moved(expr, index))
        changed = change(moved)
        # A change may bring in an expression of an earlier statement: then what became of that.
        new[id(expr)] = new.get(id(changed)) or intern(moved if changed is None else changed)
    result: list[Store | Reduce] = []
    for statement in statements:
        value = new[id(statement.value)]
        if isinstance(statement, Store):
            result.append(statement._replace(value=value, index=index(statement.index)))
        else:
            result.append(statement._replace(value=value))
    return result


def _moved(expr: Expr, index: Callable[[Index], Index]) -> Any:
    data = expr.data
    if expr.op == "load":
        conditions = _moved_conditions(data.conditions, index)
        return Load(data.place, index(data.index), conditions, data.stride)
    if expr.op == "index":
        return index(data)
    return _moved_conditions(data, index) if expr.op == "within" else data


def _moved_conditions(
    conditions: Iterable[Condition], index: Callable[[Index], Index]
) -> tuple[Condition, ...]:
    return tuple(condition._replace(index=index(condition.index)) for condition in conditions)

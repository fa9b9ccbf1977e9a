"""Modules in words: receives a module; hands on its description and its table of layers."""

from __future__ import annotations

from textwrap import indent
from typing import Any, NamedTuple

from chainrule.frontend.box import Box
from chainrule.frontend.stateful import Stateful
from chainrule.nn.costs import measured


class Row(NamedTuple):
    """One module: path, class and shape of its result; then what it holds and does itself: numbers
    of parameters and operations on floats, bytes kept for the backward pass; and how many places of
    the input a place of its result sees.
    """

    path: str
    kind: str
    output: str
    parameters: int
    flops: int = 0
    saved: int = 0
    field: tuple[int, ...] = ()


class Summary(NamedTuple):
    """The layers of a network, their sum, how many parameters are frozen, and the bytes of
    activations that a compiled call holds at once; as a string, a table.
    """

    rows: list[Row]
    total: Row
    frozen: int
    peak: int

    def __str__(self) -> str:
        lines = [_HEAD] + [_words(row) for row in [*self.rows, self.total]]
        if self.frozen:
            lines.append(("frozen", "", "", f"{self.frozen:,}", "", "", ""))
        shown = [column for column in zip(*lines, strict=True) if any(column[1:])]
        columns = [_column(column) for column in shown]
        text = "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))
        if not self.peak:
            return text
        use = f"activations: {self.peak:,} bytes at once in use"
        return f"{text}\n{use}, {self.total.saved:,} kept for a backward pass"

    def __repr__(self) -> str:
        return str(self)


_HEAD = ("layer", "type", "output", "parameters", "flop", "kept bytes", "field")


def _words(row: Row) -> tuple[str, ...]:
    """The cells of a row; the number of parameters is never left out."""
    others = [f"{count:,}" if count else "" for count in (row.flops, row.saved)]
    field = " x ".join(map(str, row.field)) if any(row.field) else ""
    return (*row[:3], f"{row.parameters:,}", *others, field)


def _column(cells: tuple[str, ...]) -> list[str]:
    """Cells of one width, numbers to the right."""
    width = max(map(len, cells))
    align = ">" if cells[0] in _HEAD[3:] else "<"
    return [f"{cell:{align}{width}}" for cell in cells]


def summarize(module: Any, inputs: tuple) -> Summary:
    """The table of a module, run on inputs of these shapes without computing anything."""
    parts, parameters = module.named_modules(), module.parameters()
    costs = measured(module, inputs)
    counted = (costs.parameters, costs.flops, costs.saved)
    amounts = {path: tuple(counts[path] for counts in counted) for path in parts}

    def row(path: str, name: str, amounts: tuple[int, ...]) -> Row:
        kind, output = type(parts[path]).__name__, costs.outputs.get(path, "")
        parameters, flops, saved = amounts
        return Row(name, kind, output, parameters, flops, saved, costs.fields.get(path, ()))

    shown = [path for path in parts if path and (any(amounts[path]) or not _holds(parts, path))]
    if shown and any(amounts[""]):
        shown.append("")
    rows = [row(path, path or "(itself)", amounts[path]) for path in shown]
    total = row("", "total", tuple(counts.total() for counts in counted))
    frozen = sum(parameter.size for parameter in parameters.values() if not parameter.trainable)
    return Summary(rows, total, frozen, costs.peak)


def _holds(parts: dict[str, Any], path: str) -> bool:
    """Whether there are modules within a part."""
    return any(other.startswith(path + ".") for other in parts)


def describe(module: Any) -> str:
    """`Linear(weight[784, 256], bias[256])`; a module of modules has a line for each."""
    held = [(name, value) for name, value in vars(module).items() if not name.startswith("_")]
    items = [item for name, value in held for item in _items(name, value)]
    parts = [_attribute(name, value) for name, value in items]
    name = type(module).__name__
    if not any(isinstance(value, Stateful) for _, value in items):
        return f"{name}({', '.join(parts)})"
    body = indent("\n".join(parts), "  ")
    return f"{name}(\n{body}\n)"


def _items(name: str, value: Any) -> list[tuple[str, Any]]:
    """An attribute, or the layers of a list of them one by one."""
    if isinstance(value, (list, tuple)) and any(callable(item) for item in value):
        return [(f"{name}.{place}", item) for place, item in enumerate(value)]
    return [(name, value)]


def _attribute(name: str, value: Any) -> str:
    if isinstance(value, Box):
        return f"{name}{list(value.shape)}"
    if callable(value):
        return f"{name}: {value if isinstance(value, Stateful) else value.__name__}"
    return f"{name}={value!r}"

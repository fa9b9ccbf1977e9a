"""Modules in words: receives a module; hands on its description and its table of layers."""

from __future__ import annotations

from textwrap import indent
from typing import Any, NamedTuple

import numpy as np

from chainrule import tree
from chainrule.dtypes import default_float
from chainrule.frontend import trace
from chainrule.frontend.lift import lift, shape_of
from chainrule.frontend.stateful import Stateful
from chainrule.frontend.tensor import Box, Tensor
from chainrule.ir.node import Spec, variable
from chainrule.nn.calls import observed


class Row(NamedTuple):
    """One module: path, class, shape of the result, and parameters that it holds itself."""

    path: str
    kind: str
    output: str
    parameters: int


class Summary(NamedTuple):
    """The layers of a network; as a string, a table."""

    rows: list[Row]
    total: Row
    frozen: int

    def __str__(self) -> str:
        lines = [("layer", "type", "output", "parameters")]
        lines += [(*row[:3], f"{row.parameters:,}") for row in [*self.rows, self.total]]
        if self.frozen:
            lines.append(("frozen", "", "", f"{self.frozen:,}"))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        path, kind, output, count = widths
        return "\n".join(
            f"{a:<{path}}  {b:<{kind}}  {c:<{output}}  {d:>{count}}" for a, b, c, d in lines
        )

    def __repr__(self) -> str:
        return str(self)


def summarize(module: Any, inputs: tuple) -> Summary:
    """The table of a module, run on inputs of these shapes without computing anything."""
    outputs = _outputs(module, inputs) if inputs else {}
    parts, parameters = module.named_modules(), module.parameters()
    counts = dict.fromkeys(parts, 0)
    for path, parameter in parameters.items():
        owner = max(
            (place for place in parts if not place or path.startswith(place + ".")), key=len
        )
        counts[owner] += parameter.size
    kinds = {path: type(part).__name__ for path, part in parts.items()}
    rows = [
        Row(path, kinds[path], outputs.get(path, ""), counts[path])
        for path in parts
        if path and (counts[path] or not _holds_modules(parts, path))
    ]
    if counts[""] and rows:
        rows.append(Row("(itself)", kinds[""], "", counts[""]))
    sizes = [(parameter.size, parameter.trainable) for parameter in parameters.values()]
    total = Row("total", kinds[""], outputs.get("", ""), sum(size for size, _ in sizes))
    return Summary(rows, total, sum(size for size, trainable in sizes if not trainable))


def _holds_modules(parts: dict[str, Any], path: str) -> bool:
    return any(other.startswith(path + ".") for other in parts)


def _outputs(module: Any, inputs: tuple) -> dict[str, str]:
    """The shape of each module's first result by path, from a recording that is thrown away."""
    places, found = module.walk().places, {}

    def observe(part: Any, result: Any) -> Any:
        if id(part) in places:
            shapes = [
                str(list(leaf.shape)) for leaf in tree.leaves(result) if isinstance(leaf, Tensor)
            ]
            found.setdefault(places[id(part)], ", ".join(shapes))
        return result

    # In a body, boxes get their old content back.
    with observed(observe), trace.level("body"):
        module(*[Tensor(None, variable(_spec(given))) for given in inputs])
    return found


def _spec(given: Any) -> Spec:
    if isinstance(given, (Tensor, np.ndarray)):
        return lift(given).spec
    return Spec(shape_of(given), default_float())


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

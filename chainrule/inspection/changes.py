"""Why a function is compiled again: receives what two programs depend on, as `jit` keeps it; hands
on what differs, in words.
"""

from __future__ import annotations

from typing import Any


def difference(new: tuple, old: tuple) -> str:
    """What changed between two kinds of arguments, in words."""
    for number, (a, b) in enumerate(zip(new[2:], old[2:], strict=False)):
        if a != b:
            return _change(f"argument leaf {number}", a, b)
    return (
        "the arguments have another structure, or the mode (training, precision, float64) changed"
    )


def _change(leaf: str, new: tuple, old: tuple) -> str:
    """How one argument differs: of a module, the first part or setting that does."""
    if not (_is_module(new) and _is_module(old)):
        return f"{leaf} was {_brief(old)} and is {_brief(new)}"
    for parts, others in zip(new, old, strict=True):
        for (path, *after), (former, *before) in zip(parts, others, strict=False):
            if path == former and after != before:
                place = f"{path} of {leaf}" if path else leaf
                return f"{place} was {_fact(*before)} and is {_fact(*after)}"
    return f"{leaf} has other parts"


def _is_module(kind: tuple) -> bool:
    return isinstance(kind[0], tuple) and len(kind) == 2


def _fact(first: Any, *others: Any) -> str:
    """A type or a setting; type, trainability and number of a box; or its shape and dtype."""
    if len(others) == 1:
        return f"{others[0].name}{list(first)}"
    name = getattr(first, "__name__", repr(first))
    return f"{name} with trainable={others[0]} (box {others[1]})" if others else name


def _brief(kind: Any) -> str:
    if len(kind) == 3:
        return f"{kind[1]}{list(kind[0])}"
    return "a module" if _is_module(kind) else repr(kind[1])

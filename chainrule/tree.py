"""Base: trees of values. Flattens nested containers into a list of leaves and a structure, and
back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from chainrule.errors import ArgumentError


class Structure:
    """The shape of a tree without its leaves; comparable and hashable, so it can key a cache."""

    __slots__ = ("kind", "context", "children", "leaves", "_hash")

    def __init__(self, kind: type | None, context: Any, children: tuple[Structure, ...]) -> None:
        self.kind, self.context, self.children = kind, context, children
        self.leaves = sum(child.leaves for child in children) if kind is not None else 1
        self._hash = hash((kind, context, children))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Structure)
            and self._hash == other._hash
            and (self.kind, self.context, self.children)
            == (other.kind, other.context, other.children)
        )

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        return f"{self.kind.__name__}({', '.join(map(repr, self.children))})"


LEAF = Structure(None, None, ())

# type -> (value -> (children, context), (context, children) -> value)
_registry: dict[type, tuple[Callable, Callable]] = {
    tuple: (lambda value: (value, None), lambda context, children: tuple(children)),
    list: (lambda value: (value, None), lambda context, children: list(children)),
    dict: (
        lambda value: (tuple(value.values()), tuple(value)),
        lambda keys, children: dict(zip(keys, children, strict=True)),
    ),
    type(None): (lambda value: ((), None), lambda context, children: None),
}


def register(kind: type, flatten: Callable, unflatten: Callable) -> None:
    """Teach trees a container: `flatten(value) -> (children, context)`, `unflatten(context,
    children) -> value`.
    """
    _registry[kind] = (flatten, unflatten)


def _handlers(kind: type) -> tuple[Callable, Callable] | None:
    if (found := _registry.get(kind)) is not None:
        return found
    for base in kind.__mro__[1:-1]:
        if base in _registry and base not in (tuple, list, dict):
            return _registry[base]
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return (lambda value: (value, None), lambda context, children: kind(*children))
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return (
            lambda value: (tuple(getattr(value, name) for name in names), None),
            lambda context, children: kind(**dict(zip(names, children, strict=True))),
        )
    return None


def is_container(value: Any) -> bool:
    """Whether trees look inside a value."""
    return _handlers(type(value)) is not None


def flatten(tree: Any, stop: type | tuple[type, ...] = ()) -> tuple[list, Structure]:
    """The leaves of a tree in order, and its structure. `None` is an empty container; a `stop` type
    is a leaf.
    """
    leaves: list = []
    return leaves, _flatten(tree, leaves, stop)


def _flatten(tree: Any, leaves: list, stop: type | tuple[type, ...]) -> Structure:
    handlers = None if isinstance(tree, stop) else _handlers(type(tree))
    if handlers is None:
        leaves.append(tree)
        return LEAF
    children, context = handlers[0](tree)
    return Structure(
        type(tree), context, tuple([_flatten(child, leaves, stop) for child in children])
    )


def unflatten(structure: Structure, leaves: Iterable) -> Any:
    """The tree of `structure` with these leaves."""
    return _unflatten(structure, iter(leaves))


def _unflatten(structure: Structure, leaves: Any) -> Any:
    if structure.kind is None:
        return next(leaves)
    children = [_unflatten(child, leaves) for child in structure.children]
    handlers = _handlers(structure.kind)
    assert handlers is not None
    return handlers[1](structure.context, children)


def leaves(tree: Any) -> list:
    """The leaves of a tree, in order."""
    return flatten(tree)[0]


def map(function: Callable, tree: Any, *others: Any) -> Any:
    """Apply `function` to each leaf, beside the leaves of `others` in the same places.

    Raises ArgumentError where the structures differ.
    """
    first, structure = flatten(tree)
    rest = []
    for other in others:
        other_leaves, other_structure = flatten(other)
        if other_structure != structure:
            raise ArgumentError(
                "tree.map",
                f"trees of different structure: {structure} and {other_structure}",
                "each leaf needs its partner",
                "pass trees built in the same way",
            )
        rest.append(other_leaves)
    return unflatten(structure, [function(*group) for group in zip(first, *rest, strict=True)])


def replace(function: Callable, tree: Any) -> Any:
    """Like `map`, but a container whose leaves all stay the same objects is kept itself: modules
    stay modules.
    """
    handlers = _handlers(type(tree))
    if handlers is None:
        return function(tree)
    children, context = handlers[0](tree)
    new = [replace(function, child) for child in children]
    if all(a is b for a, b in zip(new, children, strict=True)):
        return tree
    return handlers[1](context, new)

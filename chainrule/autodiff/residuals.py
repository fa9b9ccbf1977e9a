"""What the backward pass of a scan needs of each turn. Receives the derivative's body; hands on
what to keep.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.ir.closure import dependents, frontier, is_literal
from chainrule.ir.node import Node

# Elementwise but slow: kept rather than computed again.
_COSTLY = {
    "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sigmoid", "erf", "power", "atan2",
    "sqrt",
}  # fmt: skip
_CHEAP_FAMILIES = {"elementwise", "movement"}
_CHEAP_IDENTITIES = {"mark", "stop_gradient"}


def choose_residuals(
    outputs: Iterable[Node], seeds: Iterable[Node], carried: Iterable[Node], sliced: Iterable[Node]
) -> tuple[list[Node], list[Node]]:
    """The values of the forward body that its derivative uses: those to keep of each turn, and
    those that all share.

    `outputs` are the derivative's, which depends on the cotangents `seeds`; `carried` and `sliced`
    are parameters of the forward body. What is cheap to compute from slices and from kept values is
    neither.
    """
    outputs, sliced = list(outputs), set(sliced)
    used = frontier(outputs, dependents(outputs, seeds))
    varying = dependents(outputs, [*carried, *sliced])
    shared = [node for node in used if node not in varying and not is_literal(node)]
    needed = [node for node in used if node in varying and node not in sliced]
    keep = dict.fromkeys(node for node in needed if not _is_cheap(node))
    for node in sorted((node for node in needed if _is_cheap(node)), key=_bytes, reverse=True):
        missing, others = _sources(node, varying, sliced, keep)
        if sum(map(_bytes, missing)) < _bytes(node):
            keep.update(dict.fromkeys(missing))
            shared.extend(other for other in others if other not in shared)
        else:
            keep[node] = None
    return list(keep), shared


def _is_cheap(node: Node) -> bool:
    name, family = node.op.name, node.op.family
    return name in _CHEAP_IDENTITIES or family in _CHEAP_FAMILIES and name not in _COSTLY


def _bytes(node: Node) -> int:
    return node.size * node.dtype.itemsize


def _sources(
    node: Node, varying: set[Node], sliced: set[Node], kept: Iterable[Node]
) -> tuple[list[Node], list[Node]]:
    """What `node` is cheaply computed from, beyond slices and `kept` values: of each turn, and
    shared by all.
    """

    def stop(child: Node) -> bool:
        return child in kept or child in sliced or is_literal(child)

    missing, shared, pending = [], [], [node]
    seen = set()
    while pending:
        for child in pending.pop().inputs:
            if child in seen or stop(child):
                continue
            seen.add(child)
            if child not in varying:
                shared.append(child)
            elif _is_cheap(child):
                pending.append(child)
            else:
                missing.append(child)
    return missing, shared

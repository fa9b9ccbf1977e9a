"""Lowering: a simplified graph becomes kernels, one for each value that must lie in memory; all
else is inlined.

Receives output nodes and the places of the inputs; hands on the kernels (and loops, branches) in
topological order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from chainrule.dtypes import bool_
from chainrule.ir import index as ix
from chainrule.ir.node import Graph, Node, Spec, make, topological
from chainrule.ir.plan import (
    Block,
    Branch,
    Expr,
    Kernel,
    Loop,
    Place,
    Reduce,
    Special,
    Store,
    Turn,
    While,
)
from chainrule.passes.contractions import Contractions
from chainrule.passes.materialize import REDUCTIONS, choose

IDENTITY = {"sum": 0, "prod": 1}


class Lowering(Contractions):
    """One block being lowered, node after node; `states` are the places that get new values."""

    def __init__(
        self, outputs: list[Node], places: dict[Node, Place], states: dict[Node, Place]
    ) -> None:
        super().__init__(places)
        order = topological(outputs, skip=places.__contains__)
        self.states = states
        self.uses = Counter(outputs) + Counter(child for node in order for child in node.inputs)
        chosen = choose(order, outputs, places)
        for node in order:
            if node in chosen:
                self._materialize(node)

    # ---- Memory ----

    def deliver(self, node: Node, target: Place, lasting: bool = True) -> None:
        """Write the value of a node to a place given from outside; readers may use it there if it
        lasts.
        """
        self._map(node, target, lasting)

    def moved_on(self, old: Node, new: Node) -> Place | None:
        """The place of a state whose old value only the loop reads that makes its new one."""
        place = self.places.get(old)
        own = place is not None and self.states.get(new) == place and self.uses[old] == 1
        return place if own else None

    # ---- Kernels ----

    def _materialize(self, node: Node) -> None:
        name = node.op.name
        if name in REDUCTIONS:
            self._reduction(node)
        elif name == "contract":
            self._contraction(node)
        elif name == "concat":
            self._concat(node)
        elif name in ("argsort", "cumulative", "scatter_add"):
            self._special(node)
        elif name in ("scan", "while", "cond"):
            _CONTROL[name](self, node)
        elif node.op.family == "host":
            self._host(node)
        elif name == "pad":
            self._padded(node)
        elif name == "pick":
            pass  # The node with several results placed them.
        else:
            self._map(node, self.temporary(node))

    def _map(self, node: Node, target: Place, lasting: bool = True) -> None:
        """One point of the result for each point of the loops."""
        computed_elsewhere = node in self.places
        if node.size:
            indices = ix.over(node.shape)
            value = self.value(node, indices, own=not computed_elsewhere)
            store = Store(target, ix.flat(indices, node.shape), value)
            self._emit(Kernel(ix.axes_of(indices), statements=[store]), node)
        if lasting and not computed_elsewhere:
            self.places[node] = target

    def _padded(self, node: Node) -> None:
        """What is padded goes to its region; the margins are filled beside that."""
        (x,), low, high = node.inputs, node.attributes["low"], node.attributes["high"]
        target = self.temporary(node)
        if node.size > 2 * x.size:
            self._map(node, target)
            return
        self.places[node] = target
        indices = ix.over(x.shape)
        place = ix.flat([index + n for index, n in zip(indices, low, strict=True)], node.shape)
        kernel = Kernel(
            ix.axes_of(indices), statements=[Store(target, place, self.value(x, indices))]
        )
        fill = self._constant(node.attributes["value"], node.dtype)
        for axis in range(node.rank):
            for start, extent in ((0, low[axis]), (node.shape[axis] - high[axis], high[axis])):
                if extent:
                    # Axes before this one have their margins already.
                    shape = (*x.shape[:axis], extent, *node.shape[axis + 1 :])
                    starts = (*low[:axis], start, *[0] * (node.rank - axis - 1))
                    margin = ix.over(shape)
                    inside = [index + n for index, n in zip(margin, starts, strict=True)]
                    store = Store(target, ix.flat(inside, node.shape), fill)
                    kernel.beside.append(Kernel(ix.axes_of(margin), statements=[store]))
        self._emit(kernel, node)

    def _reduction(self, node: Node) -> None:
        x = node.inputs[0]
        target = self.places[node] = self.temporary(node)
        if not node.size:
            return
        reduced = node.attributes.get("axes", (node.attributes.get("axis"),))
        indices = ix.over(x.shape)
        outer = [index for axis, index in enumerate(indices) if axis not in reduced]
        inner = frozenset(
            ix.axes_of(index for axis, index in enumerate(indices) if axis in reduced)
        )
        if not x.size:
            value = self._constant(IDENTITY[node.op.name], node.dtype)
            self._emit(
                Kernel(
                    ix.axes_of(outer), statements=[Store(target, ix.flat(outer, node.shape), value)]
                ),
                node,
            )
            return
        reduce = Reduce(0, node.op.name, self.value(x, indices), node.dtype)
        store = Store(target, ix.flat(outer, node.shape), Expr("reduced", (), node.dtype, 0))
        self._emit(Kernel(ix.axes_of(indices), inner, [reduce, store]), node)

    def _concat(self, node: Node) -> None:
        """Each part is written to its region of the result by a kernel of its own."""
        axis, start = node.attributes["axis"], 0
        target = self.places[node] = self.temporary(node)
        for part in node.inputs:
            if part.size:
                indices = ix.over(part.shape)
                value = self.value(part, indices)
                region = [
                    index + start if number == axis else index
                    for number, index in enumerate(indices)
                ]
                store = Store(target, ix.flat(region, node.shape), value)
                self._emit(Kernel(ix.axes_of(indices), statements=[store]), node)
            start += part.shape[axis]

    def _special(self, node: Node) -> None:
        operands = [self.place(child) for child in node.inputs]
        target = self.places[node] = self.temporary(node)
        if not node.size:
            return
        attributes = dict(node.attributes)
        results = [target]
        if node.op.name == "argsort":
            results.append(self.temporary(node, "scratch"))
        self._emit(Kernel((), special=Special(node.op.name, operands, results, attributes)), node)

    def _host(self, node: Node) -> None:
        """The definition itself, called from the program."""
        operands = [self.place(child) for child in node.inputs]
        results = [self.temporary(spec) for spec in node.outputs]
        if node.shape is None:
            _results(self, node, results)
        else:
            (self.places[node],) = results
        if any(place.buffer.nbytes for place in results):
            call = Special(node.op.name, operands, results, dict(node.attributes), host=True)
            self._emit(Kernel((), special=call), node)


# ---- Control flow: carried values live in the outer block, bodies are blocks of their own. ----


def lower(
    outputs: list[tuple[Node, Place]],
    places: dict[Node, Place],
    updates: Iterable[tuple[Node, Place]] = (),
) -> Block:
    """Before: a graph, and places for its inputs. After: kernels that deliver `outputs` to their
    places. `updates` (new value, state) are computed but left for scheduling to settle.
    """
    updates = list(updates)
    lowering = Lowering([node for node, _ in (*outputs, *updates)], places, dict(updates))
    block = lowering.block
    for node, target in outputs:
        lowering.deliver(node, target)
    for node, state in updates:
        if places.get(node) == state:
            continue
        own = places[node].buffer in block.temporaries if node in places else False
        if not own or any(new == places[node] for _, new in block.updates):
            copy = lowering.temporary(node)
            lowering.deliver(node, copy)
            block.updates.append((state, copy))
        else:
            block.updates.append((state, places[node]))
    return block


def _carry(outer: Lowering, loop: Node, initial: Iterable[Node]) -> list[Place]:
    """Places of carried values, filled with the initial ones: the states' own where nothing else
    needs what is there.
    """
    carried = []
    for index, node in enumerate(initial):
        target = outer.moved_on(node, make("pick", loop, index=index))
        if target is None:
            target = outer.temporary(node, "carry")
            outer.deliver(node, target, lasting=False)
        carried.append(target)
    return carried


def _results(outer: Lowering, node: Node, places: list[Place]) -> None:
    for index, place in enumerate(places):
        outer.places[make("pick", node, index=index)] = place


def _body(graph: Graph, places: list[Place], outputs: list, updates: list) -> Block:
    return lower(outputs, dict(zip(graph.parameters, places, strict=True)), updates)


def _lower_scan(outer: Lowering, node: Node) -> None:
    body, constants, carried, length, reverse = (
        node.attributes[name] for name in ("body", "constants", "carried", "length", "reverse")
    )
    fixed = [outer.place(child) for child in node.inputs[:constants]]
    slices = [outer.place(child) for child in node.inputs[constants + carried :]]
    carry = _carry(outer, node, node.inputs[constants : constants + carried])
    turn = Turn(length, reverse)
    stacked = [outer.temporary(spec, "y") for spec in node.outputs[carried:]]
    _results(outer, node, carry + stacked)
    if not length:
        return
    inner = _body(
        body,
        fixed + carry + [_slice(place, turn) for place in slices],
        [
            (out, _slice(place, turn))
            for out, place in zip(body.outputs[carried:], stacked, strict=True)
        ],
        list(zip(body.outputs[:carried], carry, strict=True)),
    )
    outer.block.items.append(Loop(turn, inner))


def _slice(place: Place, turn: Turn) -> Place:
    """The part of a place that belongs to a turn of the loop."""
    shape = place.shape[1:]
    return Place(place.buffer, shape, (*place.turns, (turn, math.prod(shape))))


def _lower_while(outer: Lowering, node: Node) -> None:
    constants = node.attributes["constants"]
    fixed = [outer.place(child) for child in node.inputs[:constants]]
    carry = _carry(outer, node, node.inputs[constants:])
    _results(outer, node, carry)
    flag = outer.temporary(Spec((), bool_), "flag")
    condition, body = node.attributes["condition"], node.attributes["body"]
    test = _body(condition, fixed + carry, [(condition.outputs[0], flag)], [])
    inner = _body(body, fixed + carry, [], list(zip(body.outputs, carry, strict=True)))
    outer.block.items.append(While(test, flag, inner))


def _lower_cond(outer: Lowering, node: Node) -> None:
    flag, *operands = [outer.place(child) for child in node.inputs]
    results = [outer.temporary(spec, "b") for spec in node.outputs]
    _results(outer, node, results)
    branches = [
        _body(graph, operands, list(zip(graph.outputs, results, strict=True)), [])
        for graph in (node.attributes["then"], node.attributes["otherwise"])
    ]
    outer.block.items.append(Branch(flag, *branches))


_CONTROL = {"scan": _lower_scan, "while": _lower_while, "cond": _lower_cond}

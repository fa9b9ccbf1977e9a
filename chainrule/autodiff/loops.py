"""Derivatives of loops: scan in both modes, while in forward mode. Adds their rows to the table of
`autodiff.rules`.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.autodiff.forward import pushforward
from chainrule.autodiff.residuals import choose_residuals
from chainrule.autodiff.reverse import active_nodes, gradients
from chainrule.autodiff.rules import TABLE, Cotangents, Joint, Rule, fresh, only, or_zeros, zeros
from chainrule.errors import TraceError
from chainrule.ir.node import Graph, Node, make, pick, substitute, topological


def _grown(body: Graph, active: list[bool], carried: slice) -> tuple[list[bool], set[Node]]:
    """Which parameters carry a derivative once values handed from turn to turn have passed it on,
    and all that do.
    """
    while True:
        wrt = only(body.parameters, active)
        reached = {*active_nodes(body.outputs, wrt), *wrt}
        grown = list(active)
        for place, output in zip(range(*carried.indices(len(active))), body.outputs):
            grown[place] = active[place] or output in reached
        if grown == active:
            return active, reached
        active = grown


# ---- Reverse mode ----


class _Backward:
    """The scan that runs a scan's derivative from the last turn to the first.

    It carries the cotangents of the carried values and the sums of those of the constants; it reads
    the cotangents of the stacked results and what was kept of the forward turns; it stacks the
    cotangents of the slices.
    """

    def __init__(self, node: Node, cotangents: Cotangents, needed: list[bool]) -> None:
        self.node, self.body, self.cotangents = node, node.attributes["body"], cotangents
        self.first, self.carried = node.attributes["constants"], node.attributes["carried"]
        self.sliced = self.first + self.carried
        outputs = self.body.outputs
        active, reached = _grown(self.body, needed, slice(self.first, self.sliced))
        self.results = [place for place in range(self.carried) if active[self.first + place]]
        self.stacked = [
            place
            for place in range(self.carried, len(outputs))
            if cotangents[place] is not None and outputs[place] in reached
        ]
        self.seeds = fresh([outputs[place] for place in self.results + self.stacked], "cotangent")
        wrt = only(self.body.parameters, active)
        found = gradients(
            [outputs[place] for place in self.results + self.stacked], self.seeds, wrt
        )
        self.slopes = {
            parameter: slope
            for parameter, slope in zip(wrt, found, strict=True)
            if slope is not None
        }

    def cotangents_of_operands(self) -> Cotangents:
        first, sliced, parameters = self.first, self.sliced, self.body.parameters
        summed = [p for p in parameters[:first] if p in self.slopes]
        carried = [parameters[first + place] for place in self.results]
        slices = [p for p in parameters[sliced:] if p in self.slopes]
        sums = fresh(summed, "sum")
        outputs = [or_zeros(self.slopes.get(p), p) for p in carried]
        outputs += [partial + self.slopes[p] for partial, p in zip(sums, summed, strict=True)]
        outputs += [self.slopes[p] for p in slices]
        start = [
            or_zeros(self.cotangents[place], parameters[first + place]) for place in self.results
        ]
        loop = self._loop(outputs, sums, start + [zeros(p) for p in summed])
        places = {p: index for index, p in enumerate([*carried, *summed, *slices])}
        return [pick(loop, places[p]) if p in places else None for p in parameters]

    def _loop(self, outputs: list[Node], sums: list[Node], start: list[Node]) -> Node:
        """The backward scan: `outputs` of its body, and the carried values of its first turn."""
        parameters, node, count = self.body.parameters, self.node, len(self.results)
        fixed, slices = parameters[: self.first], parameters[self.sliced :]
        kept, shared = choose_residuals(
            outputs, [*self.seeds, *sums], parameters[self.first : self.sliced], slices
        )
        inside = fresh([*shared, *kept], "residual")
        outputs = substitute(outputs, dict(zip([*shared, *kept], inside, strict=True)))
        constants = substitute(shared, dict(zip(fixed, node.inputs[: self.first], strict=True)))
        used = set(topological(outputs))
        again = [parameter in used for parameter in slices]
        carried = [*self.seeds[:count], *sums]
        read = [*self.seeds[count:], *inside[len(shared) :], *only(slices, again)]
        sources = [
            *[self.cotangents[place] for place in self.stacked],
            *self._kept(kept),
            *only(node.inputs[self.sliced :], again),
        ]
        body = Graph([*inside[: len(shared)], *carried, *read], outputs)
        counts = {"constants": len(constants), "carried": len(start)}
        order = {"reverse": not node.attributes["reverse"], "body": body}
        return make("scan", *constants, *start, *sources, **(node.attributes | counts | order))

    def _kept(self, kept: list[Node]) -> list[Node]:
        """The values of `kept` in each turn: results of the scan, or of one with more results."""
        outputs = self.body.outputs
        stacked = {node: place for place, node in enumerate(outputs) if place >= self.carried}
        missing = [node for node in kept if node not in stacked]
        stacked |= {node: len(outputs) + place for place, node in enumerate(missing)}
        scan = self.node
        if missing:
            body = Graph(self.body.parameters, [*outputs, *missing])
            scan = make("scan", *scan.inputs, **(scan.attributes | {"body": body}))
        return [pick(scan, stacked[node]) for node in kept]


def _scan_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    found = _Backward(node, cotangents, needed).cotangents_of_operands()
    return [cotangent if need else None for cotangent, need in zip(found, needed, strict=True)]


def _while_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    raise TraceError(
        "grad",
        f"a gradient was asked through the while_loop of {node.origin}",
        "reverse mode runs a loop backwards, and the number of its turns is not known beforehand",
        "use cr.scan with a fixed length, or forward mode (cr.jvp)",
    )


# ---- Forward mode: one loop computes values and tangents ----


class _Forward:
    """The body that computes values and tangents, its operands, and where its results stand."""

    def __init__(self, node: Node, given: Cotangents, groups: Sequence[slice]) -> None:
        """`groups` are the constants, the carried values and, for scan, the slices."""
        body, carried = node.attributes["body"], groups[1]
        self.active, _ = _grown(body, [tangent is not None for tangent in given], carried)
        seeds = self.tangents_of(body.parameters)
        values, slopes = pushforward(body.outputs, dict(zip(body.parameters, seeds, strict=True)))
        count = len(self.active[carried])
        for place, flag in enumerate(self.active[carried]):
            slopes[place] = or_zeros(slopes[place], values[place]) if flag else None
        filled = [
            or_zeros(tangent, child) if flag else None
            for tangent, child, flag in zip(given, node.inputs, self.active, strict=True)
        ]
        self.counts = [sum(flag + 1 for flag in self.active[group]) for group in groups]
        self.operands = _beside(node.inputs, filled, groups)[0]
        results, *self.places = _beside(values, slopes, (slice(0, count), slice(count, None)))
        self.body = Graph(_beside(body.parameters, seeds, groups)[0], results)

    def tangents_of(self, parameters: Sequence[Node]) -> Cotangents:
        """A fresh variable for the tangent of each parameter that has one."""
        pairs = zip(parameters, self.active, strict=True)
        return [fresh([node], "tangent")[0] if flag else None for node, flag in pairs]

    def results(self, loop: Node) -> Joint:
        values, slopes = self.places
        return Joint(
            [pick(loop, place) for place in values],
            [pick(loop, place) if place is not None else None for place in slopes],
        )


def _beside(
    nodes: Sequence[Node], derivatives: Cotangents, groups: Sequence[slice]
) -> tuple[list[Node], list[int], list[int | None]]:
    """Each group of nodes followed by its derivatives, and where each node and each derivative is.
    """
    merged: list[Node] = []
    places: list[int] = []
    derivative_places: list[int | None] = []
    for group in groups:
        places += range(len(merged), len(merged) + len(nodes[group]))
        merged += nodes[group]
        for derivative in derivatives[group]:
            derivative_places.append(None if derivative is None else len(merged))
            merged += [] if derivative is None else [derivative]
    return merged, places, derivative_places


def _scan_push(node: Node, given: Cotangents) -> Joint:
    first = node.attributes["constants"]
    last = first + node.attributes["carried"]
    groups = (slice(0, first), slice(first, last), slice(last, len(given)))
    forward = _Forward(node, given, groups)
    constants, carried, _ = forward.counts
    changed = {"body": forward.body, "constants": constants, "carried": carried}
    return forward.results(make("scan", *forward.operands, **(node.attributes | changed)))


def _while_push(node: Node, given: Cotangents) -> Joint:
    first, condition = node.attributes["constants"], node.attributes["condition"]
    groups = (slice(0, first), slice(first, len(given)))
    forward = _Forward(node, given, groups)
    parameters = _beside(condition.parameters, forward.tangents_of(condition.parameters), groups)[0]
    loop = make(
        "while",
        *forward.operands,
        condition=Graph(parameters, condition.outputs),
        body=forward.body,
        constants=forward.counts[0],
    )
    return forward.results(loop)


TABLE.update({"scan": Rule(_scan_pull, _scan_push), "while": Rule(_while_pull, _while_push)})

"""Derivatives of the primitives with a body. Adds their rows to the table of `autodiff.rules`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.autodiff.forward import tangents
from chainrule.autodiff.residuals import choose_residuals
from chainrule.autodiff.reverse import active_nodes, gradients
from chainrule.autodiff.rules import TABLE, Cotangents, Rule, or_zeros, zeros
from chainrule.errors import TraceError
from chainrule.ir.closure import dependents
from chainrule.ir.node import Graph, Node, make, pick, substitute, topological, unique, variable


def _fresh(nodes: Sequence[Node], name: str) -> list[Node]:
    return [variable(node.spec, name) for node in nodes]


def _only(nodes: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    return [node for node, flag in zip(nodes, flags, strict=True) if flag]


def _grown(body: Graph, active: list[bool], carried: slice) -> tuple[list[bool], set[Node]]:
    """Which parameters carry a derivative once values handed from turn to turn have passed it on,
    and all that do.
    """
    while True:
        wrt = _only(body.parameters, active)
        reached = {*active_nodes(body.outputs, wrt), *wrt}
        grown = list(active)
        for place, output in zip(range(*carried.indices(len(active))), body.outputs):
            grown[place] = active[place] or output in reached
        if grown == active:
            return active, reached
        active = grown


# ---- scan ----


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
        self.seeds = _fresh([outputs[place] for place in self.results + self.stacked], "cotangent")
        wrt = _only(self.body.parameters, active)
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
        sums = _fresh(summed, "sum")
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
        inside = _fresh([*shared, *kept], "residual")
        outputs = substitute(outputs, dict(zip([*shared, *kept], inside, strict=True)))
        constants = substitute(shared, dict(zip(fixed, node.inputs[: self.first], strict=True)))
        used = set(topological(outputs))
        again = [parameter in used for parameter in slices]
        carried = [*self.seeds[:count], *sums]
        read = [*self.seeds[count:], *inside[len(shared) :], *_only(slices, again)]
        sources = [
            *[self.cotangents[place] for place in self.stacked],
            *self._kept(kept),
            *_only(node.inputs[self.sliced :], again),
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


def _scan_push(node: Node, given: Cotangents) -> Cotangents:
    """One loop computes the values and the tangents: carried values and slices come with theirs."""
    body, first = node.attributes["body"], node.attributes["constants"]
    last = first + node.attributes["carried"]
    active, _ = _grown(body, [tangent is not None for tangent in given], slice(first, last))
    seeds = [
        variable(p.spec, "tangent") if flag else None
        for p, flag in zip(body.parameters, active, strict=True)
    ]
    slopes = tangents(body.outputs, dict(zip(body.parameters, seeds, strict=True)))
    for place in range(first, last):
        if active[place]:
            slopes[place - first] = or_zeros(slopes[place - first], body.outputs[place - first])
    filled = [
        or_zeros(tangent, child) if flag else None
        for tangent, child, flag in zip(given, node.inputs, active, strict=True)
    ]
    groups = (slice(0, first), slice(first, last), slice(last, None))
    results, carried = _beside(
        body.outputs, slopes, (slice(0, last - first), slice(last - first, None))
    )
    loop = make(
        "scan",
        *_beside(node.inputs, filled, groups)[0],
        **(
            node.attributes
            | {
                "body": Graph(_beside(body.parameters, seeds, groups)[0], results),
                "constants": first + sum(active[:first]),
                "carried": last - first + sum(active[first:last]),
            }
        ),
    )
    return [pick(loop, place) if place is not None else None for place in carried]


def _beside(
    nodes: Sequence[Node], derivatives: Cotangents, groups: Sequence[slice]
) -> tuple[list[Node], list[int | None]]:
    """Each group of nodes followed by its derivatives; and where the derivative of each node
    stands, if anywhere.
    """
    merged: list[Node] = []
    places: list[int | None] = []
    for group in groups:
        merged += nodes[group]
        for derivative in derivatives[group]:
            places.append(None if derivative is None else len(merged))
            merged += [] if derivative is None else [derivative]
    return merged, places


# ---- while ----


def _while_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    raise TraceError(
        "grad",
        f"a gradient was asked through the while_loop of {node.origin}",
        "reverse mode runs a loop backwards, and the number of its turns is not known beforehand",
        "use cr.scan with a fixed length, or forward mode (cr.jvp)",
    )


def _while_push(node: Node, given: Cotangents) -> Cotangents:
    body, condition = node.attributes["body"], node.attributes["condition"]
    first = node.attributes["constants"]
    active, _ = _grown(body, [tangent is not None for tangent in given], slice(first, len(given)))
    seeds = [
        variable(p.spec, "tangent") if flag else None
        for p, flag in zip(body.parameters, active, strict=True)
    ]
    slopes = tangents(body.outputs, dict(zip(body.parameters, seeds, strict=True)))
    slopes = [
        or_zeros(slope, output) if flag else None
        for slope, output, flag in zip(slopes, body.outputs, active[first:], strict=True)
    ]
    filled = [
        or_zeros(tangent, child) if flag else None
        for tangent, child, flag in zip(given, node.inputs, active, strict=True)
    ]
    groups = (slice(0, first), slice(first, None))
    unused = [
        variable(p.spec, "tangent") if flag else None
        for p, flag in zip(condition.parameters, active, strict=True)
    ]
    results, places = _beside(body.outputs, slopes, (slice(None),))
    loop = make(
        "while",
        *_beside(node.inputs, filled, groups)[0],
        constants=first + sum(active[:first]),
        condition=Graph(_beside(condition.parameters, unused, groups)[0], condition.outputs),
        body=Graph(_beside(body.parameters, seeds, groups)[0], results),
    )
    return [pick(loop, place) if place is not None else None for place in places]


# ---- cond: the derivative of the branch that was taken; the branch is computed again inside ----


def _branches(node: Node) -> tuple[Graph, Graph]:
    return node.attributes["then"], node.attributes["otherwise"]


def _chosen(
    predicate: Node, operands: list[Node], inside: list[list[Node]], slopes: list[Cotangents]
) -> Cotangents:
    """A cond of two lists of derivatives, None where both have none."""
    width = range(len(slopes[0]))
    wanted = [
        place for place in width if slopes[0][place] is not None or slopes[1][place] is not None
    ]
    if not wanted:
        return [None] * len(slopes[0])
    then, otherwise = (
        Graph(parameters, [or_zeros(mine[place], mine[place] or theirs[place]) for place in wanted])
        for parameters, mine, theirs in zip(inside, slopes, slopes[::-1], strict=True)
    )
    node = make("cond", predicate, *operands, then=then, otherwise=otherwise)
    return [pick(node, wanted.index(place)) if place in wanted else None for place in width]


def _cond_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    given = [place for place, cotangent in enumerate(cotangents) if cotangent is not None]
    inside, slopes = [], []
    for branch in _branches(node):
        outputs = [branch.outputs[place] for place in given]
        seeds = _fresh(outputs, "cotangent")
        found = iter(gradients(outputs, seeds, _only(branch.parameters, needed[1:])))
        inside.append([*branch.parameters, *seeds])
        slopes.append([next(found) if need else None for need in needed[1:]])
    operands = [*node.inputs[1:], *[cotangents[place] for place in given]]
    return [None, *_chosen(node.inputs[0], operands, inside, slopes)]


def _cond_push(node: Node, given: Cotangents) -> Cotangents:
    active = [tangent is not None for tangent in given[1:]]
    inside, slopes = [], []
    for branch in _branches(node):
        parameters = _only(branch.parameters, active)
        seeds = _fresh(parameters, "tangent")
        inside.append([*branch.parameters, *seeds])
        slopes.append(tangents(branch.outputs, dict(zip(parameters, seeds, strict=True))))
    return _chosen(node.inputs[0], [*node.inputs[1:], *_only(given[1:], active)], inside, slopes)


# ---- checkpoint ----


def _checkpoint_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    """The body once more, on inputs that wait for a cotangent, so that it is not merged with the
    forward pass.
    """
    body = node.attributes["body"]
    token = next(cotangent for cotangent in cotangents if cotangent is not None)
    later = [make("after", child, token, serial=unique()) for child in node.inputs]
    outputs = substitute(body.outputs, dict(zip(body.parameters, later, strict=True)))
    found = iter(gradients(outputs, cotangents, _only(later, needed)))
    return [next(found) if need else None for need in needed]


def _checkpoint_push(node: Node, given: Cotangents) -> Cotangents:
    body, active = node.attributes["body"], [tangent is not None for tangent in given]
    parameters = _only(body.parameters, active)
    seeds = _fresh(parameters, "tangent")
    slopes = tangents(body.outputs, dict(zip(parameters, seeds, strict=True)))
    graph = Graph([*body.parameters, *seeds], [slope for slope in slopes if slope is not None])
    results = make("checkpoint", *node.inputs, *_only(given, active), body=graph)
    places = iter(range(len(graph.outputs)))
    return [pick(results, next(places)) if slope is not None else None for slope in slopes]


# ---- custom_gradient: `rule` is a graph from cotangents and residuals to cotangents ----


def _custom_parts(node: Node) -> tuple[int, int, dict[Node, Node]]:
    """The number of results and of arguments, and the residuals that the rule's last parameters
    stand for.
    """
    count, rule = node.attributes["count"], node.attributes["rule"]
    arguments = len(rule.outputs)
    residuals = zip(rule.parameters[count:], node.inputs[count + arguments :], strict=True)
    return count, arguments, dict(residuals)


def _custom_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    count, arguments, known = _custom_parts(node)
    rule = node.attributes["rule"]
    for parameter, cotangent in zip(rule.parameters, cotangents):
        known[parameter] = or_zeros(cotangent, parameter)
    found = substitute(rule.outputs, known)
    wanted = needed[count : count + arguments]
    found = [cotangent if need else None for cotangent, need in zip(found, wanted, strict=True)]
    return [None] * count + found + [None] * (len(node.inputs) - count - arguments)


def _custom_push(node: Node, given: Cotangents) -> Cotangents:
    """The rule is linear in the cotangents, and its transpose takes tangents of arguments to those
    of results.
    """
    count, arguments, known = _custom_parts(node)
    rule = node.attributes["rule"]
    seeds = rule.parameters[:count]
    found = gradients(substitute(rule.outputs, known), given[count : count + arguments], seeds)
    if not dependents([slope for slope in found if slope is not None], seeds) <= set(seeds):
        raise TraceError(
            "jvp",
            f"the rule of the custom_gradient at {node.origin} is not linear in its cotangents",
            "forward mode transposes the rule",
            "use reverse mode (cr.grad, cr.vjp)",
        )
    return found


TABLE.update(
    {
        "scan": Rule(_scan_pull, _scan_push),
        "while": Rule(_while_pull, _while_push),
        "cond": Rule(_cond_pull, _cond_push),
        "checkpoint": Rule(_checkpoint_pull, _checkpoint_push),
        "custom_gradient": Rule(_custom_pull, _custom_push),
    }
)

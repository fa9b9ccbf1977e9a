"""Sums over the turns of a scan leave it: receives outputs, hands on the same values.

A scan's backward pass adds the weight gradient of each turn to a carried array: a small product and
a walk through the whole array, turn after turn. Stacked, the same terms are one contraction.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from chainrule.ir.contraction import Dimension
from chainrule.ir.node import Graph, Node, make, pick, topological
from chainrule.ir.rewrite import transform

MOST = 256  # A turn that sums more products than that for each element gains little.


class Plan(NamedTuple):
    """A scan whose carried values `sums` are replaced by sums of contractions after it."""

    body: Graph
    sums: dict[int, list[Node]]  # Carried value -> the contractions that each turn adds.
    places: dict[Node, int]  # Operand of such a contraction -> its place among the results.


def accumulate_outside(outputs: list[Node]) -> list[Node]:
    """The same values, with no scan that merely adds up contractions of what it stacks anyway."""
    scans = [node for node in topological(outputs) if node.op.name == "scan"]
    plans = {node: plan for node in scans if (plan := _plan(node)) is not None}
    if not plans:
        return outputs

    def step(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if node in plans:
            return make("scan", *inputs, **dict(node.attributes, body=plans[node].body))
        if node.op.name == "pick" and node.inputs[0] in plans:
            index, plan = node.attributes["index"], plans[node.inputs[0]]
            return _total(plan, inputs[0], index) if index in plan.sums else None
        return None

    return transform(outputs, step)


def _plan(scan: Node) -> Plan | None:
    body, constants, carried = (scan.attributes[name] for name in ("body", "constants", "carried"))
    nodes = topological(body.outputs)
    uses = Counter(child for node in nodes for child in node.inputs) + Counter(body.outputs)
    sums = {}
    for index, result in enumerate(body.outputs[:carried]):
        terms = _terms(result, body.parameters[constants + index], uses)
        if terms and all(map(_is_small, terms)):
            sums[index] = terms
    operands = dict.fromkeys(x for terms in sums.values() for term in terms for x in term.inputs)
    outputs = list(body.outputs)
    given = {*body.parameters[:constants], *body.parameters[constants + carried :]}
    known = given.union(outputs[carried:])
    more = [x for x in operands if x not in known]
    slices = scan.inputs[constants + carried :]
    room = sum(x.size // max(x.shape[0], 1) for x in slices)
    if not sums or sum(x.size for x in more) > room:
        return None
    for index in sums:
        outputs[index] = body.parameters[constants + index]
    outputs += more
    places = {x: outputs.index(x, carried) for x in operands if x not in given}
    return Plan(Graph(body.parameters, outputs), sums, places)


def _terms(result: Node, parameter: Node, uses: Counter) -> list[Node]:
    """The terms added to a carried value; empty if it is no such sum, or if a turn reads the value
    or the sum.
    """
    terms, stack = [], [result]
    while stack:
        node = stack.pop()
        if node.op.name == "add" and (node is result or uses[node] == 1):
            stack += node.inputs
        else:
            terms.append(node)
    read = uses[result] != 1 or uses[parameter] != 1
    if result is parameter or read or terms.count(parameter) != 1:
        return []
    return [term for term in terms if term is not parameter]


def _is_small(term: Node) -> bool:
    if term.op.name != "contract" or not term.dtype.is_float:
        return False
    spec = term.attributes["spec"]
    return math.prod(spec.sizes[letter] for letter in spec.summed) <= MOST


def _total(plan: Plan, scan: Node, index: int) -> Node:
    """The initial value and the contractions over all turns."""
    total = scan.inputs[scan.attributes["constants"] + index]
    for term in plan.sums[index]:
        total = total + _over_turns(term, plan, scan)
    return total


def _over_turns(term: Node, plan: Plan, scan: Node) -> Node:
    spec, turn = term.attributes["spec"], len(term.attributes["spec"].sizes)
    operands, dimensions = [], []
    for x, described in zip(term.inputs, (spec.left, spec.right), strict=True):
        stacked, varies = _stacked(x, plan, scan)
        operands.append(stacked)
        dimensions.append((Dimension(((turn, 1),)), *described) if varies else described)
    left, right = dimensions
    sizes = (*spec.sizes, scan.attributes["length"])
    return make("contract", *operands, spec=spec._replace(sizes=sizes, left=left, right=right))


def _stacked(x: Node, plan: Plan, scan: Node) -> tuple[Node, bool]:
    """An operand for all turns, and whether it varies with them."""
    if x in plan.places:
        return pick(scan, plan.places[x]), True
    number = plan.body.parameters.index(x)
    return scan.inputs[number], number >= scan.attributes["constants"]

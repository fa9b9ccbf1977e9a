"""Derivatives of cond, checkpoint and custom_gradient. Adds their rows to the table of
`autodiff.rules`.
"""

from __future__ import annotations

from chainrule.autodiff.forward import tangents
from chainrule.autodiff.reverse import gradients
from chainrule.autodiff.rules import TABLE, Cotangents, Rule, fresh, only, or_zeros, zeros
from chainrule.errors import TraceError
from chainrule.ir.closure import influenced
from chainrule.ir.node import Graph, Node, make, pick, substitute, unique

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
        seeds = fresh(outputs, "cotangent")
        found = iter(gradients(outputs, seeds, only(branch.parameters, needed[1:])))
        inside.append([*branch.parameters, *seeds])
        slopes.append([next(found) if need else None for need in needed[1:]])
    operands = [*node.inputs[1:], *[cotangents[place] for place in given]]
    return [None, *_chosen(node.inputs[0], operands, inside, slopes)]


def _cond_push(node: Node, given: Cotangents) -> Cotangents:
    active = [tangent is not None for tangent in given[1:]]
    inside, slopes = [], []
    for branch in _branches(node):
        parameters = only(branch.parameters, active)
        seeds = fresh(parameters, "tangent")
        inside.append([*branch.parameters, *seeds])
        slopes.append(tangents(branch.outputs, dict(zip(parameters, seeds, strict=True))))
    return _chosen(node.inputs[0], [*node.inputs[1:], *only(given[1:], active)], inside, slopes)


# ---- checkpoint ----


def _checkpoint_pull(node: Node, cotangents: Cotangents, needed: list[bool]) -> Cotangents:
    """The body once more, on inputs that wait for a cotangent, so that it is not merged with the
    forward pass.
    """
    body = node.attributes["body"]
    token = next(cotangent for cotangent in cotangents if cotangent is not None)
    later = [make("after", child, token, serial=unique()) for child in node.inputs]
    outputs = substitute(body.outputs, dict(zip(body.parameters, later, strict=True)))
    found = iter(gradients(outputs, cotangents, only(later, needed)))
    return [next(found) if need else None for need in needed]


def _checkpoint_push(node: Node, given: Cotangents) -> Cotangents:
    body, active = node.attributes["body"], [tangent is not None for tangent in given]
    parameters = only(body.parameters, active)
    seeds = fresh(parameters, "tangent")
    slopes = tangents(body.outputs, dict(zip(parameters, seeds, strict=True)))
    graph = Graph([*body.parameters, *seeds], [slope for slope in slopes if slope is not None])
    results = make("checkpoint", *node.inputs, *only(given, active), body=graph)
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
    slopes = [slope for slope in found if slope is not None]
    if not influenced(slopes, seeds).isdisjoint(slopes):
        raise TraceError(
            "jvp",
            f"the rule of the custom_gradient at {node.origin} is not linear in its cotangents",
            "forward mode transposes the rule",
            "use reverse mode (cr.grad, cr.vjp)",
        )
    # A loop of the rule may still take them, for results that nobody uses.
    slopes = substitute(slopes, {seed: zeros(seed) for seed in seeds})
    return [None if slope is None else slopes.pop(0) for slope in found]


TABLE.update(
    {
        "cond": Rule(_cond_pull, _cond_push),
        "checkpoint": Rule(_checkpoint_pull, _checkpoint_push),
        "custom_gradient": Rule(_custom_pull, _custom_push),
    }
)

"""Batching of the primitives with a body. Adds their rows to the table of `autodiff.batch`.

A value carried from turn to turn becomes a batch as soon as one turn makes it one; which ones, is
found by trying.
"""

from __future__ import annotations

from chainrule.autodiff.batch import TABLE, Batched, batch_body, spread
from chainrule.ir.node import (
    Graph,
    Node,
    broadcast_to,
    make,
    permute,
    pick,
    reduce_sum,
    reshape,
    substitute,
)


def _picks(node: Node, flags: list[bool]) -> Batched:
    return [(pick(node, index), flag) for index, flag in enumerate(flags)]


def _swapped(node: Node) -> Node:
    """The first two axes exchanged: a scan slices axis 0, a batch lies along it."""
    return permute(node, (1, 0, *range(2, node.rank)))


def _carried_flags(
    body: Graph, flags: list[bool], carried: slice, size: int
) -> tuple[list[bool], list[Node], Batched]:
    """The flags of all parameters when no carried value changes between turns, and the body for
    them.
    """
    while True:
        parameters, results = batch_body(body, flags, size)
        grown = list(flags)
        for place, (_, flag) in zip(range(*carried.indices(len(flags))), results):
            grown[place] = flags[place] or flag
        if grown == flags:
            return flags, parameters, results
        flags = grown


def _scan(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Batched:
    constants, carried = node.attributes["constants"], node.attributes["carried"]
    sliced = constants + carried
    given = flags
    flags, parameters, results = _carried_flags(
        node.attributes["body"], flags, slice(constants, sliced), size
    )
    outputs = [
        spread(*results[place], size) if flags[constants + place] else results[place][0]
        for place in range(carried)
    ]
    outputs += [value for value, _ in results[carried:]]
    operands = [
        spread(child, was, size) if flag else child
        for child, was, flag in zip(inputs, given, flags, strict=True)
    ]
    operands[sliced:] = [
        _swapped(child) if flag else child
        for child, flag in zip(operands[sliced:], flags[sliced:], strict=True)
    ]
    loop = make("scan", *operands, **(node.attributes | {"body": Graph(parameters, outputs)}))
    picks = _picks(loop, flags[constants:sliced] + [flag for _, flag in results[carried:]])
    stacked = [
        (_swapped(value), True) if flag else (value, False) for value, flag in picks[carried:]
    ]
    return picks[:carried] + stacked


def _while(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Batched:
    """If the examples disagree about another turn, those that are done keep their values."""
    condition, body = node.attributes["condition"], node.attributes["body"]
    constants = node.attributes["constants"]
    carried = slice(constants, len(inputs))
    given = flags
    flags, parameters, results = _carried_flags(body, flags, carried, size)
    tests, ((test, divided),) = batch_body(condition, flags, size)
    if divided:
        flags = [*flags[:constants], *[True] * (len(flags) - constants)]
        parameters, results = batch_body(body, flags, size)
        tests, ((test, _),) = batch_body(condition, flags, size)
    outputs = [
        spread(*result, size) if flag else result[0]
        for result, flag in zip(results, flags[constants:], strict=True)
    ]
    if divided:
        (going,) = substitute([test], dict(zip(tests, parameters, strict=True)))
        outputs = [
            _choose(going, new, old)
            for new, old in zip(outputs, parameters[constants:], strict=True)
        ]
        test = make("max", test, axes=(0,))
    operands = [
        spread(child, was, size) if flag else child
        for child, was, flag in zip(inputs, given, flags, strict=True)
    ]
    loop = make(
        "while",
        *operands,
        condition=Graph(tests, [test]),
        body=Graph(parameters, outputs),
        constants=constants,
    )
    return _picks(loop, flags[constants:])


def _choose(condition: Node, x: Node, y: Node) -> Node:
    """`where` with one condition an example."""
    condition = reshape(condition, (*condition.shape, *[1] * (x.rank - 1)))
    return make("where", broadcast_to(condition, x.shape), x, y)


def _cond(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Batched:
    """One predicate for all examples chooses a batched branch; one for each chooses between both
    results.
    """
    branches = (node.attributes["then"], node.attributes["otherwise"])
    if flags[0]:
        return _select(branches, inputs, flags, size)
    traced = [batch_body(branch, flags[1:], size) for branch in branches]
    either = [a or b for (_, a), (_, b) in zip(traced[0][1], traced[1][1], strict=True)]
    then, otherwise = (
        Graph(
            parameters,
            [
                spread(*result, size) if flag else result[0]
                for result, flag in zip(results, either, strict=True)
            ],
        )
        for parameters, results in traced
    )
    return _picks(make("cond", *inputs, then=then, otherwise=otherwise), either)


def _select(
    branches: tuple[Graph, Graph], inputs: list[Node], flags: list[bool], size: int
) -> Batched:
    values = []
    for branch in branches:
        parameters, results = batch_body(branch, flags[1:], size)
        outputs = [spread(*result, size) for result in results]
        values.append(substitute(outputs, dict(zip(parameters, inputs[1:], strict=True))))
    return [(_choose(inputs[0], x, y), True) for x, y in zip(*values, strict=True)]


def _checkpoint(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Batched:
    parameters, results = batch_body(node.attributes["body"], flags, size)
    body = Graph(parameters, [value for value, _ in results])
    return _picks(make("checkpoint", *inputs, body=body), [flag for _, flag in results])


def _custom_gradient(node: Node, inputs: list[Node], flags: list[bool], size: int) -> Batched:
    """The rule is batched too; an argument that was one for all examples gets the sum of their
    cotangents.
    """
    count, rule = node.attributes["count"], node.attributes["rule"]
    arguments = flags[count : count + len(rule.outputs)]
    residuals = flags[count + len(rule.outputs) :]
    parameters, results = batch_body(rule, [*flags[:count], *residuals], size)
    outputs = [
        spread(value, flag, size) if wanted else reduce_sum(value, (0,)) if flag else value
        for (value, flag), wanted in zip(results, arguments, strict=True)
    ]
    batched = make("custom_gradient", *inputs, count=count, rule=Graph(parameters, outputs))
    return _picks(batched, flags[:count])


TABLE.update(
    {
        "scan": _scan,
        "while": _while,
        "cond": _cond,
        "checkpoint": _checkpoint,
        "custom_gradient": _custom_gradient,
    }
)

"""Functions whose derivative is computed in another way: custom_gradient, checkpoint. Receives and
hands on functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from chainrule import tree
from chainrule.autodiff.rules import or_zeros
from chainrule.errors import ArgumentError
from chainrule.frontend import trace
from chainrule.frontend.apply import apply
from chainrule.frontend.bodies import closed, record, resolve
from chainrule.frontend.box import node_of
from chainrule.frontend.lift import lift
from chainrule.frontend.nesting import tensors
from chainrule.frontend.tensor import OPERANDS, Tensor
from chainrule.ir.closure import close
from chainrule.ir.node import Graph, Node, variable
from chainrule.transforms.derivatives import like


def checkpoint(f: Callable) -> Callable:
    """`f`, but the backward pass computes its inner values again instead of keeping them (B-027).

    Its results are kept. Values are not known inside: use cr.cond and cr.scan there, as under jit.

    >>> cr.grad(cr.checkpoint(lambda x: cr.sum(cr.sin(x))))(cr.asarray([0.0]))
    Tensor([1.], dtype=float32)
    """

    @wraps(f, updated=())
    def checkpointed(*arguments: Any, **keywords: Any) -> Any:
        if trace.state.level is None:
            return f(*arguments, **keywords)
        body = record("checkpoint", lambda: f(*arguments, **keywords), [], lambda _: ())
        finals = [body.boxes[box].final for box in body.assigned]
        outputs = resolve(body, [*body.outputs, *finals])
        captured, (graph,) = closed([([], outputs)], whole=(body,))
        results = list(apply("checkpoint", *tensors(captured), body=graph))
        count = len(body.outputs)
        for box, value in zip(body.assigned, results[count:], strict=True):
            box.assign(value)
        return tree.unflatten(body.structure, results[:count])

    return checkpointed


def custom_gradient(f: Callable) -> Callable:
    """A function with a derivative of its own: `f(*args)` returns (result, rule).

    `rule(cotangent)` returns the cotangents of the arguments: one for one argument, else a tuple,
    with None for zero. It takes one cotangent an element if `result` is a tuple. Forward mode
    transposes it.

    >>> @cr.custom_gradient
    ... def clipped(x):
    ...     return x, lambda g: cr.clip(g, -1.0, 1.0)
    >>> cr.grad(lambda x: clipped(x) * 5.0)(cr.asarray(2.0))
    Tensor(1., dtype=float32)
    """

    @wraps(f, updated=())
    def customized(*arguments: Any) -> Any:
        arguments = tree.replace(_lifted, arguments)
        made = f(*arguments)
        if not (isinstance(made, tuple) and len(made) == 2 and callable(made[1])):
            raise ArgumentError(
                "custom_gradient",
                f"the function returned a {type(made).__name__}",
                "it says how to differentiate",
                "return (result, rule)",
            )
        result, rule = made
        return result if trace.state.level is None else _attach(result, rule, arguments)

    return customized


def _lifted(leaf: Any) -> Any:
    return lift(leaf, "custom_gradient") if isinstance(leaf, OPERANDS) else leaf


def _attach(result: Any, rule: Callable, arguments: tuple) -> Any:
    """The result, connected to the arguments by the rule alone."""
    leaves, structure = tree.flatten(result)
    leaves = [lift(leaf, "custom_gradient") for leaf in leaves]
    seeds = [variable(node_of(leaf).spec, "cotangent") for leaf in leaves]
    given = tree.unflatten(structure, [Tensor(None, seed) for seed in seeds])
    found = rule(*given) if structure.kind is tuple else rule(given)
    floats, cotangents = _matched(found, arguments)
    captured, variables, outputs = close(cotangents, seeds)
    results = apply(
        "custom_gradient",
        *leaves,
        *floats,
        *tensors(captured),
        count=len(leaves),
        rule=Graph([*seeds, *variables], outputs),
    )
    return tree.unflatten(structure, results)


def _matched(found: Any, arguments: Sequence[Any]) -> tuple[list[Tensor], list[Node]]:
    """The float leaves of the arguments and a cotangent for each. Raises where the rule gave
    others.
    """
    found = (found,) if len(arguments) == 1 else found
    if not isinstance(found, tuple) or len(found) != len(arguments):
        raise ArgumentError(
            "custom_gradient",
            f"the rule returned a {type(found).__name__} for {len(arguments)} arguments",
            "each argument needs its cotangent",
            "return a tuple with one entry an argument, None for zero",
        )
    floats, cotangents = [], []
    for argument, given in zip(arguments, found, strict=True):
        leaves = [x for x in tree.leaves(argument) if isinstance(x, Tensor) and x.dtype.is_float]
        parts = tree.leaves(given) if given is not None else [None] * len(leaves)
        if len(parts) != len(leaves):
            raise ArgumentError(
                "custom_gradient",
                f"the rule gave {len(parts)} cotangents for an argument with {len(leaves)} floats",
                "each needs its own",
            )
        for leaf, part in zip(leaves, parts, strict=True):
            floats.append(leaf)
            cotangent = None if part is None else like(part, leaf, "custom_gradient", "cotangent")
            cotangents.append(or_zeros(cotangent, leaf))
    return floats, cotangents

"""Derivatives of functions: receives a user's function, records it, and hands on a function of its
derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from chainrule import tree
from chainrule.autodiff.forward import pushforward
from chainrule.autodiff.reverse import gradients
from chainrule.autodiff.rules import or_zeros
from chainrule.errors import ArgumentError, DTypeError, ShapeError, TraceError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.lift import cast, lift
from chainrule.frontend.nesting import Stand, flat_nodes, outermost, standing, tensors
from chainrule.frontend.tensor import OPERANDS
from chainrule.ir.node import Node, constant, mark, substitute, topological, variable


class Differentiated:
    """Arguments whose float leaves have marks for nodes, and the trees that the leaves came from.
    """

    def __init__(
        self, arguments: list, groups: list[list[Stand | None]], structures: list[tree.Structure]
    ) -> None:
        self.arguments, self.groups, self.structures = arguments, groups, structures
        self.stands = [stand for group in groups for stand in group if stand is not None]

    @property
    def marks(self) -> list[Node]:
        return [stand.node for stand in self.stands]

    def zeros_for_none(self, found: Sequence[Node | None]) -> list[Node]:
        return [or_zeros(node, mark) for node, mark in zip(found, self.marks, strict=True)]

    def trees(self, leaves: Sequence[Any]) -> tuple:
        """One tree a differentiated argument, with a leaf where the argument has a float, else
        None.
        """
        pending = iter(leaves)
        return tuple(
            tree.unflatten(
                structure, [next(pending) if stand is not None else None for stand in group]
            )
            for structure, group in zip(self.structures, self.groups, strict=True)
        )


def _marked(leaf: Any) -> Stand | None:
    """A float leaf under a mark: derivatives are taken with respect to this use of it alone."""
    if not isinstance(leaf, OPERANDS):
        return None
    tensor = lift(leaf, "grad")
    if not tensor.dtype.is_float:
        return None
    node = mark(node_of(tensor))
    if tensor._value is not None:
        trace.state.session.values[node] = tensor._value
    return Stand(tensor, node)


@contextmanager
def differentiated(arguments: Sequence[Any], numbers: Sequence[int]) -> Iterator[Differentiated]:
    """Inside, boxes among the arguments numbered `numbers` hold their marks."""
    changed, groups = list(arguments), []
    with ExitStack() as stack:
        for number in numbers:
            place = standing(arguments[number], _marked, keep_values=True)
            changed[number], stands = stack.enter_context(place)
            groups.append(stands)
        yield Differentiated(
            changed, groups, [tree.flatten(arguments[number])[1] for number in numbers]
        )


def numbers_of(argnums: int | Sequence[int], arguments: Sequence[Any]) -> list[int]:
    """The places of the differentiated arguments. Raises where one is missing or has nothing to
    differentiate.
    """
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for place, number in enumerate(numbers):
        if not -len(arguments) <= number < len(arguments):
            raise ArgumentError(
                "grad",
                f"argnums={argnums!r}, but the function got {len(arguments)} positional arguments",
                "",
                "differentiated arguments must be passed by position",
            )
        numbers[place] = number % len(arguments)
        _check_differentiable(arguments[number], number)
    return numbers


def _check_differentiable(argument: Any, number: int) -> None:
    leaves = [lift(leaf, "grad") for leaf in tree.leaves(argument) if isinstance(leaf, OPERANDS)]
    if any(leaf.dtype.is_float for leaf in leaves):
        return
    kinds = ", ".join(sorted({leaf.dtype.name for leaf in leaves})) or type(argument).__name__
    raise DTypeError(
        "grad",
        f"argument {number} holds no floats ({kinds})",
        "only floats have derivatives",
        "pass floats (2.0 for 2, cr.astype for arrays), or choose another argument with argnums",
    )


def _loss_node(loss: Any, has_aux: bool) -> Node:
    """The result of a function given to `grad` as a node. Raises where it is not one float."""
    if not isinstance(loss, OPERANDS):
        cure = (
            "return (loss, extras)"
            if has_aux
            else "return the loss alone, or pass has_aux=True to return (loss, extras)"
        )
        raise TraceError(
            "grad",
            f"the function returned a {type(loss).__name__}",
            "a gradient needs one number",
            cure,
        )
    loss = lift(loss, "grad")
    given = f"the function returned {loss.dtype.name}{list(loss.shape)}"
    if loss.shape:
        raise ShapeError(
            "grad",
            given,
            "a gradient needs one number",
            "reduce it with cr.mean or cr.sum, or use cr.jacobian or cr.vjp",
        )
    if not loss.dtype.is_float:
        raise DTypeError("grad", given, "only floats have derivatives", "return a float loss")
    return node_of(loss)


def value_and_grad(
    f: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable:
    """The function that returns (value, gradient) of `f`, whose result is one float.

    The gradient has the tree of argument `argnums`, of a module a dict by path, and each leaf the
    shape and dtype of its parameter (B-019); for several, it is a tuple. With `has_aux`, `f`
    returns (value, extras), and so does the result: ((value, extras), gradient).

    >>> cr.value_and_grad(lambda x: cr.sum(x * x))(cr.asarray([1.0, 2.0]))
    (Tensor(5., dtype=float32), Tensor([2., 4.], dtype=float32))
    """

    def record(arguments: tuple, keywords: dict) -> tuple:
        numbers = numbers_of(argnums, arguments)
        with trace.level("grad", differentiates=True), differentiated(arguments, numbers) as inputs:
            result = f(*inputs.arguments, **keywords)
            if has_aux and not (isinstance(result, tuple) and len(result) == 2):
                raise TraceError(
                    "grad",
                    f"the function returned a {type(result).__name__}",
                    "with has_aux=True it must return two things",
                    "return (loss, extras)",
                )
            node = _loss_node(result[0] if has_aux else result, has_aux)
            found = inputs.zeros_for_none(
                gradients([node], [constant(1, node.dtype)], inputs.marks)
            )
            value, *leaves = tensors([node, *found])
        trees = inputs.trees(leaves)
        return (value, result[1]) if has_aux else value, trees[0] if isinstance(
            argnums, int
        ) else trees

    @wraps(f, updated=())
    def derivative(*arguments: Any, **keywords: Any) -> tuple:
        return outermost(lambda: record(arguments, keywords))

    return derivative


def grad(f: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable:
    """The gradient of `f`, whose result is one float (A-266); with `has_aux`, (gradient, extras).

    `f` is any program of tensors, not only a network (B-013). What was broadcast gets the sum over
    its copies: a bias the sum over the batch (B-020).

    >>> cr.grad(lambda x: cr.sum(x * x))(cr.asarray([1.0, 2.0]))
    Tensor([2., 4.], dtype=float32)
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f, updated=())
    def derivative(*arguments: Any, **keywords: Any) -> Any:
        value, gradient = both(*arguments, **keywords)
        return (gradient, value[1]) if has_aux else gradient

    return derivative


def like(given: Any, partner: Any, where: str, what: str) -> Node:
    """A tangent or cotangent as a node, cast to the dtype of its partner. Raises ShapeError for
    another shape.
    """
    tensor = lift(given, where, wide=True)
    if tensor.shape != partner.shape:
        raise ShapeError(
            where,
            f"a {what} has shape {list(tensor.shape)}, its partner {list(partner.shape)} "
            f"({trace.user_origin()})",
            "each needs the shape of the value that it belongs to",
        )
    return node_of(cast(tensor, partner.dtype))


def _partners(given: Any, partners: Sequence[Any | None], where: str, what: str) -> list[Node]:
    """The leaves of a tree as nodes, one a partner; leaves where the partner is None are left out.
    """
    leaves, wanted = tree.leaves(given), [partner for partner in partners if partner is not None]
    if len(leaves) == len(partners):
        leaves = [
            leaf for leaf, partner in zip(leaves, partners, strict=True) if partner is not None
        ]
    if len(leaves) != len(wanted):
        raise ArgumentError(
            where,
            f"got {len(leaves)} {what}s for {len(wanted)} values",
            "each float needs its own",
            f"pass the {what}s as a tree of the same structure",
        )
    return [like(leaf, partner, where, what) for leaf, partner in zip(leaves, wanted, strict=True)]


def jvp(f: Callable, primals: Sequence[Any], directions: Sequence[Any]) -> tuple[Any, Any]:
    """(f(*primals), its derivative along `directions`): forward mode, one pass, at the cost of
    about two of `f` (B-003). A Jacobian by columns takes one pass an input.

    >>> cr.jvp(lambda x: x * x, (cr.asarray(3.0),), (cr.asarray(1.0),))
    (Tensor(9., dtype=float32), Tensor(6., dtype=float32))
    """

    def record() -> tuple:
        if len(primals) != len(directions):
            raise ArgumentError(
                "jvp",
                f"got {len(primals)} primals and {len(directions)} tangents",
                "each argument needs its tangent",
            )
        with (
            trace.level("grad", differentiates=True),
            differentiated(primals, range(len(primals))) as inputs,
        ):
            seeds = {}
            for stands, direction in zip(inputs.groups, directions, strict=True):
                partners = [stand.node if stand is not None else None for stand in stands]
                nodes = _partners(direction, partners, "jvp", "tangent")
                seeds.update(
                    zip(
                        [partner for partner in partners if partner is not None], nodes, strict=True
                    )
                )
            outputs, structure = flat_nodes(f(*inputs.arguments), "jvp")
            values, found = pushforward(outputs, seeds)
            found = [or_zeros(slope, value) for slope, value in zip(found, values, strict=True)]
            leaves = tensors([*values, *found])
        count = len(outputs)
        return tree.unflatten(structure, leaves[:count]), tree.unflatten(structure, leaves[count:])

    return outermost(record)


class Pullback:
    """The function from cotangents of the results to cotangents of the arguments. It may be called
    any time.
    """

    def __init__(
        self, inputs: Differentiated, outputs: list[Node], structure: tree.Structure
    ) -> None:
        self._inputs, self._structure = inputs, structure
        self._partners = [
            variable(node.spec, "cotangent") if node.dtype.is_float else None for node in outputs
        ]
        self._variables = [partner for partner in self._partners if partner is not None]
        floats = [node for node in outputs if node.dtype.is_float]
        self._results = inputs.zeros_for_none(gradients(floats, self._variables, inputs.marks))
        # What is known now and needed later: the session forgets its values when it ends.
        values = trace.state.session.values
        unknown = topological(self._results, skip=values.__contains__)
        needed = {child for node in unknown for child in node.inputs}.union(self._results)
        self._known = {node: values[node] for node in needed if node in values}

    def __call__(self, cotangents: Any) -> tuple:
        return outermost(lambda: self._pull(cotangents))

    def _pull(self, cotangents: Any) -> tuple:
        given = _partners(cotangents, self._partners, "vjp", "cotangent")
        trace.state.session.values.update(self._known)
        nodes = substitute(self._results, dict(zip(self._variables, given, strict=True)))
        return self._inputs.trees(tensors(nodes))


def vjp(f: Callable, *primals: Any) -> tuple[Any, Pullback]:
    """(f(*primals), pullback), where `pullback(cotangents)` returns a tuple of cotangents, one an
    argument: reverse mode, J^T v in one pass (B-002). A Jacobian by rows takes one pass an output.

    >>> value, pullback = cr.vjp(lambda x: x * x, cr.asarray([1.0, 2.0]))
    >>> pullback(cr.asarray([1.0, 10.0]))
    (Tensor([ 2., 40.], dtype=float32),)
    """

    def record() -> tuple:
        with (
            trace.level("grad", differentiates=True),
            differentiated(primals, range(len(primals))) as inputs,
        ):
            outputs, structure = flat_nodes(f(*inputs.arguments), "vjp")
            pullback = Pullback(inputs, outputs, structure)
            return tree.unflatten(structure, tensors(outputs)), pullback

    return outermost(record)

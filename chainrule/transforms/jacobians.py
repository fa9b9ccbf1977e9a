"""Matrices of derivatives: jacobian, hessian, and the product hvp. Receives functions; hands on
functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from chainrule import tree
from chainrule.autodiff.batch import batch, spread
from chainrule.autodiff.forward import tangents
from chainrule.autodiff.reverse import gradients
from chainrule.autodiff.rules import or_zeros
from chainrule.dtypes import int64
from chainrule.errors import DTypeError
from chainrule.frontend import trace
from chainrule.frontend.nesting import flat_nodes, outermost, tensors
from chainrule.ir.node import Node, broadcast_to, cast, make, permute, reshape, variable
from chainrule.transforms.derivatives import differentiated, grad, jvp, numbers_of


def _basis(like: Node) -> Node:
    """All arrays of this spec with a single 1, stacked along a new first axis."""
    places = make("iota", size=like.size, dtype=int64)
    rows = broadcast_to(reshape(places, (like.size, 1)), (like.size, like.size))
    columns = broadcast_to(places, (like.size, like.size))
    return reshape(cast(make("equal", rows, columns), like.dtype), (like.size, *like.shape))


def _by_columns(outputs: list[Node], marks: list[Node]) -> list[list[Node]]:
    """Forward mode: one direction an element of the input; d output / d mark for each output and
    mark.
    """
    columns = []
    for mark in marks:
        seed = variable(mark.spec, "tangent")
        found = [
            or_zeros(node, output)
            for node, output in zip(tangents(outputs, {mark: seed}), outputs, strict=True)
        ]
        stacked = [
            spread(*result, mark.size) for result in batch(found, {seed: _basis(mark)}, mark.size)
        ]
        columns.append(
            [
                reshape(permute(node, (*range(1, node.rank), 0)), (*output.shape, *mark.shape))
                for node, output in zip(stacked, outputs, strict=True)
            ]
        )
    return [list(row) for row in zip(*columns, strict=True)]


def _by_rows(outputs: list[Node], marks: list[Node]) -> list[list[Node]]:
    """Reverse mode: one cotangent an element of the output."""
    rows = []
    for output in outputs:
        seed = variable(output.spec, "cotangent")
        found = [
            or_zeros(node, mark)
            for node, mark in zip(gradients([output], [seed], marks), marks, strict=True)
        ]
        stacked = [
            spread(*result, output.size)
            for result in batch(found, {seed: _basis(output)}, output.size)
        ]
        rows.append(
            [
                reshape(node, (*output.shape, *mark.shape))
                for node, mark in zip(stacked, marks, strict=True)
            ]
        )
    return rows


def jacobian(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """All derivatives of the results of `f` by the elements of argument `argnums`: shape (*result,
    *argument), for derivatives by numbers, vectors and matrices alike (B-006, A-266).

    It takes forward mode where the arguments have no more elements than the results, else reverse
    mode (B-004).

    >>> cr.jacobian(lambda x: x * x)(cr.asarray([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]], dtype=float32)
    """

    def matrix(arguments: tuple, keywords: dict) -> Any:
        numbers = numbers_of(argnums, arguments)
        with trace.level("grad", differentiates=True), differentiated(arguments, numbers) as inputs:
            outputs, structure = flat_nodes(f(*inputs.arguments, **keywords), "jacobian")
            for output in outputs:
                if not output.dtype.is_float:
                    raise DTypeError(
                        "jacobian",
                        f"the function returned {output.dtype.name}{list(output.shape)}",
                        "only floats have derivatives",
                        "cast it, or do not return it",
                    )
            wide = sum(math.prod(mark.shape) for mark in inputs.marks) > sum(
                node.size for node in outputs
            )
            rows = (_by_rows if wide else _by_columns)(outputs, inputs.marks)
            leaves = tensors([node for row in rows for node in row])
        width = len(inputs.marks)
        trees = [
            inputs.trees(leaves[start : start + width]) for start in range(0, len(leaves), width)
        ]
        return tree.unflatten(structure, [t[0] if isinstance(argnums, int) else t for t in trees])

    @wraps(f, updated=())
    def derivative(*arguments: Any, **keywords: Any) -> Any:
        return outermost(lambda: matrix(arguments, keywords))

    return derivative


def hessian(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """All second derivatives of `f`, whose result is one float: shape (*argument, *argument)
    (A-073, A-266, B-005).

    >>> cr.hessian(lambda x: cr.sum(x * x * x))(cr.asarray([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]], dtype=float32)
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable, x: Any, v: Any) -> Any:
    """The Hessian of `f` at `x` times `v`, at the cost of a few gradients: forward over reverse
    mode (B-005).

    >>> cr.hvp(lambda x: cr.sum(x * x * x), cr.asarray([1.0, 2.0]), cr.asarray([1.0, 1.0]))
    Tensor([ 6., 12.], dtype=float32)
    """
    return jvp(grad(f), (x,), (v,))[1]

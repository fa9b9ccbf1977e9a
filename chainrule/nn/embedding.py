"""Embeddings: receive whole numbers, hand on a trained vector for each."""

from __future__ import annotations

from typing import Any

from chainrule.dtypes import default_float, of
from chainrule.errors import ArgumentError, DTypeError, IndexingError
from chainrule.frontend.functions.indexing import take
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import matrix_transpose
from chainrule.frontend.functions.network import stop_gradient
from chainrule.frontend.lift import lift
from chainrule.frontend.tensor import Tensor
from chainrule.nn import init as inits
from chainrule.nn.calls import here
from chainrule.nn.module import Module, Parameter


class Embedding(Module):
    """weight[ids], a row of (num_embeddings, embedding_dim) for each id: from (...) to (..., dim).

    weight starts normal with mean 0 and variance 1, as in PyTorch, or as `init` says; the row
    `padding_idx` starts at 0 and has no gradient. Raises IndexingError, naming the path of the
    layer, for ids out of range; where they are not known, in compiled functions, negative ones
    count from the end and the rest is clamped. (A-164)

    >>> cr.nn.Embedding(10, 4, padding_idx=0)(cr.asarray([[1, 2, 0]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        init: inits.Init | None = None,
        dtype: Any = None,
    ) -> None:
        if min(num_embeddings, embedding_dim) < 1 or not (
            padding_idx is None or 0 <= padding_idx < num_embeddings
        ):
            raise ArgumentError(
                "Embedding",
                f"got {num_embeddings=}, {embedding_dim=} and {padding_idx=}",
                "each id has a vector, padding too",
                "pass positive sizes and an id for padding",
            )
        kind = default_float() if dtype is None else of(dtype)
        weight = (init or inits.normal())((num_embeddings, embedding_dim), kind)
        self.padding_idx = padding_idx
        self.weight = Parameter(weight if padding_idx is None else weight.at[padding_idx].set(0))

    def __call__(self, ids: Tensor) -> Tensor:
        ids = lift(ids, "Embedding")
        _check_ids(ids, self.weight.shape[0])
        vectors = take(self.weight, ids, axis=0)
        if self.padding_idx is None:
            return vectors
        padding = (ids == self.padding_idx)[..., None]
        return where(padding, stop_gradient(vectors), vectors)

    def attend(self, x: Tensor) -> Tensor:
        """x @ weight.T, the logits of all ids for x (..., embedding_dim): an output head that
        shares its weight with the embedding (Press and Wolf 2017). (A-168, A-171)

        >>> embedding = cr.nn.Embedding(10, 4)
        >>> cr.softmax(embedding.attend(cr.ones((2, 4)))).shape
        (2, 10)
        """
        return matmul(x, matrix_transpose(self.weight))


def _check_ids(ids: Tensor, count: int) -> None:
    """Raise unless they are integers and, where they are known, in range."""
    if not ids.dtype.is_integer:
        raise DTypeError(
            here(), f"ids are {ids.dtype.name}", "they count vectors", "cast them to an integer"
        )
    if ids._value is None or not ids.size:
        return
    low, high = ids._value.min(), ids._value.max()
    if low < 0 or high >= count:
        raise IndexingError(
            here(),
            f"ids run from {low} to {high}",
            f"{count} vectors are numbered 0 to {count - 1}",
            "check the vocabulary, or build the layer with more vectors",
        )

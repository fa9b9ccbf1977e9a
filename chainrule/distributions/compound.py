"""Vectors and mixtures: receive parameters or other distributions; hand on draws and densities."""

from __future__ import annotations

import math

from chainrule.distributions.base import Distribution, vectors
from chainrule.distributions.classes import Categorical
from chainrule.distributions.sampling import keys
from chainrule.errors import ArgumentError, ShapeError
from chainrule.frontend import random
from chainrule.frontend.functions.elementary import log
from chainrule.frontend.functions.elementwise import square
from chainrule.frontend.functions.indexing import take_along_axis
from chainrule.frontend.functions.linear_algebra import diagonal, matmul
from chainrule.frontend.functions.manipulation import matrix_transpose
from chainrule.frontend.functions.matrices import cholesky, inv, matrices
from chainrule.frontend.functions.reductions import logsumexp, sum
from chainrule.frontend.lift import Operand, broadcast_shape, promoted_floats, spread, unboxed
from chainrule.frontend.tensor import Tensor


class MultivariateNormal(Distribution):
    """Normal vectors of mean `loc` (..., n) and covariance (..., n, n), or its Cholesky factor
    `scale_tril`, which is what is kept.

    log_prob = -(|inv(L) (x - loc)|**2 + n log(2 pi)) / 2 - sum(log diagonal(L)). Raises
    MatrixError where the covariance is not positive definite.

    >>> normal = cr.distributions.MultivariateNormal(cr.asarray([0.0, 0.0]), 4 * cr.eye(2))
    >>> normal.log_prob(cr.asarray([0.0, 2.0]))
    Tensor(-3.7241714, dtype=float32)
    """

    def __init__(
        self,
        loc: Operand,
        covariance: Operand | None = None,
        *,
        scale_tril: Operand | None = None,
    ) -> None:
        where_used = "MultivariateNormal"
        if (covariance is None) == (scale_tril is None):
            raise ArgumentError(
                where_used, "got neither or both of covariance and scale_tril", "one is needed"
            )
        given = covariance if scale_tril is None else scale_tril
        loc, matrix = promoted_floats(where_used, vectors(where_used, loc), given)
        matrix = matrices(matrix, where_used, square=True)
        if matrix.shape[-1] != loc.shape[-1]:
            raise ShapeError(
                where_used,
                f"loc has shape {list(loc.shape)}, the matrix {list(matrix.shape)}",
                "the matrix has a row and a column for each element",
            )
        factor = cholesky(matrix) if scale_tril is None else matrix
        batch = broadcast_shape(where_used, [loc.shape[:-1], matrix.shape[:-2]])
        self.loc = unboxed(spread(loc, (*batch, *loc.shape[-1:])))
        self.scale_tril = unboxed(spread(factor, (*batch, *factor.shape[-2:])))

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.loc.shape[:-1]

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.loc.shape[-1:]

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return sum(square(self.scale_tril), axis=-1)

    @property
    def covariance(self) -> Tensor:
        """scale_tril @ its transpose."""
        return matmul(self.scale_tril, matrix_transpose(self.scale_tril))

    def entropy(self) -> Tensor:
        n = self.event_shape[0]
        return 0.5 * n * math.log(2 * math.pi * math.e) + self.log_det()

    def log_prob(self, x: Operand) -> Tensor:
        n = self.event_shape[0]
        squares = sum(square(self.whitened(self._lifted(x) - self.loc)), axis=-1)
        return -0.5 * (squares + n * math.log(2 * math.pi)) - self.log_det()

    def log_det(self) -> Tensor:
        """The logarithm of the determinant of `scale_tril`."""
        return sum(log(diagonal(self.scale_tril)), axis=-1)

    def whitened(self, step: Tensor) -> Tensor:
        """inv(scale_tril) @ step, for vectors."""
        return _times(inv(self.scale_tril), step)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        noise = random.normal(shape, dtype=self.dtype, key=key)
        return self.loc + _times(self.scale_tril, noise)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    """A stack of matrices times a stack of vectors."""
    return matmul(matrix, vector[..., None])[..., 0]


class Independent(Distribution):
    """The last `axes` axes of a batch as one event: their probabilities are multiplied.

    >>> normal = cr.distributions.Normal(cr.zeros(3), 1.0)
    >>> cr.distributions.Independent(normal).log_prob(cr.zeros(3))
    Tensor(-2.7568154, dtype=float32)
    """

    options = ("axes",)

    def __init__(self, base: Distribution, axes: int = 1) -> None:
        if not 0 <= axes <= len(base.batch_shape):
            raise ArgumentError(
                "Independent", f"axes={axes}", f"the batch has shape {list(base.batch_shape)}"
            )
        self.base, self.axes = base, axes

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return self.base.batch_shape[: len(self.base.batch_shape) - self.axes]

    @property
    def event_shape(self) -> tuple[int, ...]:
        return (*self.base.batch_shape[len(self.batch_shape) :], *self.base.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        return self.base.variance

    @property
    def mode(self) -> Tensor:
        return self.base.mode

    def entropy(self) -> Tensor:
        return self.total(self.base.entropy())

    def log_prob(self, x: Operand) -> Tensor:
        return self.total(self.base.log_prob(x))

    def total(self, x: Tensor) -> Tensor:
        """The sum over the last `axes` axes."""
        return sum(x, axis=tuple(range(-self.axes, 0)))

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        return self.base._draw(shape, key)


class Mixture(Distribution):
    """One of k components, of one family, drawn with the probabilities of a `Categorical`.

    The components are the last axis of their batch. log_prob = logsumexp(log weights + log_prob of
    each). Draws have the gradient of the component that was drawn, but none by the weights.

    >>> halves = cr.distributions.Categorical(cr.asarray([0.5, 0.5]))
    >>> peaks = cr.distributions.Normal(cr.asarray([-2.0, 2.0]), 1.0)
    >>> cr.distributions.Mixture(halves, peaks).variance
    Tensor(5., dtype=float32)
    """

    def __init__(self, weights: Categorical, components: Distribution) -> None:
        if components.batch_shape[-1:] != (weights.classes,):
            raise ShapeError(
                "Mixture",
                f"{weights.classes} weights for components of shape {list(components.batch_shape)}",
                "the last axis counts the components",
            )
        broadcast_shape("Mixture", [weights.batch_shape, components.batch_shape[:-1]])
        self.weights, self.components = weights, components

    @property
    def batch_shape(self) -> tuple[int, ...]:
        shapes = [self.weights.batch_shape, self.components.batch_shape[:-1]]
        return broadcast_shape("Mixture", shapes)

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.components.event_shape

    @property
    def mean(self) -> Tensor:
        return self._average(self.components.mean)

    @property
    def variance(self) -> Tensor:
        apart = square(self.components.mean - self._spread(self.mean))
        return self._average(self.components.variance + apart)

    def log_prob(self, x: Operand) -> Tensor:
        each = self.components.log_prob(self._spread(self._lifted(x)))
        return logsumexp(self.weights.logits + each, axis=-1)

    def cdf(self, x: Operand) -> Tensor:
        return sum(self.weights.probs * self.components.cdf(self._lifted(x)[..., None]), axis=-1)

    def _draw(self, shape: tuple[int, ...], key: Tensor | None) -> Tensor:
        first, second = keys(key, 2)
        batch = shape[: len(shape) - len(self.event_shape)]
        chosen = self.weights._draw(batch, first)
        drawn = self.components._draw((*batch, self.weights.classes, *self.event_shape), second)
        places = chosen.reshape((*batch, 1, *[1] * len(self.event_shape)))
        return take_along_axis(drawn, places, axis=len(batch)).reshape(shape)

    def _spread(self, x: Tensor) -> Tensor:
        """With an axis for the components, in front of those of the event."""
        rank = x.ndim - len(self.event_shape)
        return x.reshape((*x.shape[:rank], 1, *x.shape[rank:]))

    def _average(self, x: Tensor) -> Tensor:
        """Over the components, by weight."""
        weights = self.weights.probs
        weights = weights.reshape(weights.shape + (1,) * len(self.event_shape))
        return sum(weights * x, axis=-1 - len(self.event_shape))

"""Losses of embeddings: receive pairs, triples or views (..., features); hand on a loss that draws
alike ones together and pushes others apart.
"""

from __future__ import annotations

import math

from chainrule.dtypes import bool_
from chainrule.errors import ShapeError
from chainrule.frontend.functions.activation import relu
from chainrule.frontend.functions.creation import eye, iota
from chainrule.frontend.functions.distances import cosine, euclidean
from chainrule.frontend.functions.elementwise import square
from chainrule.frontend.functions.linear_algebra import matmul
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.manipulation import concat, matrix_transpose
from chainrule.frontend.functions.norms import unit
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import Operand
from chainrule.frontend.tensor import Tensor
from chainrule.nn.losses.classification import cross_entropy
from chainrule.nn.losses.reduction import matched, reduced, require


def contrastive(
    first: Operand,
    second: Operand,
    same: Operand,
    *,
    margin: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """same * D**2 + (1 - same) * max(0, margin - D)**2 for the Euclidean distance D.

    Embeddings are (..., features), `same` is 1 for pairs that belong together, else 0, of shape
    (...). Hadsell et al. 2006 halve it, and write 0 for such pairs. At D = 0 the derivative is 0.
    (A-050)

    >>> first, second = cr.asarray([[0.0, 0.0], [0.0, 0.0]]), cr.asarray([[0.6, 0.0], [0.6, 0.0]])
    >>> cr.nn.losses.contrastive(first, second, cr.asarray([1, 0]), reduction="none")
    Tensor([0.36      , 0.15999998], dtype=float32)
    """
    x, y = matched("contrastive", first=first, second=second)
    distance, alike = matched("contrastive", distance=euclidean(x, y), target=same)
    losses = alike * sum(square(x - y), axis=-1) + (1 - alike) * square(relu(margin - distance))
    return reduced("contrastive", losses, sample_weight, reduction)


def triplet(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    *,
    margin: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, D(anchor, positive) - D(anchor, negative) + margin) for the Euclidean distance D.

    Embeddings are (..., features); the margin is PyTorch's, which keeps D from 0 by an epsilon,
    where here the derivative at 0 is 0. (A-051)

    >>> a, p, n = cr.asarray([[0.0]]), cr.asarray([[0.5]]), cr.asarray([[1.25]])
    >>> cr.nn.losses.triplet(a, p, n)
    Tensor(0.25, dtype=float32)
    """
    a, p, n = matched("triplet", anchor=anchor, positive=positive, negative=negative)
    losses = relu(euclidean(a, p) - euclidean(a, n) + margin)
    return reduced("triplet", losses, sample_weight, reduction)


def cosine_embedding(
    first: Operand,
    second: Operand,
    target: Operand,
    *,
    margin: float = 0.0,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos for target 1, max(0, cos - margin) for target -1, by the cosine of the pair.

    Embeddings are (..., features), targets (...). The cosine with a zero vector is 0.

    >>> first, second = cr.asarray([[1.0, 0.0], [1.0, 0.0]]), cr.asarray([[0.0, 2.0], [3.0, 0.0]])
    >>> cr.nn.losses.cosine_embedding(first, second, cr.asarray([1, -1]), reduction="none")
    Tensor([1., 1.], dtype=float32)
    """
    x, y = matched("cosine_embedding", first=first, second=second)
    distance, sign = matched("cosine_embedding", distance=cosine(x, y), target=target)
    losses = where(sign > 0, distance, relu(1 - distance - margin))
    return reduced("cosine_embedding", losses, sample_weight, reduction)


def info_nce(
    queries: Operand,
    keys: Operand,
    *,
    temperature: float = 0.1,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log(exp(cos(q_i, k_i) / T) / sum_j exp(cos(q_i, k_j) / T)): each query finds its own key.

    Both are (n, features); the keys of others are its negatives (van den Oord et al. 2018). The
    temperature T is that of SimCLR. (A-052)

    >>> x = cr.asarray([[1.0, 0.0], [0.0, 1.0]])
    >>> cr.nn.losses.info_nce(x, x, temperature=1.0)
    Tensor(0.31326166, dtype=float32)
    """
    q, k = _views("info_nce", temperature, queries=queries, keys=keys)
    similarity = matmul(q, matrix_transpose(k)) / temperature
    losses = cross_entropy(similarity, iota(q.shape[0]), reduction="none")
    return reduced("info_nce", losses, sample_weight, reduction)


def nt_xent(
    first: Operand,
    second: Operand,
    *,
    temperature: float = 0.1,
    sample_weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log(exp(cos(z_i, z_i+) / T) / sum_{j != i} exp(cos(z_i, z_j) / T)) over 2n views.

    `first` and `second` are two views (n, features) of the same examples; z holds all of them, and
    z_i+ is the other view of z_i. The sum holds this positive and 2n - 2 negatives. Each example
    has one loss, the mean of its two views (Chen et al. 2020, SimCLR). (A-052)

    >>> x = cr.asarray([[1.0, 0.0], [0.0, 1.0]])
    >>> cr.nn.losses.nt_xent(x, x, temperature=1.0)
    Tensor(0.55144465, dtype=float32)
    """
    x, y = _views("nt_xent", temperature, first=first, second=second)
    count, z = x.shape[0], concat([x, y])
    similarity = matmul(z, matrix_transpose(z)) / temperature
    of_others = where(eye(2 * count, dtype=bool_), -math.inf, similarity)
    losses = cross_entropy(of_others, (iota(2 * count) + count) % (2 * count), reduction="none")
    return reduced("nt_xent", 0.5 * (losses[:count] + losses[count:]), sample_weight, reduction)


def _views(loss: str, temperature: float, **given: Operand) -> list[Tensor]:
    """Views (n, features) of length 1."""
    require(
        temperature > 0,
        loss,
        f"temperature is {temperature}",
        "similarities are divided by it",
        "choose temperature > 0",
    )
    views = matched(loss, **given)
    if views[0].ndim != 2 or views[0].shape[0] < 2:
        raise ShapeError(
            loss,
            f"views have shape {list(views[0].shape)}",
            "each is compared with those of other examples",
            "pass (examples, features) of at least two examples",
        )
    return [unit(view) for view in views]

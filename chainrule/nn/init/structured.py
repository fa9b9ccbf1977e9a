"""Initializers that keep lengths: orthogonal matrices and the identity, computed by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.dtypes import float64
from chainrule.frontend import random
from chainrule.frontend.functions.creation import asarray
from chainrule.frontend.tensor import Tensor, concrete
from chainrule.nn.init.plain import Init
from chainrule.nn.init.scaled import fans


def orthogonal(gain: float = 1.0) -> Init:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer.

    Saxe et al. 2014. A kernel counts as a matrix (places * inputs, outputs). Uniform among such
    matrices: the Q of a normal matrix's QR, its signs those of R's diagonal (Mezzadri 2007).

    >>> weight = cr.nn.init.orthogonal()((4, 2), cr.float64)
    >>> np.allclose(weight.T @ weight, np.eye(2))
    True
    """

    def draw(shape: tuple[int, ...], dtype: Any, key: Tensor | None = None) -> Tensor:
        rows, columns = fans(shape)[0], shape[-1]
        size = max(rows, columns), min(rows, columns)
        q, r = np.linalg.qr(concrete(random.normal(size, dtype=float64, key=key)))
        q *= gain * np.copysign(1, np.diag(r))
        return asarray((q if rows >= columns else q.T).reshape(shape), dtype=dtype)

    return draw


def identity(gain: float = 1.0, groups: int = 1) -> Init:
    """Weights that hand each input on as the output of the same number, times `gain`.

    For a matrix PyTorch's eye_; for a kernel, at its centre, dirac_. With groups each group hands
    on its own inputs.

    >>> cr.nn.init.identity()((2, 3), cr.float32)
    Tensor([[1., 0., 0.],
            [0., 1., 0.]], dtype=float32)
    """

    def make(shape: tuple[int, ...], dtype: Any, key: Tensor | None = None) -> Tensor:
        fans(shape, groups)  # Raises for shapes that have no inputs, and for unequal groups.
        weight, centre = np.zeros(shape), tuple(size // 2 for size in shape[:-2])
        weight[centre] = gain * np.tile(np.eye(shape[-2], shape[-1] // groups), groups)
        return asarray(weight, dtype=dtype)

    return make

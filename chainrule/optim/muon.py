"""Muon: receives gradients, hands on matrices turned evenly in all directions, and the rest moved
by AdamW.
"""

from __future__ import annotations

from math import sqrt as root
from types import SimpleNamespace
from typing import Any

from chainrule.frontend.functions.elementwise import maximum
from chainrule.frontend.functions.norms import vector_norm
from chainrule.frontend.stateful import Selection, chooses
from chainrule.frontend.tensor import Tensor
from chainrule.optim.adam import AdamW
from chainrule.optim.base import Factors, Optimizer
from chainrule.optim.hyperparameters import Groups, Rate


class Muon(AdamW):
    """x - rate * c * O for matrices, where O is about the orthogonal matrix next to the momentum.

    m = b m + (1 - b) g, or with `nesterov` b m + (1 - b) g again, has its singular values brought
    near 1 by 5 steps of a Newton-Schulz iteration (Jordan et al. 2024). c = sqrt(max(1, outputs /
    inputs)), or with `match_rms` 0.2 sqrt(max(outputs, inputs)), steps as large as AdamW's (Liu et
    al. 2025). What `where` selects is a matrix, all of two axes if it is None; embeddings and the
    last layer belong to the rest. All decay is decoupled. PyTorch's formulas and defaults, in the
    dtype of x instead of bfloat16.

    >>> model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.tanh, cr.nn.Linear(8, 2))
    >>> groups = {cr.optim.vectors: {"learning_rate": 1e-3}}
    >>> optimizer = cr.optim.Muon(model, 0.02, groups=groups, where="layers.0.weight")
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 1e-3,
        momentum: Rate = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
        groups: Groups = None,
        *,
        match_rms: bool = False,
        where: Selection = None,
        betas: tuple[Rate, Rate] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        numbers = {"momentum": momentum, "betas": betas, "eps": eps}
        Optimizer.__init__(self, parameters, learning_rate, weight_decay, groups, **numbers)
        self.nesterov, self.match_rms = nesterov, match_rms
        self.bias_correction, self.largest = True, None
        chosen = [path for path, x in self.parameters.items() if x.ndim == 2]
        self.matrices = tuple([p for p in chosen if chooses(where, p, self.parameters[p])])
        self.m = self.zeros()
        self.v = {path: v for path, v in self.zeros().items() if path not in self.matrices}

    def factors(self, now: SimpleNamespace, step: Tensor) -> Factors:
        b = now.momentum
        return now.learning_rate, b, 1 - b, *super().factors(now, step)

    def new_value(self, path: str, x: Tensor, g: Tensor, factors: Factors) -> Tensor:
        rate, b, c, *adam = factors
        if path not in self.matrices:
            return super().new_value(path, x, g, tuple(adam))
        m = b * self.m[path] + c * g
        self.m[path].assign(m)
        ahead = b * m + c * g if self.nesterov else m
        return x - rate * self._scale(*x.shape) * orthogonalized(ahead)

    def _scale(self, inputs: int, outputs: int) -> float:
        return (
            0.2 * root(max(inputs, outputs)) if self.match_rms else root(max(1, outputs / inputs))
        )


def orthogonalized(x: Tensor, steps: int = 5, eps: float = 1e-7) -> Tensor:
    """x with singular values from about 0.7 to 1.2 in place of its own, however small they are.

    Each step maps a singular value s to a s + b s**3 + c s**5; the coefficients are those of Jordan
    et al. 2024, which rise steeply at 0 and therefore never settle at 1.

    >>> x = cr.optim.muon.orthogonalized(cr.asarray([[3.0, 0.0], [0.0, 0.1]]))
    >>> [round(float(singular), 1) for singular in (x[0, 0], x[1, 1])]
    [0.7, 1.1]
    """
    a, b, c = 3.4445, -4.775, 2.0315
    turned = x.shape[0] > x.shape[1]
    y = x.T if turned else x
    y = y / maximum(vector_norm(y), eps)
    for _ in range(steps):
        square = y @ y.T
        y = a * y + (b * square + c * (square @ square)) @ y
    return y.T if turned else y

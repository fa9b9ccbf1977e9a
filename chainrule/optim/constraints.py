"""What parameters must be after each update: receives new values, hands on such as are near them
and sparse, or of bounded norm.
"""

from __future__ import annotations

from chainrule.frontend.functions.elementwise import clip, maximum
from chainrule.frontend.functions.norms import vector_norm
from chainrule.frontend.lift import cast
from chainrule.frontend.stateful import Selection, chooses
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import at_least, positive
from chainrule.optim.base import Optimizer
from chainrule.optim.wrapper import Wrapper


class Projected(Wrapper):
    """After each step of `inner`, `projected(path, x, rate)` in the place of x: the nearest value
    that is allowed, or not dear.

    This holds for the parameters that `where` selects, as `Module.freeze` does; without it for
    those of two axes or more, since biases and the scales of norms do not over-fit. A subclass
    defines it.

    >>> class NonNegative(cr.optim.Projected):
    ...     def projected(self, path, x, rate):
    ...         return cr.maximum(x, 0)
    >>> w = cr.nn.Parameter([[1.0, -2.0]])
    >>> NonNegative(cr.optim.SGD([w], 0.1)).update([cr.zeros((1, 2))])
    >>> w
    Parameter([[1., 0.]], dtype=float32)
    """

    def __init__(self, inner: Optimizer, where: Selection = None) -> None:
        super().__init__(inner)
        self.where = where

    def chosen(self, path: str) -> bool:
        """Whether a parameter is projected."""
        x = self.parameters[path]
        return x.ndim > 1 if self.where is None else chooses(self.where, path, x)

    def projected(self, path: str, x: Tensor, rate: Tensor) -> Tensor:
        """What replaces x after a step with this rate."""
        raise NotImplementedError

    def after(self, path: str, x: Tensor, rate: Tensor) -> Tensor:
        return self.projected(path, x, rate) if self.chosen(path) else x


class ProximalL1(Projected):
    """x - clip(x, -t, t) with t = rate * strength: the L1 penalty that makes exact zeros. (A-107)

    It is the proximal step of strength * sum(abs(x)), in place of this term in the loss: steps
    along its sub-gradient swing around 0 and hardly hit it. Around SGD this is ISTA, whose limit
    minimises the penalised loss, with momentum b for strength * (1 - b); `accelerate` makes it
    FISTA (Beck & Teboulle 2009, here with the momentum (k - 1) / (k + 2) in step k), for SGD
    without momentum. Adam and its kin scale gradients to about 1, which a smaller strength does not
    hold at 0: take SGD.

    >>> w = cr.nn.Parameter([[1.0, -0.04]])
    >>> optimizer = cr.optim.ProximalL1(cr.optim.SGD([w], 0.1), strength=0.5)
    >>> optimizer.update([cr.asarray([[1.0, 0.0]])])
    >>> w
    Parameter([[0.84999996, 0.        ]], dtype=float32)
    """

    def __init__(
        self, inner: Optimizer, strength: float, accelerate: bool = False, where: Selection = None
    ) -> None:
        super().__init__(inner, where)
        at_least("ProximalL1", "strength", strength, 0, "it pulls to 0")
        self.strength = strength
        self.last = self.copies() if accelerate else {}

    def projected(self, path: str, x: Tensor, rate: Tensor) -> Tensor:
        # What lies within the threshold becomes x - x, which is 0.
        x = x - clip(x, -rate * self.strength, rate * self.strength)
        if path not in self.last:
            return x
        k = cast(self.steps, x.dtype)
        beyond = x + (k - 1) / (k + 2) * (x - self.last[path])
        self.last[path].assign(x)
        return beyond


class MaxNorm(Projected):
    """w min(1, most / norm(w)) for the weights w that enter one unit (Srivastava et al. 2014).

    These are all elements in one place of the last axis: a column of a matrix (in, out), a filter
    (..., in, out). The authors find most = 3 or 4 to do well.

    >>> w = cr.nn.Parameter([[3.0, 0.1], [4.0, 0.2]])
    >>> optimizer = cr.optim.MaxNorm(cr.optim.SGD([w], 0.1), most=1.0)
    >>> optimizer.update([cr.zeros((2, 2))])
    >>> w
    Parameter([[0.6, 0.1],
               [0.8, 0.2]], dtype=float32)
    """

    def __init__(self, inner: Optimizer, most: float = 3.0, where: Selection = None) -> None:
        super().__init__(inner, where)
        positive("MaxNorm", "most", most, "only 0 is as short")
        self.most = most

    def projected(self, path: str, x: Tensor, rate: Tensor) -> Tensor:
        norms = vector_norm(x, axis=tuple(range(x.ndim - 1)), keepdims=True)
        return x * (self.most / maximum(norms, self.most))

"""SAM: receives a function of value and gradient, hands an optimizer the gradient at the worst
point nearby.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from chainrule.frontend.functions.creation import ones_like
from chainrule.frontend.functions.elementwise import abs, add, sqrt, square
from chainrule.frontend.functions.logic import where
from chainrule.frontend.functions.reductions import sum
from chainrule.frontend.lift import cast, lift
from chainrule.frontend.tensor import Tensor
from chainrule.optim.arguments import positive
from chainrule.optim.base import Optimizer
from chainrule.optim.beside import by_path
from chainrule.optim.trials import holding
from chainrule.optim.wrapper import Wrapper


class SAM(Wrapper):
    """The step of `inner` at x with the gradient at x + e, where e = rho g / norm(g).

    e is where the loss is highest, to first order, among all points not further than rho; the norm
    is that of all gradients as one vector (Foret et al. 2021, with their rho). With `adaptive`,
    e = rho x**2 g / norm(x g), which does not change when units are scaled (Kwon et al. 2021, who
    take rho = 0.5). A step costs two gradients.

    >>> x = cr.nn.Parameter([3.0])
    >>> sam = cr.optim.SAM(cr.optim.SGD([x], 0.1), rho=1.0)
    >>> sam.update(lambda: cr.value_and_grad(lambda p: p[0][0] ** 2)([x]))
    Tensor(9., dtype=float32)
    >>> x
    Parameter([2.2], dtype=float32)
    """

    def __init__(self, inner: Optimizer, rho: float = 0.05, adaptive: bool = False) -> None:
        super().__init__(inner)
        positive("SAM", "rho", rho, "it is how far the loss is explored")
        self.rho, self.adaptive, self.looks_around = rho, adaptive, True

    def update(self, evaluate: Callable[[], tuple[Any, Any]]) -> Any:
        """One step. `evaluate()` returns (value, gradients), as `cr.value_and_grad` does, at what
        the parameters hold when it is called: once at x, once at x + e. Returns the first value.
        """
        value, gradients = evaluate()
        given = {path: lift(g) for path, g in by_path(gradients)}
        with holding(self.parameters, self._worst(given)):
            _, gradients = evaluate()
        self.inner.update(gradients)
        return value

    def _worst(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        """x + e for every parameter with a gradient."""
        held = {path: self.parameters[path] for path in gradients}
        units = {path: abs(x) if self.adaptive else ones_like(x) for path, x in held.items()}
        squares = [sum(square(units[path] * g)) for path, g in gradients.items()]
        norm = sqrt(reduce(add, squares))
        # Without a gradient there is no direction, and e is 0.
        far = self.rho / where(norm > 0, norm, 1)
        return {
            path: x + cast(far, x.dtype) * square(units[path]) * gradients[path]
            for path, x in held.items()
        }

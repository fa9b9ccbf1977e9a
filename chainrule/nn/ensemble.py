"""Several models as one: receives models of one task; hands on a model that answers as they do on
average, or by vote, and one that trains them all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import reduce
from operator import add
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend import trace
from chainrule.frontend.functions.activation import log_softmax, softmax
from chainrule.frontend.functions.elementary import exp, log
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.functions.network import one_hot
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module
from chainrule.transforms.mapping import vmap

ANSWERS = {
    "mean": lambda outputs: outputs,
    "probabilities": softmax,
    "votes": lambda logits: one_hot(argmax(logits, axis=-1), logits.shape[-1], dtype=logits.dtype),
}


class Ensemble(Module):
    """The mean over models of their outputs ("mean"), of the softmax of their logits
    ("probabilities"), or of their votes ("votes"): the share of models whose greatest logit each
    class has; of equal shares argmax takes the first class. (A-250; Breiman 1996)

    It removes what models that were trained apart do not share: their variance, not their bias.
    Bagging trains each on rows drawn with replacement (`data.weighted` with equal weights); other
    seeds and all rows do as well for networks. With `shares`, which sum to 1, the mean is weighted,
    as where models are stacked (Wolpert 1992). Raises ArgumentError for no models, for other
    answers, and for shares that are not one for each model.

    >>> models = [cr.nn.Linear(2, 1, bias=False) for _ in range(3)]
    >>> for value, model in enumerate(models):
    ...     model.weight.assign(cr.full((2, 1), float(value)))
    >>> cr.nn.Ensemble(models)(cr.ones((1, 2)))
    Tensor([[2.]], dtype=float32)
    """

    def __init__(
        self, models: Sequence[Any], answer: str = "mean", shares: Sequence[float] | None = None
    ) -> None:
        if not models or answer not in ANSWERS or len(shares or models) != len(models):
            raise ArgumentError(
                "Ensemble",
                f"{len(models)} models, answer={answer!r}, shares={shares}",
                "it is the mean of what models say",
                f"pass models, one of {', '.join(ANSWERS)}, and a share for each model or none",
            )
        self.models, self.answer = list(models), answer
        self.shares = None if shares is None else tuple(map(float, shares))

    def __call__(self, *arguments: Any) -> Tensor:
        answers = [ANSWERS[self.answer](model(*arguments)) for model in self.models]
        if self.shares is None:
            return mean(stack(answers), axis=0)
        return reduce(add, [s * one for s, one in zip(self.shares, answers, strict=True)])


class Together(Module):
    """Models of one make that are trained at once: what `make()` returns, `count` times, with their
    parameters stacked, as one mapped call (A-250).

    In training the answers stand beside each other, [members, rows, ...]: the loss must see each,
    or they would learn to be right on average. In use they are one answer: the mean, or with
    `logits` the logarithm of the mean probabilities, which a softmax turns into these. All members
    drop the same places out; their weights differ, so that these mean other things. Raises
    ArgumentError for models that keep statistics of batches, which have no place for each member.

    >>> cr.random.seed(0)
    >>> model = cr.nn.Together(lambda: cr.nn.Linear(3, 2), count=4)
    >>> model(cr.ones((5, 3))).shape
    (5, 2)
    >>> with cr.training():
    ...     model(cr.ones((5, 3))).shape
    (4, 5, 2)
    """

    def __init__(self, make: Callable[[], Any], count: int, logits: bool = False) -> None:
        models = [make() for _ in range(count)]
        if not models or models[0].buffers():
            raise ArgumentError(
                "Together",
                f"{count} models with {len(models[0].buffers()) if models else 0} buffers",
                "members are one model mapped over parameters",
                "pass a count of 1 or more, and models without batch norms",
            )
        self.members, self.logits, self.separate = models[0], logits, False
        of_all = [model.parameters() for model in models]
        for path, parameter in self.members.parameters().items():
            # In place: boxes have no name for the attribute that they hang on.
            parameter.__init__(stack([parameters[path] for parameters in of_all]))

    def __call__(self, x: Any) -> Tensor:
        answers = vmap(_applied, in_axes=(0, None))(self.members, x)
        if trace.is_training() or self.separate:
            return answers
        if self.logits:
            return log(mean(exp(log_softmax(answers)), axis=0))
        return mean(answers, axis=0)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within this block the answers stand beside each other in use too.

        >>> model = cr.nn.Together(lambda: cr.nn.Linear(3, 2), count=4)
        >>> with model.apart():
        ...     model(cr.ones((5, 3))).shape
        (4, 5, 2)
        """
        self.separate = True
        try:
            yield
        finally:
            self.separate = False

    def member(self, place: int) -> Any:
        """A copy of one of the models, alone.

        >>> model = cr.nn.Together(lambda: cr.nn.Linear(3, 2), count=4)
        >>> model.member(0).weight.shape
        (3, 2)
        """
        found = deepcopy(self.members)
        for parameter in found.parameters().values():
            parameter.__init__(parameter[place])
        return found


def _applied(model: Any, x: Any) -> Any:
    return model(x)

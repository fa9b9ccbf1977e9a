"""Several models as one: receives models of one task; hands on a model that answers as they do on
average, or by vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.frontend.functions.activation import softmax
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.functions.network import one_hot
from chainrule.frontend.functions.reductions import mean
from chainrule.frontend.functions.searching import argmax
from chainrule.frontend.tensor import Tensor
from chainrule.nn.module import Module

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
    seeds and all rows do as well for networks. Raises ArgumentError for no models, and for other
    answers.

    >>> models = [cr.nn.Linear(2, 1, bias=False) for _ in range(3)]
    >>> for value, model in enumerate(models):
    ...     model.weight.assign(cr.full((2, 1), float(value)))
    >>> cr.nn.Ensemble(models)(cr.ones((1, 2)))
    Tensor([[2.]], dtype=float32)
    """

    def __init__(self, models: Sequence[Any], answer: str = "mean") -> None:
        if not models or answer not in ANSWERS:
            raise ArgumentError(
                "Ensemble",
                f"{len(models)} models, answer={answer!r}",
                "it is the mean of what models say",
                f"pass models, and one of {', '.join(ANSWERS)}",
            )
        self.models, self.answer = list(models), answer

    def __call__(self, *arguments: Any) -> Tensor:
        answers = [ANSWERS[self.answer](model(*arguments)) for model in self.models]
        return mean(stack(answers), axis=0)

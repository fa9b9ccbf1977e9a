"""The run: a trained model with all that its use needs. What runs of every kind have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from chainrule import nn
from chainrule.data import Target
from chainrule.data.seen import Seen
from chainrule.train.predict import Predictor
from chainrule.train.scores import Prediction

if TYPE_CHECKING:
    from chainrule.train.report import Report


class Evidence(Protocol):
    """What a training leaves besides its run: what the run's report is made of."""

    def report(self, run: Any) -> Report: ...


class Run(ABC):
    """A trained model, and the record of how it came to be (run.json). Each kind of data has a
    class of runs, which says what else its folder holds. Fresh from training a run may have
    `evidence`: then it is saved with a report.

    >>> run = cr.train.fit("iris", epochs=2)
    >>> run.kind, run.record["recipe"]["epochs"]
    ('table', 2)
    """

    kind: ClassVar[str]
    files: ClassVar[tuple[str, ...]] = ()  # JSON files beside the record.
    model: nn.Module
    record: Mapping[str, Any]
    evidence: Evidence | None = None

    def contents(self) -> dict[str, Any]:
        """What stands in each of `files`."""
        return {}

    def recalled(self, hashes: np.ndarray) -> tuple[float, float]:
        """(the share of rows of these hashes that the model has seen in training, the share of new
        rows that equal one of these by chance). Runs from before they were remembered have seen
        none.
        """
        record = self.record.get("seen")
        if record is None:
            return 0.0, 0.0
        return Seen.from_json(record["rows"]).share(hashes), record["by_chance"]

    @classmethod
    @abstractmethod
    def restored(cls, record: Mapping[str, Any], contents: Mapping[str, Any]) -> Self:
        """The run of a record and of the contents of `files`, its weights still to be loaded."""


def predict_matrix(predictor: Predictor, target: Target, x: np.ndarray) -> Prediction:
    """Predictions for a preprocessed matrix."""
    return predicted(target, predictor(x))


def predicted(target: Target, outputs: np.ndarray) -> Prediction:
    """What outputs of a model mean: logits of classes, [rows, classes], or one number a row."""
    if not target.classes:
        return Prediction(target.decode(outputs[:, 0]))
    shifted = np.exp(outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return Prediction(target.decode(outputs.argmax(axis=1)), probabilities)

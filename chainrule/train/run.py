"""The run: a trained model with all that its use needs. Receives what training made, or a folder;
hands on predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.data import Preprocessing, Table, Target
from chainrule.data.columns import cells, convert
from chainrule.data.fitted import OfCategories
from chainrule.data.read import listed, suggestion
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.train.predict import Predictor
from chainrule.train.scores import Prediction


@dataclass(frozen=True)
class Run:
    """A trained model, the columns it reads with their kinds, and the record of how it came to be
    (run.json).
    """

    model: nn.Module
    target: Target
    kinds: Mapping[str, str]
    preprocessing: Preprocessing
    record: Mapping[str, Any]

    def predict(self, table: Table) -> Prediction:
        """Predictions for a table. Raises DataError for missing columns, and for values of another
        kind.
        """
        x = self.preprocessing.transform(self.columns(table))
        return predict_matrix(Predictor(self.model), self.target, x)

    def columns(self, table: Table) -> pl.DataFrame:
        """The table's columns that the model reads, converted."""
        names = table.frame.columns
        missing = [name for name in self.kinds if name not in names]
        if missing:
            close = suggestion(missing[0], [name for name in names if name not in self.kinds])
            raise DataError(
                table.name,
                f"there is no column {listed([repr(name) for name in missing])}",
                "the model reads it",
                close or "add it, with empty cells where nothing is known",
            )
        return pl.DataFrame(
            [
                convert(table.name, cells(table.frame[name]), kind)
                for name, kind in self.kinds.items()
            ]
        )

    def notices(self, table: Table) -> list[str]:
        """What a user should know of a table before trusting its predictions: columns not read,
        values never seen.
        """
        known = {*self.kinds, *self.record["left_out"], self.target.name}
        extra = [name for name in table.frame.columns if name not in known]
        notices = [f"columns not read: {listed(extra)}"] if extra else []
        frame = self.columns(table)
        for column in self.preprocessing.columns:
            unseen = column.unseen(frame[column.name]) if isinstance(column, OfCategories) else []
            if unseen:
                notices.append(
                    f"'{column.name}' has values that training never saw: {listed(unseen)}"
                )
        return notices

    def predictions(self, table: Table) -> pl.DataFrame:
        """The table with a column `prediction`, and for classes a column `probability_<class>`
        each.
        """
        found = self.predict(table)
        columns = {"prediction": found.values.tolist()}
        for place, label in enumerate(self.target.classes):
            columns[f"probability_{label}"] = found.probabilities[:, place].tolist()
        taken = [name for name in columns if name in table.frame.columns]
        if taken:
            raise DataError(
                table.name,
                f"there already is a column '{taken[0]}'",
                "the result has one of this name",
                "rename it",
            )
        return table.frame.with_columns(pl.Series(name, values) for name, values in columns.items())


def predict_matrix(predictor: Predictor, target: Target, x: np.ndarray) -> Prediction:
    """Predictions for a preprocessed matrix."""
    outputs = predictor(x)
    if not target.classes:
        return Prediction(target.decode(outputs[:, 0]))
    shifted = np.exp(outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return Prediction(target.decode(outputs.argmax(axis=1)), probabilities)

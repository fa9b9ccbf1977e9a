"""The run of a table: receives what training made, or a folder; hands on predictions, and what is
to be noticed of new rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from chainrule import nn
from chainrule.advisor import Recipe
from chainrule.data import Preprocessing, Table, Target
from chainrule.data.columns import converted
from chainrule.data.drift import Move, Profile, Tally, moves
from chainrule.data.fitted import OfCategories
from chainrule.data.seen import row_hashes
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.train.predict import Predictor
from chainrule.train.recipe import build
from chainrule.train.run import Evidence, Run, predict_matrix
from chainrule.train.scores import Prediction
from chainrule.train.tables.linear import joined, lines_of
from chainrule.words import listed, suggestion

PREPROCESSING = "preprocessing.json"


@dataclass(frozen=True)
class TableRun(Run):
    """A model of tables, with the columns that it reads and their kinds.

    >>> from chainrule import data
    >>> run = cr.train.fit("iris", epochs=2)
    >>> run.predictions(data.read("iris")).shape
    (150, 9)
    """

    kind = "table"
    files = (PREPROCESSING,)

    model: nn.Module
    target: Target
    kinds: Mapping[str, str]
    preprocessing: Preprocessing
    record: Mapping[str, Any]
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    def contents(self) -> dict[str, Any]:
        return {PREPROCESSING: self.preprocessing.to_json()}

    @classmethod
    def restored(cls, record: Mapping[str, Any], contents: Mapping[str, Any]) -> Self:
        preprocessing = Preprocessing.from_json(contents[PREPROCESSING])
        target = Target.from_json(record["target"])
        recipe = Recipe.from_json(record["recipe"])
        sizes = len(preprocessing.outputs), target.outputs
        # Runs of earlier versions have no linear model.
        lines = lines_of(*sizes, recipe.members if recipe.takes_turns else 1)
        model = joined(build(recipe, *sizes), lines, record.get("linear_share", 0.0))
        return cls(model, target, record["columns"], preprocessing, record)

    @cached_property
    def predictor(self) -> Predictor:
        """What applies the model to preprocessed rows."""
        return Predictor(self.model)

    def predict(self, table: Table) -> Prediction:
        """Predictions for a table. Raises DataError for missing columns, and for values of another
        kind.
        """
        x = self.preprocessing.transform(self.columns(table))
        return predict_matrix(self.predictor, self.target, x)

    def columns(self, table: Table) -> pl.DataFrame:
        """The table's columns that the model reads, converted."""
        names = table.frame.columns
        missing = [name for name in self.kinds if name not in names]
        if missing:
            raise DataError(table.name, *self._missing(missing, names))
        return converted(table.name, table.frame, self.kinds, table.start)

    def _missing(self, missing: Sequence[str], names: Sequence[str]) -> tuple[str, str, str]:
        """What to say of a table without some columns: what is wrong, why, and what helps."""
        several = len(missing) > 1
        quoted = listed([repr(name) for name in missing])
        what = f"there {'are no columns' if several else 'is no column'} {quoted}"
        if len(missing) == len(self.kinds):
            like = f"pass a table like {self.record['data']['name']}"
            return what, "the model reads nothing else", f"{like}, or take another run"
        why = f"the model reads {'them' if several else 'it'}"
        close = suggestion(missing[0], [name for name in names if name not in self.kinds])
        add = f"add {'them' if several else 'it'}, with empty cells where nothing is known"
        return what, why, close or add

    def moves(self, table: Table) -> dict[str, Move]:
        """How far each column is from the rows that the model was trained on, the farthest first.
        Runs from before there were profiles tell of none.
        """
        return moves(self.profiles, self.columns(table))

    @property
    def profiles(self) -> dict[str, Profile]:
        """How the columns were spread in training."""
        profiles = self.record.get("profiles", {})
        return {name: Profile.from_json(found) for name, found in profiles.items()}

    def seen(self, table: Table) -> tuple[float, float]:
        """What `recalled` says of the rows of a table."""
        return self.recalled(row_hashes(self.columns(table)))

    def notices(self, table: Table) -> list[str]:
        """What a user should know of a table before trusting its predictions: columns not read,
        values never seen, columns that have moved.
        """
        watch = Watch(self)
        watch.see(table, self.columns(table))
        return watch.notices()

    def predictions(self, table: Table, watch: Watch | None = None) -> pl.DataFrame:
        """The table with a column `prediction`, and for classes a column `probability_<class>`
        each. A `watch` sees the columns that it reads.
        """
        frame = self.columns(table)
        if watch is not None:
            watch.see(table, frame)
        found = predict_matrix(self.predictor, self.target, self.preprocessing.transform(frame))
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


class Watch:
    """What there is to notice of a table that comes in pieces."""

    def __init__(self, run: TableRun) -> None:
        self.run, self.tally = run, Tally(run.profiles)
        self.extra: dict[str, None] = {}
        self.unseen: dict[str, dict[str, None]] = {}

    def see(self, table: Table, frame: pl.DataFrame) -> None:
        """A piece, and the columns of it that the model reads, converted."""
        run = self.run
        known = {*run.kinds, *run.record["left_out"], run.target.name}
        self.extra |= dict.fromkeys(name for name in table.frame.columns if name not in known)
        for column in run.preprocessing.columns:
            if isinstance(column, OfCategories):
                found = self.unseen.setdefault(column.name, {})
                found |= dict.fromkeys(column.unseen(frame[column.name]))
        self.tally.add(frame)

    def notices(self) -> list[str]:
        """What a user should know of the rows so far."""
        notices = [f"columns not read: {listed(list(self.extra))}"] if self.extra else []
        for name, values in self.unseen.items():
            if values:
                told = listed(list(values))
                notices.append(f"'{name}' has values that training never saw: {told}")
        far = [f"'{name}'" for name, move in self.tally.moves().items() if move.far]
        if far:
            notices.append(f"the values are not spread as in training: {listed(far)}")
        return notices

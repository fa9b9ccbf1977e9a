"""The kinds of data that can be fitted: receives a source; hands it on to those who know its kind.
A new kind is one more row of `KINDS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.data.read import SHIPPED, no_such
from chainrule.data.texts import ENDINGS
from chainrule.errors import ArgumentError
from chainrule.train.images.evaluation import evaluate_images
from chainrule.train.images.fitting import fit_images
from chainrule.train.images.run import ImageRun
from chainrule.train.report.facts import Report
from chainrule.train.run import Run
from chainrule.train.tables.evaluation import evaluate_table
from chainrule.train.tables.fitting import fit_table
from chainrule.train.tables.run import TableRun
from chainrule.train.text.evaluation import evaluate_text
from chainrule.train.text.fitting import fit_text
from chainrule.train.text.run import TextRun


@dataclass(frozen=True)
class Kind:
    """One kind of data: which sources are of it, how it is fitted, what comes of it, how that is
    evaluated, and what the data are.
    """

    takes: Callable[[Any], bool]
    fit: Callable[..., Run]
    run: type[Run]
    evaluate: Callable[[Any, Any], Report]
    source: str

    @property
    def name(self) -> str:
        return self.run.kind


def _is_text(source: Any) -> bool:
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in ENDINGS


def _is_folder(source: Any) -> bool:
    # The path of no name at all is the folder that one stands in.
    named = isinstance(source, (str, Path)) and source != "" and source not in SHIPPED
    return named and Path(source).is_dir()


# The first that takes a source; what nobody else takes is a table, or no data at all.
KINDS = (
    Kind(_is_folder, fit_images, ImageRun, evaluate_images, "a folder with one folder a class"),
    Kind(_is_text, fit_text, TextRun, evaluate_text, f"a text, {', '.join(ENDINGS)}"),
    Kind(lambda source: True, fit_table, TableRun, evaluate_table, "a table, .csv or .parquet"),
)


def kind_of(source: Any) -> Kind:
    """The kind of a source of data.

    >>> cr.train.kind_of("novel.txt").name, cr.train.kind_of("flats.csv").name
    ('text', 'table')
    """
    return next(kind for kind in KINDS if kind.takes(source))


def named(name: str) -> Kind:
    """The kind of this name. Raises KeyError."""
    return {kind.name: kind for kind in KINDS}[name]


def fit(source: Any, target: str | None = None, **options: Any) -> Run:
    """Train a network on a table, a text or images, as the source says.

    A CSV or Parquet file, a polars frame or the name of a shipped data set is a table, see
    `fit_table`; a file that ends in .txt, .md or .text is a text, see
    `fit_text`; a folder has images, see `fit_images`. All take `seed`
    and `watcher`. Options that are None are left to the rules. Raises DataError, TrainingError, and
    ArgumentError for options of another kind of data.

    >>> run = cr.train.fit("iris", epochs=20, seed=1)
    >>> run.record["metrics"]["network"]["accuracy"] > 0.8
    True
    """
    kind = kind_of(source)
    return call("fit", kind.fit, kind.name, source, target=target, **options)


def evaluate(run: Run, source: Any) -> Report:
    """How good a run is on other data of its kind, where the truth is known: on a table with its
    target, see `evaluate_table`; on a text, see `evaluate_text`; on a folder of classes, see
    `evaluate_images`. Raises DataError, and ArgumentError for data of another kind.

    >>> run = cr.train.fit("iris", epochs=20, seed=1)
    >>> found = cr.train.evaluate(run, "iris")
    >>> found.comparison.main, found.verdict.answer
    ('accuracy', 'not yet')
    """
    ours, given = named(run.kind), kind_of(source)
    if isinstance(source, (str, Path)) and source not in SHIPPED and not Path(source).exists():
        raise no_such(Path(source))
    if given is not ours:
        raise ArgumentError(
            "evaluate",
            f"'{source}' is not {ours.source}",
            f"the run is of the kind {run.kind}",
            f"pass {ours.source}; or another run",
        )
    return ours.evaluate(run, source)


def call(
    where: str, function: Callable[..., Any], kind: str, *arguments: Any, **options: Any
) -> Any:
    """Call a function that is for one kind of data, with the options that are given. Raises
    ArgumentError for those that it does not take, and where one is missing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in given.keys() - {p.name for p in parameters}:
            taken = ", ".join(p.name for p in named if p.name != "watcher")
            raise ArgumentError(
                where,
                f"{name} is not for data of the kind {kind}",
                f"it takes {taken}",
                "leave it out",
            )
    for p in named:
        if p.default is p.empty and p.name not in given:
            why = f"data of the kind {kind} need it"
            raise ArgumentError(where, f"{p.name} is missing", why, f"pass --{p.name}")
    return function(*arguments, **given)

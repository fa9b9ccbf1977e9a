"""The kinds of data that can be fitted: receives a source; hands it on to those who know its kind.
A new kind is one more row of `KINDS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.advisor.recipe import TUNABLE, check_names
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


# What says of which data, not how to train.
NO_CHOICES = ("target", "task", "drop", "seed", "watcher")
SEVERAL = {ImageRun.kind: "images", TextRun.kind: "texts", TableRun.kind: "tables"}
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
    fits = {kind.name: kind.fit for kind in KINDS}
    return call("fit", fits, kind_of(source).name, source, target=target, **options)


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
    where: str,
    functions: Mapping[str, Callable[..., Any]],
    kind: str,
    *arguments: Any,
    **options: Any,
) -> Any:
    """Call the function for one kind of data, of those by kind, with the options that are given.
    Raises ArgumentError for options that it does not take, and where one is missing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    known = {name: _options(function) for name, function in functions.items()}
    for name in given:
        others = [other for other, names in known.items() if name in names and other != kind]
        if others and name not in known[kind]:
            raise ArgumentError(
                where,
                f"{name} is for {' and '.join(SEVERAL[other] for other in others)}",
                f"the data are {SEVERAL[kind]}",
                f"leave it out, or take {named(others[0]).source}",
            )
    unknown = [name for name in given if name not in known[kind]]
    check_names(unknown, [name for name in known[kind] if name not in NO_CHOICES])
    for p in inspect.signature(functions[kind]).parameters.values():
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty and p.name not in given:
            instead = "name it after the run" if p.name == "data" else f"pass --{p.name}"
            raise ArgumentError(where, f"{p.name} is missing", f"{SEVERAL[kind]} need it", instead)
    return functions[kind](*arguments, **given)


def _options(function: Callable[..., Any]) -> list[str]:
    """The names that a function takes beside its data: if it takes any, choices of a recipe."""
    _, *parameters = inspect.signature(function).parameters.values()
    named = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    return [*named, *(TUNABLE if len(named) < len(parameters) else ())]

"""Findings: what checks receive and hand on: what was found where, what follows, and what helps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.words import counted, listed

ERROR, WARNING = "error", "warning"
NAMED = 3  # Columns and rows that are named; the others are counted.


@dataclass(frozen=True)
class Finding:
    """One fault of the data. An "error" makes the result worthless, or training impossible; a
    "warning" makes it worse. `item` is its number in the checklist; `rows` count from 0; what is
    no table has a `place`.

    >>> import polars as pl
    >>> from chainrule.data import audit
    >>> (finding,) = audit(pl.DataFrame({"a": [1.0] * 4, "y": [0, 1, 0, 1]}), "y")
    >>> finding.check, finding.where, finding.cure
    ('constant', "column 'a'", 'leave them out')
    """

    check: str
    severity: str
    item: str
    what: str
    consequence: str
    cure: str
    columns: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    place: str = ""

    @property
    def where(self) -> str:
        """The place, or columns and rows, in words; rows count from 1 here."""
        parts = [self.place] if self.place else []
        if self.columns:
            names = [f"'{name}'" for name in self.columns]
            parts.append(f"column{'s' * (len(names) > 1)} {listed(names, NAMED)}")
        if self.rows:
            numbers = [f"{row + 1:,}" for row in self.rows]
            parts.append(f"row{'s' * (len(numbers) > 1)} {listed(numbers, NAMED)}")
        return ", ".join(parts) or "all rows"


@dataclass(frozen=True)
class Audit(Sequence):
    """The findings, errors first. Printed, it is a table; empty, nothing was found.

    >>> import polars as pl
    >>> from chainrule.data import audit
    >>> print(audit(pl.DataFrame({"a": [1.0] * 4, "y": [0, 1, 0, 1]}), "y"))
    table: 1 warning
      warning  column 'a': one value in every row
               so it says nothing, and standardising divides by its spread of 0
               cure: leave them out
    """

    name: str
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, place: Any) -> Any:
        return self.findings[place]

    @property
    def checks(self) -> list[str]:
        """The names of the checks that found something."""
        return list(dict.fromkeys(finding.check for finding in self.findings))

    def lines(self) -> Iterator[tuple[str, str]]:
        """(severity or "", line) of the table."""
        counts = [
            counted(count, kind)
            for kind in (ERROR, WARNING)
            if (count := sum(finding.severity == kind for finding in self))
        ]
        yield "", f"{self.name}: {', '.join(counts) or 'nothing found'}"
        left = max((len(finding.severity) for finding in self), default=0)
        for finding in self:
            head = f"  {finding.severity:<{left}}  "
            yield finding.severity, f"{head}{finding.where}: {finding.what}"
            yield "", f"{' ' * len(head)}so {finding.consequence}"
            yield "", f"{' ' * len(head)}cure: {finding.cure}"

    def __str__(self) -> str:
        return "\n".join(line for _, line in self.lines())


def first(rows: np.ndarray) -> tuple[int, ...]:
    """Row numbers as a finding keeps them."""
    return tuple(np.asarray(rows).tolist())


def gathered(name: str, findings: Iterable[Finding]) -> Audit:
    """An audit of these findings, errors first."""
    return Audit(name, tuple(sorted(findings, key=lambda one: one.severity != ERROR)))

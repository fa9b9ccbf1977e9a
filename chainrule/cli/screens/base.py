"""What all screens share: receives lines, facts and tables; prints them, with colour and a progress
bar where a person looks on, as plain text where that is no terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chainrule.data import Audit
from chainrule.data.auditing.finding import ERROR, WARNING

NAME = 16  # The width of the column of names.
LEAST = 24  # Columns that text can be read in.
SEVERITIES = {ERROR: "red", WARNING: "yellow"}


class Screen:
    """Lines and tables on standard output; plain text where that is no terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)

    def line(self, text: str = "", style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False)
        # Who looks on through a pipe or a log file sees each line when it is said.
        self.console.file.flush()

    def heading(self, text: str) -> None:
        self.line()
        self.line(text, style="bold")

    def fact(self, name: str, text: str, style: str | None = None) -> None:
        """A name in a column of its own, and what there is to say about it."""
        self.hanging(f"  {name:<{NAME}}", text, style)

    def hanging(self, start: str, text: str, style: str | None = None) -> None:
        """A start, and a text that stays behind it where a terminal has too few columns."""
        room = self.console.width - len(start)
        if not self.console.is_terminal or room < LEAST:
            self.line(start + text, style)
            return
        for number, line in enumerate(textwrap.wrap(text, room) or [""]):
            self.line((start if number == 0 else " " * len(start)) + line, style)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """The first column to the left, figures to the right; the first row stands out."""
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for number, (name, *cells) in enumerate([header, *rows]):
            aligned = "".join(
                f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True)
            )
            self.line(f"  {name:<{widths[0]}}{aligned}", style="bold" if number == 1 else None)

    def listing(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns of words, all to the left; the first row stands out."""
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for number, cells in enumerate([header, *rows]):
            text = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
            self.line(f"  {text}".rstrip(), style="bold" if number == 1 else None)

    def audited(self, found: Audit) -> None:
        """What the audit found, errors in red."""
        for severity, text in found.lines():
            self.line(text, style=SEVERITIES.get(severity))

    def faults(self, found: Audit) -> None:
        """The same, where there is anything."""
        if found:
            self.audited(found)


class ProgressScreen(Screen):
    """A screen with a progress bar on a terminal. As a context it closes the bar in any case."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_progress()

    def open_progress(self, total: int, description: str) -> None:
        if self.console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self.progress = Progress(*columns, console=self.console, transient=True)
            self.progress.start()
            self.bar = self.progress.add_task(description, total=total)

    def advance(self, description: str) -> None:
        if self.progress is not None:
            self.progress.update(self.bar, advance=1, description=description)

    def pass_by(self, count: int) -> None:
        """So many more are done."""
        if self.progress is not None:
            self.progress.update(self.bar, advance=count)

    def close_progress(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

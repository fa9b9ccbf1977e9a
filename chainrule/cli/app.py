"""The command line: receives its words; hands on to the verbs in `commands/`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import chainrule as cr
from chainrule.cli.commands.audit import audit
from chainrule.cli.commands.bench import measure
from chainrule.cli.commands.check import check
from chainrule.cli.commands.compare import compare
from chainrule.cli.commands.evaluate import evaluate
from chainrule.cli.commands.fit import fit
from chainrule.cli.commands.predict import predict
from chainrule.cli.commands.search import search
from chainrule.errors import ChainruleError

INTERRUPTED = 130  # What shells report for a command that Ctrl-C ended.


class Commands(TyperGroup):
    """Any error is one line on standard error, without a traceback."""

    def main(self, *arguments: Any, **keywords: Any) -> Any:
        keywords["standalone_mode"] = False
        code = 0
        try:
            code = super().main(*arguments, **keywords) or 0
        except ChainruleError as error:
            _fail(str(error), 2)
        except typer.TyperException as error:
            context = getattr(error, "ctx", None)
            verb = f" {context.info_name}" if context and context.parent else ""
            _fail(f"[chainrule] {_reason(error)}; see chainrule{verb} --help", error.exit_code)
        except OSError as error:
            _fail(f"[chainrule] {error.filename}: {(error.strerror or str(error)).lower()}", 2)
        if code == INTERRUPTED:
            _fail("[chainrule] interrupted before there was a result", code)
        sys.exit(code)


def _reason(error: typer.TyperException) -> str:
    """What typer says, without what pydantic, which checks values for it, puts before."""
    return error.format_message().replace("Value error, ", "").rstrip(".")


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"chainrule {cr.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def chainrule(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train a network on your data, and apply it."""
    if context.invoked_subcommand is None:
        print(context.get_help())


# In the order in which --help lists them.
for verb in (fit, predict, evaluate, compare, search, audit, check):
    app.command()(verb)
app.command(name="bench")(measure)

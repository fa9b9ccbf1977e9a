"""Writes `adding.md`: what one component of each kind takes, cut out of the sources as they are.

Run `python docs/adding.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "adding.md"

ACTIVATIONS = "chainrule/frontend/functions/activation.py"
REGRESSION = "chainrule/nn/losses/regression.py"
NORMS = "chainrule/nn/normalization.py"
EXPM1 = "chainrule/frontend/functions/elementary.py"


class Kind(NamedTuple):
    """A kind of component: an example, what its parts are for, and where they stand."""

    title: str
    words: str
    parts: tuple[tuple[str, str], ...]  # (file, how the part begins)


KINDS = (
    Kind(
        "An activation: `mish`",
        "One function, and its name where names are listed. Its layer, its card, and the tests of "
        "its derivatives, of compiled against interpreted, of vmap and against PyTorch follow from "
        "these lines.",
        (
            (ACTIVATIONS, "def mish("),
            ("chainrule/__init__.py", "    mish,"),
            ("chainrule/nn/activations.py", "class Mish("),
            ("chainrule/nn/__init__.py", "    Mish,"),
            ("chainrule/activations/registry.py", "        activation.mish,"),
            ("chainrule/activations/facts.py", '    "mish": Facts('),
            ("chainrule/checks/activations.py", '    Check("mish"'),
            ("tests/components/torch_activations.py", '    "mish":'),
        ),
    ),
    Kind(
        "A loss: `log_cosh`",
        "Shapes, weights and reductions are shared: the loss is its formula. PyTorch lacks this "
        "one, so its reference is NumPy.",
        (
            (REGRESSION, "def log_cosh("),
            ("chainrule/nn/losses/__init__.py", "    log_cosh,"),
            ("chainrule/checks/losses.py", '    Check("nn.losses.log_cosh"'),
            ("tests/components/numpy_losses.py", '    "nn.losses.log_cosh":'),
        ),
    ),
    Kind(
        "A layer: `RMSNorm`",
        "A module that holds parameters and computes; saving, freezing, optimizers and summaries "
        "find them by attribute.",
        (
            (NORMS, "class RMSNorm("),
            ("chainrule/nn/__init__.py", "from chainrule.nn.normalization import"),
            ("chainrule/checks/layers.py", '    Check("nn.RMSNorm"'),
            ("tests/components/torch_layers.py", '    "nn.RMSNorm":'),
        ),
    ),
    Kind(
        "An optimizer: `Lion`",
        "One parameter's step. Groups, schedules, decay, saving and fusion with the weight "
        "gradient come with the base class.",
        (
            ("chainrule/optim/lion.py", "class Lion("),
            ("chainrule/optim/__init__.py", "from chainrule.optim.lion import Lion"),
        ),
    ),
    Kind(
        "A primitive: `expm1`",
        "Its NumPy definition, which is the specification; its derivative for both modes; its "
        "instructions; its cost; and the function that users call. Rows of the operation table "
        "test it against NumPy and finite differences; vmap needs nothing for elementwise ones. "
        "The completeness tests name what is missing.",
        (
            ("chainrule/ir/ops/elementwise.py", '_elementwise("expm1"'),
            ("chainrule/autodiff/rules.py", '        "expm1":'),
            ("chainrule/codegen/math.py", "def expm1("),
            ("chainrule/codegen/elementwise.py", '    "expm1":'),
            ("chainrule/passes/materialize.py", '        "expm1":'),
            (EXPM1, "def expm1("),
            ("tests/codegen/test_math.py", '    "expm1":'),
        ),
    ),
)


def text() -> str:
    """The page as Markdown."""
    head = (
        "# Adding a component\n\nWhat each kind takes, as the diff that adds it, cut out of the "
        "sources by `python docs/adding.py`.\n"
    )
    return head + "".join(map(_section, KINDS))


def _section(kind: Kind) -> str:
    found = [(file, part(file, beginning)) for file, beginning in kind.parts]
    diff = "\n".join(
        "\n".join([f"+++ {file}", *[f"+{line}".rstrip() for line in lines]])
        for file, lines in found
    )
    count = sum(len(lines) for _, lines in found)
    return f"\n## {kind.title}\n\n{kind.words}\n\n{count} lines:\n\n```diff\n{diff}\n```\n"


def part(file: str, beginning: str) -> list[str]:
    """The lines of a definition, or of what else begins so; raises LookupError if nothing does."""
    source = (ROOT / file).read_text(encoding="utf-8")
    lines = source.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith(beginning)), None)
    if start is None:
        raise LookupError(f"nothing in {file} begins with {beginning!r}")
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.lineno == start + 1:
            return lines[start : node.end_lineno]
    stop = start + 1
    while _open("\n".join(lines[start:stop])):
        stop += 1
    return lines[start:stop]


def _open(statement: str) -> bool:
    """Whether a bracket is still open; the parts hold none in strings."""
    return any(statement.count(a) > statement.count(b) for a, b in ("()", "[]", "{}"))


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    print(f"{PAGE.name}: {len(KINDS)} kinds")

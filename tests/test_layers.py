"""The architecture as a test: who may import whom, and how a file of the package begins."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "chainrule"

# From the bottom up. A unit imports itself and units of lower rows, never its neighbours in a row.
# `chainrule` is the package's own __init__.py, the public names.
LAYERS = (
    ("base",),
    ("ir",),
    ("debug",),
    ("frontend", "autodiff", "passes", "codegen", "runtime"),
    ("control", "transforms", "compiler"),
    ("inspection",),
    ("jit",),
    ("activations", "distributions", "landscape", "nn", "optim", "risk", "tape"),
    ("augment", "metrics"),
    ("chainrule",),
    ("checks",),
    ("data",),
    ("advisor",),
    ("train",),
    ("doctor", "models", "interop", "bench"),
    ("textbook",),
    ("cli",),
    ("__main__",),
)
BASE = {"errors", "events", "config", "dtypes", "tree", "deferred", "words"}
RANK = {unit: rank for rank, row in enumerate(LAYERS) for unit in row}

# The stages behind the graph: `compiler` alone wires them, and others reach them through it.
COMPILER = {"passes", "codegen", "runtime"}

# Installed by extras, and slow to load: only these may be imported inside a function, only there.
OPTIONAL = {
    "PIL", "catboost", "lightgbm", "matplotlib", "optuna", "polars", "rich", "safetensors", "scipy",
    "sklearn", "tensorboardX", "threadpoolctl", "typer", "xgboost",
}  # fmt: skip
MAY_DEFER = {"activations", "bench", "cli", "data", "metrics", "nn", "optim", "train"}

# What `import chainrule` must not load.
HEAVY = OPTIONAL | {"jax", "pandas", "torch"}


def unit_of(module):
    """The unit of LAYERS that a dotted module name belongs to."""
    parts = module.split(".")
    if len(parts) == 1:
        return "chainrule"
    return "base" if parts[1] in BASE else parts[1]


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name):
    path = ROOT / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported_modules(node, module, is_package=False):
    """Absolute names of the modules that an import statement of `module` names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    origin = node.module or ""
    if node.level:
        parts = module.split(".")
        parent = parts[: len(parts) - node.level + is_package]
        origin = ".".join([*parent, *filter(None, [node.module])])
    names = [f"{origin}.{alias.name}" for alias in node.names]
    return [name if is_module(name) else origin for name in names]


def imports(tree):
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]


def is_ours(module):
    return module.split(".")[0] == "chainrule"


def layering_faults(tree, module, is_package=False):
    """Imports that do not run down the layers."""
    here = unit_of(module)
    for node in imports(tree):
        for target in filter(is_ours, imported_modules(node, module, is_package)):
            there = unit_of(target)
            if there == here:
                continue
            if RANK[there] >= RANK[here]:
                yield node.lineno, f"{here} must not import {there}"
            elif there in COMPILER and here != "compiler":
                yield node.lineno, f"only compiler imports {there}, not {here}"


def top_imports(tree):
    """Imports of the module itself, of `if TYPE_CHECKING:` and of `try:` around optional ones."""
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from imports(node)
        elif isinstance(node, ast.Try):
            yield from (n for n in node.body if isinstance(n, (ast.Import, ast.ImportFrom)))


def placement_faults(tree, module, is_package=False):
    """Imports that stand below the first definition, or inside one."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    first = min((n.lineno for n in tree.body if isinstance(n, definitions)), default=sys.maxsize)
    top = {node for node in top_imports(tree) if node.lineno < first}
    for node in imports(tree):
        names = {name.split(".")[0] for name in imported_modules(node, module, is_package)}
        deferred = unit_of(module) in MAY_DEFER and names <= OPTIONAL
        if node not in top and not deferred:
            yield node.lineno, f"import of {', '.join(sorted(names))} is not at the top"


def docstring_faults(tree, module, is_package=False):
    if not ast.get_docstring(tree):
        yield 1, "no docstring says what this file receives and hands on"


def star_faults(tree, module, is_package=False):
    for node in imports(tree):
        if any(alias.name == "*" for alias in node.names):
            yield node.lineno, "star import"


RULES = (layering_faults, placement_faults, docstring_faults, star_faults)


@pytest.fixture(scope="module")
def sources():
    files = sorted(PACKAGE.rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}


@pytest.mark.parametrize("rule", RULES)
def test_package_keeps(rule, sources):
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path, tree in sources.items()
        for line, fault in rule(tree, module_of(path), path.name == "__init__.py")
    ]
    assert not faults, "\n".join(faults)


def test_every_unit_has_a_layer(sources):
    unknown = {unit_of(module_of(path)) for path in sources} - RANK.keys()
    assert not unknown, f"give {sorted(unknown)} a place in LAYERS"


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (layering_faults, "chainrule.ir.node", "from chainrule.frontend import tensor"),
        (layering_faults, "chainrule.ir.node", "import chainrule.jit"),
        (layering_faults, "chainrule.passes.fuse", "from chainrule.codegen.loops import Loop"),
        (layering_faults, "chainrule.passes.fuse", "from ..codegen import loops"),
        (layering_faults, "chainrule.tree", "from . import ir"),
        (layering_faults, "chainrule.nn.linear", "import chainrule as cr"),
        (layering_faults, "chainrule.nn.linear", "from chainrule.codegen import loops"),
        (layering_faults, "chainrule.optim.sgd", "from chainrule import nn"),
        (placement_faults, "chainrule.cli", "def f():\n    import json"),
        (placement_faults, "chainrule.ir.node", "def f():\n    import polars"),
        (placement_faults, "chainrule.ir.node", "def f(): ...\nimport json"),
        (placement_faults, "chainrule.ir.node", "class A:\n    import json"),
        (docstring_faults, "chainrule.ir.node", "x = 1"),
        (star_faults, "chainrule.ir.node", "from math import *"),
    ],
)
def test_rules_find(rule, module, source):
    assert list(rule(ast.parse(source), module))


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (layering_faults, "chainrule.compiler", "from chainrule.codegen import loops"),
        (layering_faults, "chainrule.passes.fuse", "from chainrule.ir import plan"),
        (layering_faults, "chainrule.passes.fuse", "from chainrule.passes.memory import plan"),
        (layering_faults, "chainrule.passes.fuse", "from ..errors import ShapeError"),
        (layering_faults, "chainrule.cli", "import chainrule as cr\nfrom chainrule import nn"),
        (placement_faults, "chainrule.train.report", "def f():\n    import matplotlib.pyplot"),
        (placement_faults, "chainrule.ir.node", "if TYPE_CHECKING:\n    import json"),
        (placement_faults, "chainrule.ir.node", "try:\n    import json\nexcept ImportError: ..."),
    ],
)
def test_rules_allow(rule, module, source):
    assert not list(rule(ast.parse(source), module))


def test_public_names_are_not_replaced_by_submodules(sources):
    """The first import of `chainrule.x` sets the attribute `x`: a function `cr.x` would be lost."""
    tree = sources.get(PACKAGE / "__init__.py", ast.Module([], []))
    named = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    loaded = {name for node in named for name in imported_modules(node, "chainrule", True)}
    for node in named:
        origin = imported_modules(node, "chainrule", True)
        for alias, source in zip(node.names, origin):
            public = f"chainrule.{alias.asname or alias.name}"
            replaced = is_module(public) and source != public and public not in loaded
            assert not replaced, f"line {node.lineno}: importing {public} later replaces this name"


def test_import_loads_nothing_heavy():
    code = f"import sys, chainrule; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []

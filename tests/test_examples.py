"""Every public name has an example, and every example in the package prints what it says."""

import doctest
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import data
from chainrule.frontend import stateful
from chainrule.nn import activations

ROOT = Path(cr.__file__).parent
MODULES = [
    ".".join(["chainrule", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
# The functions of `cr` itself: tests/frontend/test_docstrings.py.
PACKAGES = (
    cr.activations, cr.augment, data, cr.distributions, cr.metrics, cr.nn, cr.optim, cr.train,
)  # fmt: skip
SPACES = (*PACKAGES, cr.nn.init, cr.nn.losses, cr.optim.schedules)
# Abstract bases have none, nor have results that are shown by what returns them, or need a folder
# of images.
WITHOUT_EXAMPLE = {
    data.Loader,
    cr.metrics.Metric,
    cr.metrics.intervals.Interval,
    cr.optim.Optimizer,
    cr.optim.schedules.Schedule,
    cr.train.ImageRun,
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    cr.random.seed(0)
    for example in doctest.DocTestFinder().find(module, extraglobs={"cr": cr, "np": np}):
        runner.run(example)
    assert runner.tries and not runner.failures


def public():
    homes = (*[package.__name__ for package in PACKAGES], stateful.__name__)
    for space in SPACES:
        for name, thing in vars(space).items():
            ours = getattr(thing, "__module__", "").startswith(homes)
            if ours and not name.startswith("_") and callable(thing):
                yield pytest.param(thing, id=f"{space.__name__}.{name}")


@pytest.mark.parametrize("thing", list(public()))
def test_public_name_has_an_example(thing):
    documented = inspect.getdoc(thing) or ""
    # An activation as a layer says no more than the function that it names.
    if thing.__module__ == activations.__name__ or thing in WITHOUT_EXAMPLE:
        assert documented
    else:
        assert ">>> " in documented

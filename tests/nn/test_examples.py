"""Every public name of activations, metrics, nn and optim is documented, and every example runs."""

import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import activations

MODULES = [
    found.name
    for package in (cr.activations, cr.metrics, cr.nn, cr.optim)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
# An activation as a layer says no more than the function that it names; abstract bases have none.
WITHOUT_EXAMPLE = {cr.metrics.Metric, cr.optim.Optimizer, cr.optim.schedules.Schedule}


@pytest.mark.parametrize("name", [*MODULES, "chainrule.frontend.stateful"])
def test_examples_run(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(module, extraglobs={"cr": cr, "np": np}):
        runner.run(example)
    assert runner.failures == 0


def public():
    inner = (cr.nn.init, cr.nn.losses, cr.optim.schedules)
    for space in (cr.activations, cr.metrics, cr.nn, cr.optim, *inner):
        for name, thing in vars(space).items():
            ours = getattr(thing, "__module__", "") in [*MODULES, "chainrule.frontend.stateful"]
            if ours and not name.startswith("_") and (inspect.isclass(thing) or callable(thing)):
                yield pytest.param(thing, id=f"{space.__name__}.{name}")


@pytest.mark.parametrize("thing", list(public()))
def test_public_name_is_documented(thing):
    if thing.__module__ == activations.__name__ or thing in WITHOUT_EXAMPLE:
        assert thing.__doc__
    elif inspect.isclass(thing) or inspect.isfunction(thing):
        assert ">>> " in (thing.__doc__ or "")

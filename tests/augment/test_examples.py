"""Every public name of `cr.augment` is documented, and every example runs."""

import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import chainrule as cr

MODULES = [found.name for found in pkgutil.iter_modules(cr.augment.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(f"chainrule.augment.{name}")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(module, extraglobs={"cr": cr, "np": np}):
        runner.run(example)
    assert runner.failures == 0


@pytest.mark.parametrize("name", [name for name in dir(cr.augment) if not name.startswith("_")])
def test_public_name_is_documented(name):
    thing = getattr(cr.augment, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert ">>> " in thing.__doc__

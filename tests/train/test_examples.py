"""Every example of `chainrule.train` runs."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import chainrule as cr
from chainrule import train

MODULES = [found.name for found in pkgutil.iter_modules(train.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(f"chainrule.train.{name}")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(module, extraglobs={"cr": cr, "np": np}):
        runner.run(example)
    assert runner.failures == 0

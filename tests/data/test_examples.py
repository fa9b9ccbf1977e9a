"""The examples in the docstrings of `data` run, and print what they say."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import chainrule as cr
from chainrule import data

MODULES = [module.name for module in pkgutil.walk_packages(data.__path__, "chainrule.data.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE
    results = doctest.testmod(module, extraglobs={"cr": cr, "np": np}, optionflags=flags)
    assert results.failed == 0

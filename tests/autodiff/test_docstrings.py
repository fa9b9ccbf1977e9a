"""The examples in the docstrings of transforms and control flow are true."""

import doctest
import importlib

import pytest

import chainrule as cr

MODULES = [
    "chainrule.control",
    "chainrule.transforms.checking",
    "chainrule.transforms.derivatives",
    "chainrule.transforms.jacobians",
    "chainrule.transforms.mapping",
    "chainrule.transforms.wrappers",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE
    results = doctest.testmod(module, extraglobs={"cr": cr}, optionflags=flags)
    assert results.attempted > 0
    assert results.failed == 0

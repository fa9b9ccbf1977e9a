"""Every public function of `cr` has a docstring with an example."""

import inspect
import pkgutil

import pytest

import chainrule as cr
from chainrule.frontend import functions, random

MODULES = [
    *(f"{functions.__name__}.{found.name}" for found in pkgutil.iter_modules(functions.__path__)),
    random.__name__,
]


def public_functions():
    spaces = [(cr, MODULES), (cr.linalg, MODULES)]
    spaces += [(space, [space.__name__]) for space in (cr.random, cr.linalg.distances)]
    for space, modules in spaces:
        for name, thing in vars(space).items():
            if (
                inspect.isfunction(thing)
                and thing.__module__ in modules
                and not name.startswith("_")
            ):
                yield pytest.param(thing, id=f"{thing.__module__}.{name}")


@pytest.mark.parametrize("function", list(public_functions()))
def test_public_function_has_example(function):
    assert ">>> " in (function.__doc__ or "")

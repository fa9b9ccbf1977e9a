"""One engine and one copy of each program for all tests of the runtime."""

import pytest
from runtime import programs


@pytest.fixture(scope="package")
def meet():
    return programs.load(programs.MEET)


@pytest.fixture(scope="package")
def total():
    return programs.load(programs.SUM)


@pytest.fixture
def engine():
    engine = programs.new_engine()
    yield engine
    engine.close()

"""For all tests: graphs and programs are checked after every pass of the compiler."""

from chainrule.config import config

config.verify = True


def pytest_configure(config):
    """Tests cast float64 NumPy input on purpose; the notice about it has a test of its own."""
    config.addinivalue_line("filterwarnings", r"ignore:\[asarray\] float64 NumPy input")

"""The command `chainrule`: receives the words of a command line; hands back an exit code."""

from __future__ import annotations

import sys
from importlib.util import find_spec

try:
    from chainrule.cli.app import app
except ModuleNotFoundError:
    app = None
except KeyboardInterrupt:
    sys.exit(130)  # As shells report it; there was nothing to keep yet.

# By the names under which pip knows them.
PACKAGES = {
    "matplotlib": "matplotlib",
    "polars": "polars",
    "rich": "rich",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "threadpoolctl": "threadpoolctl",
    "typer": "typer",
}


def main() -> None:
    """Run the command and leave with its exit code: 0, or 2 after one line about what is wrong."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if missing:
        print(
            f"[chainrule] not installed: {', '.join(missing)}; the command needs more than the "
            "library; run pip install 'chainrule[all]'",
            file=sys.stderr,
        )
        sys.exit(2)
    app()

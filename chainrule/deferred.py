"""Base: modules that are loaded when first used, so that `import chainrule` stays quick."""

from __future__ import annotations

import importlib
from typing import Any


class Deferred:
    """Stands for a module; its attributes load it. Importing locks, so threads may race for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)

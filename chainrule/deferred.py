"""Base: modules that are loaded when first used, so that `import chainrule` stays quick, and what
needs no tables works without polars.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    import polars as polars
    from PIL import Image as Image
    from PIL import ImageOps as ImageOps


class Deferred:
    """Stands for a module; its attributes load it. Importing locks, so threads may race for it.

    Raises ArgumentError where a package is missing that an `extra` installs.
    """

    def __init__(self, name: str, extra: str = "") -> None:
        self._name, self._extra = name, extra

    def __getattr__(self, attribute: str) -> Any:
        try:
            module = importlib.import_module(self._name)
        except ModuleNotFoundError:
            if not self._extra:
                raise
            raise ArgumentError(
                self._name,
                "the package is not installed",
                f"it comes with the extra '{self._extra}'",
                f"pip install 'chainrule[{self._extra}]'",
            ) from None
        return getattr(module, attribute)


if not TYPE_CHECKING:
    polars = Deferred("polars", extra="fit")
    Image = Deferred("PIL.Image", extra="images")
    ImageOps = Deferred("PIL.ImageOps", extra="images")

"""Weights in safetensors files: receives and hands on dicts from paths to NumPy arrays."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError


def _safetensors() -> Any:
    """The optional package, loaded when a file is written or read."""
    try:
        import safetensors.numpy

        return safetensors.numpy
    except ImportError:
        raise ArgumentError(
            "weights",
            "the package safetensors is not installed",
            "it writes and reads the files",
            "pip install 'chainrule[all]', or use state_dict() with np.savez",
        ) from None


def save(arrays: dict[str, np.ndarray], path: str | PathLike) -> None:
    """Write arrays by name."""
    _safetensors().save_file(
        {name: np.array(array, order="C") for name, array in arrays.items()}, path
    )


def load(path: str | PathLike) -> dict[str, np.ndarray]:
    """Read arrays by name."""
    return _safetensors().load_file(path)

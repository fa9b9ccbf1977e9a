"""The distributions of PyTorch, by the names of our checks."""

import pytest

torch = pytest.importorskip("torch")

REFERENCES = {}

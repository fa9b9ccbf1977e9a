"""The activations as PyTorch has them, by the names of our checks."""

import pytest

torch = pytest.importorskip("torch")

REFERENCES = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}

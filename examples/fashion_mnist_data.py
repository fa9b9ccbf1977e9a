"""Fashion-MNIST for the examples: reads files of Debian's package; hands on images and labels."""

import gzip
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FOLDER = Path("/usr/share/datasets/fashion-mnist")
HINT = """There is no Fashion-MNIST in {}. On Debian and Ubuntu (31 MB, MIT licence):
    sudo apt-get install dataset-fashion-mnist
With --short the examples train on scikit-learn's digits instead, to see that they run."""


def load():
    """((x, y) to train on, (x, y) to test on): images (n, 28, 28, 1) from 0 to 1, labels 0 to 9."""
    if "--short" in sys.argv:
        x, y = load_digits(return_X_y=True)
        # Each pixel becomes a square of nine.
        images = np.kron(x.reshape(-1, 8, 8), np.ones((3, 3)))
        images = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None].astype(np.float32) / 16
        return (images[:1400], y[:1400]), (images[1400:1700], y[1400:1700])
    if not FOLDER.exists():
        sys.exit(HINT.format(FOLDER))
    return tuple(
        (idx(f"{part}-images-idx3-ubyte.gz")[..., None].astype(np.float32) / 255,
         idx(f"{part}-labels-idx1-ubyte.gz").astype(np.int64))
        for part in ("train", "t10k")
    )  # fmt: skip


def idx(name):
    """An array of bytes: two zeros, the type, the number of axes, each in 4 bytes, the data."""
    content = gzip.decompress((FOLDER / name).read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)

"""Images: receives a folder with one folder a class; hands on their pixels in three parts, and what
could not be read.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule.data import target as targets
from chainrule.data.prepare import Part
from chainrule.data.sources import IMAGES
from chainrule.data.split import SHARE, hold_out, split
from chainrule.data.target import CLASSIFICATION, Target
from chainrule.deferred import Image, ImageOps
from chainrule.errors import DataError
from chainrule.words import counted, listed

# The folders above those of the classes, where a data set is already split.
PARTS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
LONGEST_SIDE = 64  # Larger images are made smaller: a network on processors has time for these.
LOOKED_AT = 1000  # So many images say which size and colours all of them have.
GREY = ("1", "L", "LA", "I", "I;16", "F")

Size = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True)
class ImageProblem:
    """Images made ready: each part has pixels, uint8 [images, height, width, channels], numbers of
    classes, their names, and places among the `files`. `unreadable` are files with the reason;
    `sizes`, (height, width), are those of the files looked at, with their number.
    """

    name: str
    target: Target
    size: Size
    size_reason: str
    sizes: Mapping[tuple[int, int], int]
    parts: Mapping[str, Part]
    files: Sequence[str]
    unreadable: Mapping[str, str]
    sha256: str
    seed: int


def prepare_images(folder: str | Path, *, size: int | None = None, seed: int = 0) -> ImageProblem:
    """Read a folder of images: one folder a class, or these within train, test and validation.

    All get one size: their own if they share one, else the median, no side above `size` (64).
    Parts that are not given are held out of the training part, stratified. Raises DataError where
    no image can be read, and for classes of fewer than five images.
    """
    folder = Path(folder)
    found = _found(folder)
    shape, reason, sizes = _size([file for file, _, _ in found], size or LONGEST_SIDE)
    images = _read(folder, found, shape)
    labels, pixels = images.labels, images.pixels
    classes = targets.check_classes(images.name, "class", labels)
    target = Target("class", CLASSIFICATION, "the folders are classes", classes)
    y = target.encode(labels)
    parts = {
        part: Part(pixels[chosen], y[chosen], labels[chosen], chosen)
        for part, chosen in _rows(images.given, y, seed).items()
    }
    return ImageProblem(
        images.name,
        target,
        shape,
        reason,
        sizes,
        parts,
        images.files,
        images.unreadable,
        images.sha256,
        seed,
    )


@dataclass(frozen=True)
class Labelled:
    """Images of a folder with their classes: the parts that are `given`, empty where the folder is
    not split, the names of the files, and those that could not be read, with the reason.
    """

    name: str
    pixels: np.ndarray
    labels: np.ndarray
    given: np.ndarray
    files: Sequence[str]
    unreadable: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Of classes and pixels."""
        content = hashlib.sha256("\0".join(self.labels).encode())
        content.update(self.pixels)
        return content.hexdigest()


def read_labelled(folder: str | Path, size: Size) -> Labelled:
    """The images of a folder of classes, made this size; of one that is split, those of its test
    part. Raises DataError.
    """
    folder = Path(folder)
    found = _found(folder)
    return _read(folder, [one for one in found if one[2] == "test"] or found, size)


def _read(folder: Path, found: Sequence[tuple[Path, str, str]], size: Size) -> Labelled:
    pixels, unreadable = read_images([file for file, _, _ in found], size)
    kept = [entry for entry in found if str(entry[0]) not in unreadable]
    if not kept:
        file, why = next(iter(unreadable.items()))
        raise DataError(
            folder.name,
            f"none of its {counted(len(found), 'image')} can be read",
            f"{file}: {why}",
            "save them anew",
        )
    files, labels, given = zip(*kept, strict=True)
    names = [str(file.relative_to(folder)) for file in files]
    name = folder.resolve().name
    return Labelled(name, pixels, np.asarray(labels), np.asarray(given), names, unreadable)


def image_files(folder: Path) -> list[Path]:
    """All images below a folder, in order."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in IMAGES and not file.name.startswith(".")
    )


def read_images(files: Sequence[Path], size: Size) -> tuple[np.ndarray, dict[str, str]]:
    """(pixels of those that can be read, uint8 [images, height, width, channels]; the others, each
    with the reason).
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = list(pool.map(lambda file: _pixels(file, size), files))
    unreadable = {str(f): x for f, x in zip(files, read, strict=True) if isinstance(x, str)}
    pixels = [x for x in read if not isinstance(x, str)]
    return np.stack(pixels) if pixels else np.zeros((0, *size), np.uint8), unreadable


def _found(folder: Path) -> list[tuple[Path, str, str]]:
    """(file, class, part) of all images; the part is empty where the folder is not split."""
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    given = {path: PARTS.get(path.name.lower(), "") for path in inner}
    if "training" not in given.values() or not all(given.values()):
        given = {folder: ""}
    found = [
        (file, kind.name, part)
        for above, part in given.items()
        for kind in sorted(above.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
        for file in image_files(kind)
    ]
    if not found:
        raise DataError(
            folder.name or str(folder),
            "there are no images in its folders",
            f"images end in {listed(IMAGES)}",
            "put the images of each class into a folder of its own",
        )
    return found


def _size(files: Sequence[Path], longest: int) -> tuple[Size, str, Counter]:
    """(the size that all images get, why, the sizes that they have)."""
    looked = [_header(file) for file in files[:: max(1, len(files) // LOOKED_AT)]]
    known = [header for header in looked if header is not None]
    if not known:
        return (longest, longest, 1), "none of the images looked at can be read", Counter()
    channels = 1 if all(mode in GREY for _, _, mode in known) else 3
    sizes = Counter((height, width) for height, width, _ in known)
    height, width = (int(np.median([header[axis] for header in known])) for axis in (0, 1))
    scale = min(1.0, longest / max(height, width))
    reason = "their size" if len(sizes) == 1 else f"the median of {len(sizes)} sizes"
    if scale < 1:
        reason += f", made smaller from {height} x {width}"
    shape = max(1, round(scale * height)), max(1, round(scale * width)), channels
    return shape, reason, sizes


def _header(file: Path) -> tuple[int, int, str] | None:
    try:
        with Image.open(file) as image:
            return image.height, image.width, image.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _pixels(file: Path, size: Size) -> np.ndarray | str:
    """The pixels of a file, or why there are none."""
    height, width, channels = size
    try:
        with Image.open(file) as image:
            # Cameras write how they were held beside the pixels.
            upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
            found = np.asarray(upright.resize((width, height), Image.Resampling.BILINEAR))
    except Image.UnidentifiedImageError:
        return "it is no image"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error).lower() or type(error).__name__
    return found.reshape(size)


def _rows(given: np.ndarray, y: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The rows of each part: those of the folders, or held out of the training part."""
    if not given[0]:
        return split(y, seed)
    rows = {part: np.flatnonzero(given == part) for part in ("training", "validation", "test")}
    for part in ("test", "validation"):
        if not len(rows[part]):
            left = rows["training"]
            kept, held = hold_out(len(left), (1 - SHARE, SHARE), labels=y[left], seed=seed)
            rows["training"], rows[part] = left[kept], left[held]
    return rows

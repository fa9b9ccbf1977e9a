"""Small tasks: receive a size and a seed; hand on data to try a kind of network on.

Each is the least example of a task that networks are known for: enough to see that a model learns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.errors import ArgumentError

Arrays = tuple[np.ndarray, ...]
SIDE = 16  # Pixels of an image.
GOOD, BAD = ("good", "fine", "lovely", "clever"), ("bad", "dull", "poor", "boring")
SUBJECTS = ("film", "book", "song", "plot", "cast")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LETTERS = "abcdefghijklmnopqrstuvwxyz "


def task(name: str, rows: int = 256, seed: int = 0) -> Arrays:
    """`(x, y)` of a small task (A-248):

    - "xor": float32 [rows, 2] of 0 and 1, and whether one of them is 1;
    - "images": float32 [rows, 16, 16, 1] with a horizontal, vertical or diagonal line, and which;
    - "sentiment": sentences of praise or blame as text, and 1 for praise; "not" turns it round;
    - "house prices": area, rooms, age and distance, and the price in thousands;
    - "temperature": the 30 days before of a noisy year, [rows, 30], and the next day;
    - "language": [rows, 32] characters of random digits in words, and the same one place on: a
      language model predicts the next one, and writes texts so;
    - "translation": three digits in words, as text, and in figures;
    - "detection": images with one bright box, and its corners [rows, 4]: top, left, bottom, right;
    - "segmentation": the same images, and the class of each pixel [rows, 16, 16];
    - "style": the same images as content, and stripes as the style to give them.

    For larger ones, `read` knows the tables that ship with scikit-learn. Raises ArgumentError for
    another name.

    >>> from chainrule.data import task
    >>> x, y = task("xor", rows=4)
    >>> x.tolist(), y.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    if name not in TASKS:
        raise ArgumentError(
            "task", f"there is no '{name}'", f"there are {', '.join(TASKS)}", "choose one of them"
        )
    return TASKS[name](rows, np.random.default_rng(seed))


def _xor(rows: int, generator: np.random.Generator) -> Arrays:
    bits = np.stack(np.divmod(np.arange(rows) % 4, 2), axis=1)
    return bits.astype(np.float32), bits[:, 0] ^ bits[:, 1]


def _images(rows: int, generator: np.random.Generator) -> Arrays:
    y, places = generator.integers(0, 3, rows), generator.integers(0, SIDE, rows)
    image = 0.2 * generator.normal(size=(rows, SIDE, SIDE, 1))
    along = np.arange(SIDE)
    for row, (kind, place) in enumerate(zip(y.tolist(), places.tolist())):
        down = (np.full(SIDE, place), along, along)[kind]
        right = (along, np.full(SIDE, place), (along + place) % SIDE)[kind]
        image[row, down, right] += 1
    return image.astype(np.float32), y


def _sentiment(rows: int, generator: np.random.Generator) -> Arrays:
    good, turned = generator.integers(0, 2, (2, rows))
    words, subjects = generator.integers(0, len(GOOD), rows), generator.choice(SUBJECTS, rows)
    texts = [
        f"the {subject} is {'not ' * turn}{(BAD, GOOD)[praise][word]}"
        for subject, turn, praise, word in zip(subjects, turned, good, words)
    ]
    return np.array(texts), good ^ turned


def _house_prices(rows: int, generator: np.random.Generator) -> Arrays:
    area = generator.uniform(40, 200, rows)
    rooms = np.round(area / 30 + generator.uniform(0, 2, rows))
    age, distance = generator.uniform(0, 100, rows), generator.exponential(10, rows)
    price = area * 4 * np.exp(-age / 200 - distance / 40) + 10 * rooms
    noisy = price * np.exp(0.05 * generator.normal(size=rows))
    return np.stack([area, rooms, age, distance], 1).astype(np.float32), noisy.astype(np.float32)


def _temperature(rows: int, generator: np.random.Generator) -> Arrays:
    days, weather = np.arange(rows + 30), np.zeros(rows + 30)
    noise = generator.normal(size=rows + 30)
    for day in days[1:]:
        weather[day] = 0.8 * weather[day - 1] + 1.5 * noise[day]
    series = (10 - 10 * np.cos(2 * np.pi * days / 365) + weather).astype(np.float32)
    return np.lib.stride_tricks.sliding_window_view(series, 30)[:rows].copy(), series[30:]


def _language(rows: int, generator: np.random.Generator) -> Arrays:
    text = " ".join(generator.choice(DIGITS, rows * 33))
    codes = np.array([LETTERS.index(letter) for letter in text[: rows * 33]]).reshape(rows, 33)
    return codes[:, :-1], codes[:, 1:]


def _translation(rows: int, generator: np.random.Generator) -> Arrays:
    figures = generator.integers(0, 10, (rows, 3)).tolist()
    words = [" ".join(DIGITS[figure] for figure in row) for row in figures]
    return np.array(words), np.array(["".join(map(str, row)) for row in figures])


def _boxes(rows: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(images, corners, masks) of one box each."""
    low = generator.integers(0, SIDE - 4, (rows, 2))
    high = low + generator.integers(3, SIDE + 1 - low)
    along = np.arange(SIDE)
    inside = (along >= low[..., None]) & (along < high[..., None])
    mask = inside[:, 0, :, None] & inside[:, 1, None, :]
    image = mask[..., None] + 0.2 * generator.normal(size=(rows, SIDE, SIDE, 1))
    return image.astype(np.float32), np.concatenate([low, high], axis=1), mask.astype(np.int64)


def _detection(rows: int, generator: np.random.Generator) -> Arrays:
    images, corners, _ = _boxes(rows, generator)
    return images, corners


def _segmentation(rows: int, generator: np.random.Generator) -> Arrays:
    images, _, mask = _boxes(rows, generator)
    return images, mask


def _style(rows: int, generator: np.random.Generator) -> Arrays:
    images, *_ = _boxes(rows, generator)
    width = generator.uniform(1, 3, (rows, 1, 1, 1))
    stripes = np.sin((np.arange(SIDE)[:, None] + np.arange(SIDE))[None, ..., None] / width)
    return images, stripes.astype(np.float32)


TASKS: dict[str, Callable[[int, np.random.Generator], Arrays]] = {
    "xor": _xor,
    "images": _images,
    "sentiment": _sentiment,
    "house prices": _house_prices,
    "temperature": _temperature,
    "language": _language,
    "translation": _translation,
    "detection": _detection,
    "segmentation": _segmentation,
    "style": _style,
}

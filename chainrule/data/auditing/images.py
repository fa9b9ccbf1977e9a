"""Checks of images in three parts: receive the problem; hand on findings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from chainrule.data.auditing.finding import ERROR, NAMED, WARNING, Audit, Finding, gathered
from chainrule.data.auditing.labels import IMBALANCE
from chainrule.data.images import ImageProblem
from chainrule.data.seen import image_hashes
from chainrule.words import counted, listed

FEW = 20  # Training images of a class.
FLAT = 8  # Of 255: who differs less from place to place shows nothing.
COPIED = 0.02
STRETCHED, SHARE_STRETCHED = 1.5, 0.05
HALF = 0.5


def unreadable(problem: ImageProblem) -> Iterator[Finding]:
    """Files that are left out."""
    files = problem.unreadable
    if files:
        reason = next(iter(files.values()))
        yield Finding(
            "unreadable",
            ERROR if len(files) > HALF * len(problem.files) else WARNING,
            "E-108",
            f"cannot be read: {reason}",
            f"{counted(len(files), 'image is', 'images are')} left out",
            "save them anew, or remove them",
            place=_named(list(files)),
        )


def few(problem: ImageProblem) -> Iterator[Finding]:
    """Classes of few images, or of far fewer than others."""
    counts = np.bincount(problem.parts["training"].y, minlength=len(problem.target.classes))
    classes = np.asarray(problem.target.classes)
    rare = classes[counts < FEW].tolist()
    if rare:
        yield Finding(
            "few images",
            WARNING,
            "E-110",
            f"has {counts.min():,} to train on"
            if len(rare) == 1
            else f"have fewer than {FEW} to train on",
            "the network learns these images rather than their class",
            "add images, some hundred a class; or join classes",
            place=f"{'class' if len(rare) == 1 else 'classes'} {_named(rare)}",
        )
    elif counts.max() > IMBALANCE * counts.min():
        yield Finding(
            "imbalance",
            WARNING,
            "E-106",
            f"has {counts.min():,} images to train on, '{classes[counts.argmax()]}' "
            f"{counts.max():,}",
            "never naming the rare class is nearly always right, and easily learned",
            "add images of it, and judge by balanced accuracy",
            place=f"class '{classes[counts.argmin()]}'",
        )


def overlap(problem: ImageProblem) -> Iterator[Finding]:
    """Images that stand in two parts."""
    marks = _marks(problem)
    for (one, marked), (other, others) in combinations(marks.items(), 2):
        twins = np.flatnonzero(np.isin(others, marked))
        if len(twins):
            files = [problem.files[row] for row in problem.parts[other].rows[twins]]
            yield Finding(
                "overlap",
                ERROR,
                "E-107",
                f"{counted(len(twins), 'image')} of '{other}' stand in '{one}' too",
                "what was learned by heart counts as understood",
                "remove copies before splitting",
                place=_named(files),
            )


def copies(problem: ImageProblem) -> Iterator[Finding]:
    """Equal images of the training part, and equal ones of two classes."""
    marks, part = _marks(problem)["training"], problem.parts["training"]
    _, places, counts = np.unique(marks, return_inverse=True, return_counts=True)
    labels = np.unique(np.stack([marks, part.y]), axis=1)[0]
    torn = np.isin(marks, labels[1:][np.diff(labels) == 0])
    if torn.any():
        yield Finding(
            "two classes",
            ERROR,
            "E-106",
            f"{counted(int(torn.sum()), 'image')} of the training part stand in two classes",
            "one of the two is wrong, and is learned by heart",
            "decide which, and remove the other",
            place=_named([problem.files[row] for row in part.rows[torn]]),
        )
    more = len(marks) - len(counts)
    if more > COPIED * len(marks):
        twins = part.rows[counts[places] > 1]
        yield Finding(
            "duplicates",
            WARNING,
            "E-107",
            f"{counted(more, 'copy', 'copies')} of other images in the training part",
            "these weigh twice, and there is less to learn from than it seems",
            "keep one of each",
            place=_named([problem.files[row] for row in twins]),
        )


def flat(problem: ImageProblem) -> Iterator[Finding]:
    """Images of one colour."""
    rows = [part.rows[_flatness(part.x) < FLAT] for part in problem.parts.values()]
    blank = np.sort(np.concatenate(rows))
    if len(blank):
        yield Finding(
            "blank",
            ERROR if len(blank) > HALF * len(problem.files) else WARNING,
            "E-108",
            f"{counted(len(blank), 'image is', 'images are')} of one shade all over",
            "they show nothing of their class",
            "remove them, or look at how they were made",
            place=_named([problem.files[row] for row in blank]),
        )


def stretched(problem: ImageProblem) -> Iterator[Finding]:
    """Images that lose their shape as all get one size."""
    height, width, _ = problem.size
    shapes = np.asarray(list(problem.sizes), float).reshape(-1, 2)
    counts = np.asarray(list(problem.sizes.values()))
    ratios = np.abs(np.log(shapes[:, 0] / shapes[:, 1] * width / height))
    far = ratios > np.log(STRETCHED)
    share = counts[far].sum() / max(1, counts.sum())
    if share > SHARE_STRETCHED:
        h, w = shapes[ratios.argmax()].astype(int)
        yield Finding(
            "stretched",
            WARNING,
            "E-101",
            f"{share:.0%} are stretched by half or more to {height} x {width}, as from {h} x {w}",
            "what is round becomes oval, in some images and not in others",
            "crop or pad them to one shape",
            place="all images",
        )


def _named(names: list[str]) -> str:
    return listed(names, NAMED)


def _flatness(pixels: np.ndarray) -> np.ndarray:
    """The range of each image's pixels, in the channel where it is greatest."""
    return (pixels.max(axis=(1, 2)) - pixels.min(axis=(1, 2))).max(axis=-1)


def _marks(problem: ImageProblem) -> dict[str, np.ndarray]:
    """A number for each image of each part, the same for the same pixels."""
    return {name: image_hashes(part.x).astype(np.int64) for name, part in problem.parts.items()}


CHECKS = (unreadable, few, overlap, copies, flat, stretched)


def audit_images(problem: ImageProblem) -> Audit:
    """What is wrong with images: files that cannot be read, few images of a class, copies, within a
    part, across parts and in two classes, blank images, and shapes that one size does not suit.
    """
    return gathered(problem.name, (finding for check in CHECKS for finding in check(problem)))

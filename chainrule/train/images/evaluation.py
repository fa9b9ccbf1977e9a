"""Evaluating: receives a run and other images of known classes; hands on how good the run is there,
and whether that is what its training promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chainrule.data.images import Labelled, read_labelled
from chainrule.data.seen import image_hashes
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.train.images.run import ImageRun
from chainrule.train.images.scores import LINEAR
from chainrule.train.report.facts import Drift, Report
from chainrule.train.report.gather import later, subject
from chainrule.train.report.judged import beside_training, comparison, promise, recognised
from chainrule.train.report.words import figure_text
from chainrule.train.report.wrong import errors, mistakes
from chainrule.words import counted, listed

OTHER_LIGHT = 0.5  # Of the deviation of pixels: from there on a mean shade is another.


def evaluate_images(run: ImageRun, source: str | Path) -> Report:
    """The figures of a run on a folder of classes with 95 % intervals, beside those of its test
    part, and of logistic regression on pixels as its training fitted it; by class; and where it is
    wrong. Of a folder that is split, the test part is taken.

    Classes may be absent. Raises DataError for those that the run does not know, and where no image
    can be read.
    """
    images = read_labelled(source, tuple(run.record["size"]))
    _check_classes(run, images)
    found = run.predict(images.pixels)
    answers = {"network": found, LINEAR: run.linear(images.pixels)}
    compared = comparison(run.target, images.labels, answers, "new", "image")
    compared = beside_training(compared, run.record["metrics"]["network"])
    seen, known = recognised(*run.recalled(image_hashes(images.pixels)), "images")
    drift = Drift({}, (*seen, *_notices(run, images)))
    return Report(
        subject=later(
            subject(run.record, run.target), images.name, len(images.files), images.sha256
        ),
        verdict=promise(compared, run.record["split"]["test"], drift, known),
        comparison=compared,
        drift=drift,
        **errors(run.target, images.labels, found, compared.ours),
        mistakes=mistakes(
            run.target,
            images.labels,
            found,
            "new",
            np.arange(len(images.files)) + 1,
            pl.DataFrame({"file": images.files}),
        ),
    )


def _check_classes(run: ImageRun, images: Labelled) -> None:
    known = run.target.classes
    unknown = [one for one in np.unique(images.labels).tolist() if one not in known]
    if unknown:
        raise DataError(
            images.name,
            f"the run does not know {listed([repr(one) for one in unknown])}",
            f"the folders name classes, and it knows {listed(known)}",
            "rename these folders, leave them out, or train anew with them",
        )


def _notices(run: ImageRun, images: Labelled) -> Iterator[str]:
    if images.unreadable:
        file, why = next(iter(images.unreadable.items()))
        yield f"{counted(len(images.unreadable), 'file')} left out: {file}: {why}"
    numbers = run.record["normalisation"]
    means = images.pixels.mean(axis=(0, 1, 2)) / 255
    for mean, then, deviation in zip(means, numbers["mean"], numbers["deviation"], strict=True):
        if abs(mean - then) > OTHER_LIGHT * deviation:
            yield (
                f"the images are {'lighter' if mean > then else 'darker'} than in training: their "
                f"mean is {figure_text(mean)}, it was {figure_text(then)}"
            )
            return

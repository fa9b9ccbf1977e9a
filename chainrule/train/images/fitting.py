"""The whole way from a folder of images to a run: receives the folder; reads, chooses, trains,
scores; hands on a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import metrics, optim
from chainrule.advisor.numbers import check_numbers
from chainrule.data.images import ImageProblem, prepare_images
from chainrule.data.seen import Seen, image_hashes
from chainrule.train.fitting import Watcher, recorded, seeded
from chainrule.train.images.evidence import ImageEvidence
from chainrule.train.images.model import ImageClassifier
from chainrule.train.images.recipe import ImageRecipe, choose_for_images
from chainrule.train.images.run import ImageRun, build, loss_of
from chainrule.train.images.scores import (
    CONSTANT,
    LINEAR,
    Predict,
    baselines,
    mirrored,
    score,
)
from chainrule.train.predict import Predictor
from chainrule.train.run import predict_matrix
from chainrule.train.scores import Prediction, Scores
from chainrule.train.trainer.callbacks import EarlyStopping
from chainrule.train.trainer.clock import Clock, Gone
from chainrule.train.trainer.history import History
from chainrule.train.trainer.trainer import Trainer

TRAINING = 0.95  # What is left of the time serves the scores.


def fit_images(
    source: str | Path,
    *,
    size: int | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    width: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> ImageRun:
    """Train a model on a folder of images with one folder a class, or with these within train, test
    and validation. No side of an image is longer than `size`, 64 pixels: larger ones are made
    smaller.

    Choices that are None are made by the rules of `images.recipe`. Files that cannot be read are
    left out and told. The same seed gives the same run, unless there are `minutes` to keep to.
    Raises DataError, ArgumentError and TrainingError.
    """
    check_numbers({"size": size}, whole=["size"])
    watcher = watcher or Watcher()
    problem = prepare_images(source, size=size, seed=seed)
    watcher.prepared(problem)
    linear, constant = baselines(problem)
    recipe = choose_for_images(
        problem,
        mirrored(problem, linear, constant),
        minutes=minutes,
        epochs=epochs,
        width=width,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )
    numbers = _statistics(problem)
    with seeded(seed):
        model = build(recipe, problem.size, problem.target, *numbers.values())
        watcher.chosen(recipe, model)
        history = _train(problem, recipe, model, watcher)
    watcher.trained(history)
    answers = _answers(problem, model, {LINEAR: linear, CONSTANT: constant})
    scores = score(problem, answers)
    watcher.scored(scores)
    record = _record(problem, recipe, history, scores, normalisation=numbers)
    evidence = ImageEvidence(problem, recipe, history, answers)
    return ImageRun(model, problem.target, linear, record, evidence)


def _answers(
    problem: ImageProblem, model: ImageClassifier, simple: Mapping[str, Predict]
) -> dict[str, Prediction]:
    """What each model says of the test part."""
    pixels, predictor = problem.parts["test"].x, Predictor(model)
    ours = predict_matrix(predictor, problem.target, pixels)
    return {"network": ours, **{name: predict(pixels) for name, predict in simple.items()}}


def _record(
    problem: ImageProblem,
    recipe: ImageRecipe,
    history: History,
    scores: Mapping[str, Scores],
    **facts: Any,
) -> dict[str, Any]:
    return recorded(
        {"name": problem.name, "rows": len(problem.files), "sha256": problem.sha256},
        recipe.to_json(),
        history,
        scores,
        kind=ImageRun.kind,
        target=problem.target.to_json(),
        size=list(problem.size),
        unreadable=dict(problem.unreadable),
        split={name: len(part.y) for name, part in problem.parts.items()},
        seed=problem.seed,
        seen=_seen(problem),
        **facts,
    )


def _seen(problem: ImageProblem) -> dict[str, Any]:
    """Which images were seen; those of the test part that equal one of these do so by chance."""
    parts = {name: image_hashes(part.x) for name, part in problem.parts.items()}
    seen = Seen.of(np.concatenate([parts["training"], parts["validation"]]))
    return {"rows": seen.to_json(), "by_chance": seen.share(parts["test"])}


def _train(
    problem: ImageProblem, recipe: ImageRecipe, model: ImageClassifier, watcher: Watcher
) -> History:
    training, validation = problem.parts["training"], problem.parts["validation"]
    steps = -(-len(training.y) // recipe.batch_size) * recipe.epochs
    warm_up = max(1, round(recipe.warm_up * steps))
    rate = optim.schedules.WarmupCosine(0.0, recipe.learning_rate, warm_up, steps + 1)
    schedule = Gone(rate, steps)
    optimizer = optim.AdamW(
        model, schedule, weight_decay=recipe.weight_decay, groups=optim.undecayed()
    )
    minutes = None if recipe.minutes is None else TRAINING * recipe.minutes
    trainer = Trainer(
        model,
        loss_of(recipe),
        optimizer,
        {"accuracy": metrics.accuracy},
        [Clock([schedule], minutes), watcher, EarlyStopping(patience=None)],
        seed=problem.seed,
    )
    return trainer.fit(
        (training.x, training.y),
        validation_data=(validation.x, validation.y),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        quiet=True,
    )


def _statistics(problem: ImageProblem) -> dict[str, list[float]]:
    """Mean and standard deviation of each channel of the training part, of pixels from 0 to 1."""
    pixels = problem.parts["training"].x
    counts = [np.bincount(pixels[..., c].ravel(), minlength=256) for c in range(pixels.shape[-1])]
    values = np.arange(256) / 255
    means = [float(np.average(values, weights=count)) for count in counts]
    squares = [float(np.average(values**2, weights=count)) for count in counts]
    # A channel of one value alone has no deviation to divide by.
    deviations = [max(1 / 255, (s - m**2) ** 0.5) for s, m in zip(squares, means, strict=True)]
    return {"mean": means, "deviation": deviations}

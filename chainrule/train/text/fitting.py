"""The whole way from a text to a run: receives a file; chooses, trains, scores; hands on a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule import optim
from chainrule.data import PassageLoader
from chainrule.data.auditing.texts import audit_text
from chainrule.data.texts import Corpus, read_text
from chainrule.errors import ArgumentError
from chainrule.train.fitting import Watcher, recorded, seeded
from chainrule.train.scores import Scores
from chainrule.train.text.evidence import TextEvidence
from chainrule.train.text.model import GPT, bits
from chainrule.train.text.recipe import TextRecipe, choose_for_text
from chainrule.train.text.run import TextRun, build
from chainrule.train.text.scores import Rivals, answers, comparison, scores_of, words_of
from chainrule.train.trainer.callbacks import Callback, EarlyStopping
from chainrule.train.trainer.clock import Clock, Gone
from chainrule.train.trainer.history import History
from chainrule.train.trainer.trainer import Trainer
from chainrule.train.trainer.training import Training
from chainrule.words import counted

# What is left of the time serves n-grams and scores.
TRAINING = 0.9
SAMPLES, SAMPLE_LENGTH, WRITTEN = 4, 200, 4000
VALIDATED = 0.1  # Of the characters of an epoch, so many are validated on.


class Samples(Callback):
    """Lets the model write a little, some times on its way."""

    def __init__(self, run: TextRun, clock: Clock, watcher: Watcher) -> None:
        self.run, self.clock, self.watcher, self.told = run, clock, watcher, 0

    def epoch_end(self, trainer: Training) -> None:
        place = int(self.clock.share(trainer) * (SAMPLES + 1))
        if self.told < place <= SAMPLES:
            self.told = place
            self.watcher.sampled(self.run.continued(length=SAMPLE_LENGTH))


def fit_text(
    source: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    layers: int | None = None,
    width: int | None = None,
    context: int | None = None,
    dropout: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> TextRun:
    """Train a model of the characters of a text, a GPT, for so many minutes (10, scoring included),
    or for so many steps: with these the same seed gives the same run, for any number of threads.

    Choices that are None are made by the rules of `text.recipe`. Ctrl-C ends training: the best
    weights so far are kept. Raises DataError, ArgumentError and TrainingError.
    """
    watcher = watcher or Watcher()
    corpus = read_text(source)
    watcher.prepared(corpus)
    recipe = choose_for_text(
        len(corpus.texts["training"]),
        minutes=minutes,
        steps=steps,
        layers=layers,
        width=width,
        context=context,
        dropout=dropout,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )
    _check_context(corpus, recipe)
    with seeded(seed):
        model = build(recipe, corpus.alphabet)
        watcher.chosen(recipe, model)
        history = _train(corpus, recipe, model, seed, watcher)
    watcher.trained(history)
    return _scored(corpus, recipe, model, seed, history, watcher)


def _scored(
    corpus: Corpus, recipe: TextRecipe, model: GPT, seed: int, history: History, watcher: Watcher
) -> TextRun:
    """The run of a trained model, with its scores and what it writes."""
    rivals = Rivals.of(corpus)
    validation, test = (
        answers(corpus, model, recipe.context, part, rivals) for part in ("validation", "test")
    )
    scores = scores_of(validation, test)
    watcher.scored(scores)
    written = _written(corpus, model, recipe, seed)
    record = _record(
        corpus, recipe, history, scores, seed=seed, ngrams=rivals.grams.order, **written
    )
    evidence = TextEvidence(recipe, audit_text(corpus), comparison(test, "test"))
    return TextRun(model, corpus.alphabet, record, evidence)


def _check_context(corpus: Corpus, recipe: TextRecipe) -> None:
    count = len(corpus.texts["validation"])
    if count <= recipe.context:
        raise ArgumentError(
            "fit",
            f"context is {recipe.context}",
            f"the validation part of {corpus.name} has {counted(count, 'character')}",
            "choose a shorter context, or add text",
        )


def _train(corpus: Corpus, recipe: TextRecipe, model: GPT, seed: int, watcher: Watcher) -> History:
    schedule, others = (
        Gone(_schedule(recipe, rate), recipe.steps)
        for rate in (recipe.learning_rate, recipe.other_rate)
    )
    minutes = None if recipe.minutes is None else TRAINING * recipe.minutes
    clock = Clock([schedule, others], minutes)
    writing = TextRun(model, corpus.alphabet, {"recipe": recipe.to_json()})
    optimizer = optim.Muon(
        model,
        schedule,
        betas=(0.9, 0.99),
        weight_decay=recipe.weight_decay,
        where=_turned,
        groups={_not_turned: {"learning_rate": others, "weight_decay": 0.0}},
    )
    trainer = Trainer(
        model,
        bits,
        optimizer,
        callbacks=[clock, watcher, Samples(writing, clock, watcher), EarlyStopping(patience=None)],
        clip_norm=recipe.clip_norm,
        precision=recipe.precision,
        seed=seed,
    )
    length, size = recipe.context + 1, recipe.batch_size
    each = recipe.steps_an_epoch
    validated = max(length, round(VALIDATED * each * size * length))
    return trainer.fit(
        PassageLoader(corpus.tokens("training"), length, size, count=each * size, seed=seed),
        validation_data=PassageLoader(corpus.tokens("validation")[:validated], length, size),
        epochs=recipe.epochs,
        quiet=True,
    )


def _turned(path: str, parameter: Any) -> bool:
    """Whether it is a matrix within the blocks, which Muon is for."""
    return parameter.ndim == 2 and path.startswith("body.")


def _not_turned(path: str, parameter: Any) -> bool:
    return not _turned(path, parameter)


def _schedule(recipe: TextRecipe, rate: float) -> Any:
    warm_up = max(1, round(recipe.warm_up * recipe.steps))
    return optim.schedules.WarmupCosine(0.0, rate, warm_up, recipe.steps + 1)


def _written(corpus: Corpus, model: GPT, recipe: TextRecipe, seed: int) -> dict[str, Any]:
    """A text that the model writes, and the share of known words in it."""
    writing = TextRun(model, corpus.alphabet, {"recipe": recipe.to_json()})
    sample = writing.continued(length=WRITTEN, seed=seed)
    return {"known_words": words_of(corpus, sample), "sample": sample}


def _record(
    corpus: Corpus,
    recipe: TextRecipe,
    history: History,
    scores: Mapping[str, Scores],
    **facts: Any,
) -> dict[str, Any]:
    return recorded(
        corpus.described(),
        recipe.to_json(),
        history,
        scores,
        kind=TextRun.kind,
        alphabet=corpus.alphabet.characters,
        split={part: len(text) for part, text in corpus.texts.items()},
        **facts,
    )

"""`chainrule fit`: trains on a table, a text or images, and writes a run folder."""

from __future__ import annotations

from chainrule import train
from chainrule.cli import options
from chainrule.cli.choices import choices
from chainrule.cli.screens.images import ImageScreen
from chainrule.cli.screens.table import TableScreen
from chainrule.cli.screens.text import TextScreen
from chainrule.train.files import check_free

SCREENS = {"table": TableScreen, "text": TextScreen, "images": ImageScreen}


def fit(
    data: options.Data = "digits",
    target: options.TargetColumn = None,
    output: options.RunOutput = None,
    task: options.TaskName = None,
    drop: options.Drop = None,
    seed: options.Seed = 0,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    choice: options.Choices = None,
    minutes: options.Minutes = None,
    steps: options.Steps = None,
) -> None:
    """Train a network on a table, a text or images.

    A run folder is written. The network is compared with simpler models on data that nothing
    was fitted or chosen on. Ctrl-C ends training early: the best network so far is kept,
    reported and written.
    """
    chosen = choices(
        choice,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        minutes=minutes,
        steps=steps,
    )
    if output is not None:
        check_free(output)
    screen = SCREENS[train.kind_of(data).name]()
    with screen:
        run = train.fit(
            data,
            target,
            task=task and task.value,
            drop=drop or None,
            seed=seed,
            watcher=screen,
            **chosen,
        )
    folder = train.save(run, output)
    screen.written(run, folder)

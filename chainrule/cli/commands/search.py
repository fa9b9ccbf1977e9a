"""`chainrule search`: tunes the network, and trains what it found."""

from __future__ import annotations

from pathlib import Path

import typer

from chainrule import train
from chainrule.cli import options
from chainrule.cli.choices import choices
from chainrule.cli.screens.search import SearchScreen


def search(
    data: options.Table = "digits",
    target: options.TargetColumn = None,
    output: options.SearchOutput = None,
    task: options.TaskName = None,
    drop: options.Drop = None,
    metric: options.SearchMetric = None,
    trials: options.Trials = 40,
    seconds: options.SearchSeconds = None,
    parts: options.Parts = None,
    seed: options.Seed = 0,
    epochs: options.EpochsOfTables = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    choice: options.KeptChoices = None,
) -> None:
    """Search for a better recipe than fit would choose.

    Learning rate, batch size, shape, regularisation, optimizer, in this order, on the rows that
    are not for the test; what is found is trained, and a run folder written. After Ctrl-C or a
    crash the same command goes on. Options for the network keep that choice as it is. Needs
    Optuna: pip install 'chainrule[search]'.
    """
    chosen = choices(choice, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    folder = Path("runs") / f"{Path(data).stem}-search" if output is None else output
    with SearchScreen(trials) as screen:
        found = train.tune(
            data,
            target,
            task=task and task.value,
            drop=drop or (),
            metric=metric,
            trials=trials,
            seconds=seconds,
            parts=parts,
            folder=folder,
            seed=seed,
            listener=screen,
            **chosen,
        )
    if found.interrupted:
        raise typer.Exit(1)
    screen.written(found.run, found.folder)

"""`chainrule compare`: puts the network beside classical models, by cross-validation."""

from __future__ import annotations

from chainrule import train
from chainrule.cli import options
from chainrule.cli.choices import choices
from chainrule.cli.output import PICTURES, check_file
from chainrule.cli.screens.compare import CompareScreen


def compare(
    data: options.Table = "digits",
    target: options.TargetColumn = None,
    task: options.TaskName = None,
    drop: options.Drop = None,
    model: options.Models = None,
    metric: options.Metric = None,
    folds: options.Folds = 5,
    repeats: options.Repeats = None,
    groups: options.Groups = None,
    ordered: options.Ordered = None,
    seed: options.Seed = 0,
    epochs: options.EpochsOfTables = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    choice: options.Choices = None,
    json: options.JsonFile = None,
    plot: options.ScorePlot = None,
) -> None:
    """Compare the network with classical models.

    Linear models, naive Bayes, k-NN, SVMs, trees, forests, boosting: all are trained and tested
    on the same folds, with preprocessing fitted in each. Says which to use: the simplest whose
    distance from the best may well be chance. Ctrl-C keeps the folds that are done.
    """
    chosen = choices(choice, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    check_file(json, (".json",))
    check_file(plot, PICTURES)
    with CompareScreen() as screen:
        found = train.compare(
            data,
            target,
            task=task and task.value,
            drop=drop or (),
            models=model,
            metric=metric,
            count=folds,
            repeats=repeats,
            groups=groups,
            ordered=ordered,
            seed=seed,
            onlooker=screen,
            **chosen,
        )
    screen.compared(found)
    if json is not None:
        found.write(json)
    if plot is not None:
        found.draw(plot)

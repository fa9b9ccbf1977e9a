"""The words that the commands take: types with their help, for typer."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chainrule.data import SHIPPED


class Task(StrEnum):
    classification = "classification"
    regression = "regression"


Table = Annotated[
    str,
    Argument(
        metavar="DATA",
        help=f"A table: a CSV or Parquet file, or a shipped data set: {', '.join(SHIPPED)}. For "
        "texts and images, fit itself compares its model with simpler ones.",
    ),
]
Data = Annotated[
    str,
    Argument(
        metavar="DATA",
        help="A table: a CSV or Parquet file, or a shipped data set: "
        f"{', '.join(SHIPPED)}. Or a text, a .txt or .md file. Or a folder with images, one folder "
        "a class.",
    ),
]
TargetColumn = Annotated[
    str | None,
    Option(
        "--target",
        metavar="COLUMN",
        help="What to predict. [default: target, label, class or y, else the last column]",
    ),
]
RunOutput = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="A new folder for the run. [default: runs/<data>-<number>]",
    ),
]
TaskName = Annotated[
    Task | None,
    Option("--task", help="What to do with the target. [default: found from its values]"),
]
Drop = Annotated[
    list[str] | None,
    Option("--drop", metavar="COLUMN", help="Leave a column out. May be given several times."),
]
Seed = Annotated[
    int,
    Option(
        "--seed", metavar="NUMBER", min=0, help="The same seed gives the same run, bit for bit."
    ),
]
Epochs = Annotated[
    int | None,
    Option(
        "--epochs",
        metavar="NUMBER",
        help="At most so many passes over the data. For texts see --minutes and --steps.",
    ),
]
EpochsOfTables = Annotated[
    int | None,
    Option("--epochs", metavar="NUMBER", help="At most so many passes over the rows."),
]
Minutes = Annotated[
    float | None,
    Option(
        "--minutes",
        metavar="NUMBER",
        help="How long training may take; then the same seed is no promise of the same run. "
        "[default: 10 for texts, else as long as --epochs take]",
    ),
]
Steps = Annotated[
    int | None,
    Option("--steps", metavar="NUMBER", help="For texts: so many steps, however long these take."),
]
BatchSize = Annotated[int | None, Option("--batch-size", metavar="NUMBER", help="Rows a step.")]
LearningRate = Annotated[
    float | None, Option("--learning-rate", metavar="RATE", help="The rate of the first step.")
]
Choices = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any choice of the recipe, by its name in run.json: --set hidden=128,64 "
        "--set activation=gelu. A wrong name lists them. May be repeated.",
    ),
]
KeptChoices = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="A choice of the recipe, as for fit, that stays as it is in all trials: "
        "--set activation=gelu. May be repeated.",
    ),
]
RunFolder = Annotated[
    Path, Argument(metavar="RUN", help="A run folder that `chainrule fit` wrote.")
]
NewData = Annotated[
    str | None,
    Argument(
        metavar="DATA",
        help="A CSV or Parquet file with the columns of the training; for a text a file that it "
        "is to continue; an image, or a folder of them.",
    ),
]
LabelledData = Annotated[
    str,
    Argument(
        metavar="DATA",
        help="A table with the columns of the training and its target, or a shipped data set; for "
        "a text another text; for images a folder with one folder a class.",
    ),
]
ReportFile = Annotated[
    Path | None, Option("--report", metavar="FILE", help="Write a report, as one .html file.")
]
PredictionFile = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FILE",
        help="For tables and images: the file to write, .csv or .parquet.",
    ),
]
Force = Annotated[bool | None, Option("--force", help="Replace the output file if it exists.")]
Prompt = Annotated[str | None, Option("--prompt", metavar="TEXT", help="For texts: how it begins.")]
Length = Annotated[
    int | None,
    Option("--length", metavar="NUMBER", min=1, help="For texts: characters. [default: 500]"),
]
Temperature = Annotated[
    float | None,
    Option(
        "--temperature",
        metavar="NUMBER",
        help="For texts: below 1 the likelier characters win more often. [default: 0.8]",
    ),
]
TopK = Annotated[
    int | None,
    Option("--top-k", metavar="NUMBER", help="For texts: among so many likeliest characters."),
]
TopP = Annotated[
    float | None,
    Option("--top-p", metavar="SHARE", help="For texts: among the likeliest of this probability."),
]
DrawSeed = Annotated[
    int | None,
    Option("--seed", metavar="NUMBER", min=0, help="For texts: another one, another text."),
]
CheckNames = Annotated[
    list[str] | None,
    Argument(metavar="NAME", help="A component or a family: relu, losses. [default: all]"),
]
CheckSeed = Annotated[
    int, Option("--seed", metavar="NUMBER", min=0, help="Chooses the points and directions.")
]
BenchNames = Annotated[
    list[str] | None,
    Argument(
        metavar="NAME", help="Workloads or groups, `machine` or `streaming`. [default: small]"
    ),
]
Gigabytes = Annotated[
    float, Option("--gigabytes", metavar="NUMBER", min=0.001, help="The file of `streaming`.")
]
BenchPeers = Annotated[
    str | None,
    Option(
        "--peers", metavar="NAMES", help="torch,torch.compile,jax or none. [default: as installed]"
    ),
]
BenchRounds = Annotated[
    int, Option("--rounds", metavar="NUMBER", min=1, help="How often each contender has its turn.")
]
BenchSeconds = Annotated[
    float, Option("--seconds", metavar="NUMBER", min=0, help="How long a turn lasts.")
]
BenchPatience = Annotated[
    float,
    Option("--patience", metavar="SECONDS", min=0, help="Wait so long for a quiet machine."),
]
BenchPrecision = Annotated[
    str,
    Option(
        "--precision", metavar="WORD", help="mixed: in bfloat16 on float32 parameters; or float32."
    ),
]
BenchBusy = Annotated[bool, Option("--busy", help="Measure beside two busy neighbours as well.")]
JsonFile = Annotated[
    Path | None, Option("--json", metavar="FILE", help="Write all figures into a file.")
]
PlotFile = Annotated[
    Path | None, Option("--plot", metavar="FILE", help="Draw the times into a file, .png or .svg.")
]
Models = Annotated[
    list[str] | None,
    Option("--model", metavar="NAME", help="Only this one beside the network. May be repeated."),
]
METRICS = "AUC, accuracy, balanced accuracy, F1, log loss; R2, RMSE, MAE."
Metric = Annotated[
    str | None,
    Option(
        "--metric",
        metavar="NAME",
        help=f"{METRICS} [default: AUC for two classes, accuracy for more, R2 for numbers]",
    ),
]
SearchMetric = Annotated[
    str | None,
    Option(
        "--metric",
        metavar="NAME",
        help=f"{METRICS} [default: log loss for classes, R2 for numbers]",
    ),
]
ScorePlot = Annotated[
    Path | None,
    Option("--plot", metavar="FILE", help="Draw scores and intervals into a file, .png or .svg."),
]
Folds = Annotated[int, Option("--folds", metavar="NUMBER", min=2, help="Parts of the rows.")]
Repeats = Annotated[
    int | None,
    Option(
        "--repeats",
        metavar="NUMBER",
        min=1,
        help="How often folds are made anew. [default: 2 below 1,000 rows, else 1]",
    ),
]
Groups = Annotated[
    str | None,
    Option(
        "--groups",
        metavar="COLUMN",
        help="Rows of one value here, as of one patient, stay together.",
    ),
]
Ordered = Annotated[
    str | None,
    Option("--ordered", metavar="COLUMN", help="Test on rows later than those trained on."),
]
SearchOutput = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="For the journal of trials and the run. [default: runs/<data>-search]",
    ),
]
Trials = Annotated[
    int, Option("--trials", metavar="NUMBER", min=1, help="How many recipes are tried.")
]
SearchSeconds = Annotated[
    float | None, Option("--seconds", metavar="NUMBER", help="No new trial after so long.")
]
Parts = Annotated[
    int | None,
    Option(
        "--parts",
        metavar="NUMBER",
        min=1,
        help="Folds of a trial; 1: the validation part. [default: 5 below 1,000 rows, 3 below "
        "5,000, else 1]",
    ),
]

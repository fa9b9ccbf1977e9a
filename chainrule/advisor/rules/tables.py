"""Networks for tables: what `fit` trains, chosen on ten of them (`benchmarks/tables.py`).

What guides say of all networks is decided here by measurement: `measured` tells differences to the
default in hundredths of AUC, accuracy or R2 on seven tables, each of which varies by about 0.3;
all before members left other rows out each, without a linear model (`docs/defaults.md` has these).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.advisor.names import OPTIMIZERS, WRAPPERS
from chainrule.advisor.rule import Facts, Rule, at_least, below, one_of

NARROWEST, WIDEST = 64, 256
SMALLEST_BATCH, LARGEST_BATCH = 16, 256
STEPS_AN_EPOCH, STEPS = 40, 2_000
FEWEST_EPOCHS, MOST_EPOCHS = 50, 200
# Below the first number of rows a network can learn all by heart; above the second it hardly can.
FEW_ROWS, MANY_ROWS = 1_000, 20_000
SHRINKING = (
    *WRAPPERS,
    *(name for name, make in OPTIMIZERS.items() if getattr(make, "decoupled", False)),
)
# Rates that suit an optimizer where they are not those of Adam.
RATES = {
    "SGD": 0.05,
    "RMSProp": 1e-3,
    "Lion": 2e-4,
    "AdaGrad": 1e-2,
    "Adadelta": 1.0,
    "Adafactor": 1e-2,
}


def width(facts: Facts) -> tuple[int, ...]:
    first = power_of_two(4 * facts["inputs"], NARROWEST, WIDEST)
    return first, first // 2


def batch(facts: Facts) -> int:
    return power_of_two(facts["rows"] / STEPS_AN_EPOCH, SMALLEST_BATCH, LARGEST_BATCH)


def epochs(facts: Facts) -> int:
    """Enough for `STEPS` steps, in tens."""
    wanted = STEPS * facts["batch_size"] / facts["rows"]
    return int(np.clip(round(wanted, -1), FEWEST_EPOCHS, MOST_EPOCHS))


def patience(facts: Facts) -> int:
    return max(10, facts["epochs"] // 4)


def power_of_two(size: float, least: int, greatest: int) -> int:
    return int(np.clip(2 ** round(np.log2(max(size, 1))), least, greatest))


def _table(
    topic: str, choice: Any, reason: str, *ids: str, measured: str = "", **when: Any
) -> Rule:
    return Rule(topic, choice, reason, ids, {"data": "table", **when}, (), measured)


RULES = (
    _table(
        "target",
        "its logarithm",
        "sizes differ by factors: errors count by their share",
        "F-013",
        "F-068",
        logarithm=True,
    ),
    _table(
        "missing cells",
        "the median, and a column of 0 and 1 that says so",
        "that a cell is empty may mean something",
        missing=True,
    ),
    _table(
        "categories",
        "a column of 0 and 1 each, rare ones together",
        "no order is made up",
        categories=True,
    ),
    _table("limit", 3.0, "outliers no longer drown what is ordinary", "F-068"),
    _table("limit", 0.0, "inputs in one unit have no outliers", "F-068", one_unit=True),
    _table(
        "hidden",
        width,
        f"about 4 times the inputs, from {NARROWEST} to {WIDEST}, then half",
        "F-019",
    ),
    _table(
        "members",
        4,
        "the mean of several varies less than one, for little more time",
        "F-045",
        measured="one member +0.03 +- 0.08, a tie; its log loss +0.09 +- 0.07",
    ),
    _table("members", 1, "batch norms keep statistics of one network", norm="batch"),
    _table(
        "committee",
        True,
        "all rows teach, and all judge when to stop: each the member that has not seen it",
        "F-045",
        members=at_least(2),
    ),
    _table(
        "linear",
        True,
        "where effects add up nothing errs less, and held-out rows say whether they do",
        "F-071",
        "F-072",
    ),
    _table("linear", False, "so many rows show more than a plane", rows=at_least(MANY_ROWS)),
    _table(
        "linear",
        False,
        "a plane of logarithms has no bounds: of an outlier its exponential may be anything",
        "F-068",
        logarithm=True,
    ),
    _table(
        "activation",
        "silu",
        "smooth, and its gradient does not fade",
        "F-004",
        measured="relu +0.05 +- 0.15, a tie; tanh -0.17 +- 0.21, mish -0.22 +- 0.25",
    ),
    _table(
        "norm",
        "none",
        "the inputs are standardised, and few layers follow",
        "F-039",
        measured="batch norm -0.21 +- 0.32, layer norm -0.26 +- 0.44: worst on the fewest rows",
    ),
    _table(
        "input_dropout",
        0.1,
        "inputs in one unit repeat each other",
        "F-040",
        one_unit=True,
    ),
    _table(
        "dropout",
        0.2,
        "some noise, beside weight decay and early stopping",
        "F-038",
        "F-042",
        measured="no dropout -0.28 +- 0.21, dropout 0.5 -0.22 +- 0.22: both lose",
    ),
    _table("dropout", 0.0, "many rows regularise", "F-038", rows=at_least(MANY_ROWS)),
    _table("label_smoothing", 0.0, "probabilities stay true"),
    _table(
        "class_weights",
        "none",
        "weighted losses tell wrong probabilities, and order rows no better",
        "F-014",
        "F-069",
        measured="class weights +0.20 +- 0.18 on two tables, with a log loss +10.55 +- 7.19; "
        "focal +0.01 +- 0.01, with a log loss +6.97 +- 0.49",
        imbalance=at_least(4),
    ),
    _table(
        "optimizer",
        "AdamW",
        "finds a step size for each weight",
        "F-048",
        "F-046",
        measured="SGD -0.11 +- 0.20, Lookahead -0.10 +- 0.18, Adam -0.35 +- 0.37, "
        "RMSProp -0.62 +- 0.65: alike but on the fewest rows",
    ),
    _table(
        "schedule",
        "cosine",
        "large steps first, to get near; small ones last, to settle",
        "F-054",
        measured="one cycle -0.11 +- 0.22, constant -0.06 +- 0.07: early stopping evens them out",
    ),
    _table("learning_rate", 2e-3, "for a few thousand steps"),
    *(
        _table("learning_rate", rate, "steps of this optimizer are of another size", optimizer=name)
        for name, rate in RATES.items()
    ),
    _table("weight_decay", 1e-3, "added to gradients, which are not large", "F-040", "F-044"),
    _table(
        "weight_decay",
        0.1,
        "the decay is right for some rows",
        "F-044",
        optimizer=one_of(SHRINKING),
    ),
    _table(
        "weight_decay",
        1.0,
        "strong decay for few rows",
        "F-044",
        optimizer=one_of(SHRINKING),
        rows=below(FEW_ROWS),
    ),
    _table(
        "weight_decay",
        1.0,
        "strong decay for few rows of the rarest class, which hold what there is to learn",
        "F-044",
        optimizer=one_of(SHRINKING),
        imbalance=at_least(4),
        rarest=below(500),
    ),
    _table(
        "weight_decay",
        0.01,
        "hardly any decay for many rows",
        "F-044",
        optimizer=one_of(SHRINKING),
        rows=at_least(MANY_ROWS),
    ),
    _table("averaging", "none", "the rate falls to 0, and the weights settle by themselves"),
    _table(
        "batch_size",
        batch,
        f"about {STEPS_AN_EPOCH} steps an epoch, within {SMALLEST_BATCH} to {LARGEST_BATCH} rows",
        "F-056",
        measured="batch 16 -0.06 +- 0.08, batch 256 +0.08 +- 0.13: ties",
    ),
    _table(
        "epochs",
        epochs,
        f"about {STEPS:,} steps at most, within {FEWEST_EPOCHS} to {MOST_EPOCHS} epochs",
    ),
    _table(
        "patience",
        patience,
        "a quarter of the epochs: the schedule must come down before it ends",
        "F-057",
        measured="patience 5 -0.23 +- 0.22",
    ),
)

"""What rules call measured stands in the results of `benchmarks/choices.py`, digit by digit."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from chainrule.advisor import RULES

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "choices.json"
FIGURE = re.compile(r"(log loss )?([+-]\d+\.\d\d) \+- (\d+\.\d\d)")


def told(variant, found, figure):
    """The mean difference from the default over tables, in hundredths, and its standard error."""
    apart = [
        100 * (np.mean(rows[figure]) - np.mean(found["default"][table][figure]))
        for table, rows in found[variant].items()
        if figure in rows
    ]
    error = np.std(apart, ddof=1) / np.sqrt(len(apart))
    return f"{np.mean(apart):+.2f} +- {error:.2f}"


@pytest.mark.parametrize(
    "text", [rule.measured for rule in RULES if rule.measured], ids=lambda text: text[:24]
)
def test_figures_are_those_of_the_results(text):
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    known = {told(name, found, "score") for name in found if name != "default"}
    losses = {
        told(name, found, "log loss") for name in found if name not in ("default", "mae", "huber")
    }
    figures = FIGURE.findall(text)
    assert figures
    for loss, mean, error in figures:
        assert f"{mean} +- {error}" in (losses if loss else known)
    names = [name for name in found if re.search(rf"(^|[ ;]){re.escape(name)} [+-]\d", text)]
    assert len(names) == sum(not loss for loss, _, _ in figures)
    assert all(f"{name} {told(name, found, 'score')}" in text for name in names)

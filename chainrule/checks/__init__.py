"""One row for each loss, activation and layer: what `chainrule check` and the tests go through."""

from chainrule.checks import activations, distributions, layers, linalg, losses
from chainrule.checks.row import Check, Verdict, verdicts

CHECKS: tuple[Check, ...] = (
    *activations.CHECKS,
    *losses.CHECKS,
    *layers.CHECKS,
    *linalg.CHECKS,
    *distributions.CHECKS,
)

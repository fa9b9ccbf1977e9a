"""One row for each loss, activation and layer: what `chainrule check` and the tests go through."""

from itertools import chain

from chainrule.checks import activations, distributions, layers, linalg, losses
from chainrule.checks.row import Check, Verdict, verdicts

FAMILIES: dict[str, tuple[Check, ...]] = {
    "activations": activations.CHECKS,
    "losses": losses.CHECKS,
    "layers": layers.CHECKS,
    "linalg": linalg.CHECKS,
    "distributions": distributions.CHECKS,
}
CHECKS: tuple[Check, ...] = tuple(chain.from_iterable(FAMILIES.values()))

"""Learning rates over time: receive the number of steps taken, hand on the rate of the next one.

A step is one update of the optimizer; an epoch has `len(batches)` of them. A schedule is a pure
function, so `optim.SGD(model, Cosine(0.1, 1000))` needs no further call, also inside a compiled
epoch; `Plateau` alone is told something, the metric.
"""

from chainrule.optim.schedules.base import Constant, Product, Schedule
from chainrule.optim.schedules.chains import WSD, Chain, Warmup, WarmupCosine
from chainrule.optim.schedules.cycles import CosineRestarts, Cyclic, OneCycle, Piecewise
from chainrule.optim.schedules.decay import (
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    MultiStep,
    Noam,
    Polynomial,
    Step,
)
from chainrule.optim.schedules.plateau import Plateau

"""Optimizers: receive a module and its gradients, and hand the module better parameters."""

from chainrule.optim import schedules
from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.averaging import EMA, SWA, Average, update_statistics
from chainrule.optim.base import Optimizer
from chainrule.optim.clip import clip_by_global_norm
from chainrule.optim.constraints import MaxNorm, Projected, ProximalL1
from chainrule.optim.hyperparameters import Hyperparameters, undecayed, vectors
from chainrule.optim.lbfgs import LBFGS
from chainrule.optim.lookahead import Lookahead
from chainrule.optim.newton import Newton
from chainrule.optim.sam import SAM
from chainrule.optim.schedule_free import ScheduleFreeAdamW
from chainrule.optim.sgd import SGD
from chainrule.optim.wrapper import Wrapper

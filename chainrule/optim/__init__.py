"""Optimizers: receive a module and its gradients, and hand the module better parameters."""

from chainrule.optim import schedules
from chainrule.optim.adafactor import Adafactor
from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.adam_variants import AdaMax, NAdam, RAdam
from chainrule.optim.adaptive import Adadelta, AdaGrad, RMSProp
from chainrule.optim.averaging import EMA, SWA, update_statistics
from chainrule.optim.base import Optimizer
from chainrule.optim.clip import clip_by_global_norm, clip_by_value, global_norm
from chainrule.optim.constraints import MaxNorm, Projected, ProximalL1
from chainrule.optim.hyperparameters import Hyperparameters, undecayed, vectors
from chainrule.optim.lamb import LAMB
from chainrule.optim.lbfgs import LBFGS
from chainrule.optim.lion import Lion
from chainrule.optim.lookahead import Lookahead
from chainrule.optim.loss_scaling import GradientShares, LossScaling, gradient_shares
from chainrule.optim.muon import Muon
from chainrule.optim.newton import Newton
from chainrule.optim.sam import SAM
from chainrule.optim.schedule_free import ScheduleFreeAdamW
from chainrule.optim.sgd import SGD

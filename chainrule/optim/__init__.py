"""Optimizers: receive a module and its gradients, and hand the module better parameters."""

from chainrule.optim import schedules
from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.base import Optimizer
from chainrule.optim.clip import clip_by_global_norm
from chainrule.optim.hyperparameters import Hyperparameters, undecayed, vectors
from chainrule.optim.sgd import SGD

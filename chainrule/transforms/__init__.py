"""Transforms: functions from functions to functions. Receives what users write; hands on
derivatives and batches.
"""

from chainrule.transforms import handmade
from chainrule.transforms.checking import GradientCheck, check_grad
from chainrule.transforms.derivatives import Pullback, grad, jvp, value_and_grad, vjp
from chainrule.transforms.jacobians import hessian, hvp, jacobian
from chainrule.transforms.mapping import vmap
from chainrule.transforms.numerical import numerical_gradient
from chainrule.transforms.wrappers import checkpoint, custom_gradient

"""Transforms: functions from functions to functions. Receives what users write; hands on derivatives and batches."""

from chainrule.transforms.derivatives import Pullback, grad, jvp, value_and_grad, vjp

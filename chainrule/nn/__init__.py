"""Modules: layers, losses and starting values, for transforms and optimizers to work on."""

from chainrule.frontend.stateful import Buffer
from chainrule.nn import init, losses
from chainrule.nn.activations import (
    GELU,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from chainrule.nn.containers import Flatten, Identity, Sequential
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, Parameter

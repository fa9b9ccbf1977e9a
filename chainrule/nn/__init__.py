"""Modules: layers, losses and starting values, for transforms and optimizers to work on."""

from chainrule.frontend.stateful import Buffer
from chainrule.nn import adversarial, init, losses, penalties
from chainrule.nn.activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    HardShrink,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Heaviside,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    Sign,
    SiLU,
    Softmax,
    Softplus,
    SoftShrink,
    Softsign,
    Sparsemax,
    Swish,
    Tanh,
    TanhShrink,
)
from chainrule.nn.batch_normalization import BatchNorm, BatchRenorm, InstanceNorm
from chainrule.nn.containers import Flatten, Identity, Sequential
from chainrule.nn.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout,
    StochasticDepth,
    depth_rates,
)
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, Parameter
from chainrule.nn.monte_carlo import mc_dropout
from chainrule.nn.normalization import AddNorm, GroupNorm, LayerNorm, RMSNorm
from chainrule.nn.recurrent import GRU, LSTM, RNN
from chainrule.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell
from chainrule.nn.reweighted import DropConnect, SpectralNorm, WeightNorm

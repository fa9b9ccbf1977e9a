"""Modules: layers, losses and starting values, for transforms and optimizers to work on."""

from chainrule.frontend.stateful import Buffer
from chainrule.nn import adversarial, init, losses, penalties, positions
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
from chainrule.nn.attention import patterns
from chainrule.nn.attention.multi_head import KeyValueCache, MultiHeadAttention
from chainrule.nn.batch_normalization import BatchNorm, BatchRenorm, InstanceNorm
from chainrule.nn.channel_attention import CBAM, SqueezeExcitation
from chainrule.nn.containers import Add, Concat, Flatten, Identity, Limit, Sequential
from chainrule.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    SeparableConv2d,
)
from chainrule.nn.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout,
    StochasticDepth,
    depth_rates,
)
from chainrule.nn.embedding import Embedding
from chainrule.nn.ensemble import Ensemble, Together
from chainrule.nn.feed_forward import FeedForward
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, Parameter
from chainrule.nn.monte_carlo import mc_dropout
from chainrule.nn.normalization import AddNorm, GroupNorm, LayerNorm, RMSNorm
from chainrule.nn.pooling import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
)
from chainrule.nn.positions import LearnedPositions, SinusoidalPositions
from chainrule.nn.receptive_field import empirical_receptive_field, receptive_field
from chainrule.nn.recurrent import GRU, LSTM, RNN
from chainrule.nn.recurrent_cells import GRUCell, LSTMCell, RNNCell
from chainrule.nn.resampling import ChannelShuffle, PixelShuffle, PixelUnshuffle, Upsample
from chainrule.nn.reweighted import DropConnect, SpectralNorm, WeightNorm
from chainrule.nn.sequence_attention import (
    AdditiveAttention,
    AttentionCell,
    MultiplicativeAttention,
)
from chainrule.nn.sequence_models import RecurrentLanguageModel, Seq2Seq
from chainrule.nn.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

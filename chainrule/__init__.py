"""chainrule: deep learning with expressions, compiled whole. The public names."""

from importlib import import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from chainrule import dtypes
from chainrule.config import config
from chainrule.control import cond, scan, while_loop
from chainrule.dtypes import (
    DType,
    bfloat16,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from chainrule.dtypes import (
    bool_ as bool,
)
from chainrule.errors import ChainruleError
from chainrule.frontend import linalg, random
from chainrule.frontend.box import Box
from chainrule.frontend.functions.activation import (
    celu,
    elu,
    geglu,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    heaviside,
    identity,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    prelu,
    reglu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparsemax,
    swiglu,
    swish,
    tanh_shrink,
)
from chainrule.frontend.functions.convolution import conv, conv_transpose
from chainrule.frontend.functions.creation import (
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    meshgrid,
    ones,
    ones_like,
    tril,
    triu,
    zeros,
    zeros_like,
)
from chainrule.frontend.functions.data_types import (
    __array_namespace_info__,
    astype,
    can_cast,
    finfo,
    iinfo,
    isdtype,
    result_type,
)
from chainrule.frontend.functions.elementary import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    erf,
    erfinv,
    exp,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    sin,
    sinh,
    tan,
    tanh,
)
from chainrule.frontend.functions.elementwise import (
    abs,
    add,
    ceil,
    clip,
    conj,
    copysign,
    divide,
    floor,
    floor_divide,
    hypot,
    imag,
    isfinite,
    isinf,
    isnan,
    maximum,
    minimum,
    multiply,
    negative,
    nextafter,
    positive,
    pow,
    real,
    reciprocal,
    remainder,
    round,
    sign,
    signbit,
    sqrt,
    square,
    subtract,
    trunc,
)
from chainrule.frontend.functions.indexing import (
    take,
    take_along_axis,
)
from chainrule.frontend.functions.linear_algebra import (
    einsum,
    matmul,
    tensordot,
    vecdot,
)
from chainrule.frontend.functions.logic import (
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    where,
)
from chainrule.frontend.functions.manipulation import (
    broadcast_arrays,
    broadcast_shapes,
    broadcast_to,
    concat,
    expand_dims,
    flip,
    matrix_transpose,
    moveaxis,
    pad,
    permute_dims,
    repeat,
    reshape,
    roll,
    squeeze,
    stack,
    tile,
    unstack,
)
from chainrule.frontend.functions.network import (
    logit,
    one_hot,
    stop_gradient,
)
from chainrule.frontend.functions.pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    max_pool,
)
from chainrule.frontend.functions.reductions import (
    all,
    any,
    count_nonzero,
    cumulative_prod,
    cumulative_sum,
    diff,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from chainrule.frontend.functions.resampling import (
    channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
    upsample,
)
from chainrule.frontend.functions.searching import (
    argmax,
    argmin,
    argsort,
    isin,
    nonzero,
    searchsorted,
    sort,
    top_k,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from chainrule.frontend.functions.special import betaln, digamma, lgamma, polygamma
from chainrule.frontend.tensor import Tensor
from chainrule.frontend.trace import is_training, training
from chainrule.jit import jit, set_threads
from chainrule.transforms import (
    check_grad,
    checkpoint,
    custom_gradient,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    numerical_gradient,
    value_and_grad,
    vjp,
    vmap,
)

# They build on all names above.
from chainrule import nn, optim  # isort: skip
from chainrule.nn.attention import attention, attention_weights, linear_attention  # isort: skip
from chainrule.nn.precision import mixed_precision  # isort: skip

if TYPE_CHECKING:
    from chainrule import activations, augment, distributions, landscape, metrics, risk, tape
    from chainrule.inspection.formula import formula
    from chainrule.inspection.gradients import cost_of_gradient, saved_for_backward

__version__ = "0.1.0"
__array_api_version__ = "2025.12"

newaxis = None

# Not every program needs these, and the import should be quick: they are loaded when asked for.
_LATER = {
    "activations": "chainrule.activations",
    "advisor": "chainrule.advisor",
    "augment": "chainrule.augment",
    "cost_of_gradient": "chainrule.inspection.gradients",
    "data": "chainrule.data",
    "distributions": "chainrule.distributions",
    "formula": "chainrule.inspection.formula",
    "landscape": "chainrule.landscape",
    "metrics": "chainrule.metrics",
    "risk": "chainrule.risk",
    "saved_for_backward": "chainrule.inspection.gradients",
    "tape": "chainrule.tape",
    "train": "chainrule.train",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}", name=name)
    module = import_module(_LATER[name])
    found = module if module.__name__ == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})

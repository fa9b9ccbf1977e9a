"""The activation functions by name; for those of an axis, the curve that stands for them."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from chainrule.errors import ArgumentError
from chainrule.frontend.functions import activation
from chainrule.frontend.functions.creation import ones_like, zeros_like
from chainrule.frontend.functions.elementary import tanh
from chainrule.frontend.functions.elementwise import sign
from chainrule.frontend.functions.manipulation import stack
from chainrule.frontend.tensor import Tensor

Activation = Callable[..., Tensor]

FUNCTIONS: dict[str, Activation] = {
    function.__name__: function
    for function in (
        activation.identity,
        activation.heaviside,
        sign,
        activation.relu,
        activation.leaky_relu,
        activation.prelu,
        activation.relu6,
        activation.hard_tanh,
        activation.hard_sigmoid,
        activation.hard_swish,
        activation.hard_shrink,
        activation.soft_shrink,
        activation.sigmoid,
        activation.log_sigmoid,
        activation.softplus,
        activation.softsign,
        tanh,
        activation.tanh_shrink,
        activation.elu,
        activation.celu,
        activation.selu,
        activation.swish,
        activation.silu,
        activation.mish,
        activation.gelu,
        activation.softmax,
        activation.log_softmax,
        activation.sparsemax,
        activation.glu,
        activation.reglu,
        activation.geglu,
        activation.swiglu,
    )
}

BESIDE_ZERO = ("softmax", "log_softmax", "sparsemax")
GATES = ("glu", "reglu", "geglu", "swiglu")


def names() -> tuple[str, ...]:
    """The names of all activation functions.

    >>> cr.activations.names()[:4]
    ('identity', 'heaviside', 'sign', 'relu')
    """
    return tuple(FUNCTIONS)


def get(name: str) -> Activation:
    """The function of this name, in any case, with or without underscores.

    Raises ArgumentError with similar names.

    >>> cr.activations.get("LeakyReLU") is cr.leaky_relu
    True
    """
    plain = {known.replace("_", ""): known for known in FUNCTIONS}
    wanted = name.lower().replace("_", "")
    if wanted in plain:
        return FUNCTIONS[plain[wanted]]
    near = [plain[found] for found in get_close_matches(wanted, plain, cutoff=0.5)]
    raise ArgumentError(
        "activations.get",
        f"there is no {name!r}",
        f"similar names are {', '.join(near)}" if near else f"there are {', '.join(FUNCTIONS)}",
    )


def curve_of(name: str) -> tuple[str, Callable[[Tensor], Tensor]]:
    """A function of one number, as text and itself: one element of two stands for an axis."""
    function = FUNCTIONS[name]
    if name in BESIDE_ZERO:
        return f"{name}([z, 0])[0]", lambda z: function(stack([z, zeros_like(z)], axis=-1))[..., 0]
    if name in GATES:
        return f"{name}([1, z])", lambda z: function(stack([ones_like(z), z], axis=-1))[..., 0]
    return f"{name}(z)", function

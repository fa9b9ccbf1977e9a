"""How components are compared: arguments of one dtype, values and gradients, relative errors."""

from contextlib import contextmanager

import numpy as np

import chainrule as cr
from chainrule import nn, tree

# Relative to the largest element of what is compared.
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}


@contextmanager
def precision(kind):
    """Modules are made of this dtype, and NumPy arrays keep theirs."""
    before, cr.config.float64 = cr.config.float64, kind == "float64"
    try:
        yield
    finally:
        cr.config.float64 = before


def arguments_of(check, seed, kind):
    """The arguments of a check, floats of this dtype; call it within `precision`."""
    return tuple(
        argument.astype(kind) if is_float_array(argument) else argument
        for argument in check.draw(seed)
    )


def is_float_array(argument):
    if isinstance(argument, cr.Tensor):
        return argument.dtype.is_float
    return isinstance(argument, np.ndarray) and argument.dtype.kind == "f"


def differentiable(arguments):
    """The places of the arguments that have a gradient."""
    return tuple(
        place
        for place, argument in enumerate(arguments)
        if is_float_array(argument) or (isinstance(argument, nn.Module) and argument.trainable())
    )


def leaves(value):
    """The float arrays in a tree of results, in order."""
    arrays = [np.asarray(leaf) for leaf in tree.leaves(value)]
    return [array for array in arrays if array.dtype.kind == "f"]


def cotangents(outputs):
    """A fixed direction for each float output, which makes one number of them all."""
    random = np.random.default_rng(99)
    return [random.normal(size=array.shape).astype(array.dtype) for array in leaves(outputs)]


def weighted(outputs, directions):
    """sum(direction * output) over all float outputs: a scalar whose gradient tests all of them."""
    tensors = [leaf for leaf in tree.leaves(outputs) if leaf.dtype.is_float]
    total = 0.0
    for tensor, direction in zip(tensors, directions, strict=True):
        total = total + cr.sum(tensor * direction)
    return total


def without_options(function, arguments):
    """The function with numbers, words and tuples bound: they are options, no inputs."""
    options = (int, float, str, tuple)

    def bound(*given):
        rest = iter(given)
        return function(*[x if isinstance(x, options) else next(rest) for x in arguments])

    return bound, [x for x in arguments if not isinstance(x, options)]


def value_and_gradients(function, arguments, compiled=False):
    """The outputs in training mode, and the gradients of `weighted` by every float argument."""
    function, arguments = without_options(function, arguments)
    with cr.training():
        directions = cotangents(function(*arguments))

    def scalar(*given):
        outputs = function(*given)
        return weighted(outputs, directions), outputs

    places = differentiable(arguments)
    transformed = cr.value_and_grad(scalar, argnums=places, has_aux=True)
    if compiled:
        transformed = cr.jit(transformed)
    (_, outputs), gradients = transformed(*arguments)
    return leaves(outputs), leaves(gradients)


def relative_error(found, expected):
    """max |found - expected| / max |expected|, equal infinities and NaNs counting as equal."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, f"{found.shape} instead of {expected.shape}"
    if not expected.size:
        return 0.0
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    if not finite.any():
        return 0.0
    return float(np.abs(found - expected)[finite].max() / max(np.abs(expected[finite]).max(), 1e-3))


def assert_close(found, expected, kind, what):
    """Raise where any of several arrays is further from its reference than its dtype allows."""
    assert len(found) == len(expected), f"{what}: {len(found)} results, {len(expected)} expected"
    for place, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        error = relative_error(ours, theirs)
        assert error <= TOLERANCE[kind], f"{what} {place}: relative error {error:.1e}"

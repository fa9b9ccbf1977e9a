"""How far a compiled result may lie from the interpreter's.

The compiler rounds as the definitions do, except in what is listed here: sums and products of many
terms are taken in another order, and elementary functions have errors of their own. So the graph is
interpreted again with errors of that size put into just these operations, within loops too. The
spread of the results is what rounding can do to this graph with this data, however ill-conditioned
it is: no tolerance has to be guessed, and a graph without such operations must agree exactly. Where
the errors tip a decision (a comparison, an index, a NaN) anything may come out, and the element is
not compared. Of 16-bit floats each operation may be off by one unit, because a kernel rounds only
what it stores, and finite where the definition overflows.
"""

import contextlib
import math

import numpy as np

from chainrule.dtypes import finfo, of, stored, widened
from chainrule.ir import interpret
from chainrule.ir.contraction import contract_numpy

RUNS = 8
FACTOR = 8  # The spread of a few runs estimates the largest deviation from below.
FUNCTIONS = {
    "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sigmoid", "erf", "atan2", "power",
}  # fmt: skip
# The sign of a zero is left open here: a sum starts from 0.0, and x + 0.0 counts as x.
ZEROS = {
    "add",
    "subtract",
    "sum",
    "contract",
    "cumulative",
    "scatter_add",
    "max",
    "min",
    "maximum",
    "minimum",
}
# What rounds its result, apart from these.
ROUNDED = FUNCTIONS | {
    "add", "subtract", "multiply", "divide", "sqrt", "remainder", "floor_divide", "sum", "prod",
    "contract", "cumulative", "scatter_add",
}  # fmt: skip
FUNCTION_ULPS = 4  # Ours are within 2 units in the last place, NumPy's in float32 within 4.


def deviation(name, arrays, attributes, result):
    """The largest error of each element, in units of the dtype's epsilon; None: exact."""
    if of(result.dtype).is_narrow:
        return np.abs(widened(result)) if name in ROUNDED else None
    if name in FUNCTIONS:
        return FUNCTION_ULPS * np.abs(result)
    if name in ("sum", "prod") and arrays[0].size == result.size:
        return None  # A single term is the sum.
    if name == "sum":
        return _of_terms(
            np.sum(_finite(arrays[0]), attributes["axes"]), arrays[0].size, result.size
        )
    if name == "prod":
        return np.abs(result) * (arrays[0].size / max(result.size, 1))
    if name == "contract":
        spec = attributes["spec"]
        terms = math.prod(spec.sizes) / max(result.size, 1)
        return _of_terms(contract_numpy(_finite(arrays[0]), _finite(arrays[1]), spec), terms, 1)
    if name == "cumulative" and attributes["kind"] == "prod":
        return np.abs(result) * result.shape[-1]
    if name == "cumulative" and attributes["kind"] == "sum":
        return _of_terms(np.cumsum(_finite(arrays[0]), -1), result.shape[-1], 1)
    if name == "scatter_add":
        return _of_terms(
            interpret.OPS[name].numpy(_finite(arrays[0]), arrays[1], _finite(arrays[2])), 2, 1
        )
    return None


def _finite(x):
    """Magnitudes of the finite terms: where these alone overflow, the order decides the sum."""
    return np.where(np.isfinite(x), np.abs(x), np.zeros((), x.dtype))


def _of_terms(magnitude, terms, results):
    return magnitude * (2 + math.sqrt(terms / max(results, 1)))


@contextlib.contextmanager
def errors(seed):
    """Within it, the interpreter commits random errors of the allowed size."""
    exact, faulty = interpret.compute, _Faulty(seed, interpret.compute)
    interpret.compute = faulty.compute
    try:
        yield
    finally:
        interpret.compute = exact


class _Faulty:
    """A primitive's definition with errors; it remembers which arrays have any."""

    def __init__(self, seed, exact):
        self.seed, self.exact = seed, exact
        self.random = np.random.default_rng(seed)
        self.wrong = {}  # By identity; the arrays are kept, so that none is given again.

    def compute(self, op, arrays, attributes):
        arrays = list(arrays)
        result = self.exact(op, arrays, attributes)
        if isinstance(result, tuple):
            if self.wrong:
                self.wrong.update((id(array), array) for array in result)
            return result
        wrong = [
            x for x in arrays if id(x) in self.wrong or id(getattr(x, "base", x)) in self.wrong
        ]
        spoiled = bool(wrong)
        if of(result.dtype).is_float:
            with np.errstate(all="ignore"):
                size = deviation(op.name, arrays, attributes, result)
                if op.name in ("add", "subtract", "cast"):
                    size = _with_unrounded(size, wrong, of(result.dtype))
                result, spoiled = self.noisy(op.name, size, result, spoiled)
        if spoiled:
            self.wrong[id(result)] = result
        return result

    def noisy(self, name, size, result, spoiled):
        """(the result with errors, whether it or an operand has any)."""
        dtype, result = of(result.dtype), widened(result)
        if name in ZEROS:
            signs = _signs(self.seed, self.random, result)
            result = np.where(result == 0, np.copysign(result, signs), result)
        if dtype.is_narrow and self.seed % 2:
            largest = np.copysign(finfo(dtype).max, result)
            result = np.where(np.isinf(result), largest, result).astype(np.float32)
        if size is not None:
            noise = _noise(self.seed, self.random, result, size, dtype)
        elif spoiled and name in ("add", "subtract"):
            # An error of an operand may be rounded away, or up to a whole unit.
            size, noise = np.abs(result), _unit(self.random, result)
        else:
            return stored(result, dtype), spoiled
        off = (size > 0) & np.isfinite(result)
        if self.seed % 2:
            off |= np.isinf(size) & np.isinf(result)  # An infinity may meet another one.
        return stored(np.where(off, result + noise, result), dtype), True


def _with_unrounded(size, wrong, dtype):
    """Computed operands of 16 bits may come with the digits of float32 here, and without them where
    they were stored or cast before: then a difference is not zero.
    """
    for x in wrong:
        if of(x.dtype).is_narrow:
            units = np.abs(widened(x)) * (finfo(of(x.dtype)).eps / finfo(dtype).eps)
            size = units if size is None else size + units
    return size


def _unit(random, result):
    return random.integers(-1, 2, result.shape) * np.spacing(np.abs(result))


def _spacing(result, dtype):
    """From each value to the next larger one of the dtype."""
    magnitude = np.maximum(np.abs(result), finfo(dtype).smallest_normal)
    return np.ldexp(finfo(dtype).eps, np.frexp(magnitude)[1] - 1)


def _signs(seed, random, like):
    """All up, all down, or either."""
    signs = random.choice([-1, 1], like.shape) if seed > 1 else 1 - 2 * seed
    return np.asarray(signs, like.dtype)


def _noise(seed, random, result, size, dtype):
    """Errors by one unit, where decisions tip, or up to the allowed size."""
    signs = _signs(seed, random, result)
    if seed < 4:
        return signs * _spacing(result, dtype) * (seed < 2 or random.integers(0, 2, result.shape))
    info = finfo(dtype)
    limit = np.maximum(size * info.eps, 2 * info.smallest_normal * info.eps)
    return signs * random.uniform(0.5, 1.0, result.shape) * limit


class Spread:
    """The interpreter's results with what rounding may do to them."""

    def __init__(self, evaluate, runs=RUNS):
        """`evaluate()` interprets the graph and returns a list of arrays."""
        self.wanted = evaluate()
        noisy = []
        for seed in range(runs):
            with errors(seed):
                noisy.append(evaluate())
        pairs = [
            _bounds(widened(want), [widened(run[n]) for run in noisy], of(want.dtype))
            for n, want in enumerate(self.wanted)
        ]
        self.allowed = [allowed for allowed, _ in pairs]
        self.decided = [decided for _, decided in pairs]

    def problems(self, results):
        """One line for each result that is off."""
        return [line for n, result in enumerate(results) if (line := self._problem(n, result))]

    def _problem(self, n, got):
        want, decided = self.wanted[n], self.decided[n]
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"{n}: {got.dtype}{got.shape} instead of {want.dtype}{want.shape}"
        got, want = widened(got), widened(want)
        with np.errstate(all="ignore"):
            near = (got == want) | (np.isnan(got) & np.isnan(want))
            if want.dtype.kind == "f":
                near |= np.abs(got - want) <= self.allowed[n]
        bad = decided & ~near
        if not bad.any():
            return None
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        return (
            f"{n}: {int(bad.sum())} of {bad.size} elements are off, at {place}: {got[place]!r} "
            f"instead of {want[place]!r}, allowed {self.allowed[n][place]:.3g}"
        )


def _bounds(want, noisy, dtype):
    """(how far off each element may be, whether it is decided at all)."""
    decided = np.ones(want.shape, bool)
    allowed = np.zeros(want.shape)
    with np.errstate(all="ignore"):
        for run in noisy:
            if want.dtype.kind == "f":
                distance = np.where(run == want, 0.0, np.abs(run.astype(float) - want))
                decided &= (
                    np.isfinite(run) & np.isfinite(want)
                    | (run == want)
                    | (np.isnan(run) & np.isnan(want))
                )
                allowed = np.fmax(allowed, FACTOR * distance)
            else:
                decided &= run == want
        if want.dtype.kind == "f":
            if allowed.any():
                # Errors may have been rounded away in all runs, or lie below the normal numbers.
                info = finfo(dtype)
                allowed = (
                    allowed
                    + FACTOR
                    * info.eps
                    * np.abs(want, where=np.isfinite(want), out=np.zeros(want.shape))
                    + info.smallest_normal
                )
            # A jump between runs is a decision that was tipped.
            decided &= ~(allowed > FACTOR * 0.05 * np.abs(want) + 0.05)
    return allowed, decided

"""Random graphs over all primitives, with data for their parameters: a seed always gives the same graph."""

import math
import random
from typing import NamedTuple

import numpy as np

from chainrule import dtypes
from chainrule.autodiff.reverse import gradients
from chainrule.dtypes import bool_, float32, float64, int32, int64, uint32
from chainrule.errors import TraceError
from chainrule.ir.contraction import Contraction, Dimension, plain
from chainrule.ir.node import (
    Array,
    Graph,
    Node,
    Spec,
    broadcast_to,
    buffer,
    cast,
    constant,
    make,
    permute,
    pick,
    reshape,
    unique,
    variable,
)

EXTENTS = (1, 2, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33)
SIZE = 700  # elements of one value, about
DTYPES = [float32] * 9 + [float64] * 4 + [int64] * 2 + [int32] * 2 + [bool_] * 2 + list(dtypes.ALL)


class Case(NamedTuple):
    """A graph with data: `outputs` and `updates` (parameter number: new content) of `parameters`."""

    parameters: list[Node]
    arrays: list[np.ndarray]
    outputs: list[Node]
    updates: dict[int, Node]


def case(seed, steps=None) -> Case:
    """The random graph of a seed."""
    maker = Maker(seed)
    maker.grow(steps or maker.random.randint(2, 18))
    outputs = maker.results()
    return Case(maker.parameters, maker.arrays, outputs, maker.updates())


def trained(case: Case, seed) -> Case:
    """The same graph with its gradients: given back, or put into updates of the parameters, with momentum or not."""
    choose = random.Random(seed)
    results = [node for node in case.outputs if node.dtype.is_float]
    places = [n for n, node in enumerate(case.parameters) if node.dtype.is_float]
    try:
        ones = [constant(1, node.dtype, node.shape) for node in results]
        slopes = gradients(results, ones, [case.parameters[n] for n in places])
    except TraceError:  # Reverse mode does not run through while loops.
        return case
    parameters, arrays, outputs, updates = list(case.parameters), list(case.arrays), list(case.outputs), dict(case.updates)
    for place, slope in zip(places, slopes, strict=True):
        if slope is None or choose.random() < 0.5:
            outputs += [slope] if slope is not None else []
            continue
        parameter = parameters[place]
        if choose.random() < 0.5:
            parameters.append(variable(parameter.spec))
            arrays.append(np.tanh(arrays[place]))
            slope = updates[len(parameters) - 1] = parameters[-1] * 0.9 + slope
        updates[place] = parameter - slope * 0.1
    return Case(parameters, arrays, outputs, updates)


class Maker:
    """A graph that grows by random operations on what is there already (`pool`)."""

    def __init__(self, seed, parameters=None):
        """With `parameters`: the inside of a loop or branch, `nested` deep, which knows nothing else."""
        self.random = random.Random(seed)
        self.data = np.random.default_rng(self.random.randrange(1 << 30))
        self.parameters = list(parameters or [])
        self.arrays: list[np.ndarray] = []
        self.inside = parameters is not None
        self.nested = 0
        self.pool = list(self.parameters)

    # ---- Growing ----

    def grow(self, steps):
        if not self.inside:
            for _ in range(self.random.randint(1, 4)):
                self.leaf(self.shape(), self.random.choice(DTYPES))
        if not self.pool:
            self.pool.append(constant(2, float32))
        names, weights = zip(*STEPS.items(), strict=True)
        while steps > 0:
            made = getattr(self, self.random.choices(names, weights)[0])()
            steps -= 1
            for node in made if isinstance(made, list) else [made]:
                if node is not None and node.size <= 4 * SIZE:
                    self.pool.append(node)

    def results(self):
        """Some values of the graph: surely the last, perhaps one twice, perhaps a parameter."""
        count = self.random.randint(1, 4)
        return [self.pool[-1], *[self.recent() for _ in range(count - 1)]]

    def updates(self):
        """New contents for some parameters: computed, exchanged, moved within themselves."""
        updates = {}
        for number, parameter in enumerate(self.parameters):
            if self.random.random() < 0.3:
                new = self.recent() if self.random.random() < 0.7 else parameter
                if new is parameter and parameter.rank and self.random.random() < 0.5:
                    new = make("flip", parameter, axes=(0,))
                if new.dtype.is_float and parameter.dtype.is_float and self.random.random() < 0.4:
                    new = self.fitted(new, parameter.spec)
                    new = make("add", new, parameter)
                updates[number] = self.fitted(new, parameter.spec)
        return updates

    # ---- What to operate on ----

    def shape(self, rank=None):
        rank = self.random.choice((0, 1, 1, 2, 2, 2, 3, 3, 4)) if rank is None else rank
        while True:
            shape = tuple(self.random.choice(EXTENTS) for _ in range(rank))
            if math.prod(shape) <= SIZE:
                break
        if shape and self.random.random() < 0.03:
            axis = self.random.randrange(rank)
            shape = shape[:axis] + (0,) + shape[axis + 1 :]
        return shape

    def leaf(self, shape, dtype, low=None, high=None):
        """A new parameter or captured array; inside a body something made from its parameters."""
        spec = Spec(shape, dtype)
        if self.inside:
            if low is not None or self.random.random() < 0.3:
                return constant(self.random.randint(low or 0, max(low or 0, (high or 4) - 1)), dtype, shape)
            return self.fitted(self.recent(), spec)
        array = self.array(shape, dtype, low, high)
        if self.random.random() < 0.15:
            node = buffer(Array(array))
        else:
            node = variable(spec)
            self.parameters.append(node)
            self.arrays.append(array)
        self.pool.append(node)
        return node

    def array(self, shape, dtype, low=None, high=None):
        if low is not None:
            return self.data.integers(low, high, shape).astype(dtype.numpy)
        if dtype is bool_:
            return self.data.random(shape) < 0.5
        if dtype.is_integer:
            wide = self.random.random() < 0.1
            info = np.iinfo(dtype.numpy)
            bounds = (info.min, info.max) if wide else (max(info.min, -4), 9)
            return np.asarray(self.data.integers(*bounds, shape, dtype.numpy, endpoint=True))
        values = self.data.normal(size=shape)
        if self.random.random() < 0.4:
            values = np.round(values * 4) / 4
        if self.random.random() < 0.05 and values.size:
            values = np.asarray(values)
            values.flat[self.data.integers(values.size)] = self.random.choice([np.nan, np.inf, -np.inf, -0.0])
        return np.asarray(values, dtype.numpy)

    def recent(self, accept=lambda node: True):
        """A value of the pool, more likely a late one; None if none is accepted."""
        found = [node for node in self.pool if accept(node)]
        return found[int(len(found) * self.random.random() ** 0.6)] if found else None

    def floating(self):
        return self.recent(lambda node: node.dtype.is_float) or self.leaf(self.shape(), float32)

    def positive(self):
        x = self.floating()
        return make("abs", x) + self.random.choice((0.25, 0.5, 1.0))

    def partner(self, x, dtype=None):
        """Another value of the same shape: there already, a new one, or a smaller one stretched."""
        spec = Spec(x.shape, dtype or x.dtype)
        found = self.recent(lambda node: node.spec == spec)
        choice = self.random.random()
        if found is not None and choice < 0.4:
            return found
        if choice < 0.5:
            value = self.random.choice((0, 1, 2, -1, 3)) if spec.dtype.kind != "uint" else 2
            return constant(value, spec.dtype, spec.shape)
        if choice < 0.7:
            start = self.random.randint(0, x.rank)
            shape = tuple(1 if self.random.random() < 0.4 else n for n in x.shape[start:])
            return broadcast_to(self.leaf(shape, spec.dtype), x.shape)
        if choice < 0.85:
            return self.fitted(self.recent(), spec)
        return self.leaf(*spec)

    def fitted(self, x, spec):
        """`x` brought to this shape and dtype."""
        if x.dtype is not spec.dtype:
            x = cast(make("tanh", x) * 5 if x.dtype.is_float else x, spec.dtype)
        if x.shape == spec.shape:
            return x
        if x.size == math.prod(spec.shape):
            return reshape(x, spec.shape)
        if x.size == 0:
            return constant(1, spec.dtype, spec.shape)
        if x.rank and x.shape == spec.shape[-x.rank :]:
            return broadcast_to(x, spec.shape)
        if x.rank == len(spec.shape) and all(a >= b for a, b in zip(x.shape, spec.shape, strict=True)):
            return make("slice", x, start=(0,) * x.rank, stop=spec.shape, step=(1,) * x.rank)
        return broadcast_to(make("max", x, axes=tuple(range(x.rank))), spec.shape)

    # ---- Elementwise ----

    def unary(self):
        x = self.recent()
        if x.dtype.is_float:
            name = self.random.choice(("negative", "abs", "sign", "floor", "round", "sin", "cos", "tanh", "erf", "expm1"))
            return make(name, make("minimum", x, constant(3, x.dtype, x.shape)) if name == "expm1" else x)
        if x.dtype is bool_:
            return make("invert", x)
        return make(self.random.choice(("negative", "abs", "sign", "invert")), x)

    def function(self):
        """Functions that grow fast, or are not defined everywhere."""
        name = self.random.choice(("exp", "log", "log1p", "sqrt", "power", "atan2"))
        if name == "exp":
            x = self.floating()
            return make("exp", make("minimum", x, constant(2, x.dtype, x.shape)))
        x = self.positive() if self.random.random() < 0.9 else self.floating()
        if name == "power":
            return make("power", x, constant(self.random.choice((0, 1, 2, 3, -1, 0.5, -2, 1.5)), x.dtype, x.shape))
        return make("atan2", x, self.partner(x)) if name == "atan2" else make(name, x)

    def binary(self):
        x = self.recent()
        if x.dtype is bool_:
            names = ("bitwise_and", "bitwise_or", "bitwise_xor", "maximum", "minimum")
        elif x.dtype.is_integer:
            names = ("add", "subtract", "multiply", "floor_divide", "remainder", "maximum", "minimum", "power",
                     "bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right")  # fmt: skip
        else:
            names = ("add", "subtract", "multiply", "maximum", "minimum", "add", "multiply", "divide",
                     "floor_divide", "remainder")  # fmt: skip
        name, y = self.random.choice(names), self.partner(x)
        if name in ("floor_divide", "remainder") and x.dtype.is_float:
            return make(name, x, make("abs", y) + 0.5)
        if name == "divide" and self.random.random() < 0.8:
            y = make("abs", y) + 0.5
        return make(name, x, y) if self.random.random() < 0.7 else make(name, y, x)

    def compare(self):
        x = self.recent()
        return make(self.random.choice(("equal", "less", "less_equal")), x, self.partner(x))

    def where(self):
        x = self.recent()
        return make("where", self.partner(x, bool_), x, self.partner(x))

    def convert(self):
        x = self.recent()
        if self.random.random() < 0.2 and x.dtype.is_integer:
            return make("bitcast", x, dtype=self.random.choice([d for d in dtypes.ALL if d.bits == x.dtype.bits
                                                                and d.is_integer]))
        return cast(x, self.random.choice(DTYPES))

    # ---- Movement ----

    def reshaped(self):
        x = self.recent()
        if not x.size:
            return reshape(x, (*x.shape, 1))
        shape, left = [], x.size
        while left > 1 and len(shape) < 4:
            factor = self.random.choice([n for n in range(2, left + 1) if left % n == 0])
            shape.append(factor)
            left //= factor
        shape.append(left)
        if left == 1 and self.random.random() < 0.7:
            shape.pop()
        self.random.shuffle(shape)
        return reshape(x, shape)

    def permuted(self):
        x = self.recent()
        return permute(x, self.random.sample(range(x.rank), x.rank))

    def broadcast(self):
        x = self.recent()
        shape = tuple(self.random.choice((2, 3, 5)) if n == 1 and self.random.random() < 0.6 else n for n in x.shape)
        return broadcast_to(x, (self.random.choice((1, 2, 3)),) * (self.random.random() < 0.5) + shape)

    def sliced(self):
        x = self.recent()
        start, stop, step = [], [], []
        for n in x.shape:
            whole = self.random.random() < 0.4
            a, b = (0, n) if whole else sorted((self.random.randint(0, n), self.random.randint(0, n)))
            if a == b and self.random.random() < 0.9:
                a, b = 0, n
            start.append(a)
            stop.append(b)
            step.append(self.random.choice((1, 1, 2, 3)))
        return make("slice", x, start=tuple(start), stop=tuple(stop), step=tuple(step))

    def padded(self):
        x = self.recent()
        low, high = (tuple(self.random.choice((0, 0, 1, 2)) for _ in x.shape) for _ in range(2))
        value = self.random.choice((0, 0, 1, 3)) if x.dtype is not bool_ else self.random.random() < 0.3
        return make("pad", x, low=low, high=high, value=value)

    def flipped(self):
        x = self.recent()
        return make("flip", x, axes=tuple(self.random.sample(range(x.rank), self.random.randint(0, x.rank))))

    def concatenated(self):
        x = self.recent(lambda node: node.rank)
        if x is None:
            return None
        axis, parts = self.random.randrange(x.rank), [x]
        for _ in range(self.random.randint(0, 2)):
            shape = list(x.shape)
            shape[axis] = self.random.choice((0, 1, 2, 3))
            parts.append(self.fitted(self.recent(), Spec(tuple(shape), x.dtype)))
        self.random.shuffle(parts)
        return make("concat", *parts, axis=axis)

    # ---- Reductions, contractions ----

    def reduction(self):
        x = self.recent(lambda node: node.rank)
        if x is None:
            return None
        axes = tuple(self.random.sample(range(x.rank), self.random.randint(1, x.rank)))
        names = ["max", "min"] if all(x.shape[axis] for axis in axes) else []
        names += ["sum", "sum", "sum", "prod"] if x.dtype is not bool_ else []
        if not names:
            return None
        name = self.random.choice(names)
        return make(name, make("tanh", x) if name == "prod" and x.dtype.is_float else x, axes=axes)

    def argument(self):
        x = self.recent(lambda node: node.rank and node.size)
        return x and make(self.random.choice(("argmax", "argmin")), x, axis=self.random.randrange(x.rank))

    def softmax(self):
        """Reductions that are read back by rows: what row programs are for."""
        x = self.recent(lambda node: node.rank and node.size and node.dtype.is_float)
        if x is None:
            return None
        axis = self.random.randrange(x.rank)
        unit = x.shape[:axis] + (1,) + x.shape[axis + 1 :]

        def back(node):
            return broadcast_to(reshape(node, unit), x.shape)

        if self.random.random() < 0.5:
            e = make("exp", x - back(make("max", x, axes=(axis,))))
            return e / back(make("sum", e, axes=(axis,)))
        centred = x - back(make("sum", x, axes=(axis,)) / float(x.shape[axis]))
        return centred / back(make("sqrt", make("sum", centred * centred, axes=(axis,)) + 1.0))

    def contraction(self):
        x = self.recent(lambda node: node.dtype is not bool_ and node.rank <= 3)
        if x is None:
            return None
        if self.random.random() < 0.5:
            x = self.large_matrix(x.dtype)
        y = self.recent(lambda node: node.dtype is x.dtype and node.rank <= 3)
        if self.random.random() < 0.6:
            rank = self.random.choice((0, 1, 2, 2, 3))
            shape = tuple(self.random.choice((*x.shape, self.random.choice(EXTENTS))) for _ in range(rank))
            y = self.leaf(shape, x.dtype) if math.prod(shape) <= SIZE else y
        return self.product(x, y)

    def large_matrix(self, dtype):
        """Large enough for tiles, and not always in order."""
        x = self.leaf((self.random.choice((8, 17, 33)), self.random.choice((5, 16, 31))), dtype)
        if self.random.random() < 0.3:
            x = permute(x, (1, 0))
        return make("flip", x, axes=(1,)) if self.random.random() < 0.1 else x

    def product(self, x, y):
        sizes: list[int] = []
        left = [self.dimension(sizes, n) for n in x.shape]
        right = [self.dimension(sizes, n) for n in y.shape]
        output = [letter for letter in range(len(sizes)) if self.random.random() < 0.6]
        if self.random.random() < 0.1:
            sizes.append(self.random.choice((1, 2, 3)))
            output.append(len(sizes) - 1)
        self.random.shuffle(output)
        spec = Contraction(tuple(sizes), tuple(left), tuple(right), tuple(output))
        if math.prod(sizes) > 200_000 or math.prod(sizes[letter] for letter in output) > 4 * SIZE:
            return None
        return make("contract", x, y, spec=spec)

    def dimension(self, sizes, extent):
        """How an axis is indexed: by a letter that is there, a new one, or a window."""
        fitting = [letter for letter, size in enumerate(sizes) if size == extent]
        if fitting and self.random.random() < 0.6:
            return Dimension(((self.random.choice(fitting), 1),))
        if self.random.random() < 0.8:
            sizes.append(extent)
            return Dimension(((len(sizes) - 1, 1),))
        terms = []
        for _ in range(self.random.randint(1, 2)):
            if not sizes or self.random.random() < 0.7:
                sizes.append(self.random.choice((1, 2, 3, 4)))
            letter = self.random.randrange(len(sizes))
            if letter not in [known for known, _ in terms]:
                terms.append((letter, self.random.choice((1, 1, 2, 3, -1, -2))))
        offset, divisor = self.random.choice((0, 0, -1, 1, 2)), self.random.choice((1, 1, 1, 2, 3))
        window = Dimension(tuple(terms), offset, divisor)
        # A letter alone must fit; one place further it is a window.
        return window if window.letter is None or sizes[window.letter] == extent else window._replace(offset=1)

    def layer(self):
        """A matrix product, a bias, an activation."""
        x = self.recent(lambda node: node.rank == 2 and node.dtype.is_float)
        x = self.large_matrix(float32) if x is None or self.random.random() < 0.3 else x
        width = self.random.choice((1, 4, 10, 16, 32, 40))
        w, b = self.leaf((x.shape[1], width), x.dtype), self.leaf((width,), x.dtype)
        spec = plain({0: x.shape[0], 1: x.shape[1], 2: width}, (0, 1), (1, 2), (0, 2))
        h = make("contract", x, w, spec=spec) + broadcast_to(b, (x.shape[0], width))
        h = make("tanh", h) if self.random.random() < 0.5 else make("maximum", h, h * 0.1)
        if self.random.random() < 0.2:
            bits = make("random_bits", self.leaf((4,), uint32), shape=h.shape)
            h = make("where", make("less", bits, constant(1 << 31, uint32, h.shape)), h * 2.0, h * 0.0)
        return h

    # ---- Indexing, randomness ----

    def indices(self, rows, shape):
        dtype = self.random.choice((int64, int64, int32, dtypes.uint8))
        found = self.recent(lambda node: node.dtype.is_integer and node.dtype is not dtypes.uint64 and node.size <= 64)
        if found is not None and self.random.random() < 0.4:
            return found
        return self.leaf(shape, dtype, low=0 if dtype.kind == "uint" else -2, high=rows + 2)

    def gather(self):
        x = self.recent(lambda node: node.rank and node.size)
        if x is None:
            return None
        indices = self.indices(x.shape[0], self.random.choice(((), (3,), (7,), (2, 5))))
        small = indices.size * math.prod(x.shape[1:]) <= 4 * SIZE
        return make("gather", x, indices) if small else None

    def scatter_add(self):
        x = self.recent(lambda node: node.rank and node.size and node.dtype is not bool_)
        if x is None:
            return None
        indices = self.indices(x.shape[0], self.random.choice(((), (4,), (2, 3))))
        spec = Spec(indices.shape + x.shape[1:], x.dtype)
        if math.prod(spec.shape) > 4 * SIZE:
            return None
        return make("scatter_add", x, indices, self.fitted(self.recent(), spec))

    def ordered(self):
        x = self.recent(lambda node: node.rank)
        if x is None:
            return None
        if self.random.random() < 0.5:
            return make("argsort", x, descending=self.random.random() < 0.5)
        kinds = ("max", "min") if x.dtype is bool_ else ("sum", "prod", "max", "min")
        kind = self.random.choice(kinds)
        return make("cumulative", make("tanh", x) if kind == "prod" and x.dtype.is_float else x, kind=kind)

    def random_bits(self):
        return make("random_bits", self.leaf((4,), uint32), shape=self.shape())

    def iota(self):
        return make("iota", size=self.random.choice(EXTENTS), dtype=self.random.choice((int64, int32, float32)))

    # ---- Identities ----

    def identity(self):
        x = self.recent()
        name = self.random.choice(("mark", "stop_gradient", "after", "after"))
        if name == "after":
            return make("after", x, self.recent(), serial=unique())
        return make(name, x, serial=unique()) if name == "mark" else make(name, x)

    # ---- Control ----

    def body(self, specs, results=(), steps=4):
        """(a graph of parameters with these specs, its maker); the graph returns `results` first, fitted."""
        maker = Maker(self.random.randrange(1 << 30), [variable(spec) for spec in specs])
        maker.nested = self.nested + 1
        maker.grow(self.random.randint(1, steps))
        return maker, [maker.tame(maker.recent(), spec) for spec in results]

    def tame(self, x, spec):
        """A carried value: bounded, so that turns do not let it grow."""
        x = self.fitted(x, spec)
        return make("sin", x) if x.dtype.is_float and self.random.random() < 0.8 else x

    def operands(self, most):
        return [self.recent() for _ in range(self.random.randint(0, most))]

    def scan(self):
        if self.nested > 1:
            return None
        length = self.random.choice((0, 1, 2, 3, 5))
        constants, carried = self.operands(2), self.operands(2)
        slices = [node for node in self.operands(4) if node.rank and node.shape[0] == length]
        if self.random.random() < 0.7:
            slices.append(self.fitted(self.recent(), Spec((length, *self.shape(self.random.choice((0, 1, 2)))), float32)))
        specs = [node.spec for node in constants + carried]
        specs += [Spec(node.shape[1:], node.dtype) for node in slices]
        maker, results = self.body(specs, [node.spec for node in carried])
        results += [maker.recent() for _ in range(self.random.randint(not carried, 2))]
        return self.picked("scan", constants + carried + slices, body=Graph(maker.parameters, results),
                           constants=len(constants), carried=len(carried), length=length,
                           reverse=self.random.random() < 0.5)  # fmt: skip

    def while_loop(self):
        if self.nested > 1:
            return None
        constants, carried = self.operands(2), self.operands(2)
        turns = self.random.choice((0, 1, 3))
        count = constant(0, int64) if self.random.random() < 0.5 else self.leaf((), int64, -1, 2)
        specs = [node.spec for node in (*constants, count, *carried)]
        place = len(constants)
        maker, results = self.body(specs, [node.spec for node in carried])
        results.insert(0, maker.parameters[place] + 1)
        condition = [variable(spec) for spec in specs]
        return self.picked("while", [*constants, count, *carried], constants=place,
                           condition=Graph(condition, [condition[place] < turns]),
                           body=Graph(maker.parameters, results))  # fmt: skip

    def cond(self):
        if self.nested > 1:
            return None
        operands = [self.recent(), *self.operands(2)]
        predicate = self.fitted(self.recent(), Spec((), bool_))
        specs = [node.spec for node in operands]
        first, _ = self.body(specs)
        results = [first.recent() for _ in range(self.random.randint(1, 2))]
        second, others = self.body(specs, [node.spec for node in results])
        return self.picked("cond", [predicate, *operands], then=Graph(first.parameters, results),
                           otherwise=Graph(second.parameters, others))  # fmt: skip

    def checkpoint(self):
        operands = [self.recent(), *self.operands(2)]
        maker, _ = self.body([node.spec for node in operands])
        return self.picked("checkpoint", operands, body=Graph(maker.parameters, [maker.recent()]))

    def custom_gradient(self):
        x = self.floating()
        y = self.recent(lambda node: node.dtype is x.dtype) or x
        g, r = variable(x.spec), variable(y.spec)
        rule = Graph([g, r], [self.fitted(r, Spec((), y.dtype)) * 0 + 1 if not x.rank else -g])
        return self.picked("custom_gradient", [make("sin", x), x, y], count=1, rule=rule)

    def picked(self, name, operands, **attributes):
        node = make(name, *operands, **attributes)
        return [pick(node, index) for index in range(len(node.outputs)) if self.random.random() < 0.85]


STEPS = {
    "unary": 8, "function": 5, "binary": 16, "compare": 3, "where": 4, "convert": 3, "reshaped": 6, "permuted": 4,
    "broadcast": 4, "sliced": 5, "padded": 4, "flipped": 3, "concatenated": 4, "reduction": 9, "argument": 2,
    "softmax": 4, "contraction": 7, "layer": 6, "gather": 3, "scatter_add": 2, "ordered": 3, "random_bits": 1, "iota": 1,
    "identity": 2, "scan": 3, "while_loop": 2, "cond": 2, "checkpoint": 1, "custom_gradient": 1,
}  # fmt: skip

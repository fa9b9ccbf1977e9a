"""The ground of random graphs: parameters with data, choices among values, values made to fit."""

import math
import random
from typing import NamedTuple

import numpy as np

from chainrule import dtypes
from chainrule.dtypes import bfloat16, bool_, float16, float32, float64, int32, int64
from chainrule.ir.node import (
    Array,
    Node,
    Spec,
    broadcast_to,
    buffer,
    cast,
    constant,
    make,
    reshape,
    variable,
)

EXTENTS = (1, 2, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33)
SIZE = 700  # elements of one value, about
DTYPES = [float32] * 9 + [float64] * 4 + [bfloat16, float16] + [int64, int32, bool_] * 2
DTYPES += dtypes.ALL


class Case(NamedTuple):
    """A graph with data: `updates` maps the numbers of parameters to their new content."""

    parameters: list[Node]
    arrays: list[np.ndarray]
    outputs: list[Node]
    updates: dict[int, Node]


class Maker:
    """A graph that grows by random operations on what is there already (`pool`).

    STEPS names the methods that make an operation, with their weights. A method returns a node,
    several, or None.
    """

    STEPS: dict[str, int]

    def __init__(self, seed, parameters=None):
        """With `parameters`: the inside of a loop or branch, which knows nothing else."""
        self.random = random.Random(seed)
        self.choose, self.between, self.sample = (
            self.random.choice, self.random.randint, self.random.sample
        )  # fmt: skip
        self.data = np.random.default_rng(self.random.randrange(1 << 30))
        self.parameters = list(parameters or [])
        self.arrays: list[np.ndarray] = []
        self.inside = parameters is not None
        self.nested = 0
        self.pool = list(self.parameters)

    def chance(self, probability):
        return self.random.random() < probability

    # ---- Growing ----

    def grow(self, steps):
        if not self.inside:
            for _ in range(self.between(1, 4)):
                self.leaf(self.shape(), self.choose(DTYPES))
        if not self.pool:
            self.pool.append(constant(2, float32))
        names, weights = zip(*self.STEPS.items(), strict=True)
        while steps > 0:
            made = getattr(self, self.random.choices(names, weights)[0])()
            steps -= 1
            for node in made if isinstance(made, list) else [made]:
                if node is not None and node.size <= 4 * SIZE:
                    self.pool.append(node)

    def results(self):
        """Some values of the graph: surely the last, perhaps one twice, perhaps a parameter."""
        count = self.between(1, 4)
        return [self.pool[-1], *[self.recent() for _ in range(count - 1)]]

    def updates(self):
        """New contents for some parameters: computed, exchanged, moved within themselves."""
        updates = {}
        for number, parameter in enumerate(self.parameters):
            if self.chance(0.3):
                new = self.recent() if self.chance(0.7) else parameter
                if new is parameter and parameter.rank and self.chance(0.5):
                    new = make("flip", parameter, axes=(0,))
                if new.dtype.is_float and parameter.dtype.is_float and self.chance(0.4):
                    new = self.fitted(new, parameter.spec)
                    new = make("add", new, parameter)
                updates[number] = self.fitted(new, parameter.spec)
        return updates

    # ---- What to operate on ----

    def shape(self, rank=None):
        rank = self.choose((0, 1, 1, 2, 2, 2, 3, 3, 4)) if rank is None else rank
        while True:
            shape = tuple(self.choose(EXTENTS) for _ in range(rank))
            if math.prod(shape) <= SIZE:
                break
        if shape and self.chance(0.03):
            axis = self.random.randrange(rank)
            shape = shape[:axis] + (0,) + shape[axis + 1 :]
        return shape

    def leaf(self, shape, dtype, low=None, high=None):
        """A new parameter or captured array; inside a body something made from its parameters."""
        spec = Spec(shape, dtype)
        if self.inside:
            if low is not None or self.chance(0.3):
                value = self.between(low or 0, max(low or 0, (high or 4) - 1))
                return constant(value, dtype, shape)
            return self.fitted(self.recent(), spec)
        array = self.array(shape, dtype, low, high)
        if self.chance(0.15):
            node = buffer(Array(array))
        else:
            node = variable(spec)
            self.parameters.append(node)
            self.arrays.append(array)
        self.pool.append(node)
        return node

    def array(self, shape, dtype, low=None, high=None):
        if low is not None:
            return dtypes.stored(np.asarray(self.data.integers(low, high, shape)), dtype)
        if dtype is bool_:
            return self.data.random(shape) < 0.5
        if dtype.is_integer:
            wide = self.chance(0.1)
            info = np.iinfo(dtype.numpy)
            bounds = (info.min, info.max) if wide else (max(info.min, -4), 9)
            return np.asarray(self.data.integers(*bounds, shape, dtype.numpy, endpoint=True))
        values = self.data.normal(size=shape)
        if self.chance(0.4):
            values = np.round(values * 4) / 4
        if self.chance(0.05) and values.size:
            values = np.asarray(values)
            special = self.choose([np.nan, np.inf, -np.inf, -0.0])
            values.flat[self.data.integers(values.size)] = special
        return dtypes.stored(np.asarray(values), dtype)

    def recent(self, accept=lambda node: True):
        """A value of the pool, more likely a late one; None if none is accepted."""
        found = [node for node in self.pool if accept(node)]
        return found[int(len(found) * self.random.random() ** 0.6)] if found else None

    def floating(self):
        return self.recent(lambda node: node.dtype.is_float) or self.leaf(self.shape(), float32)

    def positive(self):
        x = self.floating()
        return make("abs", x) + self.choose((0.25, 0.5, 1.0))

    def partner(self, x, dtype=None):
        """Another value of the same shape: there already, a new one, or a smaller one stretched."""
        spec = Spec(x.shape, dtype or x.dtype)
        found = self.recent(lambda node: node.spec == spec)
        choice = self.random.random()
        if found is not None and choice < 0.4:
            return found
        if choice < 0.5:
            value = self.choose((0, 1, 2, -1, 3)) if spec.dtype.kind != "uint" else 2
            return constant(value, spec.dtype, spec.shape)
        if choice < 0.7:
            start = self.between(0, x.rank)
            shape = tuple(1 if self.chance(0.4) else n for n in x.shape[start:])
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
        same_rank = x.rank == len(spec.shape)
        if same_rank and all(a >= b for a, b in zip(x.shape, spec.shape, strict=True)):
            return make("slice", x, start=(0,) * x.rank, stop=spec.shape, step=(1,) * x.rank)
        return broadcast_to(make("max", x, axes=tuple(range(x.rank))), spec.shape)

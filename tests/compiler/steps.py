"""Random steps that make one value: all primitives but control flow."""

import math

from compiler.making import DTYPES, EXTENTS, SIZE, Maker

from chainrule import dtypes
from chainrule.dtypes import bool_, float32, int32, int64, uint32
from chainrule.ir.contraction import Contraction, Dimension, plain
from chainrule.ir.node import Spec, broadcast_to, cast, constant, make, permute, reshape, unique

UNARY = (
    "negative", "abs", "sign", "floor", "round", "sin", "cos", "tanh", "sigmoid", "erf", "expm1",
)  # fmt: skip


class Steps(Maker):
    """Methods for STEPS."""

    # ---- Elementwise ----

    def unary(self):
        x = self.recent()
        if x.dtype.is_float:
            name = self.choose(UNARY)
            x = make("minimum", x, constant(3, x.dtype, x.shape)) if name == "expm1" else x
            return make(name, x)
        if x.dtype is bool_:
            return make("invert", x)
        return make(self.choose(("negative", "abs", "sign", "invert")), x)

    def function(self):
        """Functions that grow fast, or are not defined everywhere."""
        name = self.choose(("exp", "log", "log1p", "sqrt", "power", "atan2"))
        if name == "exp":
            x = self.floating()
            return make("exp", make("minimum", x, constant(2, x.dtype, x.shape)))
        x = self.positive() if self.chance(0.9) else self.floating()
        if name == "power":
            exponent = self.choose((0, 1, 2, 3, -1, 0.5, -2, 1.5))
            return make("power", x, constant(exponent, x.dtype, x.shape))
        return make("atan2", x, self.partner(x)) if name == "atan2" else make(name, x)

    def binary(self):
        x = self.recent()
        if x.dtype is bool_:
            names = ("bitwise_and", "bitwise_or", "bitwise_xor", "maximum", "minimum")
        elif x.dtype.is_integer:
            names = ("add", "subtract", "multiply", "floor_divide", "remainder", "maximum",
                     "minimum", "power", "bitwise_and", "bitwise_or", "bitwise_xor", "shift_left",
                     "shift_right")  # fmt: skip
        else:
            names = ("add", "subtract", "multiply", "maximum", "minimum", "add", "multiply",
                     "divide", "floor_divide", "remainder")  # fmt: skip
        name, y = self.choose(names), self.partner(x)
        if name in ("floor_divide", "remainder") and x.dtype.is_float:
            return make(name, x, make("abs", y) + 0.5)
        if name == "divide" and self.chance(0.8):
            y = make("abs", y) + 0.5
        return make(name, x, y) if self.chance(0.7) else make(name, y, x)

    def compare(self):
        x = self.recent()
        return make(self.choose(("equal", "less", "less_equal")), x, self.partner(x))

    def where(self):
        x = self.recent()
        return make("where", self.partner(x, bool_), x, self.partner(x))

    def convert(self):
        x = self.recent()
        if self.chance(0.2) and x.dtype.is_integer:
            return make(
                "bitcast",
                x,
                dtype=self.choose(
                    [d for d in dtypes.ALL if d.bits == x.dtype.bits and d.is_integer]
                ),
            )
        return cast(x, self.choose(DTYPES))

    # ---- Movement ----

    def reshaped(self):
        x = self.recent()
        if not x.size:
            return reshape(x, (*x.shape, 1))
        shape, left = [], x.size
        while left > 1 and len(shape) < 4:
            factor = self.choose([n for n in range(2, left + 1) if left % n == 0])
            shape.append(factor)
            left //= factor
        shape.append(left)
        if left == 1 and self.chance(0.7):
            shape.pop()
        self.random.shuffle(shape)
        return reshape(x, shape)

    def permuted(self):
        x = self.recent()
        return permute(x, self.sample(range(x.rank), x.rank))

    def broadcast(self):
        x = self.recent()
        shape = tuple(self.choose((2, 3, 5)) if n == 1 and self.chance(0.6) else n for n in x.shape)
        return broadcast_to(x, (self.choose((1, 2, 3)),) * (self.chance(0.5)) + shape)

    def sliced(self):
        x = self.recent()
        start, stop, step = [], [], []
        for n in x.shape:
            whole = self.chance(0.4)
            a, b = (0, n) if whole else sorted((self.between(0, n), self.between(0, n)))
            if a == b and self.chance(0.9):
                a, b = 0, n
            start.append(a)
            stop.append(b)
            step.append(self.choose((1, 1, 2, 3)))
        return make("slice", x, start=tuple(start), stop=tuple(stop), step=tuple(step))

    def padded(self):
        x = self.recent()
        low, high = (tuple(self.choose((0, 0, 1, 2)) for _ in x.shape) for _ in range(2))
        value = self.choose((0, 0, 1, 3)) if x.dtype is not bool_ else self.chance(0.3)
        return make("pad", x, low=low, high=high, value=value)

    def flipped(self):
        x = self.recent()
        return make("flip", x, axes=tuple(self.sample(range(x.rank), self.between(0, x.rank))))

    def concatenated(self):
        x = self.recent(lambda node: node.rank)
        if x is None:
            return None
        axis, parts = self.random.randrange(x.rank), [x]
        for _ in range(self.between(0, 2)):
            shape = list(x.shape)
            shape[axis] = self.choose((0, 1, 2, 3))
            parts.append(self.fitted(self.recent(), Spec(tuple(shape), x.dtype)))
        self.random.shuffle(parts)
        return make("concat", *parts, axis=axis)

    # ---- Reductions, contractions ----

    def reduction(self):
        x = self.recent(lambda node: node.rank)
        if x is None:
            return None
        axes = tuple(self.sample(range(x.rank), self.between(1, x.rank)))
        names = ["max", "min"] if all(x.shape[axis] for axis in axes) else []
        names += ["sum", "sum", "sum", "prod"] if x.dtype is not bool_ else []
        if not names:
            return None
        name = self.choose(names)
        return make(name, make("tanh", x) if name == "prod" and x.dtype.is_float else x, axes=axes)

    def argument(self):
        x = self.recent(lambda node: node.rank and node.size)
        return x and make(self.choose(("argmax", "argmin")), x, axis=self.random.randrange(x.rank))

    def softmax(self):
        """Reductions that are read back by rows: what row programs are for."""
        x = self.recent(lambda node: node.rank and node.size and node.dtype.is_float)
        if x is None:
            return None
        axis = self.random.randrange(x.rank)
        unit = x.shape[:axis] + (1,) + x.shape[axis + 1 :]

        def back(node):
            return broadcast_to(reshape(node, unit), x.shape)

        if self.chance(0.5):
            e = make("exp", x - back(make("max", x, axes=(axis,))))
            return e / back(make("sum", e, axes=(axis,)))
        centred = x - back(make("sum", x, axes=(axis,)) / float(x.shape[axis]))
        return centred / back(make("sqrt", make("sum", centred * centred, axes=(axis,)) + 1.0))

    def contraction(self):
        x = self.recent(lambda node: node.dtype is not bool_ and node.rank <= 3)
        if x is None:
            return None
        if self.chance(0.5):
            x = self.large_matrix(x.dtype)
        y = self.recent(lambda node: node.dtype is x.dtype and node.rank <= 3)
        if self.chance(0.6):
            rank = self.choose((0, 1, 2, 2, 3))
            shape = tuple(self.choose((*x.shape, self.choose(EXTENTS))) for _ in range(rank))
            y = self.leaf(shape, x.dtype) if math.prod(shape) <= SIZE else y
        return self.product(x, y)

    def large_matrix(self, dtype):
        """Large enough for tiles, and not always in order."""
        x = self.leaf((self.choose((8, 17, 33)), self.choose((5, 16, 31))), dtype)
        if self.chance(0.3):
            x = permute(x, (1, 0))
        return make("flip", x, axes=(1,)) if self.chance(0.1) else x

    def product(self, x, y):
        sizes: list[int] = []
        left = [self.dimension(sizes, n) for n in x.shape]
        right = [self.dimension(sizes, n) for n in y.shape]
        output = [letter for letter in range(len(sizes)) if self.chance(0.6)]
        if self.chance(0.1):
            sizes.append(self.choose((1, 2, 3)))
            output.append(len(sizes) - 1)
        self.random.shuffle(output)
        spec = Contraction(tuple(sizes), tuple(left), tuple(right), tuple(output))
        if math.prod(sizes) > 200_000 or math.prod(sizes[letter] for letter in output) > 4 * SIZE:
            return None
        return make("contract", x, y, spec=spec)

    def dimension(self, sizes, extent):
        """How an axis is indexed: by a letter that is there, a new one, or a window."""
        fitting = [letter for letter, size in enumerate(sizes) if size == extent]
        if fitting and self.chance(0.6):
            return Dimension(((self.choose(fitting), 1),))
        if self.chance(0.8):
            sizes.append(extent)
            return Dimension(((len(sizes) - 1, 1),))
        terms = []
        for _ in range(self.between(1, 2)):
            if not sizes or self.chance(0.7):
                sizes.append(self.choose((1, 2, 3, 4)))
            letter = self.random.randrange(len(sizes))
            if letter not in [known for known, _ in terms]:
                terms.append((letter, self.choose((1, 1, 2, 3, -1, -2))))
        offset, divisor = self.choose((0, 0, -1, 1, 2)), self.choose((1, 1, 1, 2, 3))
        window = Dimension(tuple(terms), offset, divisor)
        # A letter alone must fit; one place further it is a window.
        return (
            window
            if window.letter is None or sizes[window.letter] == extent
            else window._replace(offset=1)
        )

    def layer(self):
        """A matrix product, a bias, an activation."""
        x = self.recent(lambda node: node.rank == 2 and node.dtype.is_float)
        x = self.large_matrix(float32) if x is None or self.chance(0.3) else x
        width = self.choose((1, 4, 10, 16, 32, 40))
        w, b = self.leaf((x.shape[1], width), x.dtype), self.leaf((width,), x.dtype)
        spec = plain({0: x.shape[0], 1: x.shape[1], 2: width}, (0, 1), (1, 2), (0, 2))
        h = make("contract", x, w, spec=spec) + broadcast_to(b, (x.shape[0], width))
        h = make("tanh", h) if self.chance(0.5) else make("maximum", h, h * 0.1)
        if self.chance(0.2):
            bits = make("random_bits", self.leaf((4,), uint32), shape=h.shape)
            h = make(
                "where", make("less", bits, constant(1 << 31, uint32, h.shape)), h * 2.0, h * 0.0
            )
        return h

    # ---- Indexing, randomness ----

    def indices(self, rows, shape):
        dtype = self.choose((int64, int64, int32, dtypes.uint8))
        found = self.recent(
            lambda node: (
                node.dtype.is_integer and node.dtype is not dtypes.uint64 and node.size <= 64
            )
        )
        if found is not None and self.chance(0.4):
            return found
        return self.leaf(shape, dtype, low=0 if dtype.kind == "uint" else -2, high=rows + 2)

    def gather(self):
        x = self.recent(lambda node: node.rank and node.size)
        if x is None:
            return None
        indices = self.indices(x.shape[0], self.choose(((), (3,), (7,), (2, 5))))
        small = indices.size * math.prod(x.shape[1:]) <= 4 * SIZE
        return make("gather", x, indices) if small else None

    def scatter_add(self):
        x = self.recent(lambda node: node.rank and node.size and node.dtype is not bool_)
        if x is None:
            return None
        indices = self.indices(x.shape[0], self.choose(((), (4,), (2, 3))))
        spec = Spec(indices.shape + x.shape[1:], x.dtype)
        if math.prod(spec.shape) > 4 * SIZE:
            return None
        return make("scatter_add", x, indices, self.fitted(self.recent(), spec))

    def ordered(self):
        x = self.recent(lambda node: node.rank)
        if x is None:
            return None
        if self.chance(0.5):
            return make("argsort", x, descending=self.chance(0.5))
        kinds = ("max", "min") if x.dtype is bool_ else ("sum", "prod", "max", "min")
        kind = self.choose(kinds)
        return make(
            "cumulative", make("tanh", x) if kind == "prod" and x.dtype.is_float else x, kind=kind
        )

    def random_bits(self):
        return make("random_bits", self.leaf((4,), uint32), shape=self.shape())

    def iota(self):
        return make(
            "iota",
            size=self.choose(EXTENTS),
            dtype=self.choose((int64, int32, float32)),
        )

    # ---- Identities ----

    def identity(self):
        x = self.recent()
        name = self.choose(("mark", "stop_gradient", "after", "after"))
        if name == "after":
            return make("after", x, self.recent(), serial=unique())
        return make(name, x, serial=unique()) if name == "mark" else make(name, x)

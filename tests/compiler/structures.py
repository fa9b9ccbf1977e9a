"""Random parts of networks, made of nodes as the functions of the frontend compose them."""

from compiler.steps import Steps

import chainrule as cr
from chainrule.dtypes import int64
from chainrule.errors import ShapeError
from chainrule.frontend import trace
from chainrule.frontend.box import node_of
from chainrule.frontend.tensor import Tensor
from chainrule.ir.node import Spec, make, topological


class Structures(Steps):
    """More methods for STEPS."""

    def composed(self, function, *nodes):
        """What a function of tensors makes of nodes: a node, or several; None if that
        cannot be.
        """
        try:
            with trace.level("jit"):
                made = function(*[Tensor(None, node) for node in nodes])
                made = [node_of(x) for x in (made if isinstance(made, tuple) else (made,))]
        except ShapeError:
            return None
        # The array API hands tables to bodies from outside, where it makes the loop.
        tables = self.inside and any(node.op.name == "buffer" for node in topological(made))
        return None if tables else made

    def given(self, shape, dtype):
        """A value of this shape: there already, or new."""
        if self.chance(0.5):
            return self.leaf(shape, dtype)
        return self.fitted(self.recent(), Spec(shape, dtype))

    def bounded(self, shape, dtype):
        """Scores and states that stay small through many turns."""
        return make("tanh", self.given(shape, dtype))

    # ---- Windows ----

    def images(self):
        """(dtype, the number of axes of places, examples with places and channels)."""
        rank = self.choose((1, 1, 2))
        places = [self.choose((4, 5, 7, 8, 11) if rank == 2 else (5, 9, 16, 33))] * rank
        if self.chance(0.3):
            places[0] = self.choose((1, 3, 6))
        dtype = self.floating().dtype
        shape = (self.choose((1, 2, 3)), *places, self.choose((1, 2, 3, 4, 6, 16)))
        return dtype, rank, self.given(shape, dtype)

    def windows(self, rank):
        """A stride, a padding and a dilation."""
        pads = self.choose((0, 0, 1, 2, "same", [(self.choose((0, 1)), 1)] * rank))
        return {"stride": self.choose((1, 1, 2, 3)), "padding": pads}

    def convolution(self):
        dtype, rank, x = self.images()
        groups = self.choose([n for n in (1, 1, 2, 3, x.shape[-1]) if x.shape[-1] % n == 0])
        kernel = [self.choose((1, 2, 3, 3, 5))] * rank
        out = groups * self.choose((1, 2, 5, 16) if groups < 4 else (1, 2))
        w = self.leaf((*kernel, x.shape[-1] // groups, out), dtype)
        settings = {**self.windows(rank), "groups": groups, "dilation": self.choose((1, 1, 2))}
        if self.chance(0.3):
            settings["padding"] = self.choose((0, 1))
            settings["output_padding"] = self.choose((0, 0, 1))
            return self.composed(lambda x, w: cr.conv_transpose(x, w, **settings), x, w)
        if self.chance(0.4):  # As a layer: bias, activation.
            b = self.leaf((out,), dtype)
            return self.composed(lambda x, w, b: cr.relu(cr.conv(x, w, **settings) + b), x, w, b)
        return self.composed(lambda x, w: cr.conv(x, w, **settings), x, w)

    def pooling(self):
        _, rank, x = self.images()
        size, choice = self.choose((1, 2, 2, 3)), self.random.random()
        if choice < 0.2:
            mode = self.choose(("nearest", "linear"))
            return self.composed(lambda x: cr.upsample(x, scale_factor=2, mode=mode), x)
        function = cr.max_pool if choice < 0.6 else cr.avg_pool
        settings = {"ceil_mode": self.chance(0.3), "stride": self.choose((None, 1, 2))}
        if size > 1:
            settings["padding"] = self.choose((0, 0, 1))
        return self.composed(lambda x: function(x, size, **settings), x)

    # ---- Rows ----

    def normalisation(self):
        """By the moments of some axes, of rows or of channels, with weight and shift."""
        x = self.recent(lambda node: node.rank and node.size and node.dtype.is_float)
        if x is None:
            return None
        count = self.between(1, x.rank)
        axes = tuple(range(x.rank - count, x.rank) if self.chance(0.5) else range(count))
        w, b = (self.leaf((x.shape[-1],), x.dtype) for _ in range(2))

        def normalised(x, w, b):
            mean, var = cr.mean(x, axis=axes, keepdims=True), cr.var(x, axis=axes, keepdims=True)
            return (x - mean) / cr.sqrt(var + 0.1) * w + b

        return self.composed(normalised, x, w, b)

    def embedding(self):
        """Rows of a table, as a sequence of words finds them; its gradient adds at many places."""
        table = self.leaf((self.choose((5, 9, 17)), self.choose((3, 8, 16))), self.floating().dtype)
        words = self.leaf(self.choose(((6,), (2, 7), (33,))), int64, 0, table.shape[0])
        return self.composed(lambda table, words: table[words], table, words)

    def attention(self):
        """All scores at once or tile by tile; heads in groups; masks."""
        dtype = self.floating().dtype
        heads, queries, keys = self.choose((1, 2, 4)), self.between(1, 9), self.between(1, 9)
        lead, features = self.choose(((), (2,))), self.choose((2, 4, 5, 8))
        shared = self.choose((1, heads))
        q = self.bounded((*lead, heads, queries, features), dtype)
        k = self.bounded((*lead, shared, keys, features), dtype)
        v = self.given((*lead, shared, keys, self.choose((3, 8))), dtype)
        if self.chance(0.15):
            causal = queries == keys and self.chance(0.6)
            block = self.choose((2, 3))
            return self.composed(
                lambda *x: cr.linear_attention(*x, causal=causal, block=block), q, k, v
            )
        settings = {"causal": self.chance(0.5), "tiled": self.chance(0.6)}
        settings["block"] = self.choose((2, 3, 4, 16))
        settings["window"] = self.choose((None, None, 1, 3))
        if self.chance(0.3):
            stride = self.choose((2, 3))
            settings["mask"] = lambda rows, columns: (rows - columns) % stride == 0
        elif self.chance(0.4):
            dtypes = (cr.bool,) if settings["tiled"] else (cr.bool, dtype)
            mask = self.leaf((queries, keys), self.choose(dtypes))
            return self.composed(lambda *x: cr.attention(*x, **settings), q, k, v, mask)
        return self.composed(lambda *x: cr.attention(*x, **settings), q, k, v)

    # ---- Recurrences ----

    def recurrence(self):
        """A network unrolled in time: what it carries, sums up and stacks is read by others, within
        a turn and after all. Perhaps with another such scan within each turn.
        """
        dtype = self.floating().dtype
        length, rows, inputs, width = (self.choose((1, 2, 3, 4, 6)) for _ in range(4))
        x = self.bounded((length, rows, inputs), dtype)
        w, u = self.bounded((inputs, width), dtype), self.bounded((width, width), dtype)
        h, total = self.bounded((rows, width), dtype), self.leaf((inputs, width), dtype)
        turn = _Turn(self)
        reverse, direction = self.chance(0.4), self.chance(0.5)

        def unrolled(x, w, u, h, total):
            (h, total), stacked = cr.scan(
                lambda carry, x: turn(carry, x, w, u), (h, total), x, reverse=reverse
            )
            return (total, *stacked, h) if direction else (h, *stacked, total)

        made = self.composed(unrolled, x, w, u, h, total)
        return made and self.sample(made, self.between(1, len(made)))


class _Turn:
    """A turn of a recurrence, chosen once: (state, sum of products), x -> both anew, what to stack.

    The sum is of the kind that the compiler would rather take after the scan, read or not.
    """

    def __init__(self, maker):
        self.gated, self.nested, self.decays = (maker.chance(p) for p in (0.4, 0.25, 0.2))
        self.terms = maker.sample(("new", "old", "before", "input"), maker.between(1, 2))
        self.reads = maker.choose((None, None, "old", "new"))
        names = ("new", "old", "total", "before", "terms", "rows")
        self.stacked = maker.sample(names, maker.between(0, 3))
        self.reverse = maker.chance(0.5)

    def __call__(self, carry, x, w, u):
        h, before = carry
        new = cr.tanh(x @ w + h @ u)
        if self.gated:
            gate = cr.sigmoid(x @ w - h)
            new = gate * new + (1 - gate) * h
        if self.nested:
            new = new + self.inner(new, u)
        if self.reads == "old":
            new = new + 0.1 * cr.tanh(x @ before)
        others = {"new": new, "old": h, "before": x @ w, "input": x @ cr.cos(w)}
        terms = [cr.matrix_transpose(x) @ others[name] for name in self.terms]
        total = 0.5 * before if self.decays else before
        for term in terms:
            total = total + term
        if self.reads == "new":
            new = new - 0.1 * cr.tanh(x @ total)
        found = {"new": new, "old": h, "total": total, "before": before, "terms": terms[0]}
        found["rows"] = cr.sum(new, axis=0)
        return (new, total), tuple(found[name] for name in self.stacked)

    def inner(self, new, u):
        """A scan within a turn, over the rows."""

        def turn(s, row):
            s = cr.tanh(s @ u + row)
            return s, s * row

        s, stacked = cr.scan(turn, cr.zeros_like(new[0]), new, reverse=self.reverse)
        return 0.5 * stacked + s

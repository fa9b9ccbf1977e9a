"""Random graphs over all primitives, with data: a seed always gives the same graph."""

import random

import numpy as np
from compiler.making import Case
from compiler.structures import Structures

from chainrule.autodiff.reverse import gradients
from chainrule.dtypes import bool_, float32, int64, stored, widened
from chainrule.errors import TraceError
from chainrule.ir.node import Graph, Spec, constant, make, pick, variable


def case(seed, steps=None) -> Case:
    """The random graph of a seed."""
    maker = RandomGraph(seed)
    maker.grow(steps or maker.random.randint(2, 18))
    outputs = maker.results()
    return Case(maker.parameters, maker.arrays, outputs, maker.updates())


def trained(case: Case, seed) -> Case:
    """The same graph with its gradients, returned or put into updates, some with momentum."""
    choose = random.Random(seed)
    results = [node for node in case.outputs if node.dtype.is_float]
    places = [n for n, node in enumerate(case.parameters) if node.dtype.is_float]
    try:
        ones = [constant(1, node.dtype, node.shape) for node in results]
        slopes = gradients(results, ones, [case.parameters[n] for n in places])
    except TraceError:  # Reverse mode does not run through while loops.
        return case
    parameters, arrays, outputs = list(case.parameters), list(case.arrays), list(case.outputs)
    updates = dict(case.updates)
    for place, slope in zip(places, slopes, strict=True):
        if slope is None or choose.random() < 0.5:
            outputs += [slope] if slope is not None else []
            continue
        parameter = parameters[place]
        if choose.random() < 0.5:
            parameters.append(variable(parameter.spec))
            arrays.append(stored(np.tanh(widened(arrays[place])), parameter.dtype))
            slope = updates[len(parameters) - 1] = parameters[-1] * 0.9 + slope
        updates[place] = parameter - slope * 0.1
    return Case(parameters, arrays, outputs, updates)


class RandomGraph(Structures):
    """With loops, branches and bodies that are random graphs too, and parts of networks."""

    STEPS = {
        "unary": 8, "function": 5, "binary": 16, "compare": 3, "where": 4, "convert": 3,
        "reshaped": 6, "permuted": 4, "broadcast": 4, "sliced": 5, "padded": 4, "flipped": 3,
        "concatenated": 4, "reduction": 9, "argument": 2, "softmax": 4, "contraction": 7,
        "layer": 6, "gather": 3, "scatter_add": 2, "ordered": 3, "random_bits": 1, "iota": 1,
        "identity": 2, "scan": 3, "while_loop": 2, "cond": 2, "checkpoint": 1, "custom_gradient": 1,
        "convolution": 3, "pooling": 2, "normalisation": 3, "embedding": 2, "attention": 2,
        "recurrence": 3,
    }  # fmt: skip

    def body(self, specs, results=(), steps=4):
        """(the maker of a body with such parameters, results of the body with the given specs)."""
        maker = RandomGraph(self.random.randrange(1 << 30), [variable(spec) for spec in specs])
        maker.nested = self.nested + 1
        maker.grow(self.between(1, steps))
        return maker, [maker.tame(maker.recent(), spec) for spec in results]

    def tame(self, x, spec):
        """A carried value: bounded, so that turns do not let it grow."""
        x = self.fitted(x, spec)
        return make("sin", x) if x.dtype.is_float and self.chance(0.8) else x

    def operands(self, most):
        return [self.recent() for _ in range(self.between(0, most))]

    def scan(self):
        if self.nested > 1:
            return None
        length = self.choose((0, 1, 2, 3, 5))
        constants, carried = self.operands(2), self.operands(2)
        slices = [node for node in self.operands(4) if node.rank and node.shape[0] == length]
        if self.chance(0.7):
            spec = Spec((length, *self.shape(self.choose((0, 1, 2)))), float32)
            slices.append(self.fitted(self.recent(), spec))
        specs = [node.spec for node in constants + carried]
        specs += [Spec(node.shape[1:], node.dtype) for node in slices]
        maker, results = self.body(specs, [node.spec for node in carried])
        results += [maker.recent() for _ in range(self.between(not carried, 2))]
        attributes = {"constants": len(constants), "carried": len(carried), "length": length}
        attributes |= {"body": Graph(maker.parameters, results), "reverse": self.chance(0.5)}
        return self.picked("scan", constants + carried + slices, **attributes)

    def while_loop(self):
        if self.nested > 1:
            return None
        constants, carried = self.operands(2), self.operands(2)
        turns = self.choose((0, 1, 3))
        count = constant(0, int64) if self.chance(0.5) else self.leaf((), int64, -1, 2)
        specs = [node.spec for node in (*constants, count, *carried)]
        place = len(constants)
        maker, results = self.body(specs, [node.spec for node in carried])
        results.insert(0, maker.parameters[place] + 1)
        condition = [variable(spec) for spec in specs]
        graphs = {
            "condition": Graph(condition, [condition[place] < turns]),
            "body": Graph(maker.parameters, results),
        }
        return self.picked("while", [*constants, count, *carried], constants=place, **graphs)

    def cond(self):
        if self.nested > 1:
            return None
        operands = [self.recent(), *self.operands(2)]
        predicate = self.fitted(self.recent(), Spec((), bool_))
        specs = [node.spec for node in operands]
        first, _ = self.body(specs)
        results = [first.recent() for _ in range(self.between(1, 2))]
        second, others = self.body(specs, [node.spec for node in results])
        graphs = {
            "then": Graph(first.parameters, results),
            "otherwise": Graph(second.parameters, others),
        }
        return self.picked("cond", [predicate, *operands], **graphs)

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
        return [pick(node, index) for index in range(len(node.outputs)) if self.chance(0.85)]

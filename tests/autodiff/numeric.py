"""Derivatives by finite differences, and graphs as functions of arrays: the oracles of these tests.
"""

import numpy as np

from chainrule.ir.interpret import evaluate


def run(outputs, known):
    """The values of nodes, given those of the variables."""
    return evaluate(outputs, known)


def slope(function, step=0.02, orders=7):
    """The derivative of `function(t)` at 0: central differences, extrapolated to step 0 (Ridders
    1982).
    """
    best, error = None, np.inf
    previous: list[float] = []
    for order in range(orders):
        h = step / 1.6**order
        current = [(function(h) - function(-h)) / (2 * h)]
        for place, coarse in enumerate(previous):
            factor = 1.6 ** (2 * (place + 1))
            current.append((factor * current[place] - coarse) / (factor - 1))
            change = max(abs(current[-1] - current[-2]), abs(current[-1] - coarse))
            if change <= error:
                best, error = current[-1], change
        previous = current
    return best


def relative_error(a, n):
    """|a - n| / (|a| + |n|), 0 where both vanish."""
    return abs(a - n) / (abs(a) + abs(n)) if abs(a - n) > 1e-13 else 0.0

"""Simplification: receives the graph as recorded, hands on one that computes the same with less."""

from __future__ import annotations

from chainrule.ir.node import Node
from chainrule.ir.rewrite import Rewriter, Rules
from chainrule.passes.rewrites import arithmetic, contractions, control, reductions, views
from chainrule.passes.rewrites.users import consolidate

RULES = Rules(views.rules, control.rules, arithmetic.rules, reductions.rules, contractions.rules)


def simplify(outputs: list[Node]) -> list[Node]:
    """The same values, NaN and infinities included; only -0.0 + 0.0 is taken as -0.0.

    After it no identity but `after` and no `checkpoint` is left, and a second call changes nothing.
    """
    rewriter = Rewriter(RULES)
    while True:
        simpler = rewriter(consolidate(outputs))
        if simpler == outputs:
            return simpler
        outputs = simpler

"""The rewriting engine: receives a graph and rules, hands back the graph in normal form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chainrule.errors import VerificationError
from chainrule.ir.node import Graph, Node, current, make, topological

Rule = Callable[[Node], Node | None]


class Rules:
    """Rules by the name of the primitive they look at, tried in the order of their registration.

    A rule maps a node, whose inputs are in normal form already, to an equal node, or to None.
    """

    def __init__(self, *parts: Rules) -> None:
        self.table: dict[str, list[Rule]] = {}
        for part in parts:
            for name, rules in part.table.items():
                self.table.setdefault(name, []).extend(rules)

    def __call__(self, *names: str) -> Callable[[Rule], Rule]:
        """Decorator: the rule applies to these primitives."""

        def add(rule: Rule) -> Rule:
            for name in names:
                self.table.setdefault(name, []).append(rule)
            return rule

        return add

    def __iter__(self) -> Iterator[Rule]:
        """Every rule once."""
        return iter(dict.fromkeys(rule for rules in self.table.values() for rule in rules))


class Rewriter:
    """Rewrites graphs by one table of rules; a node that it has met before costs nothing again."""

    def __init__(self, rules: Rules) -> None:
        self._table = rules.table
        # node -> its normal form; normal forms map to themselves
        self._settled: dict[Node, Node] = {}
        self._graphs: dict[Graph, Graph] = {}

    def __call__(self, outputs: Iterable[Node]) -> list[Node]:
        """The normal forms of `outputs`. Replacements keep the origin of the node they replace."""
        outputs, before = list(outputs), current.origin
        try:
            for output in outputs:
                self._settle(output)
        finally:
            current.origin = before
        return [self._settled[output] for output in outputs]

    def _settle(self, output: Node) -> None:
        settled, stack = self._settled, [output]
        replaced: dict[Node, Node] = {}
        while stack:
            node = stack[-1]
            if node in settled:
                stack.pop()
            elif node in replaced:
                settled[node] = self._normal_form(node, replaced[node])
            elif pending := [child for child in node.inputs if child not in settled]:
                stack.extend(reversed(pending))
            else:
                replacement = self._replacement(node)
                if replacement is node:
                    settled[node] = node
                else:
                    replaced[node] = replacement
                    stack.append(replacement)

    def _normal_form(self, node: Node, replacement: Node) -> Node:
        found = self._settled.get(replacement)
        if found is None:
            raise VerificationError(
                "rewrite",
                f"the rules for {node} from {node.origin} never end",
                f"its replacement {replacement} leads back to it",
            )
        return found

    def _replacement(self, node: Node) -> Node:
        """One step: new inputs, else new bodies, else the first rule that applies, else itself."""
        current.origin = node.origin
        inputs = tuple([self._settled[child] for child in node.inputs])
        if inputs != node.inputs:
            return make(node.op.name, *inputs, **node.attributes)
        if node.op.family == "control":
            attributes = {name: self._attribute(value) for name, value in node.attributes.items()}
            if attributes != node.attributes:
                return make(node.op.name, *inputs, **attributes)
            current.origin = node.origin
        for rule in self._table.get(node.op.name, ()):
            found = rule(node)
            if found is not None and found is not node:
                return found
        return node

    def _attribute(self, value: Any) -> Any:
        return self._graph(value) if isinstance(value, Graph) else value

    def _graph(self, graph: Graph) -> Graph:
        found = self._graphs.get(graph)
        if found is None:
            outputs = self(graph.outputs)
            same = tuple(outputs) == graph.outputs
            found = self._graphs[graph] = graph if same else Graph(graph.parameters, outputs)
            self._graphs[found] = found
        return found


def rewrite(outputs: Iterable[Node], rules: Rules) -> list[Node]:
    """The same values, computed by a graph to which no rule applies any more."""
    return Rewriter(rules)(outputs)


def transform(
    outputs: Iterable[Node], step: Callable[[Node, tuple[Node, ...]], Node | None]
) -> list[Node]:
    """One walk, inputs first: `step(node, new inputs)` makes the new node; None: as it was."""
    outputs, before = list(outputs), current.origin
    new: dict[Node, Node] = {}
    for node in topological(outputs):
        current.origin = node.origin
        inputs = tuple([new[child] for child in node.inputs])
        found = step(node, inputs)
        if found is None:
            same = inputs == node.inputs
            found = node if same else make(node.op.name, *inputs, **node.attributes)
        new[node] = found
    current.origin = before
    return [new[node] for node in outputs]

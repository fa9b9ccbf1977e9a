"""The rewriting engine with small tables of its own."""

import pytest

from chainrule.dtypes import float32
from chainrule.errors import VerificationError
from chainrule.ir.node import Graph, Origin, Spec, current, make, pick, topological, variable
from chainrule.ir.rewrite import Rewriter, Rules, rewrite, transform

X = variable(Spec((2,), float32), "x")


def names(output):
    return [node.op.name for node in topological([output])]


def exp_to_tanh():
    rules = Rules()
    rules("exp")(lambda node: make("tanh", node.inputs[0]))
    return rules


def scan_of(body_output, parameter):
    """A scan over three numbers that adds up what the body makes of each."""
    total = variable(Spec((), float32))
    body = Graph([total, parameter], [total + body_output])
    operands = variable(Spec((), float32)), variable(Spec((3,), float32))
    return make("scan", *operands, body=body, constants=0, carried=1, length=3, reverse=False)


def test_rules_apply_to_the_replacement_and_below_it():
    rules = exp_to_tanh()
    rules("sin")(lambda node: make("negative", make("exp", make("exp", node.inputs[0]))))
    (output,) = rewrite([make("sin", X)], rules)
    assert names(output) == ["variable", "tanh", "tanh", "negative"]


def test_an_untouched_graph_stays_the_same_object():
    output = make("sin", X) + 1
    assert rewrite([output], exp_to_tanh()) == [output]


def test_shared_nodes_are_rewritten_once():
    calls = []
    rules = Rules()
    rules("exp")(lambda node: calls.append(node))
    y = X
    for _ in range(40):
        y = make("exp", y) + make("exp", y)
    rewriter = Rewriter(rules)
    assert rewriter([y]) == rewriter([y]) == [y]
    assert len(calls) == 40


def test_rules_are_tried_in_order_and_merged():
    first, second = Rules(), Rules()
    first("exp")(lambda node: None)
    second("exp", "log")(lambda node: X)
    assert len(list(Rules(first, second))) == 2
    assert rewrite([make("exp", X), make("log", X)], Rules(first, second)) == [X, X]


def test_rules_that_undo_each_other_are_reported():
    rules = exp_to_tanh()
    rules("tanh")(lambda node: make("exp", node.inputs[0]))
    with pytest.raises(VerificationError, match="never end"):
        rewrite([make("exp", X)], rules)


def test_a_rule_that_wraps_its_node_is_reported():
    rules = Rules()
    rules("exp")(lambda node: make("negative", node))
    with pytest.raises(VerificationError, match="never end"):
        rewrite([make("exp", X)], rules)


def test_replacements_keep_the_origin():
    outside, current.origin = current.origin, Origin("model.py", 12, "net")
    output = make("sin", make("exp", variable(X.spec)))
    current.origin = outside
    (after,) = rewrite([output], exp_to_tanh())
    assert {node.origin.line for node in topological([after])[1:]} == {12}
    assert current.origin == outside


def test_the_origin_is_restored_after_an_error():
    rules, outside = Rules(), current.origin
    rules("exp")(lambda node: 1 / 0)
    current.origin = Origin("model.py", 12, "net")
    output = make("exp", X)
    current.origin = outside
    with pytest.raises(ZeroDivisionError):
        rewrite([output], rules)
    assert current.origin == outside


def test_bodies_are_rewritten():
    p = variable(Spec((), float32))
    (after,) = rewrite([pick(scan_of(make("exp", p), p), 0)], exp_to_tanh())
    body = after.inputs[0].attributes["body"]
    assert "tanh" in names(body.outputs[0]) and "exp" not in names(body.outputs[0])


def test_an_unchanged_body_keeps_its_graph():
    p = variable(Spec((), float32))
    output = pick(scan_of(make("sin", p), p), 0)
    assert rewrite([output], exp_to_tanh()) == [output]


def test_nodes_that_share_a_body_share_the_new_one():
    p, total = (variable(Spec((), float32)) for _ in range(2))
    body = Graph([total, p], [total + make("exp", p)])
    values = variable(Spec((3,), float32))
    scans = [make("scan", variable(Spec((), float32)), values, body=body, constants=0, carried=1,
                  length=3, reverse=False) for _ in range(2)]
    after = rewrite([pick(scan, 0) for scan in scans], exp_to_tanh())
    assert len({output.inputs[0].attributes["body"] for output in after}) == 1


def test_a_long_chain_does_not_recurse():
    y = X
    for _ in range(20_000):
        y = make("exp", y)
    (after,) = rewrite([y], exp_to_tanh())
    assert set(names(after)) == {"variable", "tanh"} and len(names(after)) == 20_001


def test_transform_sees_new_inputs():
    def step(node, inputs):
        return make("tanh", *inputs) if node.op.name == "exp" else None

    (after,) = transform([make("sin", make("exp", make("exp", X)))], step)
    assert names(after) == ["variable", "tanh", "tanh", "sin"]

"""The verifier finds nodes that no constructor would make."""

import pytest

from chainrule.dtypes import DType, bool_, float32, float64, int32
from chainrule.errors import VerificationError
from chainrule.ir.node import (
    OPS,
    Graph,
    Node,
    Op,
    Origin,
    Spec,
    broadcast_to,
    constant,
    make,
    pick,
    reshape,
    variable,
)
from chainrule.ir.verify import verify


def var(*shape, dtype=float32):
    return variable(Spec(shape, dtype))


def forge(op, *inputs, shape=(), dtype=float32, outputs=None, **attributes):
    """A node past all checks."""
    node = Node()
    node.op = OPS[op] if isinstance(op, str) else op
    node.inputs, node.attributes = inputs, attributes
    node.shape, node.dtype = (shape, dtype) if outputs is None else (None, None)
    node.outputs = (Spec(shape, dtype),) if outputs is None else outputs
    node.origin = Origin("train.py", 7, "net.hidden")
    return node


def checkpoint(*outputs, parameters):
    operands = [var(*parameter.shape, dtype=parameter.dtype) for parameter in parameters]
    node = make("checkpoint", *operands, body=Graph(parameters, outputs))
    return Graph(operands, [pick(node, 0)])


X, Y, N = var(2, 3), var(3), var(2, 3, dtype=int32)
HALF = DType("float16", "float", 16)
SEVERAL = make("custom_gradient", X, X, count=1, rule=len)
BROKEN = {
    "wrong shape": (forge("exp", X, shape=(3, 2)), "its inputs make"),
    "wrong dtype": (forge("exp", X, shape=(2, 3), dtype=float64), "its inputs make"),
    "unequal operands": (forge("add", X, Y, shape=(2, 3)), "shapes and dtypes must be equal"),
    "mixed dtypes": (forge("add", X, N, shape=(2, 3)), "shapes and dtypes must be equal"),
    "dtype not allowed": (forge("exp", N, shape=(2, 3), dtype=int32), "not defined for int32"),
    "too few inputs": (forge("add", X, shape=(2, 3)), "it takes 2 inputs"),
    "too many inputs": (forge("exp", X, X, shape=(2, 3)), "it takes 1 inputs"),
    "too few for power": (forge("power", X, shape=(2, 3)), "it takes 2 inputs"),
    "unequal where": (forge("where", X, X, X, shape=(2, 3)), "bool condition"),
    "missing attribute": (forge("reshape", X, shape=(6,)), "missing 1 required"),
    "axis out of range": (forge("sum", X, shape=(2,), axes=(5,)), "tuple index out of range"),
    "negative extent": (forge("exp", forge("exp", X, shape=(-1, 3)), shape=(-1, 3)), "not counts"),
    "dtype unknown": (forge("exp", X, shape=(2, 3), dtype=HALF), "not a data type"),
    "primitive unknown": (forge(Op("exp", "elementwise", OPS["exp"].infer, None), X, shape=(2, 3)),
                          "not in the table"),
    "pick of one result": (forge("pick", X, shape=(2, 3), index=0), "nothing to pick"),
    "several results as input": (forge("exp", SEVERAL, shape=(2, 3)), "must be picked"),
    "no such result": (forge("pick", SEVERAL, shape=(2, 3), index=1), "has no result 1"),
    "several results as output": (SEVERAL, "one output"),
    "outputs disagree": (forge("stop_gradient", X, shape=(2, 3)), "disagree"),
    "too large a reshape": (forge("reshape", X, shape=(7,)), "do not fill"),
}
BROKEN["outputs disagree"][0].outputs = (Spec((3, 2), float32),)
BROKEN["too large a reshape"][0].attributes["shape"] = (7,)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_nodes_are_found(name):
    node, rule = BROKEN[name]
    with pytest.raises(VerificationError, match=rule):
        verify(Graph([X, Y, N], [node]))


def test_the_message_names_node_and_origin():
    with pytest.raises(VerificationError) as error:
        verify(Graph([X], [forge("exp", X, shape=(3, 2))]))
    assert "[verify] <exp float32[3x2]> from net.hidden at train.py:7" in str(error.value)


def test_a_cycle_is_found():
    inner = forge("exp", X, shape=(2, 3))
    outer = forge("exp", inner, shape=(2, 3))
    inner.inputs = (outer,)
    with pytest.raises(VerificationError, match="depends on it"):
        verify(Graph([X], [outer]))


def test_variables_must_be_parameters_or_allowed():
    with pytest.raises(VerificationError, match="not a parameter"):
        verify(Graph([X], [X + var(2, 3)]))
    free = var(2, 3)
    verify(Graph([X], [X + free]), allowed=[free])


def test_parameters_are_different_variables():
    with pytest.raises(VerificationError, match="twice"):
        verify(Graph([X, X], [X]))
    with pytest.raises(VerificationError, match="only variables"):
        verify(Graph([X + 1], [X + 1]))


def test_bodies_are_verified():
    p, free = var(2), var(2)
    verify(checkpoint(p * 2, parameters=[p]))
    with pytest.raises(VerificationError, match="not a parameter"):
        verify(checkpoint(p * free, parameters=[p]))
    with pytest.raises(VerificationError, match="its inputs make"):
        verify(checkpoint(forge("exp", p, shape=(2,), dtype=float64), parameters=[p]))


def test_a_body_whose_operands_changed_is_found():
    p = var(2)
    graph = checkpoint(p * 2, parameters=[p])
    graph.outputs[0].inputs[0].inputs = (X,)
    with pytest.raises(VerificationError, match="the body takes"):
        verify(Graph([X], graph.outputs))


def test_sound_graphs_pass():
    total = broadcast_to(reshape(Y, (1, 3)), (2, 3)) + X * constant(2, float32, (2, 3))
    chosen = make("where", make("less", X, total), total, X)
    verify(Graph([X, Y], [chosen, X, make("cast", chosen, dtype=bool_)]))

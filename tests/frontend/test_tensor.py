"""Tensor itself: what goes in and out, how it prints, that it cannot change, and its dtypes."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.dtypes import ALL, PROMOTION
from chainrule.errors import ArgumentError, DTypeError, ImmutableError, ShapeError, TraceError
from chainrule.frontend import lift, trace
from chainrule.frontend.tensor import Tensor
from chainrule.ir.node import Spec, variable


def traced(shape, dtype=cr.float32):
    return Tensor(None, variable(Spec(shape, dtype)))


def test_python_data():
    assert cr.asarray(1.5).dtype is cr.float32
    assert cr.asarray(3).dtype is cr.int64
    assert cr.asarray(True).dtype is cr.bool
    assert cr.asarray([1, 2.5]).dtype is cr.float32
    assert cr.asarray([]).dtype is cr.float32
    assert cr.asarray([[True, False]]).shape == (1, 2)
    assert cr.asarray([1, 2], dtype="int8").dtype is cr.int8
    assert cr.asarray([np.float32(1.0), 2.0]).dtype is cr.float32


def test_sequences_of_tensors():
    x = cr.asarray([1, 2])
    assert cr.asarray([x, x * 2]).tolist() == [[1, 2], [2, 4]]
    assert cr.asarray([[x[0], 5.5], [1, x[1]]]).tolist() == [[1, 5.5], [1, 2]]
    with trace.level("jit"):
        assert cr.asarray([traced(()), 1]).shape == (2,)


def test_numpy_input_is_copied_unless_asked():
    array = np.array([1, 2])
    tensor, shared = cr.asarray(array), cr.asarray(array, copy=False)
    array[0] = 9
    assert tensor.tolist() == [1, 2]
    assert shared.tolist() == [9, 2]
    with pytest.raises(ArgumentError, match="copy=False, but the values must be converted"):
        cr.asarray(array, dtype=cr.float32, copy=False)


def test_numpy_output_shares_memory_and_cannot_be_written():
    tensor = cr.asarray([1.0, 2.0])
    view = np.asarray(tensor)
    assert np.shares_memory(view, tensor.numpy())
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 3
    own = np.array(tensor)
    own[0] = 3
    assert tensor.tolist() == [1, 2]
    assert np.asarray(tensor, dtype=np.float64).dtype == np.float64
    with pytest.raises(ArgumentError, match="without a copy"):
        np.asarray(tensor, dtype=np.float64, copy=False)


def test_float64_input_is_cast_with_one_notice(monkeypatch):
    monkeypatch.setattr(lift, "_noticed", False)
    with pytest.warns(UserWarning) as caught:
        first = cr.asarray(np.zeros(2))
        second = cr.ones(2) + np.zeros(2)
    assert first.dtype is cr.float32 and second.dtype is cr.float32
    assert [str(warning.message) for warning in caught] == [
        "[asarray] float64 NumPy input was cast to float32; that is the default of chainrule; pass "
        "dtype=cr.float64 or set cr.config.float64 = True to keep it (said once)"
    ]
    assert caught[0].filename == __file__


def test_float64_where_asked(monkeypatch):
    monkeypatch.setattr(lift, "_noticed", False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wide = cr.asarray(np.zeros(2), dtype=cr.float64)
        assert (wide + np.ones(2)).dtype is cr.float64
        assert (wide * 2.0).dtype is cr.float64
        assert cr.asarray([1.0]).dtype is cr.float32
        monkeypatch.setattr(cr.config, "float64", True)
        for x in (cr.asarray(np.zeros(2)), cr.asarray(1.0), cr.zeros(2), cr.asarray([1]) * 0.5,
                  cr.mean(cr.arange(3)), cr.random.normal((2,))):  # fmt: skip
            assert x.dtype is cr.float64


def test_other_numpy_types():
    assert cr.asarray(np.array([1, 2], ">i4")).dtype is cr.int32
    assert cr.asarray(np.float32(2)).shape == ()
    for array, name in [(np.zeros(1, complex), "complex128"), (np.array(["a"]), "<U1"),
                        (np.array([None]), "object")]:  # fmt: skip
        with pytest.raises(DTypeError, match=f"a NumPy array of {name} has no counterpart here"):
            cr.asarray(array)
    assert cr.asarray(np.zeros(1, np.float16)).dtype is cr.float16


@pytest.mark.parametrize("dtype", [x.name for x in ALL if x is not cr.bfloat16])
def test_dlpack_both_ways(dtype):
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    tensor = cr.asarray(array, dtype=dtype)
    back = np.from_dlpack(tensor)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype and not back.flags.writeable
    assert np.shares_memory(back, tensor.numpy())
    there = cr.from_dlpack(array)
    assert there.dtype.name == dtype and np.shares_memory(there.numpy(), array)
    assert not np.shares_memory(cr.from_dlpack(array, copy=True).numpy(), array)


def test_old_dlpack_consumers_get_a_copy():
    class Old:
        def __init__(self, tensor):
            self.tensor = tensor

        def __dlpack__(self, **_):
            return self.tensor.__dlpack__()

        def __dlpack_device__(self):
            return self.tensor.__dlpack_device__()

    tensor = cr.asarray([1, 2])
    assert not np.shares_memory(np.from_dlpack(Old(tensor)), tensor.numpy())


@pytest.mark.peers
def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    tensor = cr.asarray([1.0, 2.0])
    assert torch.from_dlpack(tensor).tolist() == [1, 2]
    assert cr.from_dlpack(torch.arange(3)).tolist() == [0, 1, 2]


def test_numpy_leaves_operators_to_tensors():
    x = cr.asarray([1.0, 2.0])
    for result in (np.ones(2, np.float32) + x, np.float32(2) * x, np.ones((2, 2), np.float32) @ x):
        assert isinstance(result, Tensor)
    with pytest.raises(TypeError):
        np.sin(x)


def test_foreign_operands_decide_themselves():
    class Other:
        def __radd__(self, other):
            return "mine"

    x = cr.asarray([1.0])
    assert x + Other() == "mine"
    assert (x == None) is False and (x != "a") is True  # noqa: E711
    with pytest.raises(TypeError, match="unsupported operand"):
        x + [1]


def test_scalars_are_weak():
    for dtype in (cr.int8, cr.uint32, cr.float32, cr.float64):
        x = cr.ones(1, dtype=dtype)
        assert (x + 1).dtype is dtype and (2 * x).dtype is dtype and (x + True).dtype is dtype
    assert (cr.ones(1, dtype=cr.int8) * 1.5).dtype is cr.float32
    assert (cr.asarray([True]) + 1).dtype is cr.int64
    assert (cr.ones(1, dtype=cr.float32) * np.float64(2)).dtype is cr.float32
    with pytest.raises(ArgumentError) as caught:
        cr.ones(1, dtype=cr.uint8) + 300
    assert str(caught.value) == (
        "[add] 300 does not fit uint8; a Python scalar takes the dtype of the array beside it; "
        "cast the array to a wider dtype first"
    )


@pytest.mark.parametrize("pair", PROMOTION, ids=lambda pair: "-".join(d.name for d in pair))
def test_promotion(pair):
    """As NumPy, but that a float wins over an integer unchanged."""
    a, b = pair
    got = cr.result_type(a, b)
    if a.is_float != b.is_float:
        assert got is (a if a.is_float else b)
    elif {a, b} == {cr.bfloat16, cr.float16}:
        assert got is cr.float32
    elif cr.bfloat16 in (a, b):
        assert got is (b if a is cr.bfloat16 else a)
    else:
        assert got.numpy == np.result_type(a.numpy, b.numpy)
    assert cr.where(True, cr.zeros(1, dtype=a), cr.zeros(1, dtype=b)).dtype is got


def test_integers_without_common_type():
    with pytest.raises(DTypeError, match="int64 and uint64 have no common integer type"):
        cr.zeros(1, dtype=cr.int64) + cr.zeros(1, dtype=cr.uint64)


def test_dtype_functions():
    assert cr.can_cast(cr.int8, cr.int16) and not cr.can_cast(cr.int16, cr.int8)
    assert cr.can_cast(cr.uint8, cr.int16) and not cr.can_cast(cr.float32, cr.int64)
    assert not cr.can_cast(cr.int8, cr.float32) and not cr.can_cast(cr.uint64, cr.int64)
    assert cr.isdtype(cr.uint8, ("bool", "integral")) and not cr.isdtype(cr.bool, "numeric")
    assert cr.isdtype(cr.float32, cr.float32) and not cr.isdtype(cr.float32, "complex floating")
    assert cr.result_type(cr.asarray([1], dtype=cr.int8), 5, 2.0) is cr.float32
    assert cr.finfo(cr.zeros(1)).max == np.finfo(np.float32).max
    assert cr.iinfo(cr.int16).min == -(2**15)
    assert cr.astype(cr.asarray([1.9, -1.9, cr.nan, 1e30]), cr.int32).tolist() == [
        1,
        -1,
        0,
        2**31 - 1,
    ]


def test_repr():
    assert repr(cr.asarray([[1.0, 2.5]])) == "Tensor([[1. , 2.5]], dtype=float32)"
    assert repr(cr.asarray(7)) == "Tensor(7, dtype=int64)"
    assert repr(cr.zeros((0, 3))) == "Tensor([], shape=(0, 3), dtype=float32)"
    with trace.level("jit"):
        assert repr(traced((64, 10))) == "Tensor(traced float32[64, 10])"
    assert f"{cr.asarray(0.25):.3f}" == "0.250"


def test_python_protocols():
    x = cr.asarray([[1, 2], [3, 4]])
    assert (len(x), x.ndim, x.size, x.device) == (2, 2, 4, "cpu")
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x and 9 not in x
    assert float(cr.asarray([2.5])) == 2.5 and int(cr.asarray(7)) == 7 and bool(cr.asarray(1))
    assert complex(cr.asarray(2)) == 2 and range(9)[cr.asarray(4)] == 4
    assert x.T.tolist() == [[1, 3], [2, 4]] and x.mT.tolist() == x.T.tolist()
    assert (
        x.reshape(4).tolist() == x.reshape((4,)).tolist() == x.reshape(-1).tolist() == [1, 2, 3, 4]
    )
    assert x.sum(axis=0).tolist() == [4, 6] and x.mean().item() == 2.5
    assert x.to_device("cpu") is x
    assert {x: 1}[x] == 1 and hash(x) != hash(x + 0)
    assert x.__array_namespace__(api_version="2024.12") is cr


def test_copies():
    x = cr.asarray([1.0, 2.0])
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert again.tolist() == [1, 2] and not np.shares_memory(again.numpy(), x.numpy())
    box = cr.Box(np.ones(2, np.float32), "w")
    again = copy.deepcopy(box)
    assert type(again) is cr.Box and again.name == "w" and again.tolist() == [1, 1]


def test_results_do_not_change_with_a_box():
    """Functions that have nothing to do still return a tensor of their own."""
    box = cr.Box(np.ones((1, 2), np.float32))
    held = [cr.asarray(box), +box, cr.reshape(box, (1, 2)), cr.astype(box, cr.float32), box[:],
            cr.broadcast_to(box, (1, 2)), cr.squeeze(box, axis=()), cr.permute_dims(box, (0, 1)),
            cr.concat([box]), cr.round(cr.Box(np.ones((1, 2), np.int64)))]  # fmt: skip
    box.assign(cr.zeros((1, 2)))
    assert all(x.tolist() == [[1, 1]] and type(x) is Tensor for x in held)


def test_tensors_are_immutable():
    x = cr.asarray([1, 2])
    with pytest.raises(ImmutableError) as caught:
        x[0] = 5
    assert str(caught.value) == (
        "[setitem] a Tensor cannot be changed in place; others may hold it, and gradients need the "
        "old values; write x = x.at[index].set(value), or x = cr.where(mask, value, x)"
    )
    before = x
    x += 1
    assert before.tolist() == [1, 2] and x.tolist() == [2, 3]


USES = {
    "bool()": bool, "int()": int, "float()": float, "item()": lambda x: x.item(),
    "iteration": lambda x: list(cr.reshape(x, (1,))), "a NumPy array": np.asarray,
    "a list": lambda x: x.tolist(),
}  # fmt: skip


@pytest.mark.parametrize(("use", "function"), USES.items(), ids=USES)
def test_unknown_values_name_the_line_and_the_way_out(use, function):
    with trace.level("jit"):
        x = traced(())
        with pytest.raises(TraceError) as caught:
            function(x)
    shape = "[1]" if use == "iteration" else "[]"
    line = function.__code__.co_firstlineno if hasattr(function, "__code__") else 0
    message = str(caught.value)
    assert message.startswith(f"[jit] {use} was asked of a traced float32{shape} at {__file__}:")
    assert not line or f"{__file__}:{line};" in message
    assert message.endswith(
        "while a function is being compiled or mapped, values are not known yet; use cr.where or "
        "cr.cond for a choice, cr.scan or cr.while_loop for a loop"
    )


def test_index_of_unknown_value():
    with trace.level("jit"), pytest.raises(TraceError, match="a Python integer was asked"):
        range(5)[traced((), cr.int64)]


def test_values_are_known_under_derivatives():
    with trace.level("grad"):
        x = cr.asarray([1.0, 2.0]) * 2
        assert bool(x[0] < x[1]) and [float(v) for v in x] == [2, 4]


def test_values_made_of_constants_are_known_while_tracing():
    with trace.level("jit"):
        assert int(cr.arange(5)[3] * 2) == 6


def test_use_after_the_transform():
    with trace.level("jit"):
        x = traced((2,))
    with pytest.raises(TraceError, match="was used after its transform had ended"):
        x + 1


ERRORS = [
    (lambda: cr.zeros((3, 4)) + cr.zeros((5,)), ShapeError,
     "[add] shapes [3, 4] and [5] do not fit together; axis -1 has 4 and 5 elements, and only 1 "
     "stretches; reshape one of them, or insert an axis with x[:, None]"),
    (lambda: cr.zeros((3, 4)) @ cr.zeros((5, 2)), ShapeError,
     "[matmul] [3, 4] @ [5, 2]; the last axis of the left has 4 elements, axis -2 of the right 5; "
     "they must be equal; .mT transposes"),
    (lambda: cr.matmul(cr.zeros(()), cr.zeros(2)), ShapeError,
     "[matmul] [] @ [2]; a number without axes is no matrix; use * to scale"),
    (lambda: cr.einsum("ij,jk->ik", cr.zeros((2, 3)), cr.zeros((4, 5))), ShapeError,
     "[einsum] letter j of 'ij,jk->ik' has 3 and 4 elements; one letter has one extent"),
    (lambda: cr.einsum("ij->ijk", cr.zeros((2, 3))), ArgumentError,
     "[einsum] 'ij->ijk' names a result letter twice, or one that no operand has"),
    (lambda: cr.einsum("ij,j", cr.zeros((2, 3))), ArgumentError,
     "[einsum] 'ij,j' names 2 operands, 1 were given"),
    (lambda: cr.einsum("ijk", cr.zeros((2, 3))), ArgumentError,
     "[einsum] 'ijk' of 'ijk' does not fit an operand with 2 axes; each axis needs one letter, or "
     "... for several"),
    (lambda: cr.reshape(cr.zeros(6), (4, -1)), ShapeError,
     "[reshape] [6] to [4, -1]; 6 elements do not fill that shape; one extent may be -1, which "
     "means the rest"),
    (lambda: cr.concat([cr.zeros((2, 3)), cr.zeros((2, 4))]), ShapeError,
     "[concat] got shapes [[2, 3], [2, 4]]; all extents but axis 0 must be equal; reshape or "
     "broadcast them first"),
    (lambda: cr.sum(cr.zeros((2, 3)), axis=2), ArgumentError,
     "[sum] axis 2 of a tensor with 2 axes; axes run from -2 to 1"),
    (lambda: cr.sum(cr.zeros((2, 3)), axis=(0, -2)), ArgumentError,
     "[sum] axis (0, -2) names an axis twice; name each axis once"),
    (lambda: cr.max(cr.zeros((2, 0)), axis=1), ShapeError,
     "[max] of no elements (axes (1,) of [2, 0]); it has no value"),
    (lambda: cr.asarray([[1, 2], [3]]), ShapeError,
     "[asarray] the nested sequences have unequal lengths"),
    (lambda: cr.sin([1.0]), DTypeError,
     "[sin] got a list; it takes tensors, NumPy arrays and Python scalars; convert it with "
     "cr.asarray first"),
    (lambda: cr.asarray([True]) - cr.asarray([True]), DTypeError,
     "[subtract] is not defined for bool; cast the operand first"),
    (lambda: cr.zeros(2, device="gpu"), ArgumentError,
     "[device] there is no device 'gpu'; programs run on the processor; use \"cpu\""),
    (lambda: cr.zeros(2, dtype="float8"), DTypeError,
     "[dtype] 'float8' is not a data type of chainrule; there are bool, int8, int16, int32, int64, "
     "uint8, uint16, uint32, uint64, bfloat16, float16, float32, float64"),
    (lambda: float(cr.zeros(2)), ShapeError,
     "[float()] of 2 elements (float32[2]); it is defined for one element; index or reduce first, "
     "or call tolist()"),
    (lambda: cr.zeros(3).T, ShapeError,
     "[T] of a tensor with 1 axes; it is defined for matrices; use .mT for stacks of matrices or "
     "cr.permute_dims"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert message.endswith("lengths") or str(caught.value) == message

"""Modules: paths, freezing, saving, copies, what errors say, and the words that describe them."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.dtypes import ALL, stored
from chainrule.errors import ArgumentError
from chainrule.nn import weights


class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(784, 256)
        self.drop = nn.Dropout(0.2)
        self.blocks = [nn.Linear(256, 256), nn.Linear(256, 256, bias=False)]
        self.out = nn.Linear(256, 10)
        self.seen = nn.Buffer(0)

    def __call__(self, x):
        x = self.drop(cr.relu(self.hidden(x)))
        for block in self.blocks:
            x = cr.tanh(block(x))
        return self.out(x)


class Tied(nn.Module):
    def __init__(self):
        self.weight = nn.Parameter([[1.0, 2.0], [3.0, 4.0]])
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def __call__(self, x):
        return self.second(self.first(x @ self.weight))


PATHS = [
    "hidden.weight", "hidden.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight",
    "out.weight", "out.bias",
]  # fmt: skip


def message(call, kind=cr.ChainruleError):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def loss_of(model, x):
    return cr.sum(model(x) ** 2)


# ---- What a module holds ----


def test_paths_come_from_attributes_and_lists():
    model = Net()
    assert list(model.parameters()) == PATHS
    assert list(model.buffers()) == ["seen"]
    assert list(model.named_modules()) == ["", "hidden", "drop", "blocks.0", "blocks.1", "out"]
    assert model.parameters()["blocks.0.weight"] is model.blocks[0].weight


def test_a_base_without_init_needs_no_super_call():
    assert "__init__" not in vars(nn.Module)
    assert Net()(cr.ones((2, 784))).shape == (2, 10)


def test_shared_parameter_appears_once_and_collects_both_gradients():
    model = Tied()
    assert list(model.parameters()) == ["weight", "first.weight", "first.bias", "second.bias"]
    x = cr.asarray([[1.0, -1.0]])
    gradient = cr.grad(loss_of)(model, x)
    shared = model.first.weight.numpy().astype(float)

    def value(w):
        hidden = np.asarray([[1.0, -1.0]]) @ model.weight.numpy() @ w + model.first.bias.numpy()
        return float(np.sum((hidden @ w + model.second.bias.numpy()) ** 2))

    step = 1e-5
    numeric = np.zeros((2, 2))
    for i in np.ndindex(2, 2):
        moved = np.zeros((2, 2))
        moved[i] = step
        numeric[i] = (value(shared + moved) - value(shared - moved)) / (2 * step)
    np.testing.assert_allclose(gradient["first.weight"].numpy(), numeric, rtol=1e-4)


def test_added_layer_is_noticed():
    model = Net()
    before = len(model.parameters())
    model.extra = nn.Linear(10, 2)
    assert len(model.parameters()) == before + 2
    del model.extra
    assert len(model.parameters()) == before


def test_parameter_owns_its_value():
    array = np.ones(3, np.float32)
    parameter = nn.Parameter(array)
    array[:] = 7
    assert parameter.tolist() == [1, 1, 1]


def test_parameter_of_integers():
    assert message(lambda: nn.Parameter(cr.arange(3))) == (
        "[Parameter] got int64[3]; only floats have gradients; "
        "use nn.Buffer for counts, or convert it to floats"
    )


def test_parameter_is_not_replaced_by_a_tensor():
    model = Net()
    assert message(lambda: setattr(model.hidden, "bias", model.hidden.bias * 2)) == (
        "[Linear.bias] a Parameter would be replaced by a Tensor; optimizers and compiled "
        "functions would go on with the old one; write .bias.assign(value), or set it to "
        "a new nn.Parameter"
    )
    model.hidden.bias = None
    model.hidden.bias = nn.Parameter(cr.zeros(256))
    assert list(model.parameters())[1] == "hidden.bias"


def test_forward_in_place_of_call():
    class Old(nn.Module):
        def forward(self, x):
            return x

    assert message(lambda: Old()(1.0), NotImplementedError) == (
        "[Old] this module has no __call__; its formula would stand there; "
        "rename forward to __call__"
    )


# ---- Gradients and freezing ----


def test_gradient_is_a_dict_of_the_trainable_parameters():
    model = Net()
    model.freeze("blocks")
    value, gradient = cr.value_and_grad(loss_of)(model, cr.ones((2, 784)))
    assert list(gradient) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert all(gradient[path].shape == x.shape for path, x in model.trainable().items())


@pytest.mark.parametrize(
    ("selection", "frozen"),
    [
        (None, PATHS),
        ("hidden", PATHS[:2]),
        ("blocks.1", PATHS[4:5]),
        ("*.bias", ["hidden.bias", "blocks.0.bias", "out.bias"]),
        (lambda path, parameter: parameter.ndim == 1, ["hidden.bias", "blocks.0.bias", "out.bias"]),
    ],
)
def test_freeze_selects(selection, frozen):
    model = Net()
    model.freeze(selection)
    assert [path for path in PATHS if path not in model.trainable()] == frozen
    model.unfreeze()
    assert list(model.trainable()) == PATHS


def test_freeze_nothing():
    assert message(lambda: nn.Linear(2, 2).freeze("wieght")) == (
        "[Linear.freeze] 'wieght' chooses no parameter; there are weight, bias"
    )


def test_freezing_makes_another_program():
    model = nn.Linear(3, 2)
    gradient = cr.jit(lambda model, x: cr.grad(loss_of)(model, x))
    assert list(gradient(model, cr.ones((4, 3)))) == ["weight", "bias"]
    model.weight.trainable = False
    assert list(gradient(model, cr.ones((4, 3)))) == ["bias"]


def test_captured_module_under_jit_is_named():
    model = Net()
    text = message(lambda: cr.jit(lambda x: model(x))(cr.ones((2, 784))), cr.ChainruleError)
    assert text.startswith(
        "[jit] Parameter Net.hidden.weight is used in a compiled function but was not passed "
        "to it; "
    )


# ---- Saving and copying ----


def test_state_dict_round_trip(tmp_path):
    first, second = Net(), Net()
    first.seen.assign(cr.asarray(5))
    assert second.load_state_dict(first.state_dict()) == ([], [])
    assert second.seen.item() == 5
    third = Net()
    first.save_weights(tmp_path / "model.safetensors")
    third.load_weights(tmp_path / "model.safetensors")
    for path, array in first.state_dict().items():
        np.testing.assert_array_equal(array, second.state_dict()[path])
        np.testing.assert_array_equal(array, third.state_dict()[path])


def test_weights_of_all_types_in_files(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {
        dtype.name: stored(np.array([[0, 1], [1, 0], [0, 1]]), dtype)
        for dtype in ALL
        if dtype is not cr.bfloat16
    }
    arrays["scalar"], arrays["nothing"] = np.array(2.5, np.float32), np.zeros((0, 2), np.int8)
    weights.save(arrays, tmp_path / "ours")
    safetensors.save_file(arrays, tmp_path / "theirs", metadata={"format": "np"})
    for loaded in (safetensors.load_file(tmp_path / "ours"), weights.load(tmp_path / "theirs")):
        assert loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            assert loaded[name].dtype == array.dtype and loaded[name].shape == array.shape
            np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.peers
def test_weights_of_16_bits_in_files(tmp_path):
    """As PyTorch writes and reads them; a box takes any width."""
    torch, safetensors = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    layer = nn.Linear(3, 2, dtype=cr.bfloat16)
    layer.save_weights(tmp_path / "ours")
    there = safetensors.load_file(tmp_path / "ours")
    assert there["weight"].dtype is torch.bfloat16
    assert there["weight"].float().tolist() == layer.weight.tolist()
    safetensors.save_file(there, tmp_path / "theirs")
    for other in (nn.Linear(3, 2, dtype=cr.bfloat16), nn.Linear(3, 2)):
        other.load_weights(tmp_path / "theirs")
        assert other.weight.tolist() == layer.weight.tolist()


@pytest.mark.parametrize("damage", [lambda x: x[:40], lambda x: b"{}" + x, lambda x: b""])
def test_damaged_weights(tmp_path, damage):
    layer = nn.Linear(3, 2)
    layer.save_weights(tmp_path / "weights")
    (tmp_path / "weights").write_bytes(damage((tmp_path / "weights").read_bytes()))
    with pytest.raises(ArgumentError, match="is no safetensors file, or damaged"):
        layer.load_weights(tmp_path / "weights")


def test_state_dict_is_a_copy():
    model = nn.Linear(2, 2)
    model.state_dict()["weight"][:] = 7
    assert 7 not in model.weight
    arrays = {"weight": np.ones((2, 2), np.float32), "bias": np.ones(2)}
    model.load_state_dict(arrays)
    arrays["weight"][:] = 7
    assert model.weight.tolist() == [[1, 1], [1, 1]]
    assert model.bias.dtype is cr.float32


def test_load_state_dict_is_strict():
    model = nn.Linear(2, 3)
    before = model.state_dict()
    assert message(lambda: model.load_state_dict({"weight": np.ones((2, 3)), "b": np.ones(3)})) == (
        "[Linear.load_state_dict] missing bias and unknown b; the state belongs to an object that "
        "was built otherwise; build this one in the same way, or pass strict=False to load what "
        "both have"
    )
    np.testing.assert_array_equal(model.weight.numpy(), before["weight"])
    missing = model.load_state_dict({"weight": np.ones((2, 3)), "b": np.ones(3)}, strict=False)
    assert missing == (["bias"], ["b"])
    assert model.weight.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_load_state_dict_of_other_shapes():
    model = nn.Linear(2, 3, bias=False)
    assert message(lambda: model.load_state_dict({"weight": np.ones((3, 2), np.float32)})) == (
        "[Linear.load_state_dict] weight is float32[2, 3], the state has float32[3, 2]; weights "
        "are (in, out) here and (out, in) in PyTorch; transpose the array"
    )
    assert message(lambda: model.load_state_dict({"weight": np.ones((2, 3), int)})) == (
        "[Linear.load_state_dict] weight is float32[2, 3], the state has int64[2, 3]; a box keeps "
        "its shape and kind of number; load the state of an object with the same sizes"
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(copied):
    model = Tied()
    model.first.bias.trainable = False
    twin = copied(model)
    assert list(twin.parameters()) == list(model.parameters())
    assert list(twin.trainable()) == list(model.trainable())
    assert twin.second.weight is twin.first.weight
    twin.weight.assign(twin.weight * 2)
    assert model.weight.tolist() == [[1, 2], [3, 4]]


# ---- Paths in errors and nodes ----


def test_linear_names_path_and_cure():
    assert message(lambda: Net()(cr.ones((64, 100)))) == (
        "[Net.hidden] Linear expects 784 features, got x of shape [64, 100]; the last axis of x "
        "holds its features; write nn.Linear(100, 256), or reshape x to [..., 784]"
    )
    assert message(lambda: Net()(cr.ones((64, 28, 28)))) == (
        "[Net.hidden] Linear expects 784 features, got x of shape [64, 28, 28]; the axes [28, 28] "
        "hold 784 numbers together; put nn.Flatten() before this layer"
    )
    assert message(lambda: nn.Linear(3, 1)(cr.ones(()))) == (
        "[Linear] Linear expects 3 features, got x of shape []; the last axis of x holds its "
        "features; write nn.Linear(1, 1), or reshape x to [..., 3]"
    )


def test_path_under_transforms():
    model = nn.Sequential(nn.Linear(3, 4), Net())
    for call in (lambda: model(cr.ones((2, 3))), lambda: cr.jit(loss_of)(model, cr.ones((2, 3)))):
        assert message(call).startswith("[Sequential.layers.1.hidden] Linear expects 784 features")


def test_path_of_a_module_that_is_no_attribute():
    class Outer(nn.Module):
        def __call__(self, x):
            return Net()(x)

    assert message(lambda: Outer()(cr.ones((2, 3)))).startswith("[Outer.Net.hidden] Linear")


def test_other_errors_get_a_note():
    class Wrong(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(lambda x: cr.reshape(x, (5, 5)))

        def __call__(self, x):
            return self.inner(x)

    with pytest.raises(cr.ChainruleError) as caught:
        Wrong()(cr.ones(3))
    assert caught.value.__notes__ == ["in Wrong.inner"]


def test_path_ends_with_the_call():
    model = Net()
    message(lambda: model(cr.ones((64, 100))))
    assert message(lambda: model.hidden(cr.ones((64, 100)))).startswith("[Linear] Linear expects")


def test_inherited_call_keeps_the_path():
    class Doubled(nn.Linear):
        def __call__(self, x):
            return 2 * super().__call__(x)

    model = nn.Sequential(Doubled(3, 2))
    assert message(lambda: model(cr.ones(2))).startswith("[Sequential.layers.0] Linear expects 3")


def test_nodes_know_their_module():
    seen = []

    class Spy(nn.Module):
        def __call__(self, x):
            y = x + 1
            seen.append(y._node.origin.module)
            return y

    class Holder(nn.Module):
        def __init__(self):
            self.spy = Spy()

        def __call__(self, x):
            return self.spy(x)

    cr.jit(lambda model, x: model(x))(Holder(), cr.ones(3))
    assert seen == ["Holder.spy"]


# ---- Words ----


def test_repr():
    assert repr(Net()) == (
        "Net(\n"
        "  hidden: Linear(weight[784, 256], bias[256])\n"
        "  drop: Dropout(p=0.2, inverted=True)\n"
        "  blocks.0: Linear(weight[256, 256], bias[256])\n"
        "  blocks.1: Linear(weight[256, 256], bias=None)\n"
        "  out: Linear(weight[256, 10], bias[10])\n"
        "  seen[]\n"
        ")"
    )
    assert repr(nn.Sequential(cr.relu, nn.Sequential(nn.Tanh()))) == (
        "Sequential(\n  layers.0: relu\n  layers.1: Sequential(\n    layers.0: Tanh()\n  )\n)"
    )


def test_summary_text():
    model = Net()
    model.freeze("hidden")
    text = """\
layer     type     output     parameters        flop  kept bytes
hidden    Linear   [64, 256]     200,960  25,706,496
drop      Dropout  [64, 256]           0                  65,536
blocks.0  Linear   [64, 256]      65,792   8,404,992
blocks.1  Linear   [64, 256]      65,536   8,388,608
out       Linear   [64, 10]        2,570     328,320
(itself)  Net      [64, 10]            0      49,152     131,072
total     Net      [64, 10]      334,858  42,877,568     196,608
frozen                           200,960
activations: 133,632 bytes at once in use, 196,608 kept for a backward pass"""
    assert str(model.summary((64, 784))) == text


def test_summary_computes_nothing_and_changes_nothing():
    class Counting(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(cr.ones(()))
            self.calls = nn.Buffer(0)
            self.inner = nn.Linear(2, 2)

        def __call__(self, x, labels):
            assert x._value is None
            assert labels.dtype is cr.int64
            self.calls.assign(self.calls + 1)
            return self.inner(x) * self.scale, labels

    model = Counting()
    text = """\
layer     type      output          parameters  flop  kept bytes
inner     Linear    [5, 2]                   6    50          40
(itself)  Counting  [5, 2], [5, 7]           1    10
total     Counting  [5, 2], [5, 7]           7    60          40
activations: 320 bytes at once in use, 40 kept for a backward pass"""
    assert str(model.summary((5, 2), np.zeros((5, 7), int))) == text
    assert model.calls.item() == 0


def test_summary_without_inputs():
    assert str(nn.Linear(2, 3).summary()) == (
        "layer  type    parameters\ntotal  Linear           9"
    )

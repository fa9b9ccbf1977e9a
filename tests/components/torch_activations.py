"""The activations as PyTorch has them, by the names of our checks."""

import pytest

torch = pytest.importorskip("torch")
f = torch.nn.functional


def gated(function):
    def reference(x):
        value, gate = x.chunk(2, -1)
        return value * function(gate)

    return reference


def prelu(x, slope):
    """PyTorch has channels on axis 1."""
    return f.prelu(x.reshape(-1, x.shape[-1]), slope).reshape(x.shape)


def glu(p, x):
    gate = torch.sigmoid(x @ p["gate.weight"] + p["gate.bias"])
    return (x @ p["value.weight"] + p["value.bias"]) * gate


def celu(x, alpha):
    """PyTorch's own, and its hardsigmoid, have a derivative with a constant in float32."""
    return torch.where(x > 0, x, alpha * torch.expm1(x / alpha))


REFERENCES = {
    "identity": lambda x: x * 1,
    "sign": torch.sign,
    "relu": torch.relu,
    "leaky_relu": f.leaky_relu,
    "prelu": prelu,
    "relu6": f.relu6,
    "hard_tanh": f.hardtanh,
    "hard_sigmoid": lambda x: f.relu6(x + 3) / 6,
    "hard_swish": f.hardswish,
    "hard_shrink": f.hardshrink,
    "soft_shrink": f.softshrink,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": f.logsigmoid,
    "softplus": f.softplus,
    "softsign": f.softsign,
    "tanh": torch.tanh,
    "tanh_shrink": f.tanhshrink,
    "elu": f.elu,
    "celu": celu,
    "selu": f.selu,
    "swish": lambda x, beta: x * torch.sigmoid(beta * x),
    "silu": f.silu,
    "mish": f.mish,
    "gelu": f.gelu,
    "gelu, tanh": lambda x: f.gelu(x, approximate="tanh"),
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "glu": f.glu,
    "reglu": gated(f.relu),
    "geglu": gated(f.gelu),
    "swiglu": gated(f.silu),
    "nn.PReLU": lambda p, x: prelu(x, p["slope"]),
    "nn.Swish": lambda p, x: x * torch.sigmoid(p["beta"] * x),
    "nn.GLU": glu,
}

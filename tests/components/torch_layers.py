"""The layers as PyTorch has them, by the names of our checks; modules come as dicts."""

import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def channels_first(norm):
    """One of PyTorch's norms, whose channels are axis 1, on ours, which have them last."""
    return lambda module, x: torch.movedim(norm(module, torch.movedim(x, -1, 1)), 1, -1)


def batch_norm(module, x):
    return functional.batch_norm(x, None, None, module["weight"], module["bias"], training=True)


def add_norm(module, x):
    changed = x + x @ module["layer.weight"] + module["layer.bias"]
    return functional.layer_norm(changed, x.shape[-1:], module["norm.weight"], module["norm.bias"])


def weight_norm(module, x):
    weight = torch._weight_norm(module["layer.weight"], module["g"][None], 1)
    return x @ weight + module["layer.bias"]


def spectral_norm(module, x):
    # As torch.nn.utils.parametrizations.spectral_norm in evaluation.
    weight = module["layer.weight"].T
    sigma = torch.vdot(module["u"], torch.mv(weight, module["v"]))
    return functional.linear(x, weight / sigma, module["layer.bias"])


def squared(module, x):
    return (x @ module["weight"] + module["bias"]).square().mean()


def penalized(l1, l2):
    def loss(module, x):
        weight = module["weight"]
        return squared(module, x) + l1 * weight.abs().sum() + l2 / 2 * weight.square().sum()

    return loss


def confidence(logits):
    return -0.1 * torch.distributions.Categorical(logits=logits).entropy().mean()


REFERENCES = {
    "nn.Linear": lambda module, x: x @ module["weight"] + module["bias"],
    "nn.BatchNorm": channels_first(batch_norm),
    "nn.InstanceNorm": channels_first(
        lambda m, x: functional.instance_norm(x, weight=m["weight"], bias=m["bias"])
    ),
    "nn.LayerNorm": lambda m, x: functional.layer_norm(x, x.shape[-1:], m["weight"], m["bias"]),
    "nn.RMSNorm": lambda m, x: functional.rms_norm(x, x.shape[-1:], m["weight"]),
    "nn.GroupNorm": channels_first(
        lambda m, x: functional.group_norm(x, 2, m["weight"], m["bias"])
    ),
    "nn.AddNorm": add_norm,
    "nn.WeightNorm": weight_norm,
    "nn.SpectralNorm": spectral_norm,
    "nn.penalties.l1": penalized(0.3, 0.0),
    "nn.penalties.l2": penalized(0.0, 0.3),
    "nn.penalties.elastic_net": penalized(0.06, 0.24),
    "nn.penalties.confidence": confidence,
}

"""Convolutions and pooling as PyTorch has them, by the names of our checks.

Its channels are axis 1, its weights (out, in / groups, *kernel), those of transposed convolutions
(in, out / groups, *kernel): what stands here is how ours become them.
"""

import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def first(x):
    return torch.movedim(x, -1, 1)


def last(x):
    return torch.movedim(x, 1, -1)


def of_rank(name, x):
    """conv1d, conv2d or conv3d, by the number of places of x."""
    return getattr(functional, f"{name}{x.ndim - 2}d")


def around(pads):
    """Pairs (before, after), the last axis first, as torch.nn.functional.pad takes them."""
    return [amount for pair in reversed(pads) for amount in pair]


def conv_weight(w):
    return torch.permute(w, (w.ndim - 1, w.ndim - 2, *range(w.ndim - 2)))


def transposed_weight(w, groups):
    """(*kernel, in / groups, groups * out) to (groups * in, out, *kernel)."""
    *kernel, inputs, outputs = w.shape
    split = w.reshape(*kernel, inputs, groups, outputs // groups)
    rank = len(kernel)
    turned = torch.permute(split, (rank + 1, rank, rank + 2, *range(rank)))
    # PyTorch's gradient by this weight needs it contiguous.
    return turned.reshape(groups * inputs, outputs // groups, *kernel).contiguous()


def conv(x, w, stride, pads, dilation, groups, bias=None):
    x = functional.pad(first(x), around(pads))
    convolve = of_rank("conv", x)
    return last(convolve(x, conv_weight(w), bias, stride, 0, dilation, groups))


def transposed(x, w, stride, pads, dilation, groups, bias=None, extra=0):
    """The padding is cut off, since PyTorch's is the same on both sides."""
    x = first(x)
    convolve = of_rank("conv_transpose", x)
    y = convolve(x, transposed_weight(w, groups), None, stride, 0, 0, groups, dilation)
    for axis, ((low, high), s) in enumerate(zip(pads, stride, strict=True), 2):
        more = extra * (s - 1)
        y = functional.pad(y, [0, 0] * (y.ndim - 1 - axis) + [0, more])
        y = y.narrow(axis, low, y.shape[axis] - low - high)
    return last(y) if bias is None else last(y) + bias


def conv_layer(m, x, *options):
    return conv(x, m["weight"], *options, bias=m["bias"])


def transposed_layer(m, x, *options):
    return transposed(x, m["weight"], *options, bias=m["bias"])


def separable(m, x, stride, pads, dilation):
    x = conv(x, m["depthwise.weight"], stride, pads, dilation, x.shape[-1])
    return x @ m["pointwise.weight"][0, 0] + m["pointwise.bias"]


def max_pool(x, kernel, stride, pads, ceil, dilation):
    x = first(x)
    return last(of_rank("max_pool", x)(x, kernel, stride, pads, dilation, ceil))


def avg_pool(x, kernel, stride, pads, ceil, count):
    x = first(x)
    return last(of_rank("avg_pool", x)(x, kernel, stride, pads, ceil, count))


def adaptive(name):
    return lambda x, size: last(of_rank(name, first(x))(first(x), size))


def upsample(x, size, mode, align):
    x = first(x)
    if mode == "nearest":
        return last(functional.interpolate(x, size))
    mode = ("linear", "bilinear", "trilinear")[x.ndim - 3]
    return last(functional.interpolate(x, size, mode=mode, align_corners=align))


def on_channels_first(function):
    return lambda x, number: last(function(first(x), number))


def excitation(m, s):
    s = functional.linear(s, m["excitation.reduce.weight"].T, m["excitation.reduce.bias"]).relu()
    return functional.linear(s, m["excitation.expand.weight"].T, m["excitation.expand.bias"])


def squeeze_excitation(m, x):
    return x * excitation(m, x.mean((1, 2)))[:, None, None].sigmoid()


def cbam(m, x):
    images = first(x)
    averages = functional.adaptive_avg_pool2d(images, 1)[..., 0, 0]
    greatest = functional.adaptive_max_pool2d(images, 1)[..., 0, 0]
    x = x * (excitation(m, averages) + excitation(m, greatest))[:, None, None].sigmoid()
    seen = torch.stack([x.mean(-1), x.max(-1).values], 1)
    places = functional.conv2d(seen, conv_weight(m["places.weight"]), m["places.bias"], padding=3)
    return x * last(places).sigmoid()


def branches(m, x):
    return x, x @ m["layers.1.weight"][0, 0] + m["layers.1.bias"], x.tanh()


REFERENCES = {
    "conv": conv,
    "conv_transpose": lambda *given: transposed(*given, extra=1),
    "nn.Conv1d": conv_layer,
    "nn.Conv2d": conv_layer,
    "nn.Conv3d": conv_layer,
    "nn.ConvTranspose1d": transposed_layer,
    "nn.ConvTranspose2d": transposed_layer,
    "nn.ConvTranspose3d": transposed_layer,
    "nn.SeparableConv2d": separable,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "adaptive_max_pool": adaptive("adaptive_max_pool"),
    "adaptive_avg_pool": adaptive("adaptive_avg_pool"),
    "nn.GlobalMaxPool": lambda x, size: x.flatten(1, -2).max(1).values,
    "nn.GlobalAvgPool": lambda x, size: x.flatten(1, -2).mean(1),
    "upsample": upsample,
    "pixel_shuffle": on_channels_first(functional.pixel_shuffle),
    "pixel_unshuffle": on_channels_first(functional.pixel_unshuffle),
    "channel_shuffle": on_channels_first(functional.channel_shuffle),
    "nn.SqueezeExcitation": squeeze_excitation,
    "nn.CBAM": cbam,
    "nn.Add": lambda m, x: sum(branches(m, x)),
    "nn.Concat": lambda m, x: torch.cat(branches(m, x), -1),
}

"""The networks of `bench.models` in JAX, as functions of their parameters in order of use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
from jax import Array, lax
from jax import numpy as jnp


class Net:
    """Parameters and running statistics, taken one after the other; new statistics on the way."""

    def __init__(self, parameters: Sequence[Array], statistics: Sequence, trains: bool) -> None:
        self.next, self.moments = iter(parameters).__next__, iter(statistics).__next__
        self.statistics: list = []
        self.trains = trains

    def linear(self, x: Array) -> Array:
        return x @ self.next() + self.next()

    def conv(self, x: Array, stride: int = 1, groups: int = 1) -> Array:
        weight = self.next()
        padding = [(size // 2, size // 2) for size in weight.shape[:2]]
        return self._conv(x, weight, stride, padding, groups)

    def _conv(self, x: Array, weight: Array, stride: int, padding: list, groups: int = 1) -> Array:
        return lax.conv_general_dilated(
            x, weight, (stride, stride), padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups,
        )  # fmt: skip

    def biased_conv(self, x: Array, stride: int, padding: int) -> Array:
        return self._conv(x, self.next(), stride, [(padding, padding)] * 2) + self.next()

    def batch_norm(self, x: Array) -> Array:
        scale, shift, (mean, variance) = self.next(), self.next(), self.moments()
        if self.trains:
            found = jnp.mean(x, (0, 1, 2))
            spread = jnp.mean(x * x, (0, 1, 2)) - found * found
            self.statistics.append((0.9 * mean + 0.1 * found, 0.9 * variance + 0.1 * spread))
            mean, variance = found, spread
        return ((x - mean) * (scale * lax.rsqrt(variance + 1e-5)) + shift).astype(x.dtype)

    def normed(self, x: Array, stride: int = 1, groups: int = 1) -> Array:
        return self.batch_norm(self.conv(x, stride, groups))

    def layer_norm(self, x: Array) -> Array:
        mean = jnp.mean(x, -1, keepdims=True)
        variance = jnp.var(x, -1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * self.next() + self.next()

    def block(self, x: Array, heads: int, causal: bool) -> Array:
        n, steps, width = x.shape
        parts = self.linear(self.layer_norm(x)).reshape(n, steps, 3, heads, width // heads)
        q, k, v = (parts[:, :, part] for part in range(3))
        y = jax.nn.dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.linear(y.reshape(n, steps, width))
        y = jax.nn.gelu(self.linear(self.layer_norm(x)), approximate=False)
        return x + self.linear(y)


def mlp(net: Net, x: Array, widths: tuple[int, ...]) -> Array:
    for _ in widths[2:]:
        x = jax.nn.relu(net.linear(x))
    return net.linear(x)


def _max_pool(x: Array) -> Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lenet(net: Net, x: Array) -> Array:
    x = _max_pool(jax.nn.relu(net.biased_conv(x, 1, 2)))
    x = _max_pool(jax.nn.relu(net.biased_conv(x, 1, 0)))
    x = jax.nn.relu(net.linear(x.reshape(x.shape[0], -1)))
    return net.linear(jax.nn.relu(net.linear(x)))


def _residual(net: Net, x: Array, outputs: int, stride: int) -> Array:
    y = net.normed(jax.nn.relu(net.normed(x, stride)))
    same = x.shape[-1] == outputs and stride == 1
    return jax.nn.relu(y + (x if same else net.normed(x, stride)))


def resnet(net: Net, x: Array, widths: tuple[int, ...], blocks: int) -> Array:
    x = jax.nn.relu(net.normed(x))
    for outputs in widths:
        for number in range(blocks):
            stride = 2 if number == 0 and outputs != widths[0] else 1
            x = _residual(net, x, outputs, stride)
    return net.linear(jnp.mean(x, (1, 2)))


def mobilenet(net: Net, x: Array, widths: tuple[tuple[int, int], ...]) -> Array:
    x = jax.nn.relu(net.normed(x, 2))
    for _, stride in widths:
        x = jax.nn.relu(net.normed(x, stride, x.shape[-1]))
        x = jax.nn.relu(net.normed(x))
    return net.linear(jnp.mean(x, (1, 2)))


def lstm(net: Net, x: Array, inputs: int, hidden: int, unroll: int = 1) -> Array:
    weight_ih, weight_hh, bias = net.next(), net.next(), net.next()
    gates = jnp.moveaxis(x @ weight_ih + bias, 1, 0)

    def turn(state: tuple[Array, Array], gates: Array) -> tuple:
        h, c = state
        i, f, g, o = jnp.split(gates + h @ weight_hh, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], hidden), x.dtype)
    (h, _), _ = lax.scan(turn, (zeros, zeros), gates, unroll=unroll)
    return net.linear(h)


def gpt(
    net: Net, x: Array, layers: int, width: int, heads: int, tokens: int, vocabulary: int
) -> Array:
    y = net.next()[x] + net.next()
    for _ in range(layers):
        y = net.block(y, heads, causal=True)
    return net.layer_norm(y) @ net.next()


def vit(net: Net, x: Array, layers: int, width: int, heads: int, patch: int, size: int) -> Array:
    y = net.biased_conv(x, patch, 0).reshape(x.shape[0], -1, width) + net.next()
    for _ in range(layers):
        y = net.block(y, heads, causal=False)
    return net.linear(jnp.mean(net.layer_norm(y), 1))


MODELS: dict[str, Callable] = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet": resnet,
    "mobilenet": mobilenet,
    "lstm": lstm,
    "gpt": gpt,
    "vit": vit,
}

"""A workload in JAX, compiled whole by XLA: receives it with a setting; hands on a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np
import optax
from jax import numpy as jnp

from chainrule.bench.peers.jax_models import MODELS, Net
from chainrule.bench.workloads import Workload


class Session:
    """Parameters, statistics and the optimizer's state. A setting has `unroll` for recurrent nets,
    and `at_once`: calls compute at once, not in another thread.
    """

    version = jax.__version__

    def __init__(self, workload: Workload, setting: dict, weights: Sequence[np.ndarray]) -> None:
        jax.config.update("jax_cpu_enable_async_dispatch", not setting.get("at_once"))
        options = {"unroll": setting["unroll"]} if "unroll" in setting else {}
        self.workload = workload
        self.network, self.sizes = MODELS[workload.network], {**workload.sizes, **options}
        self.parameters = [jnp.array(array) for array in weights]
        self.statistics = _statistics(workload, weights)
        self.x, self.y = map(jnp.asarray, workload.data())
        self.run = self._training() if workload.trains else self._inference()

    def _output(self, parameters: list, statistics: list, x: jax.Array, trains: bool) -> tuple:
        if self.workload.mixed:
            parameters = [array.astype(jnp.bfloat16) for array in parameters]
            x = x.astype(jnp.bfloat16) if x.dtype == jnp.float32 else x
        net = Net(parameters, statistics, trains)
        return self.network(net, x, **self.sizes).astype(jnp.float32), net.statistics

    def _training(self) -> Callable[[], np.ndarray]:
        optimizer = optax.adam(1e-3)

        def loss_of(parameters: list, statistics: list, x: jax.Array, y: jax.Array) -> tuple:
            prediction, statistics = self._output(parameters, statistics, x, True)
            return _loss(prediction, y), statistics

        def update(held: tuple, x: jax.Array, y: jax.Array) -> tuple:
            parameters, statistics, state = held
            grad = jax.value_and_grad(loss_of, has_aux=True)
            (loss, statistics), gradients = grad(parameters, statistics, x, y)
            updates, state = optimizer.update(gradients, state)
            return (optax.apply_updates(parameters, updates), statistics, state), loss

        def epoch(held: tuple, x: jax.Array, y: jax.Array) -> tuple:
            held, losses = jax.lax.scan(lambda h, rows: update(h, x[rows], y[rows]), held, order)
            return held, losses.mean()

        order = jnp.asarray(self.workload.order()) if self.workload.batch else None
        compiled = jax.jit(update if order is None else epoch, donate_argnums=0)
        held = self.parameters, self.statistics, optimizer.init(self.parameters)

        def run() -> np.ndarray:
            nonlocal held
            held, loss = compiled(held, self.x, self.y)
            return np.asarray(loss)

        return run

    def _inference(self) -> Callable[[], np.ndarray]:
        compiled = jax.jit(lambda p, s, x: self._output(p, s, x, False)[0])
        return lambda: np.asarray(compiled(self.parameters, self.statistics, self.x))


def _statistics(workload: Workload, weights: Sequence[np.ndarray]) -> list:
    """(mean, variance) of each batch norm: its scale follows the weights of a convolution."""
    if workload.network not in ("resnet", "mobilenet"):
        return []
    before = zip(weights, weights[1:], strict=False)
    sizes = [scale.shape for conv, scale in before if conv.ndim == 4]
    return [(jnp.zeros(size), jnp.ones(size)) for size in sizes]


def _loss(prediction: jax.Array, y: jax.Array) -> jax.Array:
    if prediction.shape[-1] == 1:
        return optax.sigmoid_binary_cross_entropy(prediction[:, 0], y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(prediction, y).mean()

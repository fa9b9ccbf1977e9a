"""The same training steps in PyTorch (eager) and JAX (jit): what `benchmarks/speed.py` compares
with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Step = Callable[[], object]


def torch_mlp(sizes: list[int], x: np.ndarray, y: np.ndarray, binary: bool = False) -> Step:
    """One Adam step on a ReLU network, eager."""
    import torch

    torch.manual_seed(0)
    layers: list = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = torch.nn.BCEWithLogitsLoss() if binary else torch.nn.CrossEntropyLoss()
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> object:
        optimizer.zero_grad()
        prediction = model(inputs)
        loss = loss_fn(prediction[:, 0] if binary else prediction, targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def jax_mlp(sizes: list[int], x: np.ndarray, y: np.ndarray, binary: bool = False) -> Step:
    """The same step through jax.jit with donated state and optax."""
    import jax
    import jax.numpy as jnp
    import optax

    rng = np.random.default_rng(0)
    params = [
        (jnp.asarray(rng.normal(size=(a, b)).astype(np.float32) / np.sqrt(a)), jnp.zeros(b))
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    optimizer = optax.adam(1e-3)

    def loss_fn(params, x, y):
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        logits = x @ w + b
        if binary:
            return optax.sigmoid_binary_cross_entropy(logits[:, 0], y).mean()
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def update(params, state, x, y):
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state, loss

    compiled = jax.jit(update, donate_argnums=(0, 1))
    held = [params, optimizer.init(params)]
    x, y = jnp.asarray(x), jnp.asarray(y)

    def step() -> object:
        held[0], held[1], loss = compiled(held[0], held[1], x, y)
        return float(loss)

    return step


def jax_epoch(sizes: list[int], x: np.ndarray, y: np.ndarray, batch: int) -> Step:
    """A whole shuffled epoch of regression as one hand-written jax.lax.scan."""
    import jax
    import jax.numpy as jnp
    import optax

    rng = np.random.default_rng(0)
    params = [
        (jnp.asarray(rng.normal(size=(a, b)).astype(np.float32) / np.sqrt(a)), jnp.zeros(b))
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    optimizer = optax.adam(1e-3)
    x, y = jnp.asarray(x), jnp.asarray(y)

    def loss_fn(params, x, y):
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return jnp.mean((x @ w + b - y) ** 2)

    def epoch(params, state, order):
        def body(carry, rows):
            params, state = carry
            loss, grads = jax.value_and_grad(loss_fn)(params, x[rows], y[rows])
            updates, state = optimizer.update(grads, state)
            return (optax.apply_updates(params, updates), state), loss

        (params, state), losses = jax.lax.scan(body, (params, state), order)
        return params, state, losses.mean()

    compiled = jax.jit(epoch, donate_argnums=(0, 1))
    held = [params, optimizer.init(params)]

    def run() -> object:
        order = rng.permutation(len(x))[: len(x) // batch * batch].reshape(-1, batch)
        held[0], held[1], loss = compiled(held[0], held[1], jnp.asarray(order))
        return float(loss)

    return run

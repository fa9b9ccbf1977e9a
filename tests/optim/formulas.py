"""One step of each optimizer in NumPy, from the papers, element by element and without sharing.

Each receives a parameter, its gradient, a dict to keep state in, and the number of the step from 1,
and returns the new parameter.
"""

import math

import numpy as np


def sgd(x, g, state, t, rate=0.1, momentum=0.0, nesterov=False, decay=0.0, decoupled=0.0):
    g, x = g + decay * x, x * (1 - rate * decoupled)
    if momentum:
        state["m"] = momentum * state.get("m", 0) + g
        g = g + momentum * state["m"] if nesterov else state["m"]
    return x - rate * g


def sgd_of_steps(x, g, state, t, rate=0.1, momentum=0.9, nesterov=False):
    state["v"] = momentum * state.get("v", 0) + rate * g
    return x - (momentum * state["v"] + rate * g if nesterov else state["v"])


def moments(g, state, b1, b2):
    state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    state["v"] = b2 * state.get("v", 0) + (1 - b2) * g**2
    return state["m"], state["v"]


def adam(x, g, state, t, rate=0.1, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, decoupled=0.0,
         corrected=True, amsgrad=False):  # fmt: skip
    g = g + decay * x
    x = x - rate * decoupled * x
    m, v = moments(g, state, b1, b2)
    if amsgrad:
        v = state["most"] = np.maximum(state.get("most", 0), v)
    if corrected:
        m, v = m / (1 - b1**t), v / (1 - b2**t)
    return x - rate * m / (np.sqrt(v) + eps)


def nadam(x, g, state, t, rate=0.1, b1=0.9, b2=0.999, eps=1e-8, psi=4e-3):
    def weight(step):
        return b1 * (1 - 0.5 * 0.96 ** (step * psi))

    m, v = moments(g, state, b1, b2)
    so_far = math.prod(weight(step) for step in range(1, t + 1))
    ahead = weight(t + 1) * m / (1 - so_far * weight(t + 1)) + (1 - weight(t)) * g / (1 - so_far)
    return x - rate * ahead / (np.sqrt(v / (1 - b2**t)) + eps)


def radam(x, g, state, t, rate=0.1, b1=0.9, b2=0.999, eps=1e-8):
    m, v = moments(g, state, b1, b2)
    most = 2 / (1 - b2) - 1
    length = most - 2 * t * b2**t / (1 - b2**t)
    if length <= 5:
        return x - rate * m / (1 - b1**t)
    rectified = math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
    adaptive = math.sqrt(1 - b2**t) / (np.sqrt(v) + eps)
    return x - rate * m / (1 - b1**t) * rectified * adaptive


def adamax(x, g, state, t, rate=0.1, b1=0.9, b2=0.999, eps=1e-8):
    state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    state["u"] = np.maximum(b2 * state.get("u", 0), np.abs(g) + eps)
    return x - rate / (1 - b1**t) * state["m"] / state["u"]


def adagrad(x, g, state, t, rate=0.1, eps=1e-10, decay=0.0):
    g = g + decay * x
    state["s"] = state.get("s", 0) + g**2
    return x - rate * g / (np.sqrt(state["s"]) + eps)


def rmsprop(x, g, state, t, rate=0.1, alpha=0.99, eps=1e-8, momentum=0.0, centered=False):
    state["v"] = v = alpha * state.get("v", 0) + (1 - alpha) * g**2
    if centered:
        state["mean"] = alpha * state.get("mean", 0) + (1 - alpha) * g
        v = v - state["mean"] ** 2
    state["m"] = momentum * state.get("m", 0) + g / (np.sqrt(v) + eps)
    return x - rate * state["m"]


def adadelta(x, g, state, t, rate=1.0, rho=0.9, eps=1e-6):
    state["v"] = rho * state.get("v", 0) + (1 - rho) * g**2
    d = np.sqrt(state.get("s", 0) + eps) / np.sqrt(state["v"] + eps) * g
    state["s"] = rho * state.get("s", 0) + (1 - rho) * d**2
    return x - rate * d


def lion(x, g, state, t, rate=0.1, b1=0.9, b2=0.99, decay=0.0):
    m = state.get("m", 0)
    state["m"] = b2 * m + (1 - b2) * g
    return x - rate * (np.sign(b1 * m + (1 - b1) * g) + decay * x)


def lamb(x, g, state, t, rate=0.1, b1=0.9, b2=0.999, eps=1e-6, decay=0.0):
    m, v = moments(g, state, b1, b2)
    u = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps) + decay * x
    return x - rate * np.linalg.norm(x) / np.linalg.norm(u) * u


def muon(x, g, state, t, rate=0.1, momentum=0.95, nesterov=True, decay=0.1, match_rms=False):
    """Singular values, which the iteration changes one by one, in place of products of matrices."""
    if x.ndim < 2:
        return adam(x, g, state, t, rate, decoupled=decay)
    state["m"] = momentum * state.get("m", 0) + (1 - momentum) * g
    ahead = momentum * state["m"] + (1 - momentum) * g if nesterov else state["m"]
    left, s, right = np.linalg.svd(ahead, full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(5):
        s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
    inputs, outputs = x.shape
    scale = 0.2 * math.sqrt(max(x.shape)) if match_rms else max(1, outputs / inputs) ** 0.5
    return x * (1 - rate * decay) - rate * scale * (left * s) @ right


def adafactor(x, g, state, t, rate=0.1, eps=1e-3, decay=0.0, smallest=2.0**-52):
    def mean(name, new):
        state[name] = state.get(name, 0) + t**-0.8 * (new - state.get(name, 0))
        return state[name]

    if x.ndim < 2:
        v = mean("v", g**2)
    else:
        rows, columns = mean("r", (g**2).mean(1)), mean("c", (g**2).mean(0))
        v = np.outer(rows, columns) / max(rows.mean(), smallest)
    u = g / np.sqrt(np.maximum(v, smallest**2))
    u = u / max(1, np.sqrt((u**2).mean()))
    length = min(rate, 1 / math.sqrt(t)) * max(eps, np.sqrt((x**2).mean()))
    return x * (1 - rate * decay) - length * u

"""Python threads that call one compiled function at the same time."""

import threading

import numpy as np

import chainrule as cr


def test_threads_share_a_function():
    """Each gets its own result, from the first call on."""
    weight = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)

    @cr.jit
    def network(x):
        return cr.tanh(cr.tanh(x @ weight) @ weight) @ weight

    inputs = [np.full((100, 64), n + 1, np.float32) for n in range(3)]
    found: dict[int, list] = {n: [] for n in range(3)}

    def call(n):
        for _ in range(20):
            found[n].append(np.array(network(inputs[n])))

    threads = [threading.Thread(target=call, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, results in found.items():
        assert len(results) == 20
        assert all(np.array_equal(result, network(inputs[n])) for result in results)

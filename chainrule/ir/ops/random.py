"""Randomness: Philox 4x32-10 (Salmon et al. 2011), a function of state and place."""

from __future__ import annotations

import math

import numpy as np

from chainrule.dtypes import uint32
from chainrule.ir.node import Node, Spec
from chainrule.ir.ops.table import describe, register, require

PIECE = 1 << 13  # So many elements at once: their words stay in the cache.

# Element i is word 0 of block (i, 0, c0, c1) under key (k0, k1).


def philox(counter: list[np.ndarray], key: list[np.ndarray]) -> list[np.ndarray]:
    """Ten rounds on four counter words and two key words: uint64 arrays of 32-bit values."""
    mask = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ k0,
            p1 & mask,
            (p0 >> np.uint64(32)) ^ c3 ^ k1,
            p0 & mask,
        )
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    return [c0, c1, c2, c3]


def _infer_random_bits(state: Node, shape: tuple[int, ...]) -> Spec:
    require(
        state.shape == (4,) and state.dtype is uint32,
        "random_bits",
        f"state is {describe(state)}",
        "it is four uint32 words: key, key, counter, counter",
    )
    return Spec(shape, uint32)


@register("random_bits", "random", _infer_random_bits)
def _random_bits(state: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    k0, k1, c0, c1 = state.astype(np.uint64)
    result = np.empty(math.prod(shape), np.uint32)
    for start in range(0, result.size, PIECE):
        index = np.arange(start, min(start + PIECE, result.size), dtype=np.uint64)
        zero = np.zeros_like(index)
        words = [index & np.uint64(0xFFFFFFFF), index >> np.uint64(32), zero + c0, zero + c1]
        result[start : start + PIECE] = philox(words, [k0, k1])[0]
    return result.reshape(shape)

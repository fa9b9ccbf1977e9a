"""Runs random graphs with every array between two forbidden pages: python guarded.py SEED SEED.

A read or write outside of an array ends the process. Arrays lie at the end of their pages, or at
the start: then also nothing before them is touched, and none starts at a cache line by luck.
"""

import contextlib
import ctypes
import math
import mmap
import sys

import numpy as np
from compiler import fuzz
from compiler.making import Case
from compiler.programs import Compiled, parallel, variables

from chainrule.ir.node import make
from chainrule.runtime import executable

PAGE = mmap.PAGESIZE
_protect = ctypes.CDLL(None).mprotect
_kept = []  # Memory that is in use must not be unmapped.


def guarded(at_end):
    """What allocates in place of `aligned_zeros`."""

    def allocate(shape, dtype):
        size = math.prod(shape) * dtype.itemsize
        pages = max(-(-size // PAGE), 1)
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        _kept.append(memory)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for page in (0, pages + 1):
            assert _protect(ctypes.c_void_p(address + page * PAGE), PAGE, 0) == 0
        start = (pages + 1) * PAGE - size if at_end else PAGE
        array = np.frombuffer(memory, np.uint8, max(size, 1), min(start, pages * PAGE))[:size]
        return array.view(dtype).reshape(shape)

    return allocate


def padded():
    """Rows that end within a vector, the last of them where the array ends."""
    array = np.ones((3, 21), np.float32)
    (x,) = variables(array)
    return Case([x], [array], [make("pad", x, low=(1, 0), high=(1, 0), value=2.0)], {})


def main(first, last):
    executable.STAGED = 1 << 40  # So that inputs and outputs lie in such memory too.
    for seed in range(first, last):
        executable.aligned_zeros = guarded(at_end=seed % 2 == 0)
        case = fuzz.trained(fuzz.case(seed), seed) if seed > first else padded()
        with parallel(seed) if seed % 3 else contextlib.nullcontext():
            compiled = Compiled(case.parameters, case.outputs, case.updates)
        compiled(case.arrays, threads=2)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
    print("sound")

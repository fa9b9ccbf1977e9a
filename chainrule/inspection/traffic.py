"""What kernels move through memory: receives a planned block; hands back, for each of its kernels,
how long ago the arrays that it reads were touched, and who needs those that it writes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

from chainrule.ir.count import places_moved
from chainrule.ir.describe import kernels
from chainrule.ir.plan import Block, Buffer, Kernel, Place, bodies


class Read(NamedTuple):
    """`bytes` of a place, where the program touched `distance` bytes of others since it touched
    that array last: caches of that size still hold it.
    """

    place: Place
    bytes: int
    distance: int


class Write(NamedTuple):
    """`bytes` of a place, which the kernels of these numbers read."""

    place: Place
    bytes: int
    readers: tuple[int, ...]


class Traffic(NamedTuple):
    """Of one run of a kernel."""

    reads: tuple[Read, ...]
    writes: tuple[Write, ...]

    @property
    def bytes(self) -> int:
        return sum(moved.bytes for moved in self.reads + self.writes)

    def parts(self) -> list[tuple[int, int]]:
        """(bytes, size of a cache in which they can be found or be left) for each array."""
        total = self.bytes
        found = [(read.bytes, max(read.distance + read.bytes, total)) for read in self.reads]
        return found + [(write.bytes, total) for write in self.writes]


def traffic(block: Block) -> dict[Kernel, Traffic]:
    """By kernel, in a program that runs again and again; of a loop, in its later turns."""
    readers: dict[Buffer, list[int]] = defaultdict(list)
    for number, kernel in enumerate(kernels(block)):
        for buffer in dict.fromkeys(place.buffer for place in kernel.reads()):
            readers[buffer].append(number)
    moved = {kernel: places_moved(kernel) for kernel in kernels(block)}
    recent, distances = _Recent(), {}
    for _ in range(2):
        _walk(block, moved, recent, distances)
    return {
        kernel: Traffic(
            tuple(Read(place, size, distances[kernel, place]) for place, size in read.items()),
            tuple(Write(place, n, tuple(readers[place.buffer])) for place, n in written.items()),
        )
        for kernel, (read, written) in moved.items()
    }


def least_bytes(block: Block) -> int:
    """What every program for the same purpose moves: inputs and state are read, results and state
    written, each element once. The rest passes from kernel to kernel.
    """
    totals: tuple[Counter[Buffer], Counter[Buffer]] = (Counter(), Counter())
    for kernel in kernels(block):
        for total, moved in zip(totals, places_moved(kernel), strict=True):
            for place, size in moved.items():
                if place.buffer.kind != "temporary":
                    total[place.buffer] += size
    return sum(min(size, buffer.nbytes) for total in totals for buffer, size in total.items())


class _Recent:
    """Arrays in the order in which they were touched last."""

    def __init__(self) -> None:
        self.sizes: dict[Buffer, int] = {}

    def touch(self, buffer: Buffer, size: int) -> None:
        self.sizes.pop(buffer, None)
        self.sizes[buffer] = size

    def since(self, buffer: Buffer) -> int:
        """Bytes of those that were touched after this one."""
        total = 0
        for other in reversed(self.sizes):
            if other is buffer:
                break
            total += self.sizes[other]
        return total


def _walk(
    block: Block,
    moved: dict[Kernel, tuple[Counter[Place], Counter[Place]]],
    recent: _Recent,
    distances: dict[tuple[Kernel, Place], int],
) -> None:
    """One call of the program; of a loop two turns."""
    for item in block.items:
        if isinstance(item, Kernel):
            read, written = moved[item]
            distances.update({(item, place): recent.since(place.buffer) for place in read})
            for place, size in (read + written).items():
                recent.touch(place.buffer, size)
        for body in 2 * bodies(item):
            _walk(body, moved, recent, distances)

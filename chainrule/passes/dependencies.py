"""What depends on what among the items of a block. Fusion and scheduling ask, and tell changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from chainrule.ir.plan import Branch, Buffer, Kernel, While, bodies


def touched(item: object) -> tuple[set[Buffer], set[Buffer]]:
    """(buffers read, buffers written) by an item, with all that is inside it."""
    if isinstance(item, Kernel):
        return {place.buffer for place in item.reads()}, {place.buffer for place in item.writes()}
    reads, writes = set(), set()
    if isinstance(item, (While, Branch)):
        reads.add(item.flag.buffer)
    for body in bodies(item):
        for inner in body.items:
            more = touched(inner)
            reads |= more[0]
            writes |= more[1]
        for state, new in body.updates:
            reads.add(new.buffer)
            writes.add(state.buffer)
    return reads, writes


class Dependencies:
    """Which items must run before which, as direct edges and as bit sets of all ancestors."""

    def __init__(self, items: Iterable) -> None:
        self.items: list = list(items)
        self.direct: list[set[int]] = []
        self.users: list[set[int]] = [set() for _ in self.items]
        self.ancestors: list[int] = []
        writers: dict[Buffer, list[int]] = defaultdict(list)
        readers: dict[Buffer, list[int]] = defaultdict(list)
        self.touched = [touched(item) for item in self.items]
        self.sizes = [size(item) if isinstance(item, Kernel) else 0 for item in self.items]
        for number, (reads, writes) in enumerate(self.touched):
            needs = {before for buffer in reads | writes for before in writers[buffer]}
            needs |= {before for buffer in writes for before in readers[buffer]}
            needs.discard(number)
            self.direct.append(needs)
            self.ancestors.append(self._closure(needs))
            for before in needs:
                self.users[before].add(number)
            for buffer in reads:
                readers[buffer].append(number)
            for buffer in writes:
                writers[buffer].append(number)
        self.readers = readers

    def _closure(self, needs: Iterable[int]) -> int:
        bits = 0
        for before in needs:
            bits |= self.ancestors[before] | (1 << before)
        return bits

    def depends(self, later: int, earlier: int) -> bool:
        return bool(self.ancestors[later] >> earlier & 1)

    def add_edge(self, earlier: int, later: int) -> None:
        """`earlier` must run before `later`; the caller knows that this closes no circle."""
        self.direct[later].add(earlier)
        self.users[earlier].add(later)
        bits = self.ancestors[earlier] | (1 << earlier)
        for number, ancestors in enumerate(self.ancestors):
            if number == later or ancestors >> later & 1:
                self.ancestors[number] |= bits

    def may_absorb(self, target: int, number: int) -> bool:
        """Whether `number` could run at the place of `target`, which does not need it: nothing else
        that it needs comes after `target`.
        """
        return not self.depends(target, number) and all(
            before == target or not self.depends(before, target) for before in self.direct[number]
        )

    def absorb(self, target: int, number: int, merged: Kernel) -> None:
        """`target` becomes `merged`; `number` disappears, and who needed it needs `target`."""
        self.items[target], self.items[number] = merged, None
        (reads, writes), (more, others) = self.touched[target], self.touched[number]
        self.touched[target] = reads | more, writes | others
        self.sizes[target] += self.sizes[number]
        needs = self.direct[number] - {target}
        self.direct[target] |= needs
        for before in self.direct[number]:
            self.users[before].discard(number)
            if before != target:
                self.users[before].add(target)
        for later in self.users[number]:
            self.direct[later].discard(number)
            self.direct[later].add(target)
        self.users[target] |= self.users[number]
        self.direct[number], self.users[number] = set(), set()
        self.ancestors[target] |= self._closure(needs)
        bits, either = self.ancestors[target] | (1 << target), (1 << target) | (1 << number)
        for other, ancestors in enumerate(self.ancestors):
            if ancestors & either:
                self.ancestors[other] |= bits
        for buffer in self.touched[number][0]:
            self.readers[buffer].append(target)

    def ordered(self) -> list:
        """The items that are left, each after all that it needs, otherwise in their old order."""
        done: list[int] = []
        placed: set[int] = set()
        for start, item in enumerate(self.items):
            stack = [start] if item is not None else []
            while stack:
                number = stack[-1]
                missing = [before for before in sorted(self.direct[number]) if before not in placed]
                if number in placed or not missing:
                    stack.pop()
                    if number not in placed:
                        placed.add(number)
                        done.append(number)
                else:
                    stack.extend(missing[::-1])
        return [self.items[number] for number in done]


def size(kernel: Kernel) -> int:
    return len(kernel.expressions())

"""Emission of a whole program: all kernels, and the function that runs them on every thread in
their order.

Receives a planned Program, hands on LLVM IR text. The entry is `program(thread, threads, slots,
barrier)`; `slots` holds the pointers of the program's buffers, the arena's, and that of a function
`i64 (i64 number, ptr pointers)` which applies a definition to arrays, and returns 1 if that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chainrule.codegen.builder import Function
from chainrule.codegen.contract import emit_contraction
from chainrule.codegen.emit import emit_loops, signature
from chainrule.codegen.module import Module
from chainrule.codegen.shares import row_blocks
from chainrule.codegen.special import emit_special
from chainrule.codegen.tiling import Choice
from chainrule.codegen.transpose import emit_transposition, turned
from chainrule.codegen.values import I64, PTR, Type, Value, constant
from chainrule.ir.machine import Machine
from chainrule.ir.plan import (
    Barrier,
    Block,
    Branch,
    Kernel,
    Loop,
    Mark,
    Place,
    Program,
    Special,
    Turn,
    While,
    call_number,
)


def emit_program(
    program: Program, machine: Machine, choices: Mapping[Kernel, Choice] | None = None
) -> str:
    """The LLVM IR of a program for such a machine, with tiles as chosen for some of its kernels."""
    return str(emit_module(program, machine, choices))


def emit_module(
    program: Program, machine: Machine, choices: Mapping[Kernel, Choice] | None = None
) -> Module:
    """The same, for those who want it in parts."""
    module = Module(machine.vector_bytes * 8)
    return _Emitter(program, module, machine, choices or {}).module


def emit_kernel(
    kernel: Kernel, name: str, machine: Machine, choice: Choice | None = None
) -> tuple[Function, int]:
    """(a kernel's function, its number of units), by the emitter that its kind needs."""
    vector_bytes = machine.vector_bytes
    if kernel.special is not None:
        return emit_special(kernel, name, vector_bytes)
    if kernel.hero is not None:
        return emit_contraction(kernel, name, machine, choice)
    tiles = turned(kernel, vector_bytes)
    if tiles is not None:
        return emit_transposition(kernel, tiles, name, vector_bytes)
    return emit_loops(kernel, name, vector_bytes)


class _Emitter:
    def __init__(
        self, program: Program, module: Module, machine: Machine, choices: Mapping[Kernel, Choice]
    ) -> None:
        self.program, self.module = program, module
        self.machine, self.choices = machine, choices
        self.kernels: dict[str, str] = {}  # text of a kernel -> its name
        self.functions: dict[Kernel, tuple[str, int]] = {}
        self.helpers: set[str] = set()
        self.f = Function(
            "program",
            [
                (I64, "thread", ""),
                (I64, "threads", ""),
                (PTR, "slots", "noalias"),
                (PTR, "barrier", ""),
            ],
        )
        self.thread, self.threads, self.slots, self.barrier = self.f.parameters
        self.turns: dict[Turn, Value] = {}
        self.blocks = 0  # Blocks of rows, where each thread keeps its own.
        self.bases: dict[int, Value] = {}
        self.failed = self.f.alloca(I64)  # Whether a call of the host has failed: thread 0 knows.
        self.f.store(constant(I64, 0), self.failed, 8)
        for slot in range(len(program.slots) + 2):
            address = self.f.gep(self.slots, slot, "ptr")
            self.bases[slot] = self.f.load(address, PTR, 8)
        self._block(program.block)
        self.f.ret()
        module.add(self.f)

    # ---- Order ----

    def _block(self, block: Block) -> None:
        """A serial block runs on thread 0 alone."""
        if block.serial:
            with self.f.when(self.f.icmp("eq", self.thread, 0)):
                self._items(block, alone=True)
        else:
            self._items(block, alone=False)

    def _items(self, block: Block, alone: bool) -> None:
        for item in block.items:
            if isinstance(item, Barrier):
                self._meet(alone)
            elif isinstance(item, Kernel):
                for kernel in (item, *item.beside):
                    self._kernel(kernel, alone)
            elif isinstance(item, Mark):
                row = self.f.mul(self.thread, item.place.shape[-1])
                row = self.f.gep(self._pointer(item.place), row, "i64")
                self.f.call_void("mark", row, constant(I64, item.number))
            elif isinstance(item, Loop):
                self._alone_or_all(
                    item.body.serial, alone, lambda inner, item=item: self._loop(item, inner)
                )
            elif isinstance(item, While):
                serial = item.body.serial and item.test.serial
                self._alone_or_all(serial, alone, lambda inner, item=item: self._while(item, inner))
            else:
                serial = item.then.serial and item.otherwise.serial
                self._alone_or_all(
                    serial, alone, lambda inner, item=item: self._branch(item, inner)
                )

    def _alone_or_all(self, serial: bool, alone: bool, emit) -> None:
        if serial and not alone:
            with self.f.when(self.f.icmp("eq", self.thread, 0)):
                emit(True)
        else:
            emit(alone)

    def _meet(self, alone: bool) -> None:
        if not alone and not self.blocks:
            self.f.call_void("barrier", self.barrier, self.threads)

    def _loop(self, item: Loop, alone: bool) -> None:
        blocks = 1 if alone else row_blocks(item.body, self.machine, self.choices)
        if blocks == 1:
            self._all_turns(item, alone)
            return
        f = self.f
        apart, together, after = f.block("apart"), f.block("together"), f.block("after")
        f.cond_branch(f.icmp("eq", f.urem(constant(I64, blocks), self.threads), 0), apart, together)
        for label, number in ((apart, blocks), (together, 0)):
            f.enter(label)
            self.blocks = number
            self._all_turns(item, alone)
            f.branch(after)
        f.enter(after)

    def _all_turns(self, item: Loop, alone: bool) -> None:
        f = self.f
        with f.loop(0, item.turn.length) as loop:
            last = constant(I64, item.turn.length - 1)
            self.turns[item.turn] = f.sub(last, loop.index) if item.turn.reverse else loop.index
            self._items(item.body, alone)
            self._meet(alone)

    def _while(self, item: While, alone: bool) -> None:
        f = self.f
        head, body, after = f.block("test"), f.block("body"), f.block("after")
        f.branch(head)
        f.enter(head)
        self._items(item.test, alone)
        self._stop_if_failed(item.flag)
        self._meet(alone)
        f.cond_branch(self._flag(item.flag), body, after)
        f.enter(body)
        self._items(item.body, alone)
        self._meet(alone)
        f.branch(head)
        f.enter(after)

    def _stop_if_failed(self, flag: Place) -> None:
        """A loop that waits for a result must not wait for one that could not be computed."""
        f = self.f
        with f.when(f.icmp("ne", f.load(self.failed, I64, 8), 0)):
            f.store(constant(Type("i8"), 0), self._pointer(flag), 1)

    def _branch(self, item: Branch, alone: bool) -> None:
        f = self.f
        then, otherwise, after = f.block("then"), f.block("otherwise"), f.block("after")
        f.cond_branch(self._flag(item.flag), then, otherwise)
        for label, block in ((then, item.then), (otherwise, item.otherwise)):
            f.enter(label)
            self._items(block, alone)
            f.branch(after)
        f.enter(after)

    def _flag(self, place: Place) -> Value:
        return self.f.icmp("ne", self.f.load(self._pointer(place), Type("i8"), 1), 0)

    # ---- Kernels ----

    def _kernel(self, kernel: Kernel, alone: bool) -> None:
        if kernel.special is not None and kernel.special.host:
            self._alone_or_all(True, alone, lambda alone: self._host(kernel.special))
            return
        name, units = self._function(kernel)
        pointers = [self._pointer(place) for place in signature(kernel)]
        f = self.f
        if alone:
            f.call_void(name, *pointers, constant(I64, 0), constant(I64, units))
        elif self.blocks:
            self._share(name, pointers, self.blocks, units // self.blocks)
        elif kernel.serial or units == 1:
            with f.when(f.icmp("eq", self.thread, 0)):
                f.call_void(name, *pointers, constant(I64, 0), constant(I64, units))
        else:
            self._share(name, pointers, units, 1)

    def _share(self, name: str, pointers: list[Value], blocks: int, units: int) -> None:
        """This thread's share of so many blocks of units."""
        f = self.f
        first = f.udiv(f.mul(self.thread, blocks), self.threads)
        end = f.udiv(f.mul(f.add(self.thread, 1), blocks), self.threads)
        f.call_void(name, *pointers, f.mul(first, units), f.mul(end, units))

    def _host(self, call: Special) -> None:
        """Thread 0 hands the addresses of operands and results to the function of the last slot."""
        f, places = self.f, call.operands + call.results
        pointers = f.alloca(PTR, len(places))
        for number, place in enumerate(places):
            f.store(self._pointer(place), f.gep(pointers, number, "ptr"), 8)
        name = call_number(call.op, call.attributes, call.operands, call.results)
        function = self.bases[len(self.program.slots) + 1]
        failed = f.call_address(function, I64, constant(I64, name), pointers)
        f.store(f.or_(f.load(self.failed, I64, 8), failed), self.failed, 8)

    def _function(self, kernel: Kernel) -> tuple[str, int]:
        """(the kernel's function, its units); kernels with the same text share a function."""
        if kernel not in self.functions:
            self.functions[kernel] = self._emitted(kernel)
        return self.functions[kernel]

    def _emitted(self, kernel: Kernel) -> tuple[str, int]:
        name = f"kernel{len(self.kernels)}"
        function, units = emit_kernel(kernel, name, self.machine, self.choices.get(kernel))
        text = function.text("").replace(f"@{name}", "@kernel")
        if text not in self.kernels:
            self.kernels[text] = name
            self.module.add(function)
            for needed, (emit, types) in function.needs.items():
                self._helper(needed, emit, types)
        return self.kernels[text], units

    def _helper(self, name: str, emit: Callable, types: list[Type]) -> None:
        """A function that kernels call, once a program."""
        if name in self.helpers:
            return
        self.helpers.add(name)
        parameters = [(type, f"x{number}", "") for number, type in enumerate(types)]
        f = Function(name, parameters, types[0], prefix="internal", attributes="noinline")
        f.ret(emit(f, *f.parameters))
        self.module.add(f)

    def _pointer(self, place: Place) -> Value:
        """The address of a place at the present turn of the loops."""
        f, buffer = self.f, place.buffer
        if buffer.slot >= 0:
            base = self.bases[buffer.slot]
        else:
            base = f.gep(self.bases[len(self.program.slots)], buffer.offset, "i8")
        for turn, stride in place.turns:
            base = f.gep(base, f.mul(self.turns[turn], stride * buffer.dtype.itemsize), "i8")
        return base

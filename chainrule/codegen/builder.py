"""Builds LLVM IR as text: receives one method call an instruction from the code generators, and
hands on functions to a module, whose text `llvmlite.binding.parse_assembly` reads.

Text instead of `llvmlite.ir`, because an f-string costs a microsecond and its objects cost ten.
LLVM declares intrinsics and mangles their overloads by itself when it parses the text, so neither
is done here; it also reports any type error with its line, so operands are not checked either.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chainrule.codegen.values import (
    I64,
    PTR,
    TYPE_TEXT,
    Block,
    Branch,
    Loop,
    Phi,
    Type,
    Value,
    constant,
    constants,
    literal,
)


def _pair(a: Value | float, b: Value | float) -> tuple[Value, Value]:
    """Two operands, of which at most one may be a number: it takes the other's type."""
    if not isinstance(b, Value):
        assert isinstance(a, Value)
        return a, constant(a.type, b)
    return (a if isinstance(a, Value) else constant(b.type, a)), b


def _binary(opcode: str) -> Callable[..., Value]:
    """The method that emits `opcode`; partialmethod would double the cost of an instruction."""

    def emit(self: "Function", a: Value | float, b: Value | float) -> Value:
        a, b = _pair(a, b)
        return self._emit(f"{opcode} {TYPE_TEXT[a.type]} {a.text}, {b.text}", a.type)

    return emit


def _compare(opcode: str) -> Callable[..., Value]:
    def emit(self: "Function", predicate: str, a: Value, b: Value | float) -> Value:
        if not isinstance(b, Value):
            b = constant(a.type, b)
        text = f"{opcode} {predicate} {TYPE_TEXT[a.type]} {a.text}, {b.text}"
        return self._emit(text, Type("i1", a.type.lanes))

    return emit


def _cast(opcode: str) -> Callable[..., Value]:
    """`target` is the name of a scalar, which keeps the lanes, or a whole type."""

    def emit(self: "Function", value: Value, target: Type | str) -> Value:
        if isinstance(target, str):
            target = value.type.with_scalar(target)
        if target == value.type:
            return value
        return self._emit(f"{opcode} {value} to {target}", target)

    return emit


class Function:
    """One function under construction. A Python number among operands takes the other's type."""

    def __init__(self, name: str, parameters: Sequence[tuple[Type, str, str]] = (),
                 result: Type | str = "void", prefix: str = "", attributes: str = ""):  # fmt: skip
        """`prefix` is linkage such as "internal"; `attributes` such as "noinline"."""
        self.name = name
        self.parameters = tuple(Value(f"%{name}", type) for type, name, _ in parameters)
        signature = ", ".join(f"{type} {extra} %{name}" for type, name, extra in parameters)
        self._signature = f"{result} @{name}({signature})"
        self._head = f"define {prefix} {self._signature}"
        self.is_internal = prefix == "internal"
        self._attributes = attributes
        # Functions that this one calls and that the module must have: name -> (emitter, operand
        # types).
        self.needs: dict[str, tuple[Callable, list[Type]]] = {}
        self._allocas: list[str] = []
        self._tables: list[str] = []
        self._counter = 0
        self._blocks: list[Block] = []
        self.enter(Block("entry"))

    def __str__(self) -> str:
        return self.text("")

    def text(self, attributes: str) -> str:
        lines = [*self._tables, f"{self._head} {attributes} {self._attributes} {{", "entry:"]
        lines += self._allocas
        for block in self._blocks:
            if block is not self._blocks[0]:
                lines.append(f"{block.label}:")
            for phi in block.phis:
                lines.append(f"  {phi.text} = phi {phi.type} {', '.join(phi.incoming)}")
            lines += block.lines
        return "\n".join([*lines, "}"])

    @property
    def length(self) -> int:
        """How many lines it has."""
        return sum(len(block.lines) for block in self._blocks)

    def forwarder(self, number: int) -> str:
        """What stands for this function, which returns nothing, in a module that does not have it:
        a call of the address at such a place of a table.
        """
        place = f"getelementptr (ptr, ptr @addresses.table, i64 {number})"
        return (
            f"define internal {self._signature} alwaysinline {{\n"
            f"  %address = load ptr, ptr {place}\n"
            f"  call void %address({', '.join(map(repr, self.parameters))})\n"
            "  ret void\n}"
        )

    # Emission

    def _emit(self, text: str, type: Type) -> Value:
        name = self._name()
        self._lines.append(f"  {name} = {text}")
        return Value(name, type)

    def _name(self) -> str:
        self._counter += 1
        return f"%v{self._counter}"

    def _do(self, text: str) -> None:
        self._lines.append("  " + text)

    # Arithmetic, comparisons, casts

    fadd = _binary("fadd")
    fsub = _binary("fsub")
    fmul = _binary("fmul")
    fdiv = _binary("fdiv")
    frem = _binary("frem")
    add = _binary("add")
    sub = _binary("sub")
    mul = _binary("mul")
    sdiv = _binary("sdiv")
    udiv = _binary("udiv")
    urem = _binary("urem")
    shl = _binary("shl")
    ashr = _binary("ashr")
    lshr = _binary("lshr")
    and_ = _binary("and")
    or_ = _binary("or")
    xor = _binary("xor")
    icmp = _compare("icmp")
    fcmp = _compare("fcmp")
    bitcast = _cast("bitcast")
    trunc = _cast("trunc")
    zext = _cast("zext")
    sext = _cast("sext")
    fptrunc = _cast("fptrunc")
    fpext = _cast("fpext")
    sitofp = _cast("sitofp")
    uitofp = _cast("uitofp")

    def fneg(self, value: Value) -> Value:
        return self._emit(f"fneg {value}", value.type)

    def not_(self, value: Value) -> Value:
        return self.xor(value, -1)

    def select(self, mask: Value, a: Value | float, b: Value | float) -> Value:
        a, b = _pair(a, b)
        return self._emit(f"select {mask}, {a}, {b}", a.type)

    def fma(self, a: Value | float, b: Value | float, c: Value | float) -> Value:
        """a * b + c, rounded once."""
        type = next(value.type for value in (a, b, c) if isinstance(value, Value))
        operands = (v if isinstance(v, Value) else constant(type, v) for v in (a, b, c))
        return self.intrinsic("fma", type, *operands)

    def add_pairs(self, a: Value, b: Value, c: Value) -> Value:
        """a + b[even] * c[even] + b[odd] * c[odd] of twice as many bfloat16 (AVX-512-BF16)."""
        bits = a.type.lanes * 32
        return self.call(f"llvm.x86.avx512bf16.dpbf16ps.{bits}", a.type, a, b, c)

    # Calls

    def intrinsic(self, name: str, result: Type, *arguments: Value) -> Value:
        """Calls `llvm.<name>`, given without the suffixes for its types: LLVM finds them."""
        return self.call("llvm." + name, result, *arguments)

    def call(self, name: str, result: Type, *arguments: Value) -> Value:
        return self._emit(f"call {result} @{name}({', '.join(map(repr, arguments))})", result)

    def call_address(self, address: Value, result: Type, *arguments: Value) -> Value:
        """Calls the function at an address."""
        return self._emit(
            f"call {result} {address.text}({', '.join(map(repr, arguments))})", result
        )

    def call_void(self, name: str, *arguments: Value) -> None:
        self._do(f"call void @{name}({', '.join(map(repr, arguments))})")

    # Memory: `align` is in bytes and concerns the address, of each lane for gather and scatter

    def alloca(self, type: Type, count: int = 1, align: int = 64) -> Value:
        """Stack memory for `count` values, reserved once, when the function is entered."""
        name = self._name()
        self._allocas.append(f"  {name} = alloca {type}, i64 {count}, align {align}")
        return Value(name, PTR)

    def table(self, scalar: str, numbers: Sequence[float]) -> Value:
        """The address of constant numbers that travel with the program."""
        name = f"@{self.name}.table{len(self._tables)}"
        items = ", ".join(f"{scalar} {literal(scalar, number)}" for number in numbers)
        array = f"[{len(numbers)} x {scalar}] [{items}]"
        self._tables.append(f"{name} = private unnamed_addr constant {array}, align 64")
        return Value(name, PTR)

    def gep(self, pointer: Value, index: Value | int, scalar: str) -> Value:
        """The address of element `index`; a vector of indices gives a vector of addresses."""
        index = index if isinstance(index, Value) else constant(I64, index)
        type = Type("ptr", max(pointer.type.lanes, index.type.lanes))
        return self._emit(f"getelementptr {scalar}, {pointer}, {index}", type)

    def load(self, pointer: Value, type: Type, align: int) -> Value:
        return self._emit(f"load {type}, {pointer}, align {align}", type)

    def store(self, value: Value, pointer: Value, align: int) -> None:
        self._do(f"store {value}, {pointer}, align {align}")

    def prefetch(self, pointer: Value, written: bool = True) -> None:
        """Bring the line at an address to the caches, to be read and written, or read later on."""
        self._do(f"call void @llvm.prefetch({pointer}, i32 {int(written)}, i32 2, i32 1)")

    def masked_load(
        self, pointer: Value, type: Type, mask: Value, other: Value, align: int
    ) -> Value:
        """Lanes outside the mask are not read and give `other`."""
        return self._masked_read("load", pointer, type, mask, other, align)

    def masked_gather(
        self, pointers: Value, type: Type, mask: Value, other: Value, align: int
    ) -> Value:
        return self._masked_read("gather", pointers, type, mask, other, align)

    def _masked_read(self, kind, address, type, mask, other, align) -> Value:
        arguments = f"{address.type} align {align} {address.text}, {mask}, {other}"
        return self._emit(f"call {type} @llvm.masked.{kind}({arguments})", type)

    def masked_store(self, value: Value, pointer: Value, mask: Value, align: int) -> None:
        lanes = mask.text.split(", ") if mask.is_literal else []
        if mask.type.lanes == len(lanes) and sum("true" in lane for lane in lanes) == 1:
            # LLVM 22 stores such a lane in the width that it had before a truncation.
            lane = next(number for number, text in enumerate(lanes) if "true" in text)
            self.store(self.extract(value, lane), self.gep(pointer, lane, value.type.scalar), align)
        else:
            self._masked_write("store", value, pointer, mask, align)

    def masked_scatter(self, value: Value, pointers: Value, mask: Value, align: int) -> None:
        """Where addresses coincide, the highest lane's value remains."""
        self._masked_write("scatter", value, pointers, mask, align)

    def _masked_write(self, kind, value, address, mask, align) -> None:
        arguments = f"{value}, {address.type} align {align} {address.text}, {mask}"
        self._do(f"call void @llvm.masked.{kind}({arguments})")

    # Vectors

    def splat(self, value: Value, lanes: int) -> Value:
        type = value.type.with_lanes(lanes)
        if value.type.lanes == lanes:
            return value
        if value.is_literal:
            return Value(f"splat ({value})", type)
        first = self._emit(f"insertelement {type} poison, {value}, i64 0", type)
        return self.shuffle(first, [0] * lanes)

    def extract(self, vector: Value, index: Value | int) -> Value:
        index = index if isinstance(index, Value) else constant(I64, index)
        return self._emit(f"extractelement {vector}, {index}", vector.type.with_lanes(1))

    def insert(self, vector: Value, value: Value, index: Value | int) -> Value:
        index = index if isinstance(index, Value) else constant(I64, index)
        return self._emit(f"insertelement {vector}, {value}, {index}", vector.type)

    def shuffle(self, a: Value, lanes: Sequence[int], b: Value | None = None) -> Value:
        """Picks `lanes` out of the lanes of a followed by those of b."""
        other = b.text if b else "poison"
        picked = constants("i32", lanes) if any(lanes) else f"<{len(lanes)} x i32> zeroinitializer"
        text = f"shufflevector {a}, {a.type} {other}, {picked}"
        return self._emit(text, a.type.with_lanes(len(lanes)))

    def reduce(self, kind: str, vector: Value) -> Value:
        """Combines all lanes, a power of two, as a tree of halves: always in the same order."""
        combine = self._combine(kind, vector.type.is_float)
        while (half := vector.type.lanes // 2) > 1:
            low = self.shuffle(vector, range(half))
            vector = combine(low, self.shuffle(vector, range(half, 2 * half)))
        return combine(self.extract(vector, 0), self.extract(vector, 1)) if half else vector

    def _combine(self, kind: str, is_float: bool) -> Callable[[Value, Value], Value]:
        """Of two values: add, mul, max, min (a NaN wins), umax, umin, and, or, xor."""
        if kind in ("max", "min", "umax", "umin"):
            name = kind + "imum" if is_float else kind.rjust(4, "s")
            return lambda a, b: self.intrinsic(name, a.type, a, b)
        opcode = "f" + kind if is_float else kind
        return lambda a, b: self._emit(f"{opcode} {a}, {b.text}", a.type)

    # Control flow

    def block(self, name: str) -> Block:
        """A new block, to be filled after `enter`; blocks stand in the order they are entered."""
        self._counter += 1
        return Block(f"{name}{self._counter}")

    def enter(self, block: Block) -> None:
        self.current = block
        self._blocks.append(block)
        self._lines = block.lines

    def branch(self, block: Block) -> None:
        self._do(f"br label %{block.label}")

    def cond_branch(self, condition: Value, then: Block, otherwise: Block) -> None:
        self._do(f"br {condition}, label %{then.label}, label %{otherwise.label}")

    def ret(self, value: Value | None = None) -> None:
        self._do(f"ret {value}" if value else "ret void")

    def phi(self, type: Type) -> Phi:
        phi = Phi(self._name(), type)
        self.current.phis.append(phi)
        return phi

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: Value | int = 1,
             carried: Sequence[Value] = ()) -> Iterator[Loop]:  # fmt: skip
        """for index in range(start, stop, step): the `with` body. `step` is positive; all are i64.

        with f.loop(0, n, 16, [zero]) as loop:
            loop.carry(f.fadd(loop.carried[0], f.load(...)))
        total = loop.carried[0]
        """
        start, stop, step = (
            v if isinstance(v, Value) else constant(I64, v) for v in (start, stop, step)
        )
        before, head, body, after = self.current, *map(self.block, ("head", "body", "after"))
        self.branch(head)
        self.enter(head)
        index = self.phi(I64)
        loop = Loop(index, tuple(self.phi(value.type) for value in carried))
        self.cond_branch(self.icmp("slt", index, stop), body, after)
        self.enter(body)
        yield loop
        following = self._emit(f"add nsw {index}, {step.text}", I64)
        self._join((index, *loop.carried), before, (start, *carried), (following, *loop.following))
        self.branch(head)
        self.enter(after)

    @contextmanager
    def when(self, condition: Value, carried: Sequence[Value] = ()) -> Iterator[Branch]:
        """Runs the `with` body only if the i1 scalar holds; it may replace the carried values.

        with f.when(f.reduce("or", rare), [usual]) as branch:
            branch.carry(f.select(rare, special, usual))
        result = branch.carried[0]
        """
        before, then, after = self.current, self.block("then"), self.block("after")
        self.cond_branch(condition, then, after)
        self.enter(then)
        branch = Branch()
        yield branch
        self.branch(after)
        branch.carried = tuple(Phi(self._name(), value.type) for value in carried)
        self._join(branch.carried, before, carried, branch.following)
        self.enter(after)
        after.phis += branch.carried

    def _join(self, phis, before: Block, first: Sequence[Value], second: Sequence[Value]) -> None:
        """Gives each phi its value from the block `before` and from the current one."""
        for phi, a, b in zip(phis, first, second, strict=True):
            phi.add_incoming(a, before)
            phi.add_incoming(b, self.current)

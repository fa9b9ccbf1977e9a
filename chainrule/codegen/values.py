"""Types, values, literals and blocks of LLVM IR: what the builder's methods receive and return."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "ptr": 64,
        "half": 16, "bfloat": 16, "float": 32, "double": 64}  # fmt: skip
FLOATS = frozenset({"half", "bfloat", "float", "double"})


class Type(NamedTuple):
    """A scalar type, or a vector of `lanes` of them: `str(Type("float", 4)) == "<4 x float>"`."""

    scalar: str
    lanes: int = 1

    def __str__(self) -> str:
        return TYPE_TEXT[self]

    @property
    def is_float(self) -> bool:
        return self.scalar in FLOATS

    @property
    def bits(self) -> int:
        """Bits of one lane."""
        return BITS[self.scalar]

    def with_lanes(self, lanes: int) -> "Type":
        return Type(self.scalar, lanes)

    def with_scalar(self, scalar: str) -> "Type":
        return Type(scalar, self.lanes)


class _TypeText(dict):
    """The text of each type, made once: a dictionary look-up is all that an instruction pays."""

    def __missing__(self, type: Type) -> str:
        text = type.scalar if type.lanes == 1 else f"<{type.lanes} x {type.scalar}>"
        self[type] = text
        return text


TYPE_TEXT = _TypeText()
I1, I32, I64 = Type("i1"), Type("i32"), Type("i64")
PTR, FLOAT, DOUBLE = Type("ptr"), Type("float"), Type("double")


class Value:
    """A register, parameter or literal: the text that names it, and its type."""

    __slots__ = ("text", "type")

    def __init__(self, text: str, type: Type):
        self.text = text
        self.type = type

    @property
    def is_literal(self) -> bool:
        return self.text[0] not in "%@"

    def __repr__(self) -> str:
        return f"{self.type} {self.text}"


def literal(scalar: str, number: float) -> str:
    """The exact text of a number: a float as the equal double, 16-bit ones as their own bits."""
    if scalar == "float":
        return "0x" + struct.pack(">d", *struct.unpack("f", struct.pack("f", number))).hex()
    if scalar == "double":
        return "0x" + struct.pack(">d", number).hex()
    if scalar == "half":
        return "0xH" + struct.pack(">e", number).hex()
    if scalar == "bfloat":
        return f"0xR{_bfloat_bits(number):04X}"
    if scalar == "i1":
        return "true" if number else "false"
    return "null" if scalar == "ptr" else str(int(number))


def _bfloat_bits(number: float) -> int:
    """The upper half of the float32, rounded to nearest even."""
    (bits,) = struct.unpack("I", struct.pack("f", number))
    return 0x7FC0 if number != number else (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def constant(type: Type, number: float) -> Value:
    """The literal of `number`, in every lane."""
    text = literal(type.scalar, number)
    return Value(text if type.lanes == 1 else f"splat ({type.scalar} {text})", type)


def constants(scalar: str, numbers: Sequence[float]) -> Value:
    """The literal vector of `numbers`."""
    items = ", ".join(f"{scalar} {literal(scalar, number)}" for number in numbers)
    return Value(f"<{items}>", Type(scalar, len(numbers)))


def iota(lanes: int, scalar: str = "i64") -> Value:
    """The literal vector 0, 1, 2, ...; for one lane the scalar 0."""
    return constants(scalar, range(lanes)) if lanes > 1 else constant(Type(scalar), 0)


class Block:
    """A basic block; its phis are kept apart, because they gain operands until the text is made."""

    __slots__ = ("label", "lines", "phis")

    def __init__(self, label: str):
        self.label = label
        self.phis: list[Phi] = []
        self.lines: list[str] = []


class Phi(Value):
    """A value that depends on the block control came from."""

    __slots__ = ("incoming",)

    def __init__(self, text: str, type: Type):
        super().__init__(text, type)
        self.incoming: list[str] = []

    def add_incoming(self, value: Value, block: Block) -> None:
        self.incoming.append(f"[ {value.text}, %{block.label} ]")


class Branch:
    """A conditional body under construction, and the values that it hands on."""

    def __init__(self, carried: tuple[Phi, ...] = ()):
        self.carried = carried
        self.following: tuple[Value, ...] = ()

    def carry(self, *values: Value) -> None:
        """Says what the code after it, or the next pass of a loop, finds in `carried`."""
        self.following = values


class Loop(Branch):
    """A loop's body under construction."""

    def __init__(self, index: Phi, carried: tuple[Phi, ...]):
        super().__init__(carried)
        self.index = index

"""Products of squares of bfloat16 (AMX), on any processor: the instructions are calls of functions
that do in NumPy what Intel's manual says of them.
"""

import ctypes
import re
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from llvmlite import binding

import chainrule as cr
from chainrule import compiler, nn
from chainrule.codegen import llvm
from chainrule.codegen.measure import mark_ir, peak_flops, peak_ir
from chainrule.codegen.program import emit_program
from chainrule.codegen.threads import barrier_ir
from chainrule.ir.machine import Level, Machine
from chainrule.runtime.cache import Cache

FEATURES = "+avx512f,+avx512bf16,+amx-tile,+amx-bf16"
SAPPHIRE = Machine("x86_64-unknown-linux-gnu", "sapphirerapids", FEATURES)
RNG = np.random.default_rng(0)

# Sums of pairs, for processors without AVX-512-BF16.
PAIRS = """
define internal <16 x float> @emulated.dpbf16ps.512(
    <16 x float> %s, <32 x bfloat> %a, <32 x bfloat> %b) {
  %x = fpext <32 x bfloat> %a to <32 x float>
  %y = fpext <32 x bfloat> %b to <32 x float>
  %xy = fmul <32 x float> %x, %y
  %even = shufflevector <32 x float> %xy, <32 x float> %xy, <16 x i32> <EVEN>
  %odd = shufflevector <32 x float> %xy, <32 x float> %xy, <16 x i32> <ODD>
  %sum = fadd <16 x float> %odd, %s
  %all = fadd <16 x float> %even, %sum
  ret <16 x float> %all
}
""".replace("EVEN", ", ".join(f"i32 {2 * n}" for n in range(16))).replace(
    "ODD", ", ".join(f"i32 {2 * n + 1}" for n in range(16))
)  # fmt: skip


class Processor:
    """Eight registers for each thread, and the instructions on them."""

    def __init__(self):
        self.registers, self.counts = {}, dict.fromkeys(("tdpbf16ps", "ldtilecfg"), 0)

    @property
    def own(self):
        return self.registers[threading.get_ident()]

    def ldtilecfg(self, address):
        palette, start, *rest = ctypes.string_at(address, 64)
        widths, heights = rest[14:46], rest[46:62]
        assert (palette, start) == (1, 0)
        assert widths[:16] == [64, 0] * 8 and not any(widths[16:])
        assert heights[:8] == [16] * 8 and not any(heights[8:])
        self.registers[threading.get_ident()] = np.zeros((8, 16, 64), np.uint8)
        self.counts["ldtilecfg"] += 1

    def tilerelease(self):
        del self.registers[threading.get_ident()]

    def tilezero(self, number):
        self.own[number] = 0

    def tileloadd64(self, number, address, stride):
        for row in range(16):
            line = ctypes.string_at(address + row * stride, 64)
            self.own[number, row] = np.frombuffer(line, np.uint8)

    def tilestored64(self, number, address, stride):
        for row in range(16):
            ctypes.memmove(address + row * stride, self.own[number, row].tobytes(), 64)

    def tdpbf16ps(self, sums, rows, columns):
        left, right = (
            (self.own[n].view(np.uint16).astype(np.uint32) << 16).view(np.float32)
            for n in (rows, columns)
        )
        apart = np.zeros((2, 16, 16), np.float32)  # Sums of first terms of pairs, and of second.
        for pair in range(16):
            for second in (0, 1):
                apart[second] += left[:, 2 * pair + second, None] * right[pair, second::2]
        self.own[sums].view(np.float32)[...] += apart[0] + apart[1]
        self.counts["tdpbf16ps"] += 1


SIGNATURES = {
    "ldtilecfg": [ctypes.c_void_p],
    "tilerelease": [],
    "tilezero": [ctypes.c_byte],
    "tileloadd64": [ctypes.c_byte, ctypes.c_void_p, ctypes.c_int64],
    "tilestored64": [ctypes.c_byte, ctypes.c_void_p, ctypes.c_int64],
    "tdpbf16ps": [ctypes.c_byte] * 3,
}
TYPES = {ctypes.c_byte: "i8", ctypes.c_void_p: "ptr", ctypes.c_int64: "i64"}


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """Programs are made for such a processor and compiled for this one."""
    processor, kept, declared, compile_ir = Processor(), [], PAIRS, llvm.compile_ir
    for name, arguments in SIGNATURES.items():
        call = ctypes.CFUNCTYPE(None, *arguments)(getattr(processor, name))
        kept.append(call)
        binding.add_symbol(f"emulated.{name}", ctypes.cast(call, ctypes.c_void_p).value)
        types = ", ".join(TYPES[argument] for argument in arguments)
        declared += f"declare void @emulated.{name}({types})\n"
    instruction = r"@llvm\.x86\.(?:avx512bf16\.)?(dpbf16ps\.512|" + "|".join(SIGNATURES) + r")\("

    def emulated(text, brief=False):
        return compile_ir(re.sub(instruction, r"@emulated.\1(", text) + declared, brief)

    cache = Cache(tmp_path)
    monkeypatch.setattr(llvm, "compile_ir", emulated)
    monkeypatch.setattr(compiler, "_cache", lambda: cache)
    # A cache of its own so small that terms come in several blocks.
    caches = (Level("L1", 1 << 14, False), Level("L2", 1 << 16, False))
    monkeypatch.setattr(compiler, "machine", lambda: SAPPHIRE._replace(caches=caches))
    yield processor
    assert not processor.registers  # All were released.


def narrow(*shape):
    return cr.astype(cr.asarray(RNG.normal(size=shape).astype(np.float32)), cr.bfloat16)


def wide(x):
    return np.asarray(cr.astype(x, cr.float32)).astype(np.float64)


def close(found, expected, scale):
    """Within what float32 sums of the products lose, and the rounding of the result."""
    return np.all(np.abs(found - expected) <= scale * 2**-20 + np.abs(expected) * 2**-8)


@pytest.mark.parametrize(
    ("rows", "terms", "columns"),
    [
        (32, 64, 32),
        (16, 32, 16),
        (96, 256, 48),
        (50, 96, 40),
        (85, 2048, 70),
        (64, 160, 9),
        (33, 1024, 17),
    ],
)
def test_products(processor, rows, terms, columns):
    x, w = narrow(rows, terms), narrow(terms, columns)
    found = wide(cr.jit(lambda x, w: x @ w)(x, w))
    assert close(found, wide(x) @ wide(w), np.abs(wide(x)) @ np.abs(wide(w)))
    # Rows that fill no square are done by vectors.
    assert processor.counts["tdpbf16ps"] == rows // 16 * -(-columns // 16) * (terms // 32)


def test_products_of_a_batch(processor):
    x, w = narrow(3, 48, 64), narrow(3, 64, 32)
    found = wide(cr.jit(lambda x, w: cr.relu(x @ w))(x, w))
    assert close(found, np.maximum(wide(x) @ wide(w), 0), np.abs(wide(x)) @ np.abs(wide(w)))
    assert processor.counts["tdpbf16ps"] == 3 * 3 * 2 * 2


def test_windows(processor):
    x, w = narrow(2, 18, 18, 32), narrow(3, 3, 32, 48)
    found = wide(cr.jit(cr.conv)(x, w))
    patches = np.lib.stride_tricks.sliding_window_view(wide(x), (3, 3), (1, 2))
    expected, scale = (
        np.einsum("nijchw,hwco->nijo", f(patches), f(wide(w))) for f in (np.asarray, np.abs)
    )
    assert close(found, expected, scale)
    assert processor.counts["tdpbf16ps"] > 0


@pytest.mark.parametrize("terms", [16, 48, 31])
def test_terms_that_fill_no_square_are_added_by_vectors(processor, terms):
    x, w = narrow(32, terms), narrow(terms, 32)
    found = wide(cr.jit(lambda x, w: x @ w)(x, w))
    assert close(found, wide(x) @ wide(w), np.abs(wide(x)) @ np.abs(wide(w)))
    assert processor.counts["tdpbf16ps"] == 0


def test_a_step_in_mixed_precision(processor):
    """The weights after a step are those that vectors of pairs give, but for the order of sums."""

    def loss_of(model, x, y):
        return nn.losses.cross_entropy(model(x), y)

    def step(model, x, y):
        loss, gradients = cr.value_and_grad(loss_of)(model, x, y)
        return loss, gradients

    x = RNG.normal(size=(64, 96)).astype(np.float32)
    y = RNG.integers(0, 32, 64)
    model = nn.Sequential(nn.Linear(96, 64), cr.gelu, nn.Linear(64, 32))
    mixed = cr.mixed_precision(step, cr.bfloat16)
    loss, gradients = cr.jit(mixed)(model, x, y)
    used = processor.counts["tdpbf16ps"]
    plain_loss, plain = mixed(model, x, y)
    assert used > 0 and float(loss) == pytest.approx(float(plain_loss), rel=1e-2)
    for found, expected in zip(cr.tree.leaves(gradients), cr.tree.leaves(plain), strict=True):
        found, expected = np.asarray(found), np.asarray(expected)
        assert np.linalg.norm(found - expected) <= 2e-2 * np.linalg.norm(expected)


def test_a_cache_too_small_for_squares_holds_one(processor, monkeypatch):
    caches = (Level("L1", 1 << 12, False),)
    monkeypatch.setattr(compiler, "machine", lambda: SAPPHIRE._replace(caches=caches))
    test_products(processor, 32, 128, 32)


def host_with_squares(monkeypatch, triple, answer):
    """What the host is where LLVM finds AMX and the system answers so, and what it was asked."""
    asked = []

    def syscall(*words):
        asked.append(tuple(word.value for word in words))
        return answer

    features = dict.fromkeys(FEATURES.replace("+", "").split(","), True)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: binding.FeatureMap(features))
    monkeypatch.setattr(binding, "get_default_triple", lambda: triple)
    monkeypatch.setattr(llvm.ctypes, "CDLL", lambda name: SimpleNamespace(syscall=syscall))
    return llvm.host.__wrapped__(), asked


@pytest.mark.parametrize("answer", [0, -1])
def test_registers_are_used_only_where_linux_grants_them(monkeypatch, answer):
    machine, asked = host_with_squares(monkeypatch, SAPPHIRE.triple, answer)
    assert asked == [(158, 0x1023, 18)]  # arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA)
    assert machine.multiplies_squares == (answer == 0)
    assert machine.adds_pairs


@pytest.mark.parametrize("triple", ["x86_64-pc-windows-msvc", "i686-pc-linux-gnu"])
def test_nobody_else_is_asked_for_registers(monkeypatch, triple):
    machine, asked = host_with_squares(monkeypatch, triple, 0)
    assert not asked and not machine.multiplies_squares and machine.adds_pairs


def test_a_host_that_is_refused_registers_adds_pairs(monkeypatch):
    machine, _ = host_with_squares(monkeypatch, SAPPHIRE.triple, -1)
    program = cr.jit(lambda x, w: x @ w)._bound((narrow(64, 128), narrow(128, 64)), {})[0]
    text = emit_program(program.program.program, machine)
    assert "dpbf16ps.512" in text and "tdpbf16ps" not in text and "tilecfg" not in text


def test_assembly_multiplies_squares_in_registers():
    """The innermost loop loads each square once and stores none."""
    program = cr.jit(lambda x, w: x @ w)._bound((narrow(64, 128), narrow(128, 64)), {})[0]
    text = emit_program(program.program.program, SAPPHIRE) + barrier_ir(SAPPHIRE)
    code = re.findall(
        r"\t(tileloadd|tdpbf16ps|tilestored|tilezero|j\w+)\t", llvm.assembly(text, SAPPHIRE)
    )
    joined = " ".join(code)
    assert "tileloadd " * 4 + "tdpbf16ps " * 4 in joined
    assert joined.count("tdpbf16ps") == joined.count("tilestored") == 4


def test_their_peak_is_measured():
    narrow, wide = (
        llvm.assembly(peak_ir(SAPPHIRE, dtype) + mark_ir(SAPPHIRE), SAPPHIRE)
        for dtype in (cr.bfloat16, cr.float32)
    )
    assert narrow.count("\ttdpbf16ps") == 4
    assert peak_flops(SAPPHIRE, cr.bfloat16) == 20_000 * 4 * 2 * 16 * 16 * 32
    assert "tdpbf16ps" not in wide

"""Compiling text for the host, and the life of loaded objects."""

import ctypes
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runtime import programs

from chainrule.codegen import llvm, threads
from chainrule.errors import VerificationError


def constant(value: int) -> str:
    return f"define i64 @value() {{\n  ret i64 {value}\n}}"


def value(loaded: llvm.LoadedObject) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64)(loaded.address("value"))()


def test_objects_load_side_by_side():
    code = [llvm.compile_ir(constant(v)) for v in (3, 4)]
    loaded = [llvm.LoadedObject(c) for c in (*code, code[0])]
    assert [value(x) for x in loaded] == [3, 4, 3]


def test_the_same_text_gives_the_same_code():
    text = programs.MEET + threads.barrier_ir(llvm.host())
    assert llvm.compile_ir(text) == llvm.compile_ir(text)


COPY = """
define void @fill(ptr %from, ptr noalias %to, i64 %bytes) {
  call void @llvm.memset.p0.i64(ptr %from, i8 7, i64 %bytes, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  ret void
}
"""


def test_calls_that_llvm_invents_are_resolved():
    """Clearing or copying a length that is not known becomes a call of memset or memcpy."""
    loaded = llvm.LoadedObject(llvm.compile_ir(COPY))
    arrays = np.zeros(1000, np.uint8), np.zeros(1000, np.uint8)
    fill = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    fill(loaded.address("fill"))(*(array.ctypes.data for array in arrays), 1000)
    assert (arrays[1] == 7).all()


@pytest.mark.parametrize(
    "text",
    [
        "define void @f( {",
        "define i64 @f() {\n  ret void\n}",
        "define void @f(i1 %c) {\n  br i1 %c, label %a, label %b\na:\n  %x = add i64 1, 1\n"
        "  br label %b\nb:\n  %y = add i64 %x, 1\n  ret void\n}",  # only `verify` sees this one
    ],
)
def test_malformed_text_is_an_error(text):
    with pytest.raises(VerificationError, match=r"^\[codegen\] LLVM rejects"):
        llvm.compile_ir(text)


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError, match="absent"):
        llvm.LoadedObject(llvm.compile_ir(constant(1))).address("absent")


def test_the_host_is_known():
    assert llvm.host().vector_bytes in (16, 32, 64)
    again = "from chainrule.codegen import llvm; print(llvm.host_fingerprint(), end='')"
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", again], cwd=root, capture_output=True, text=True)
    assert run.stdout == llvm.host_fingerprint()


def test_memory_is_flat_over_compilations():
    def cycles(count):
        for i in range(count):
            assert value(llvm.LoadedObject(llvm.compile_ir(constant(i)))) == i
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = cycles(50)
    assert cycles(200) - before < 1024  # kilobytes; a forgotten pass manager or engine is 8000

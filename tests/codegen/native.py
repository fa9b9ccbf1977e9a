"""Compiles a builder's module for the tests, and calls its functions on NumPy arrays."""

import ctypes
from collections.abc import Callable

import numpy as np

from chainrule.codegen.llvm import LoadedObject, compile_ir
from chainrule.codegen.module import Module


class Native:
    """A compiled module: `native(name, *arguments)` passes arrays as pointers, integers as i64."""

    def __init__(self, module: Module):
        self.code = compile_ir(str(module))
        self._loaded = LoadedObject(self.code)

    def __call__(self, name: str, *arguments: np.ndarray | int) -> None:
        kinds = (ctypes.c_int64 if isinstance(a, int) else ctypes.c_void_p for a in arguments)
        entry: Callable = ctypes.CFUNCTYPE(None, *kinds)(self._loaded.address(name))
        entry(*(a if isinstance(a, int) else a.ctypes.data for a in arguments))

"""Receives a module as LLVM IR text from the emitter; hands on object code, and loads it."""

import ctypes
import functools
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import llvmlite
from llvmlite import binding
from llvmlite.binding import ffi
from llvmlite.binding.newpassmanagers import NewPassManager, create_new_function_pass_manager

from chainrule.errors import VerificationError
from chainrule.ir.machine import Machine


@functools.cache
def host() -> Machine:
    """This machine; on first use, so importing is fast."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features()
    machine = Machine(binding.get_default_triple(), binding.get_host_cpu_name())
    if features.get("amx-tile"):
        features["amx-tile"] = _may_use_squares(machine)
    return machine._replace(features=features.flatten())


def _may_use_squares(machine: Machine) -> bool:
    """Asks Linux for the registers of AMX, for all threads of this process, running and to come:
    they are large, so nobody has them unasked. It refuses where a thread's stack for signals could
    not hold them, and so do some containers; on other systems nobody knows how to ask.
    """
    if (machine.system, machine.architecture) != ("linux", "x86_64"):
        return False
    arch_prctl, request, data_of_tiles = (ctypes.c_long(n) for n in (158, 0x1023, 18))
    granted = 0
    return ctypes.CDLL(None).syscall(arch_prctl, request, data_of_tiles) == granted


def _target_machine(brief: bool = False) -> binding.TargetMachine:
    machine = host()
    return binding.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu,
        features=machine.features,
        opt=1 if brief else 2,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )


@functools.cache
def host_fingerprint() -> str:
    """Hash of all but the text that decides what `compile_ir` returns; for cache keys."""
    llvm_version = ".".join(map(str, binding.llvm_version_info))
    identity = "\n".join([repr(host()), llvm_version, llvmlite.__version__])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def compile_ir(text: str, brief: bool = False) -> bytes:
    """Parse, verify and optimise a module, and return its object code: a brief program's in little
    more than half the time, for code that runs up to 3% longer.
    """
    module = _parse(text)
    machine = _target_machine(brief)
    (_simplify if brief else _optimise)(module, machine)
    return _object_code(module, machine)


def compile_parts(texts: list[str], brief: bool) -> list[bytes]:
    """The object code of each of some modules, one a thread."""
    if len(texts) == 1:
        return [compile_ir(texts[0], brief)]
    with ThreadPoolExecutor(len(texts)) as pool:
        return list(pool.map(compile_ir, texts, [brief] * len(texts)))


def _unlocked(name: str) -> Callable:
    """A function of LLVM for modules with a context of their own. Those need not wait for each
    other, while llvmlite lets one call in at a time.
    """
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)


def _object_code(module: binding.ModuleRef, machine: binding.TargetMachine) -> bytes:
    with ffi.OutputString() as problem:
        code = _unlocked("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, problem)
        if not code:
            raise VerificationError("codegen", "LLVM cannot compile the program", str(problem))
    start, size = ffi.lib.LLVMPY_GetBufferStart(code), ffi.lib.LLVMPY_GetBufferSize(code)
    try:
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(code)


def assembly(text: str, machine: Machine) -> str:
    """What `compile_ir` would make on another machine, as its assembly."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=2, reloc="pic", codemodel="small"
    )
    module = _parse(text)
    _optimise(module, target)
    return target.emit_assembly(module)


def _parse(text: str) -> binding.ModuleRef:
    try:
        # A context of its own: the global one would keep every constant and name for ever.
        module = binding.parse_assembly(text, binding.create_context())
        module.verify()
    except RuntimeError as error:
        raise VerificationError("codegen", "LLVM rejects the emitted program", str(error)) from None
    return module


def _optimise(module: binding.ModuleRef, machine: binding.TargetMachine, level: int = 1) -> None:
    """Level 1 without the vectorisers: the text is vectorised and unrolled as it should be.

    On unrolled register tiles levels 2 and 3 take 1.3 to 1.5 times as long, for the same speed.
    """
    options = binding.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_interleaving = options.loop_unrolling = False
    builder = binding.create_pass_builder(machine, options)
    manager = builder.getModulePassManager()
    _unlocked("LLVMPY_RunNewModulePassManager")(manager, module, builder)
    _close(manager)


def _simplify(module: binding.ModuleRef, machine: binding.TargetMachine) -> None:
    """What level 1 does first: variables into registers, equal instructions, empty blocks. The rest
    of it, five times as long, looks for what the text does not have.
    """
    _optimise(module, machine, level=0)  # Which inlines what must be.
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(1))
    manager = create_new_function_pass_manager()
    manager.add_sroa_pass()
    manager.add_instruction_combine_pass()
    manager.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    _close(manager)


def _close(manager: NewPassManager) -> None:
    # llvmlite 0.50 finds the empty `_dispose` of its base class first: 40 KB a module would stay.
    NewPassManager._dispose(manager)
    manager.detach()


class Part(NamedTuple):
    """Object code, and the functions in it that another part calls."""

    code: bytes
    functions: list[str]


class LoadedObject:
    """Object code in an engine of its own: its addresses are valid while this object lives. It gets
    the addresses of what it calls in `others`.
    """

    def __init__(self, code: bytes, others: Sequence[Part] = ()):
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target_machine())
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        # One engine for all would give their constants wrong addresses (LLVM 22, large code model).
        self._others = [LoadedObject(part.code) for part in others]
        far = [
            other.address(name)
            for other, part in zip(self._others, others, strict=True)
            for name in part.functions
        ]
        if far:
            table = ctypes.CFUNCTYPE(ctypes.c_void_p)(self.address("addresses"))()
            for place, address in enumerate(far):
                ctypes.c_uint64.from_address(table + 8 * place).value = address

    def address(self, name: str) -> int:
        """Address of the function `name`."""
        address = self._engine.get_function_address(name)
        if not address:
            raise KeyError(name)
        return address

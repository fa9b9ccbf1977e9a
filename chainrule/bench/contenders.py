"""Who is measured: the frameworks with the settings that they may choose from, and the process of
each. Receives requests of `rounds`; hands back answers of `worker`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import IO, Any, Self

from chainrule.bench.workloads import Workload
from chainrule.compiler import engine
from chainrule.errors import ArgumentError, ChainruleError

Setting = dict[str, Any]

_SERVE = """\
import time
start = time.perf_counter()
import chainrule
start = time.perf_counter() - start
from chainrule.bench.worker import serve
serve(start)
"""


@dataclass(frozen=True)
class Contender:
    """A framework: the module with its session, the packages and programs that it needs, and what
    it may be set to for a workload; nothing if that is not its kind.
    """

    name: str
    module: str
    needs: tuple[str, ...]
    settings: Callable[[Workload], list[Setting]]
    program: str = ""

    @property
    def installed(self) -> bool:
        program = not self.program or which(self.program) is not None
        return program and all(find_spec(name) is not None for name in self.needs)


def _threads() -> list[int]:
    """One thread, and all."""
    return sorted({1, engine.threads})


def _eager(workload: Workload) -> list[Setting]:
    if workload.batch:  # It has no loop over steps.
        return []
    orders = (False, True) if workload.images else (False,)
    return [{"threads": n, "channels_last": order} for n in _threads() for order in orders]


def _compiled(workload: Workload) -> list[Setting]:
    """Compiling takes long, so of images only the order is tried that suits compiled code."""
    if workload.batch:
        return []
    threads = [engine.threads] if workload.images else _threads()
    return [{"threads": n, "channels_last": workload.images, "compile": True} for n in threads]


def _xla(workload: Workload) -> list[Setting]:
    settings: list[Setting] = [{"at_once": False}, {"at_once": True}]
    if workload.network == "lstm":
        settings.append({"at_once": True, "unroll": 8})
    return settings


def _exported(workload: Workload) -> list[Setting]:
    """Networks are exported as they were trained: in float32."""
    known = not (workload.trains or workload.mixed)
    return [{"threads": n} for n in _threads()] if known else []


OURS = Contender("chainrule", "chainrule.bench.ours", (), lambda workload: [{}])
_PYTORCH, _ONNX = "chainrule.bench.peers.pytorch", "chainrule.bench.peers.onnx_runtime"
_PEERS = (
    Contender("torch", _PYTORCH, ("torch",), _eager),
    Contender("torch.compile", _PYTORCH, ("torch",), _compiled, os.environ.get("CXX", "g++")),
    Contender("jax", "chainrule.bench.peers.xla", ("jax", "optax"), _xla),
    Contender("onnxruntime", _ONNX, ("torch", "onnxscript", "onnxruntime"), _exported),
)
PEERS = {contender.name: contender for contender in _PEERS}


def find_peers(names: Iterable[str] | None) -> list[Contender]:
    """The peers of these names, for None all that are installed. Raises ArgumentError."""
    if names is None:
        return [contender for contender in PEERS.values() if contender.installed]
    found = []
    for name in names:
        if name not in PEERS:
            raise ArgumentError(
                "bench", f"there is no peer '{name}'", f"there are {', '.join(PEERS)}", "name these"
            )
        if not PEERS[name].installed:
            needs = " ".join((*PEERS[name].needs, PEERS[name].program)).strip()
            raise ArgumentError(
                "bench", f"{name} is not installed", f"it needs {needs}", "install these"
            )
        found.append(PEERS[name])
    return found


class Broken(ChainruleError):
    """A contender could not run a workload."""


class Process:
    """A contender at work on one workload with one setting; a context, which ends it.

    `folder` keeps its caches, its weights and what it prints.
    """

    def __init__(self, contender: Contender, setting: Setting, folder: Path) -> None:
        self.contender, self.setting = contender, setting
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        caches = {name: str(folder / "cache") for name in ("CHAINRULE_CACHE", *_CACHES)}
        threads = {name: str(setting.get("threads", engine.threads)) for name in _THREADS}
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE],
                env={**os.environ, **caches, **threads},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, do: str, **request: Any) -> Any:
        """The answer to a request. Raises Broken, with its last words, if the process has died."""
        try:
            print(json.dumps({"do": do, **request}), file=self._pipe(0), flush=True)
            answer = self._pipe(1).readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            words = self.log.read_text(encoding="utf-8").strip().splitlines() or ["no message"]
            raise Broken("bench", f"{self.contender.name} ended", words[-1])
        return json.loads(answer)

    def _pipe(self, number: int) -> IO[str]:
        pipe = (self.process.stdin, self.process.stdout)[number]
        assert pipe is not None
        return pipe

    def close(self) -> None:
        """Let it end by itself: its input is over."""
        for number in range(2):
            self._pipe(number).close()
        self.process.wait()


_CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

"""What this process holds in physical memory, as the system counts it; 0 where it does not tell."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path


def allocated() -> int:
    """Bytes that the process allocated and has touched: without code, which lies in files."""
    return _status().get("RssAnon", 0)


def most_allocated() -> int:
    """The most since `forget_peak`; files that were loaded meanwhile do not count."""
    now = _status()
    return now.get("VmHWM", 0) - now.get("RssFile", 0) - now.get("RssShmem", 0)


def forget_peak() -> None:
    """Give back what is not used any more, so that the peak from now on is that of the steps."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except (AttributeError, OSError):
        pass


def _status() -> dict[str, int]:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    found = [line.split() for line in lines if line.endswith(" kB")]
    return {name.rstrip(":"): int(size) << 10 for name, size, _ in found}

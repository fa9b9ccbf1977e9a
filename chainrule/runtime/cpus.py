"""The processors of this process: how many threads it may use, by environment, affinity mask and
cgroup limits, and what caches they have.
"""

import os
from pathlib import Path

from chainrule.errors import ArgumentError
from chainrule.ir.machine import Level


def default_threads(root: Path = Path("/")) -> int:
    """`CHAINRULE_THREADS` if set, else the cores that this process can really have."""
    wish = os.environ.get("CHAINRULE_THREADS")
    if wish is None:
        return max(1, min(_affinity(), _cgroup_limit(root)))
    if not wish.isdecimal() or int(wish) < 1:
        raise ArgumentError(
            "CHAINRULE_THREADS", f"'{wish}' is not a number of threads", instead="set 1 or more"
        )
    return int(wish)


def caches(root: Path = Path("/")) -> tuple[Level, ...]:
    """Caches of data from the nearest on; nothing where the system does not tell."""
    found = []
    for folder in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, number, size, cores = [
            _read(folder / name).strip() for name in ("type", "level", "size", "shared_cpu_list")
        ]
        if kind in ("Data", "Unified"):
            found.append(Level(f"L{number}", int(size.rstrip("K")) << 10, not cores.isdecimal()))
    return tuple(found)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_limit(root: Path) -> int:
    """The tightest limit on the way from this process's group to the root, rounded up."""
    limits = [_quota(group) for group in _cgroups(root)]
    return min((-(-quota // period) for quota, period in limits if quota > 0), default=1 << 16)


def _cgroups(root: Path):
    """Folders of version 2, and of the cpu controller of version 1, that this process is under."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mount = {"": "", "cpu": "cpu", "cpu,cpuacct": "cpu,cpuacct"}.get(controllers)
        if mount is not None:
            base = root / "sys/fs/cgroup" / mount
            group = base / path.lstrip("/")
            yield from (f for f in (group, *group.parents) if f.is_relative_to(base))


def _quota(group: Path) -> tuple[int, int]:
    """Microseconds of processor time in each period; a quota of 0 or less is no limit."""
    both = _read(group / "cpu.max").split()
    if not both:
        both = [_read(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    try:
        return int(both[0]), int(both[1])
    except ValueError:  # "max", or no such file
        return 0, 1


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

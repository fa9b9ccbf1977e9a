"""The default number of threads, against made-up cgroup folders."""

import os

import pytest

from chainrule.errors import ArgumentError
from chainrule.runtime.cpus import caches, default_threads

CPUS = 64


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(CPUS)), raising=False)


def root(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


V1 = "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, CPUS),
        ({"proc/self/cgroup": "0::/\n"}, CPUS),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "20000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, CPUS),
        (
            {  # the limit of an outer group counts
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/x\n0::/\n",
                f"{V1}/x/cpu.cfs_quota_us": "400000\n",
                f"{V1}/x/cpu.cfs_period_us": "100000\n",
                f"{V1}/cpu.cfs_quota_us": "-1\n",
                f"{V1}/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {  # a container sees its own group as the root, under the name it has outside
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/0123\n",
                f"{V1}/cpu.cfs_quota_us": "500000\n",
                f"{V1}/cpu.cfs_period_us": "100000\n",
            },
            5,
        ),
    ],
)
def test_cgroup_limits(tmp_path, files, expected):
    assert default_threads(root(tmp_path, files)) == expected


def test_the_environment_decides(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_THREADS", "3")
    assert default_threads(tmp_path) == 3


@pytest.mark.parametrize("wish", ["0", "-1", "two", ""])
def test_a_senseless_wish_is_an_error(monkeypatch, wish):
    monkeypatch.setenv("CHAINRULE_THREADS", wish)
    with pytest.raises(ArgumentError, match=r"^\[CHAINRULE_THREADS\] .*; set 1 or more$"):
        default_threads()


def test_caches_are_those_of_the_system(tmp_path):
    rows = [("Data", 1, "48K", "0"), ("Instruction", 1, "32K", "0"), ("Unified", 3, "8192K", "0-3")]
    for number, row in enumerate(rows):
        folder = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{number}"
        folder.mkdir(parents=True)
        for name, value in zip(("type", "level", "size", "shared_cpu_list"), row, strict=True):
            (folder / name).write_text(f"{value}\n")
    near, far = caches(tmp_path)
    assert near == ("L1", 48 << 10, False) and far == ("L3", 8 << 20, True)
    assert near.of(2) == 96 << 10 and far.of(2) == 8 << 20
    assert caches(tmp_path / "elsewhere") == ()

"""The cache on disk: what was stored comes back, anything else is a miss and never an error."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from chainrule.runtime.cache import Cache, default_folder, key

KEY = key("program", b"code")
CODE = bytes(range(256)) * 8
FACTS = {"kernels": 3, "names": ["a", "b"]}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def entry(cache):
    cache.store(KEY, CODE, FACTS)
    (path,) = cache._folder.iterdir()
    return path


def test_an_entry_comes_back(cache):
    assert cache.load(KEY) is None
    cache.store(KEY, CODE, FACTS)
    assert cache.load(KEY) == (CODE, FACTS)
    assert Cache(cache._folder).load(KEY) == (CODE, FACTS)
    cache.store(KEY, b"", {})
    assert cache.load(KEY) == (b"", {})


def test_only_the_user_can_read_it(cache):
    path = entry(cache)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_parts_of_a_key_do_not_run_together():
    keys = {key("ab", "c"), key("a", "bc"), key("abc"), key("abc", ""), key("", "abc")}
    assert len(keys) == 5
    assert key("ab") == key(b"ab")


@pytest.mark.parametrize("position", [0, 20, 40, 55, 60, 100, -1])
def test_a_flipped_byte_is_a_miss_until_stored_again(cache, position):
    path = entry(cache)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert cache.load(KEY) is None
    cache.store(KEY, CODE, FACTS)
    assert cache.load(KEY) == (CODE, FACTS)


@pytest.mark.parametrize("size", [0, 10, 51, 58, 59, 100, -1])
def test_a_truncated_entry_is_a_miss(cache, size):
    path = entry(cache)
    path.write_bytes(path.read_bytes()[:size])
    assert cache.load(KEY) is None


def test_an_entry_under_another_name_is_a_miss(cache):
    path = entry(cache)
    other = key("other")
    path.rename(path.with_name(other + path.suffix))
    assert cache.load(other) is None


def test_a_folder_in_the_place_of_an_entry_is_a_miss(cache):
    path = entry(cache)
    path.unlink()
    path.mkdir()
    assert cache.load(KEY) is None
    cache.store(KEY, CODE, FACTS)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_others_can_write_to_is_refused_once(tmp_path, mode):
    tmp_path.chmod(mode)
    cache = Cache(tmp_path)
    with pytest.warns(UserWarning, match=r"^\[cache\] .* is not used; other users .*`chmod 700`"):
        assert cache.load(KEY) is None
    cache.store(KEY, CODE, FACTS)  # says nothing more
    assert not list(tmp_path.iterdir())


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.warns(UserWarning, match="other users"):
        assert Cache(tmp_path).load(KEY) is None


def test_an_impossible_folder_is_no_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    cache = Cache(file / "cache")
    cache.store(KEY, CODE, FACTS)
    assert cache.load(KEY) is None


def test_a_full_or_read_only_disk_is_no_error(cache, monkeypatch):
    cache.store(KEY, CODE, FACTS)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    cache.store(key("next"), CODE, FACTS)
    assert len(list(cache._folder.iterdir())) == 1  # no temporary file stays
    assert cache.load(KEY) == (CODE, FACTS)


def test_the_entry_used_longest_ago_is_evicted(tmp_path):
    cache = Cache(tmp_path / "cache", limit=5 * 3000)
    keys = [key(str(i)) for i in range(6)]
    for i, name in enumerate(keys[:5]):
        cache.store(name, CODE, FACTS)
        os.utime(next(cache._folder.glob(name + "*")), (i, i))
    assert cache.load(keys[0])  # now the youngest
    cache._limit = 5 * 2200
    cache.store(keys[5], CODE, FACTS)
    assert [cache.load(k) is not None for k in keys] == [True, False, False, True, True, True]


def test_files_of_dead_processes_are_removed(cache):
    entry(cache)
    old, new = cache._folder / "old.new", cache._folder / "young.new"
    for path in (old, new):
        path.write_text("")
    os.utime(old, (0, 0))
    cache.store(key("next"), CODE, FACTS)
    assert not old.exists()
    assert new.exists()


SHARE = """
import sys
from pathlib import Path
from chainrule.runtime.cache import Cache, key
cache = Cache(Path(sys.argv[1]), limit=20_000)
for i in range(200):
    name, entry = key(str(i % 12)), (bytes(1000) * (i % 12), {"i": i % 12})
    cache.store(name, *entry)
    assert cache.load(name) in (None, entry)
"""


def test_processes_share_a_folder(tmp_path):
    command = [sys.executable, "-c", SHARE, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    processes = [subprocess.Popen(command, cwd=root) for _ in range(2)]
    assert [process.wait(timeout=30) for process in processes] == [0, 0]


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAINRULE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "chainrule"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_folder() == Path("/elsewhere/chainrule")
    monkeypatch.setenv("CHAINRULE_CACHE", "~/mine")
    assert default_folder() == tmp_path / "mine"
    monkeypatch.setenv("CHAINRULE_CACHE", "off")
    assert default_folder() is None


def test_without_a_folder_nothing_is_kept():
    cache = Cache(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store(KEY, CODE, FACTS)
        assert cache.load(KEY) is None

"""Keeps compiled objects on disk: receives code and facts from `jit`, hands them to later ones.

An entry is executed after it has been read, so nothing is trusted: the folder must be private, and
an entry whose checksum does not cover its key, facts and code is a miss that the next store mends.
"""

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
import warnings
from pathlib import Path

_MAGIC = b"chainrule object 1\n"
_HEAD = len(_MAGIC) + 32 + 8  # magic, SHA-256, length of the facts
_SUFFIX = ".object"
_ABANDONED = 3600.0  # seconds after which a temporary file belongs to a process that died


def key(*parts: bytes | str) -> str:
    """The name of an entry: a hash of all that decides what the object does."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def default_folder() -> Path | None:
    """`CHAINRULE_CACHE` (`off`: none), else the user's cache folder, if there is one."""
    wish = os.environ.get("CHAINRULE_CACHE")
    if wish:
        return None if wish == "off" else Path(wish).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "chainrule"
    except RuntimeError:  # no home
        return None


class Cache:
    """Entries in `folder`, at most `limit` bytes of them; any number of processes may share it.

    Whatever is wrong with the disk is a miss or a store that does nothing, never an error.
    """

    def __init__(self, folder: Path | None, limit: int = 512 << 20):
        self._folder = folder
        self._limit = limit
        self._checked = False

    def load(self, key: str) -> tuple[bytes, dict] | None:
        """The object and its facts, if an intact entry is there."""
        folder = self._private_folder()
        if folder is None:
            return None
        path = folder / (key + _SUFFIX)
        try:
            entry = _decode(key, path.read_bytes())
            os.utime(path)  # the oldest are evicted first
        except (OSError, ValueError):
            return None
        return entry

    def store(self, key: str, code: bytes, facts: dict) -> None:
        """Add or replace an entry, at one stroke for every reader."""
        folder = self._private_folder()
        if folder is None:
            return
        with contextlib.suppress(OSError):
            _write(folder / (key + _SUFFIX), _encode(key, code, facts))
            _evict(folder, self._limit)

    def _private_folder(self) -> Path | None:
        if not self._checked:
            self._checked = True
            if self._folder is not None and not _make_private(self._folder):
                self._folder = None
        return self._folder


def _make_private(folder: Path) -> bool:
    """Create the folder for this user alone; False if others could write code into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return False
    others = stat.S_IWGRP | stat.S_IWOTH
    if not hasattr(os, "geteuid") or (
        status.st_uid == os.geteuid() and not status.st_mode & others
    ):
        return True
    warnings.warn(
        f"[cache] {folder} is not used; other users can write to it; run `chmod 700` on it as its"
        " owner, or set CHAINRULE_CACHE to a folder of your own",
        stacklevel=2,
    )
    return False


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + body).digest()


def _encode(key: str, code: bytes, facts: dict) -> bytes:
    text = json.dumps(facts).encode()
    body = len(text).to_bytes(8, "little") + text + code
    return _MAGIC + _checksum(key, body) + body


def _decode(key: str, data: bytes) -> tuple[bytes, dict]:
    """The parts of an entry; ValueError if it is not what `_encode` made for this key."""
    body = data[_HEAD - 8 :]
    if data[: _HEAD - 8] != _MAGIC + _checksum(key, body):
        raise ValueError("damaged or foreign entry")
    end = 8 + int.from_bytes(body[:8], "little")
    return body[end:], json.loads(body[8:end])


def _write(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _evict(folder: Path, limit: int) -> None:
    """Remove the entries used longest ago until a tenth of the limit is free, if it is exceeded."""
    entries = []
    for file in os.scandir(folder):
        with contextlib.suppress(OSError):
            status = file.stat(follow_symlinks=False)
            if file.name.endswith(_SUFFIX):
                entries.append((status.st_mtime_ns, status.st_size, file.path))
            elif file.name.endswith(".new") and status.st_mtime < time.time() - _ABANDONED:
                os.unlink(file.path)
    total = sum(size for _, size, _ in entries)
    if total <= limit:
        return
    for _, size, path in sorted(entries):
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
        if total <= 0.9 * limit:
            return

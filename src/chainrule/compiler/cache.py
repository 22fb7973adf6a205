"""Object files, and what is known of their steps, kept from run to run: found by what went into them, checked
before they are used.

NOTE [Trust] What lies here is machine code. So the folder and the files must belong to this user and be
writable to nobody else, and each file carries its key and the hash of its contents: whatever does not fit is
removed and compiled anew, never executed. Files are written under another name and then renamed, so readers
see all of a file or none of it. A folder that cannot be used costs time, nothing else.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .target import Target

GENERATOR = 1  # counts up whenever the same text comes to mean other code
LIMIT = 256 << 20
_SELDOM = 64  # files written, on average, between two looks at all of them
_MAGIC = b"chainrul"
_HEADER = struct.Struct("<8sQ32s32sQ")  # magic, version, key, hash of the contents, their length
_VERSION = 1
_SUFFIX, _PARTIAL = ".object", ".partial"
_OFF = ("0", "off")


class Contents(NamedTuple):
    """What the cache holds: `folder` is None where there is none."""

    folder: Path | None
    entries: int
    bytes: int


def folder() -> Path | None:
    """Where the cache is: CHAINRULE_CACHE, or `chainrule` in the user's cache folder; None if it is off."""
    asked = os.environ.get("CHAINRULE_CACHE", "")
    if asked.lower() in _OFF:
        return None
    if asked:
        return Path(asked)
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home
        return None
    return base / "chainrule"


def _own(status: os.stat_result) -> bool:
    """Whether it belongs to this user and nobody else can write to it: NOTE [Trust]."""
    if not hasattr(os, "getuid"):
        return True  # Windows: the user's folder is closed to others by its access list
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _usable(place: Path | None, *, make: bool = False) -> Path | None:
    """The folder, if code from it may be executed."""
    if place is None:
        return None
    try:
        if make:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(place)
    except OSError:
        return None
    return place if stat.S_ISDIR(status.st_mode) and _own(status) else None


@cache
def versions() -> str:
    """What an object file depends on besides its text and target."""
    import llvmlite
    import llvmlite.binding as llvm

    from .. import __version__

    compiler = ".".join(map(str, llvm.llvm_version_info))
    return "\0".join(
        (compiler, llvmlite.__version__, __version__, str(GENERATOR), sys.implementation.cache_tag or "")
    )


def key_of(text: str, target: Target) -> bytes:
    """What an object file is found by: the hash of all that decides what is in it."""
    parts = (versions(), target.triple, target.cpu, target.features, text)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def cached_object(text: str, target: Target) -> bytes:
    """The object file of a module's text, from the cache or compiled and put there.

    The text must hold no addresses: they differ from run to run.
    """
    from .engine import object_code

    if folder() is None:
        return object_code(text, target)
    key = key_of(text, target)
    code = read(key)
    if code is None:
        code = object_code(text, target)
        write(key, code)
    return code


def read(key: bytes) -> bytes | None:
    """The contents kept under a key; None without them. Files that do not fit are removed."""
    place = folder()
    if place is None or _usable(place) is None:
        return None
    path = place / (key.hex() + _SUFFIX)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    try:
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            data = file.read() if stat.S_ISREG(status.st_mode) and _own(status) else b""
    except OSError:
        return None
    code = _contents(data, key)
    if code is None:
        _remove(path)
        return None
    try:
        os.utime(path)  # used now: NOTE [Least recently used]
    except OSError:
        pass
    return code


def _contents(data: bytes, key: bytes) -> bytes | None:
    if len(data) < _HEADER.size:
        return None
    magic, version, held, digest, length = _HEADER.unpack_from(data)
    code = data[_HEADER.size :]
    fits = (magic, version, held, length) == (_MAGIC, _VERSION, key, len(code))
    return code if fits and hashlib.sha256(code).digest() == digest else None


def write(key: bytes, code: bytes) -> None:
    """Keep contents under a key, if that can be done."""
    place = folder()
    if place is None or _usable(place, make=True) is None:
        return
    header = _HEADER.pack(_MAGIC, _VERSION, key, hashlib.sha256(code).digest(), len(code))
    name = ""
    try:
        handle, name = tempfile.mkstemp(_PARTIAL, dir=place)  # readable to this user alone
        with open(handle, "wb") as file:
            file.write(header)
            file.write(code)
        os.replace(name, place / (key.hex() + _SUFFIX))
    except OSError:  # a full or read-only disk
        _remove(name)
        return
    if key[0] % _SELDOM == 0:  # looking at thousands of files takes longer than compiling a step
        _evict(place)


def _remove(path: str | Path) -> bool:
    """Whether the file could be removed."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _files(place: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The cache's own files, finished or not; nothing else in the folder is looked at."""
    try:
        with os.scandir(place) as found:
            for entry in found:
                if entry.name.endswith((_SUFFIX, _PARTIAL)):
                    try:
                        yield entry.path, entry.stat(follow_symlinks=False)
                    except OSError:  # another process was quicker
                        pass
    except OSError:
        return


def _evict(place: Path) -> None:
    """Remove files, the one unused for longest first, until what is left is within LIMIT.

    NOTE [Least recently used] A file's time of change is the time of its last use.
    """
    files = list(_files(place))
    total = sum(status.st_size for _, status in files)
    if total <= LIMIT:
        return
    for path, status in sorted(files, key=lambda each: each[1].st_mtime_ns):
        _remove(path)
        total -= status.st_size
        if total <= LIMIT:
            return


def contents() -> Contents:
    """What the cache holds now."""
    place = folder()
    sizes = [status.st_size for _, status in _files(place)] if place is not None else []
    return Contents(place, len(sizes), sum(sizes))


def clear() -> Contents:
    """Remove what the cache holds; what could be removed."""
    place = folder()
    found = list(_files(place)) if place is not None else []
    sizes = [status.st_size for path, status in found if _remove(path)]
    return Contents(place, len(sizes), sum(sizes))

"""PyTorch's format before version 1.6: a row of pickles, then the storages one after the other."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .storages import Storage, StorageType

__all__ = ["load_legacy"]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

Load = Callable[[Any, Callable[[Any], Any]], Any]


class _Bounded:
    """A file that never reads for more than is left of it, whatever length it is asked for."""

    def __init__(self, file: Any) -> None:
        self._file = file
        here = file.tell()
        self.end = file.seek(0, 2)
        file.seek(here)
        self.readline = file.readline
        self.readinto = getattr(file, "readinto", None)

    def left(self) -> int:
        return int(self.end - self._file.tell())

    def read(self, count: int = -1) -> bytes:
        left = self.left()
        return self._file.read(left if count < 0 else min(count, left))


def load_legacy(file: Any, load_one: Load) -> Any:
    """Read such a file; `load_one(file, storage)` reads one pickle.

    Raises UnpicklingError or RuntimeError for anything else.
    """
    start = file.tell()
    _refuse_tar(file, start)
    source = _Bounded(file)
    if load_one(source, _no_storage) != _MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = load_one(source, _no_storage)
    if version != _PROTOCOL:
        raise RuntimeError(f"Invalid protocol version: {version!r:.50}")
    system = load_one(source, _no_storage)
    little = bool(system.get("little_endian", True)) if isinstance(system, dict) else True
    storages: dict[str, Storage] = {}
    views: dict[str, Storage] = {}
    promised = 0

    def storage(saved: tuple[Any, ...]) -> Storage:
        nonlocal promised
        kind, key, _, count, view = _checked(saved)
        if key not in storages:
            promised += count * kind.dtype.itemsize
            if promised > source.left():
                raise RuntimeError(
                    f"the file is cut off: it declares storages of {promised} bytes, but {source.left()} are "
                    "left"
                )
            storages[key] = Storage(np.zeros(count, kind.dtype.np), kind)
        root = storages[key]
        if view is None:
            return root
        view_key, offset, size = view
        if not 0 <= offset <= offset + size <= len(root):
            raise RuntimeError("the file is corrupt: a view reaches beyond its storage")
        return views.setdefault(view_key, Storage(root.array[offset : offset + size], root.type))

    result = load_one(source, storage)
    keys = load_one(source, _no_storage)
    for key in keys if isinstance(keys, list) else ():
        if key not in storages:
            raise RuntimeError(f"the file is corrupt: storage {key!r:.50} belongs to no tensor")
        _fill(source, storages[key].array, little)
    return result


def _refuse_tar(file: Any, start: int) -> None:
    head = file.read(512)
    file.seek(start)
    if head[257:262] == b"ustar":
        raise RuntimeError(
            "this file is in the .tar format of PyTorch before 0.2, which is not read: load it with an old "
            "PyTorch and save it again"
        )


def _no_storage(saved: Any) -> Any:
    raise pickle.UnpicklingError("unsupported persistent id encountered")


def _checked(saved: tuple[Any, ...]) -> Any:
    if len(saved) != 6:
        raise pickle.UnpicklingError(f"a storage is described by 6 values, got {len(saved)}")
    _, kind, key, location, count, view = saved
    sizes = (count,) if view is None else (count, *view[1:])
    if not isinstance(kind, StorageType) or any(type(n) is not int or not 0 <= n < 2**60 for n in sizes):
        raise pickle.UnpicklingError("the description of a storage is corrupt")
    return kind, key, location, count, view


def _fill(source: _Bounded, array: np.ndarray[Any, Any], little: bool) -> None:
    """Read a storage's number of elements, then its bytes."""
    head, data = source.read(8), b""
    if len(head) == 8 and struct.unpack("<q" if little else ">q", head)[0] == len(array):
        data = source.read(array.nbytes)
    if len(head) != 8 or len(data) != array.nbytes:
        raise RuntimeError("the file is corrupt: it is cut off, or a storage has not the size it declares")
    array.view(np.uint8)[:] = np.frombuffer(data, np.uint8)
    if little != (sys.byteorder == "little"):
        array.byteswap(inplace=True)

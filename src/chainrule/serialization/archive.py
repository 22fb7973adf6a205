"""The zip archive that PyTorch's files are: stored entries below one folder, each aligned to 64 bytes."""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np

__all__ = ["ArchiveReader", "ArchiveWriter"]

_FOLDER = "archive"
_ALIGNMENT = 64
_LARGE = 1 << 30  # from here on sizes get 64 bits, with 20 bytes more in the entry's header
_LOCAL = struct.Struct("<4s5H3I2H")
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError,
    NotImplementedError, IndexError, UnicodeDecodeError,
)  # fmt: skip


class ArchiveWriter:
    """Writes one archive's records, in the order and with the padding that PyTorch's reader maps from."""

    def __init__(self, file: Any) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            self._zip.close()
        elif self._zip.fp is not None:
            self._zip.fp = None  # broken off: there is nothing to complete

    def write(self, name: str, data: Any) -> None:
        """Add a record of bytes, or of anything with a flat buffer of bytes."""
        size = len(data)
        info = zipfile.ZipInfo(f"{_FOLDER}/{name}")
        info.file_size = size
        large = size >= _LARGE
        fixed = self._zip.start_dir + _LOCAL.size + len(info.filename) + 4 + (20 if large else 0)
        padding = -fixed % _ALIGNMENT
        info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        with self._zip.open(info, "w", force_zip64=large) as entry:
            entry.write(data)

    def write_all(self, pickled: bytes, storages: list[np.ndarray[Any, Any]]) -> None:
        """Add the records of a checkpoint: the pickle, what describes the format, the storages by number."""
        self.write("data.pkl", pickled)
        self.write(".format_version", b"1")
        self.write(".storage_alignment", str(_ALIGNMENT).encode())
        self.write("byteorder", sys.byteorder.encode())
        for key, storage in enumerate(storages):
            self.write(f"data/{key}", storage.view(np.uint8).data)
        self.write("version", b"3\n")


class ArchiveReader:
    """Reads records; RuntimeError for an archive that is damaged, compressed or not a checkpoint."""

    def __init__(self, file: BinaryIO, mapped: str | None = None) -> None:
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
            entries = self._zip.infolist()
            end = file.seek(0, 2)
        except _DAMAGE as error:
            raise RuntimeError(
                f"PytorchStreamReader failed reading zip archive: {error}: the file is damaged or was cut off"
            ) from None
        self._entries = {entry.filename: entry for entry in entries}
        if sum(entry.compress_size for entry in entries) > end:
            raise RuntimeError("PytorchStreamReader failed reading zip archive: its entries overlap")
        self._folder = entries[0].filename.partition("/")[0] if entries else ""
        self._map: Any = None
        if mapped is not None:
            import mmap  # here: not every platform has it

            with open(mapped, "rb") as source:
                self._map = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_COPY)

    def __contains__(self, name: str) -> bool:
        return f"{self._folder}/{name}" in self._entries

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self._entries.get(f"{self._folder}/{name}")
        if entry is None:
            raise RuntimeError(
                f"PytorchStreamReader failed locating file {name}: file not found in an archive of "
                f"{len(self._entries)} entries: this is no checkpoint, or not a whole one"
            )
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise RuntimeError(
                f"PytorchStreamReader failed reading file {name}: it is compressed, and checkpoints are not"
            )
        return entry

    def read(self, name: str) -> bytes:
        """The bytes of a small record."""
        entry = self._entry(name)
        try:
            return self._zip.read(entry)
        except (*_DAMAGE, RuntimeError) as error:
            raise RuntimeError(f"PytorchStreamReader failed reading file {name}: {error}") from None

    def array(self, name: str, nbytes: int) -> np.ndarray[Any, Any]:
        """A record of `nbytes` bytes as an array of bytes that may be written to."""
        entry = self._entry(name)
        if entry.file_size != nbytes:
            raise RuntimeError(
                f"PytorchStreamReader failed reading file {name}: it has {entry.file_size} bytes where the "
                f"pickle declares {nbytes}: the file is corrupt"
            )
        try:
            if self._map is not None:
                return np.frombuffer(self._map, np.uint8, nbytes, self._offset(entry))
            out = np.empty(nbytes, np.uint8)
            with self._zip.open(entry) as source:
                got = _read_into(source, out.data)
        except (*_DAMAGE, RuntimeError) as error:
            raise RuntimeError(f"PytorchStreamReader failed reading file {name}: {error}") from None
        if got != nbytes:
            raise RuntimeError(f"PytorchStreamReader failed reading file {name}: it ends after {got} bytes")
        return out

    def _offset(self, entry: zipfile.ZipInfo) -> int:
        """Where the data of an entry begin."""
        header = _LOCAL.unpack_from(self._map, entry.header_offset)
        if header[0] != b"PK\x03\x04":
            raise zipfile.BadZipFile("bad magic number for file header")
        return entry.header_offset + _LOCAL.size + int(header[9]) + int(header[10])


def _read_into(source: Any, out: memoryview) -> int:
    got = 0
    while got < len(out):
        part = source.read(min(len(out) - got, 1 << 24))
        if not part:
            break
        out[got : got + len(part)] = part
        got += len(part)
    return got

"""TensorBoard event files: TFRecords of protobuf messages, written here byte by byte.

NOTE [Records] A record is its length (8 bytes), the masked CRC-32C of these, the data, their masked CRC-32C
(https://www.tensorflow.org/tutorials/load_data/tfrecord). The data are a message Event of TensorBoard's
event.proto: wall_time = 1 (double), step = 2 (int64), file_version = 3 (text) in the first record, and
summary = 5 in the others: values = 1, each with tag = 1 (text) and simple_value = 2 (float).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import write_file
from .problem import system_problem

__all__ = ["write_events"]


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as TFRecord wants it, so that a CRC of CRCs is sound.

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _text(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def _event(wall: float, step: int, figures: Mapping[str, float]) -> bytes:
    """One row of figures as an Event."""
    values = [
        _text(1, _text(1, name.encode()) + b"\x15" + np.float32(value).tobytes())
        for name, value in figures.items()
    ]
    step &= (1 << 64) - 1  # a negative number is written as its two's complement
    return b"\x09" + struct.pack("<d", wall) + b"\x10" + _varint(step) + _text(5, b"".join(values))


def write_events(folder: Any, rows: Sequence[Mapping[str, float]]) -> Path:
    """Write rows of figures, each with its "epoch" as the step, to a new event file in the folder.

    The last row is dated now, earlier ones by their "time" in seconds since the start. Raises InputError
    where the folder cannot be made or written.
    """
    now = time.time()
    start = now - (rows[-1].get("time", 0.0) if rows else 0.0)
    parts = [_record(b"\x09" + struct.pack("<d", start) + _text(3, b"brain.Event:2"))]
    for row in rows:
        figures = {name: value for name, value in row.items() if name not in ("epoch", "time")}
        parts.append(_record(_event(start + row.get("time", 0.0), int(row["epoch"]), figures)))
    path = _new_path(folder, int(start))
    write_file(path, b"".join(parts))
    return path


def _new_path(folder: Any, seconds: int) -> Path:
    """A name of the form that TensorBoard looks for, which no file in the folder has yet."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise system_problem(f"cannot make the folder {os.fspath(folder)}", error, file=folder) from None
    number = 0
    while True:
        name = f"events.out.tfevents.{seconds:010d}.{socket.gethostname()}.{os.getpid()}.{number}"
        path = Path(folder, name)
        if not path.exists():
            return path
        number += 1

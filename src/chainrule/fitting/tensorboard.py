"""TensorBoard event files: TFRecords of protobuf messages, written here byte by byte."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .atomic import write_file

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
    '0xc9a0b7e4'
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
    """tensorflow.Event: wall_time = 1, step = 2, summary = 5 of values (tag = 1, simple_value = 2)."""
    values = (
        _text(1, _text(1, name.encode()) + b"\x15" + struct.pack("<f", value))
        for name, value in figures.items()
    )
    return b"\x09" + struct.pack("<d", wall) + b"\x10" + _varint(step) + _text(5, b"".join(values))


def write_events(folder: Any, rows: Iterable[Mapping[str, float]]) -> Path:
    """Write rows of figures, each with its "epoch" as the step, to a new event file in the folder."""
    now = time.time()
    parts = [_record(b"\x09" + struct.pack("<d", now) + _text(3, b"brain.Event:2"))]
    for row in rows:
        figures = {name: value for name, value in row.items() if name != "epoch"}
        parts.append(_record(_event(now + row.get("time", 0.0), int(row["epoch"]), figures)))
    os.makedirs(folder, exist_ok=True)
    path = Path(folder) / f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}"
    write_file(path, b"".join(parts))
    return path

"""Arrays as small pictures: purple below zero, green above, clear at zero; on light and dark ground alike."""

from __future__ import annotations

import zlib
from base64 import b64encode
from html import escape
from typing import Any

import numpy as np

from ..pages import number
from ..words import word

MOST = 24  # rows and columns
_LEVELS = 15  # of each sign
_BELOW, _ABOVE, _BAD = (150, 70, 190), (20, 150, 95), (128, 128, 128)


def _palette() -> tuple[bytes, bytes]:
    colours, clear = bytearray(), bytearray()
    for level in range(-_LEVELS, _LEVELS + 1):
        colours += bytes(_BELOW if level < 0 else _ABOVE)
        clear.append(round(255 * abs(level) / _LEVELS))
    return bytes(colours) + bytes(_BAD), bytes(clear) + b"\xff"


_COLOURS, _CLEAR = _palette()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(cells: np.ndarray[Any, Any]) -> bytes:
    """A picture of a matrix, one pixel a number.

    >>> png(np.array([[-1.0, 0.0, 1.0]]))[:4]
    b'\\x89PNG'
    """
    a = np.asarray(cells, np.float64)
    good = np.isfinite(a)
    most = float(np.abs(a[good]).max()) if good.any() else 0.0
    scaled = np.where(good, a, 0.0) / (most or 1.0)
    level = np.sign(scaled) * np.ceil(np.abs(scaled) * _LEVELS)  # what is not zero is never clear
    index = np.where(good, level + _LEVELS, 2 * _LEVELS + 1).astype(np.uint8)
    rows, columns = index.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), index], axis=1).tobytes()
    size = columns.to_bytes(4, "big") + rows.to_bytes(4, "big")
    head = _chunk(b"IHDR", size + bytes([8, 3, 0, 0, 0]))
    body = _chunk(b"PLTE", _COLOURS) + _chunk(b"tRNS", _CLEAR) + _chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + head + body + _chunk(b"IEND", b"")


def cells_of(array: Any) -> tuple[np.ndarray[Any, Any], bool]:
    """At most MOST × MOST of its numbers, evenly chosen, as a matrix; and whether some are left out.

    >>> cells_of(np.zeros((2, 3, 100)))[0].shape
    (6, 24)
    """
    a = np.asarray(array)
    a = np.abs(a) if a.dtype.kind == "c" else a.astype(np.float64)
    a = a.reshape(-1, a.shape[-1]) if a.ndim > 1 else a.reshape(1, -1)
    picked = [np.linspace(0, n - 1, min(n, MOST)).astype(int) for n in a.shape]
    return a[np.ix_(*picked)], max(a.shape) > MOST


def spread(array: Any) -> str:
    """Smallest and largest, as text."""
    a = np.asarray(array)
    a = np.abs(a) if a.dtype.kind == "c" else a
    finite = a[np.isfinite(a)] if a.dtype.kind == "f" else a
    if not finite.size:
        return "nan"
    low, high = number(finite.min().item()), number(finite.max().item())
    return (low if low == high else f"{low} … {high}").replace("-", "−")


def picture(array: Any, lang: str) -> str:
    """A number as text; an array as a picture with its range below it."""
    a = np.asarray(array)
    if not a.ndim or a.size == 1:
        return f'<span class="number">{escape(spread(a))}</span>'
    if not a.size:
        return '<span class="number">[]</span>'
    cells, sampled = cells_of(a)
    rows, columns = cells.shape
    cell = max(3, min(9, 132 // columns, 72 // rows))
    limits = spread(a)
    low, _, high = limits.partition(" … ")
    about = word("values", lang).format("×".join(map(str, a.shape)), low, high or low)
    if sampled:
        about += word("sampled", lang)
    data = b64encode(png(cells)).decode()
    text = f'alt="{escape(about)}" title="{escape(about)}"'
    size = f'width="{columns * cell}" height="{rows * cell}" loading="lazy" decoding="async"'
    image = f'<img {text} {size} src="data:image/png;base64,{data}">'
    return f'<figure class="heat">{image}<figcaption>{escape(limits)}</figcaption></figure>'

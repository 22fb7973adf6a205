"""Arrays beside a page that must not be touched: one byte too far, read or written, ends the process."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any, Literal

import numpy as np

Side = Literal["start", "end"]
_LIBC = ctypes.CDLL(None, use_errno=True)


def guarded(array: Any, side: Side) -> np.ndarray:
    """A copy of `array` whose first byte follows a guard page ("start") or whose last precedes one ("end").

    Both ends of the mapping are guarded; on the other side there is room up to a page.
    """
    array = np.ascontiguousarray(array)
    page = mmap.PAGESIZE
    room = max(-(-array.nbytes // page), 1) * page
    memory = mmap.mmap(-1, room + 2 * page)
    offset = page if side == "start" else page + room - array.nbytes
    out = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    out[...] = array
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for place in (base, base + page + room):
        if _LIBC.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(page), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    return out

"""Keep freed memory for the next training step instead of handing it back to the system.

A step allocates and frees the same large arrays (gradients, activations) again and again. glibc returns
freed blocks of that size to the system, and taking them back costs a page fault for every 4 KiB: on a
784-512-512-10 network with batch 128 this was a third of the step (7.6 ms against 5.3 ms). Two limits of the
allocator, set once, avoid it; a program that sets them itself through the environment is left alone, and
other C libraries do not have them.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_USER_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


def keep_freed_memory(limit: int = 256 << 20, largest: int = 32 << 20) -> bool:
    """Let the allocator keep up to `limit` bytes, in blocks up to `largest`; False where it was not done."""
    if sys.platform != "linux" or any(name in os.environ for name in _USER_SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(
        mallopt(_M_MMAP_THRESHOLD, largest) and mallopt(_M_TRIM_THRESHOLD, limit)
    )

"""How many threads may work for one call: NumPy's matrix products and compiled steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np


@cache
def _openblas() -> tuple[Callable[[int], Any], Callable[[], int]] | None:
    """The thread functions of the OpenBLAS that NumPy carries; None where it carries another library."""
    import ctypes
    from pathlib import Path

    folder = Path(np.__file__).parent
    for place in (folder.parent / "numpy.libs", folder / ".dylibs", folder / ".libs"):
        for path in sorted(place.glob("*openblas*")) if place.is_dir() else ():
            library = ctypes.CDLL(str(path))
            for name in (
                "scipy_openblas_{}_num_threads64_",
                "openblas_{}_num_threads64_",
                "openblas_{}_num_threads",
            ):
                if hasattr(library, name.format("set")):
                    return getattr(library, name.format("set")), getattr(library, name.format("get"))
    return None


listeners: list[Callable[[int], None]] = []  # told of every new number of threads


class _Asked:
    threads: int | None = None
    interop: int = 1


def set_num_threads(threads: int) -> None:
    """Let NumPy's matrix products and compiled steps use up to that many threads.

    A step compiled before runs on no more than these from now on.

    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    """
    if not isinstance(threads, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(threads).__name__}")
    if threads <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    blas = _openblas()
    if blas is not None:
        blas[0](threads)
    _Asked.threads = threads
    for tell in listeners:
        tell(threads)


def get_num_threads() -> int:
    """How many threads matrix products and compiled steps may use."""
    blas = _openblas()
    if blas is not None:
        return int(blas[1]())
    return _Asked.threads or os.cpu_count() or 1


def set_num_interop_threads(threads: int) -> None:
    """Remembered; operations are never run side by side."""
    _Asked.interop = threads


def get_num_interop_threads() -> int:
    """What was last set; 1 at start."""
    return _Asked.interop

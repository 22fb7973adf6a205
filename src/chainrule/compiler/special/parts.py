"""Work that threads share in equal parts, images of a batch or planes; sizes of one dimension as of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..builder import Function, Value, i64
from ..nest import share_of
from ..tiles import Index


def two(sizes: Any, missing: Any) -> Any:
    """A pair from the sizes of one or two dimensions."""
    return (*(missing,) * (2 - len(sizes)), *sizes)


def part(count: int, share: int, threads: int) -> tuple[int, int] | None:
    """Which of `count` pieces a thread takes; None if none: the first one takes all if they are too few."""
    if count < threads:
        return None if share else (0, count)
    return share * count // threads, (share + 1) * count // threads


def in_parts(f: Function, count: int, share: Any, body: Callable[[Value, Index], None]) -> None:
    """body(first, how many) for the pieces of this thread; `share` is (thread, threads) or None."""
    if share is None:
        body(i64(0), count)
        return
    thread, threads = share
    if count < threads:
        with f.when(f.compare("eq", thread, i64(0))):
            body(i64(0), count)
    elif count % threads:
        low, high = share_of(f, count, thread, threads)
        body(low, f.binary("sub", high, low))
    else:
        body(f.binary("mul", thread, i64(count // threads)), count // threads)

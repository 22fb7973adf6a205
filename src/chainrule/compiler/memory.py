"""Where intermediate values live: one arena, in which values that are never alive together share memory.

NOTE [Odd] Arrays that a kernel reads side by side are often of one size. If it is a multiple of a page, they
all begin at the same place of a page: a dozen of them do not fit a first cache of eight ways, and loads wait
for stores to other arrays, since processors compare the last twelve bits of addresses first. With an odd
number of cache lines for each, neighbours begin at different places.
"""

from __future__ import annotations

from collections.abc import Iterable

from .layout import Buffer

ALIGN = 64
_PAGE = 4096


def aligned(nbytes: int) -> int:
    """The bytes in whole cache lines."""
    return -(-nbytes // ALIGN) * ALIGN


class Life:
    """The kernels, by number, from the one that writes a buffer to the last one that reads it."""

    __slots__ = ("buffer", "first", "last")

    def __init__(self, buffer: Buffer, first: int, last: int) -> None:
        self.buffer, self.first, self.last = buffer, first, last


def plan(lives: Iterable[Life]) -> int:
    """Give each buffer its offset; the size of the arena.

    The largest buffers choose first: each takes the lowest place that no buffer alive at the same time holds.
    """
    placed: list[Life] = []
    total = 0
    for life in sorted(lives, key=lambda v: (-v.buffer.nbytes, v.first)):
        size = _room(life.buffer)
        taken = sorted(
            (p.buffer.offset, p.buffer.offset + _room(p.buffer))
            for p in placed
            if p.first <= life.last and life.first <= p.last
        )
        start = 0
        for low, high in taken:
            if start + size <= low:
                break
            start = max(start, high)
        life.buffer.offset = start
        total = max(total, start + size)
        placed.append(life)
    return total


def _room(buffer: Buffer) -> int:
    """Bytes that it takes: whole cache lines, and of large ones an odd number; see NOTE [Odd]."""
    lines = -(-max(buffer.nbytes, 1) // ALIGN)
    return (lines | 1 if buffer.nbytes >= _PAGE else lines) * ALIGN

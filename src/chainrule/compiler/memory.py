"""Where intermediate values live: one arena, in which values that are never alive together share memory."""

from __future__ import annotations

from collections.abc import Iterable

from .layout import Buffer

ALIGN = 64


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
        size = -(-max(life.buffer.nbytes, 1) // ALIGN) * ALIGN
        taken = sorted(
            (p.buffer.offset, p.buffer.offset + -(-max(p.buffer.nbytes, 1) // ALIGN) * ALIGN)
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

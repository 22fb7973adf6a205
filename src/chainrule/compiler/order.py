"""Which kernels must wait for each other when threads share them."""

from __future__ import annotations

from typing import Any, NamedTuple

from .layout import Buffer
from .target import Target


class Touch(NamedTuple):
    """Bytes that a thread reads or writes, in the arena (place None) or in the memory of a slot."""

    share: int
    place: int | None
    low: int
    high: int
    written: bool


class Order:
    """What the threads have touched since they last met."""

    def __init__(self, threads: int, target: Target) -> None:
        self.threads, self.target = threads, target
        self._recent: list[Touch] = []

    def meet(self) -> None:
        """All threads have met."""
        self._recent.clear()

    def must_meet(self, kernel: Any) -> bool:
        """Whether a thread would read or write in the next kernel what another may still be at; notes the
        kernel.
        """
        touches = self._touches(kernel)
        conflict = any(_collide(a, b) for a in touches for b in self._recent)
        if conflict:
            self._recent.clear()
        self._recent.extend(touches)
        return conflict

    def _touches(self, kernel: Any) -> list[Touch]:
        written = set(kernel.stores.values())
        found = []
        for share in range(self.threads):
            for i, low, high in kernel.reach(share, self.threads, self.target):
                a = kernel.accesses[i]
                place, start = _where(a.buffer)
                size = a.dtype.itemsize
                found.append(Touch(share, place, start + low * size, start + high * size, i in written))
        return found


def _where(buffer: Buffer) -> tuple[int | None, int]:
    return (None, buffer.offset) if buffer.slot is None else (buffer.slot, 0)


def _collide(a: Touch, b: Touch) -> bool:
    return (
        a.share != b.share
        and (a.written or b.written)
        and a.place == b.place
        and a.low < b.high
        and b.low < a.high
    )

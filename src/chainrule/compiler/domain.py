"""The loop nest of a kernel: its dimensions, merged where memory allows it, and how each access moves through
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..types import DType
from .layout import Buffer, Layout


class Access(NamedTuple):
    """A load or store: where it starts, and by how many elements it moves along each dimension."""

    buffer: Buffer
    offset: int
    strides: tuple[int, ...]
    dtype: DType


class Nest(NamedTuple):
    """Merged dimensions: their sizes, which of them are folded, and the accesses seen along them."""

    sizes: tuple[int, ...]
    folded: tuple[bool, ...]
    accesses: tuple[Access, ...]

    @property
    def kept(self) -> list[int]:
        return [i for i, r in enumerate(self.folded) if not r]

    @property
    def reduced(self) -> list[int]:
        return [i for i, r in enumerate(self.folded) if r]


def over_domain(layout: Layout, kept: Sequence[int], rank: int) -> tuple[int, ...]:
    """The strides along a whole domain of a layout over its kept dimensions."""
    out = [0] * rank
    for d, s in zip(kept, layout.strides):
        out[d] = s
    return tuple(out)


def merged(sizes: Sequence[int], reduced: Sequence[int], accesses: Sequence[Access]) -> Nest:
    """The nest with neighbouring dimensions made one where every access runs straight through both."""
    dims = [i for i, n in enumerate(sizes) if n != 1]
    out_sizes: list[int] = []
    out_folded: list[bool] = []
    out_strides: list[list[int]] = [[] for _ in accesses]
    for i in dims:
        n, folded = sizes[i], i in reduced
        steps = [a.strides[i] for a in accesses]
        straight = all(s[-1] == step * n for s, step in zip(out_strides, steps)) if out_sizes else False
        if straight and out_folded[-1] == folded:
            out_sizes[-1] *= n
            for s, step in zip(out_strides, steps):
                s[-1] = step
            continue
        out_sizes.append(n)
        out_folded.append(folded)
        for s, step in zip(out_strides, steps):
            s.append(step)
    moved = [a._replace(strides=tuple(s)) for a, s in zip(accesses, out_strides)]
    return Nest(tuple(out_sizes), tuple(out_folded), tuple(moved))


def ends(offset: int, strides: Sequence[int], bounds: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first element and the one behind the last that indices within the bounds reach."""
    low = high = offset
    for s, (start, stop) in zip(strides, bounds):
        if stop <= start:
            return offset, offset
        a, b = start * s, (stop - 1) * s
        low, high = low + min(a, b), high + max(a, b)
    return low, high + 1

"""Kernels of matrix products: the product tile by tile, and what follows from it while the tile is in
registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .builder import Function, Value, i64
from .domain import Access, ends
from .epilogue import Epilogue, TileWriter
from .gemm import Matrix, Tile, gemm, scratch_bytes
from .groups import Group
from .layout import Buffer, Layouts
from .nest import share_of
from .values import in_memory


class ProductKernel:
    """A matrix product, perhaps batched, with the elementwise equations that follow."""

    def __init__(self, group: Group, layouts: Layouts) -> None:
        first: Any = group.first
        self.group, self.first = group, first
        a, b = (layouts.of[v] for v in first.inputs)
        batch = group.domain[:-2]
        self.m, self.n = group.domain[-2:]
        self.k = a.shape[-1]
        self.a = a.broadcast((*batch, self.m, self.k))
        self.b = b.broadcast((*batch, self.k, self.n))
        self.dtype = first.output.dtype
        self.accesses: list[Access] = [
            Access(x.buffer, x.offset, x.strides, self.dtype) for x in (self.a, self.b)
        ]
        self.epilogue = Epilogue(group, layouts, self.accesses)
        self.stores = self.epilogue.stores
        self.buffers: list[Buffer] = list(dict.fromkeys(a.buffer for a in self.accesses))

    def scratch(self, f_target: Any, threads: int) -> int:
        """Bytes of scratch memory that each thread needs."""
        m, n = self._part(f_target, threads)
        sides = [(x.strides[-2], x.strides[-1]) for x in (self.a, self.b)]
        sizes = {(m, n), (self.m, self.n)}
        element = in_memory(self.dtype)
        return max(scratch_bytes(f_target, element, p, q, self.k, sides[0], sides[1]) for p, q in sizes)

    def _part(self, target: Any, threads: int) -> tuple[int, int]:
        """Rows and columns of the part that one thread computes, where the product itself is split."""
        if threads > 1 and (len(self.group.domain) == 2 or self.group.domain[0] < threads):
            width = target.lanes(in_memory(self.dtype))
            if self.m % threads == 0 and self.m // threads >= 4:
                return self.m // threads, self.n
            if self.n % (threads * width) == 0:
                return self.m, self.n // threads
        return self.m, self.n

    def reach(self, share: int, threads: int, target: Any) -> list[tuple[int, int, int]]:
        """Per access the elements [low, high) that a thread touches; nothing if it takes no part."""
        m, n = self._part(target, threads)
        domain = list(self.group.domain)
        bounds = [(0, size) for size in domain]
        if (m, n) != (self.m, self.n):
            if m != self.m:
                bounds[-2] = (share * m, share * m + m)
            else:
                bounds[-1] = (share * n, share * n + n)
        elif len(domain) > 2 and domain[0] >= threads:
            bounds[0] = (share * domain[0] // threads, (share + 1) * domain[0] // threads)
        elif share:
            return []
        found = []
        for i, a in enumerate(self.accesses):
            inner = (0, self.k)
            own = [*bounds[:-1], inner] if i == 0 else [*bounds[:-2], inner, bounds[-1]] if i == 1 else bounds
            found.append((i, *ends(a.offset, a.strides, own)))
        return found

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        """Write the kernel into a function; `share` is (thread, threads) if it is split."""
        if 0 in self.group.domain:
            return  # a loop runs at least once
        starts = [f.offset(pointers[a.buffer], a.offset * a.dtype.itemsize) for a in self.accesses]
        batch = self.group.domain[:-2]
        m, n = self._part(f.target, share[1]) if share is not None else (self.m, self.n)
        if share is None or (m, n) != (self.m, self.n):
            row: Any = f.binary("mul", share[0], i64(m)) if m != self.m else 0
            column: Any = f.binary("mul", share[0], i64(n)) if n != self.n else 0
            self._batches(f, 0, batch, starts, None, (m, n, row, column, scratch))
        elif batch and batch[0] >= share[1]:
            bounds = share_of(f, batch[0], *share)
            self._batches(f, 0, batch, starts, bounds, (m, n, 0, 0, scratch))
        else:
            with f.when(f.compare("eq", share[0], i64(0))):
                self._batches(f, 0, batch, starts, None, (m, n, 0, 0, scratch))

    def _batches(
        self, f: Function, d: int, batch: Sequence[int], at: list[Value], bounds: Any, part: Any
    ) -> None:
        """Loops over the dimensions in front of the matrices."""
        if d == len(batch):
            self._one(f, at, part)
            return
        low, high = bounds or (0, batch[d])
        with f.loop(low, high) as loop:
            moved = []
            for a, p in zip(self.accesses, at):
                step = a.strides[d]
                moved.append(
                    f.offset(p, f.binary("mul", loop.index, i64(step)), in_memory(a.dtype)) if step else p
                )
            self._batches(f, d + 1, batch, moved, None, part)

    def _one(self, f: Function, at: list[Value], part: Any) -> None:
        m, n, row, column, scratch = part
        a, b = (Matrix(p, x.strides[-2], x.strides[-1]) for p, x in zip(at, (self.a, self.b)))
        writer = TileWriter(f, self.epilogue, at, 2)

        def write(_: Function, tile: Tile) -> None:
            writer.write({self.first.output: tile.values}, (tile.row, tile.column), tile.widths)

        gemm(
            f, in_memory(self.dtype), m, n, self.k, a, b, write,
            first_row=row, first_column=column, scratch=scratch,
        )  # fmt: skip

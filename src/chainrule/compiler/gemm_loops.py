"""The loops of one matrix product: blocks of k, copies of what is read badly, row blocks, panels, tiles."""

from __future__ import annotations

from .builder import Function, Value, i64, number, vector
from .gemm_pack import pack
from .gemm_plan import Plan, room
from .tiles import (
    Blocks,
    Epilogue,
    Index,
    Matrix,
    Panel,
    Tile,
    added,
    at,
    less,
    multiplied,
    repeat,
    sums,
    unrolling,
    value,
)  # fmt: skip


class Product:
    """The loops of one product: blocks of k, copies of what is read badly, row blocks, panels, tiles."""

    def __init__(
        self,
        f: Function,
        element: str,
        sizes: tuple[int, int, int],
        a: Matrix,
        b: Matrix,
        epilogue: Epilogue,
        corner: tuple[Index, Index],
        plan: Plan,
        scratch: Value | None,
    ) -> None:
        self.f, self.element, self.a, self.b, self.epilogue = f, element, a, b, epilogue
        self.m, self.n, self.k = sizes
        self.corner, self.plan = corner, plan
        self.lanes = f.target.lanes(element)
        self.kind = vector(element, self.lanes)
        self.known: list[Value] | None = None
        self.b_copy = self.a_copy = self.partial = scratch or Value("null", "ptr")
        if scratch is not None:
            parts = room(plan, f.target, element, *sizes)
            self.a_copy = f.offset(scratch, parts.b)
            self.partial = f.offset(scratch, parts.b + parts.a)

    @property
    def in_parts(self) -> bool:
        return self.plan.depth < self.k

    def emit(self) -> None:
        if self.plan.gather:
            self.known = [self._gathered(k) for k in range(self.k)]
        if self.in_parts:
            self._clear()
        repeat(self.f, 0, self.k or 1, max(self.plan.depth, 1), self._slice)

    def _gathered(self, k: int) -> Value:
        found = number(0, self.kind)
        for j in range(self.n):
            x = self.f.load(self.element, at(self.f, self.b, self.element, k, j))
            found = x if self.lanes == 1 else self.f.insert(found, x, j)
        return found

    def _clear(self) -> None:
        vectors = -(-self.n // self.lanes) * self.m
        zero = number(0, self.kind)
        repeat(
            self.f, 0, vectors * self.lanes, self.lanes,
            lambda i: self.f.store(zero, self.f.offset(self.partial, i, self.element)),
        )  # fmt: skip

    def _slice(self, k: Index) -> None:
        """Steps k … k + depth of every sum."""
        f, depth = self.f, self.plan.depth
        steps: Index = depth
        if not isinstance(k, int):
            steps = f.intrinsic("smin", i64(depth), f.binary("sub", i64(self.k), k))
        if self.plan.pack_b:
            for panel in self.plan.panels:
                self._pack_panels(panel, k, steps)
        for blocks in self.plan.rows:
            span = self.plan.tall * blocks.size
            repeat(
                f, blocks.start, blocks.stop, span,
                lambda row, blocks=blocks: self._band(blocks, row, k, steps),  # type: ignore[misc]
            )  # fmt: skip

    def _pack_panels(self, panel: Panel, k: Index, steps: Index) -> None:
        f, pitch = self.f, panel.columns(self.lanes)

        def one(column: Index) -> None:
            out = f.offset(self.b_copy, multiplied(f, column, self.plan.depth), self.element)
            source = self.b._replace(pointer=at(f, self.b, self.element, k, column))
            pack(f, self.element, out, source, steps, sum(panel.widths), pitch)

        repeat(f, panel.start, panel.start + panel.times * pitch, pitch, one)

    def _band(self, blocks: Blocks, row: Index, k: Index, steps: Index) -> None:
        """Some row blocks by all panels."""
        f, span = self.f, self.plan.tall * blocks.size
        stop: Index = (
            min(added(f, row, span), blocks.stop)
            if isinstance(row, int)
            else f.intrinsic("smin", value(added(f, row, span)), i64(blocks.stop))
        )
        if self.plan.pack_a:
            repeat(f, row, stop, blocks.size, lambda i: self._pack_rows(blocks, row, i, k, steps))
        for panel in self.plan.panels:

            def strip(column: Index, panel: Panel = panel) -> None:
                repeat(
                    f, row, stop, blocks.size,
                    lambda i: self._tile(blocks.size, panel, row, i, column, k, steps),
                )  # fmt: skip

            pitch = panel.columns(self.lanes)
            repeat(f, panel.start, panel.start + panel.times * pitch, pitch, strip)

    def _pack_rows(self, blocks: Blocks, band: Index, row: Index, k: Index, steps: Index) -> None:
        out, height = self._a_copy(band, row), blocks.size
        source = Matrix(at(self.f, self.a, self.element, row, k), self.a.column, self.a.row)
        pack(self.f, self.element, out, source, steps, height, height)

    def _a_copy(self, band: Index, row: Index) -> Value:
        place = multiplied(self.f, less(self.f, row, band), self.plan.depth)
        return self.f.offset(self.a_copy, place, self.element)

    def _tile(
        self, height: int, panel: Panel, band: Index, row: Index, column: Index, k: Index, steps: Index
    ) -> None:
        f, element, plan, pitch = self.f, self.element, self.plan, panel.columns(self.lanes)
        if plan.pack_a:
            a = Matrix(self._a_copy(band, row), 1, height)
        else:
            a = self.a._replace(pointer=at(f, self.a, element, row, k))
        if plan.pack_b:
            place = f.offset(self.b_copy, multiplied(f, column, plan.depth), element)
            b = Matrix(place, pitch, 1)
        else:
            b = self.b._replace(pointer=at(f, self.b, element, k, column))
        widths = panel.widths
        unroll = self.k if self.known is not None else unrolling(self.k, height, len(widths), self.in_parts)
        if not self.in_parts:
            self._finish(
                sums(f, element, height, widths, steps, unroll, a, b, known=self.known), panel, row, column
            )
            return
        parts = added(f, multiplied(f, column, self.m), multiplied(f, row, pitch))
        base = f.offset(self.partial, parts, element)
        places = [f.offset(base, i * self.lanes, element) for i in range(height * len(widths))]
        start = [f.load(self.kind, p) for p in places]
        values = sums(f, element, height, widths, steps, unroll, a, b, start)
        more, last, done = f.label("more"), f.label("last"), f.label("done")
        f.branch(f.compare("slt", value(added(f, k, plan.depth)), i64(self.k)), more, last)
        f.begin(more)
        for x, place in zip([x for line in values for x in line], places):
            f.store(x, place)
        f.jump(done)
        f.begin(last)
        self._finish(values, panel, row, column)
        f.jump(done)
        f.begin(done)

    def _finish(self, values: list[list[Value]], panel: Panel, row: Index, column: Index) -> None:
        f, corner = self.f, self.corner
        place = value(added(f, row, corner[0])), value(added(f, column, corner[1]))
        self.epilogue(f, Tile(values, *place, panel.widths))

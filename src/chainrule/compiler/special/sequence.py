"""What kernels of recurrent layers share: the loop over steps, and each step's rows in tiles.

NOTE [Rows of sequences] Sequences do not touch each other, so each thread walks through time with its own
rows of the batch and waits for nobody. A step's rows are the first ones of the batch: a thread has those of
its part that the step has (ops/steps.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...ops.steps import spans
from ...program.ir import Equation, Var
from ..builder import Function, Value, i64, number, vector
from ..kinds import Lowering
from ..layout import Buffer, Layouts
from ..nest import share_of
from ..target import Target
from ..tiles import (
    Index,
    Matrix,
    row_blocks,
    shape,
    sums,
    unrolling,
)
from ..values import gather, in_memory, load, store
from .kernel import Places
from .packed import Packed, Rows, scratch_bytes

_FLOATS = ("float32", "float64")


class Step(NamedTuple):
    """One step: where its rows start, where those of the step before it do, and how many it has of them.

    low, high  the thread's part of its rows
    """

    start: Value
    before: Value
    known: Value
    low: Value
    high: Value
    fixed: int | None  # how many rows that is, if it is known and the same in each step


Unit = Callable[[Rows, Step, Value, Value, int], None]


class SequenceKernel(Places):
    """A kernel that walks over the steps of a layer."""

    def __init__(self, group: Any, layouts: Layouts) -> None:
        super().__init__()
        equation: Equation = group.first
        self.dtype = equation.output.dtype
        self.element = in_memory(self.dtype)
        self.counts, self.reverse, *self.options = equation.attributes
        self.places: list[int | None] = []
        for v in equation.operands:
            self.places.append(self.touches(layouts.of[v], v.dtype) if isinstance(v, Var) else None)
        for v in equation.outputs:
            self.places.append(self.writes(v, layouts.of[v]))
        self.batch = self.counts[0]
        self.units = int(equation.outputs[1].shape[-1])

    def reach(self, share: int, threads: int, target: Target) -> list[tuple[int, int, int]]:
        """Everything: a thread's rows lie apart from each other in every step."""
        return [(i, *_span(a)) for i, a in enumerate(self.accesses)]

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        starts = self.starts(f, pointers)
        arrays = [None if p is None else self._rows(p, starts) for p in self.places]
        self.f, self.lanes = f, f.target.lanes(self.element)
        self.kind = vector(self.element, self.lanes)
        if share is None:
            self.low, self.high = i64(0), i64(self.batch)
            self.part: int | None = self.batch
        else:
            self.low, self.high = share_of(f, self.batch, *share)
            self.part = self.batch // share[1] if self.batch % share[1] == 0 else None
        self.write(arrays, scratch)

    def _rows(self, place: int, starts: Sequence[Value]) -> Rows:
        *outer, column = self.accesses[place].strides
        *planes, row = outer or [0]
        return Rows(starts[place], row, column, *planes)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        """The code: `arrays` are the operands and outputs in order, None for those that are missing."""
        raise NotImplementedError

    # ----- steps

    def walk(self, backwards: bool, body: Callable[[Step], None]) -> None:
        """body(step) for each step, in the order of computation or against it."""
        f = self.f
        words: list[Value] = []
        entries, before, known = [], 0, 0
        for a, _, n in spans(self.counts, self.reverse):
            entries.append((a, n, before, min(n, known)))
            before, known = a, n
        for entry in entries[::-1] if backwards else entries:
            words += map(i64, entry)
        table = f.module.constant("i64", words)
        steady = self.counts[0] == self.counts[-1]
        with f.loop(0, 4 * len(entries), 4) as loop:
            start, count, at, had = (
                f.load("i64", f.offset(table, f.binary("add", loop.index, i64(k)), "i64")) for k in range(4)
            )
            high = self.high if steady else f.intrinsic("smin", self.high, count)
            step = Step(start, at, had, self.low, high, self.part if steady else None)
            if step.fixed:
                body(step)
            else:
                with f.when(f.compare("slt", self.low, high)):
                    body(step)

    def each_row(self, low: Value, high: Value, body: Callable[[Value], None]) -> None:
        """body(row) for the rows from low to high, of which there is one at least."""
        with self.f.loop(low, high) as loop:
            body(loop.index)

    def tiles(self, step: Step, most: int, body: Callable[[Value, int], None]) -> None:
        """body(row, count) for the step's rows, `most` at a time; equal parts if their number is known."""
        f = self.f
        if step.fixed is not None:
            for blocks in row_blocks(step.fixed, most):
                with f.loop(blocks.start, blocks.stop, blocks.size) as loop:
                    body(f.binary("add", step.low, loop.index), blocks.size)
            return
        count = f.binary("sub", step.high, step.low)
        whole = f.binary("mul", f.binary("udiv", count, i64(most)), i64(most))
        middle = f.binary("add", step.low, whole)
        with f.when(f.compare("sgt", whole, i64(0))), f.loop(step.low, middle, most) as loop:
            body(loop.index, most)
        with f.when(f.compare("slt", middle, step.high)), f.loop(middle, step.high) as loop:
            body(loop.index, 1)

    def product(
        self, s: Step, a: Rows, shift: Value, packed: Packed, at: Value, out: Rows, rows: int, *,
        accumulate: bool = False,
    ) -> None:  # fmt: skip
        """out[i] = a[shift + i]·B, or added to it, for the thread's rows of the step; a lies in order."""
        f, element = self.f, self.element

        def panel(column: Index, widths: list[int]) -> None:
            b = Matrix(packed.panel(f, at, column), len(widths) * self.lanes, 1)

            def tile(row: Value, count: int) -> None:
                left = Matrix(a.at(f, element, f.binary("add", shift, row)), a.row, 1)
                unroll = unrolling(packed.depth, count, len(widths), False)
                full = [self.lanes] * len(widths)
                found = sums(f, element, count, full, packed.depth, unroll, left, b)
                for r, line in enumerate(found):
                    place = out.at(f, element, f.binary("add", row, i64(r)), column)
                    for j, (x, width) in enumerate(zip(line, widths)):
                        spot = f.offset(place, j * self.lanes, element)
                        total = f.binary("fadd", f.load_part(x.type, spot, width), x) if accumulate else x
                        f.store_part(total, spot, width)

            self.tiles(s, rows, tile)

        packed.each(f, panel)

    # ----- weights

    def forward_plan(self, target: Target, gates: int) -> tuple[int, Packed]:
        """The rows of a tile of h·Wᵀ, and the weight in panels."""
        columns = gates * self.units
        rows, vectors = shape(target, self.element, self.batch, columns, self.units, False)
        return rows, Packed(target, self.element, self.units, columns, vectors)

    def pull_plan(self, target: Target, gates: int) -> tuple[int, Packed]:
        """The rows of a tile of d·W, and the weight in panels."""
        depth = gates * self.units
        rows, vectors = shape(target, self.element, self.batch, self.units, depth, True)
        return rows, Packed(target, self.element, depth, self.units, vectors)

    def forward(self, gates: int, w: Rows, h: Rows, scratch: Value, unit: Unit) -> None:
        """All steps of h·Wᵀ, each followed by unit(its sums, step, row, first unit, lanes)."""
        rows, packed = self.forward_plan(self.f.target, gates)
        packed.fill(self.f, scratch, Rows(w.pointer, w.column, w.row))
        z = self.sums_of(packed, scratch, gates)

        def step(s: Step) -> None:
            self.product(s, h, i64(0), packed, scratch, z, rows)
            self.units_of(s, lambda i, u, width: unit(z, s, i, u, width))

        self.walk(False, step)

    def forward_scratch(self, target: Target, gates: int) -> int:
        """Bytes for the packed weight and for a step's sums, which `sums_of` gives."""
        sums = scratch_bytes(self.batch * gates * self.units, self.element)
        return scratch_bytes(self.forward_plan(target, gates)[1].elements, self.element) + sums

    def sums_of(self, packed: Packed, scratch: Value, gates: int) -> Rows:
        place = scratch_bytes(packed.elements, self.element)
        return Rows(self.f.offset(scratch, place), gates * self.units, 1)

    def pull_scratch(self, target: Target, gates: int) -> int:
        return scratch_bytes(self.pull_plan(target, gates)[1].elements, self.element)

    # ----- columns

    def units_of(self, s: Step, body: Callable[[Value, Value, int], None]) -> None:
        """body(row, unit, width) for the thread's rows of the step, vector by vector."""
        self.each_row(s.low, s.high, lambda i: self.vectors(self.units, lambda u, width: body(i, u, width)))

    def vectors(self, n: int, body: Callable[[Value, int], None]) -> None:
        """body(column, width) for whole vectors of n columns, and for the rest."""
        whole = n // self.lanes * self.lanes
        if whole:
            with self.f.loop(0, whole, self.lanes) as loop:
                body(loop.index, self.lanes)
        if n > whole:
            body(i64(whole), n - whole)

    def fetch(self, array: Rows, i: Value, j: Value | int, width: int) -> Value:
        """`width` elements of a row, in the first lanes."""
        place = array.at(self.f, self.element, i, j)
        if array.column == 1:
            return load(self.f, self.dtype, place, self.lanes, width)
        return gather(self.f, self.dtype, place, array.column, self.lanes, width)

    def plus(self, x: Value, array: Rows | None, i: Value, j: Value, width: int) -> Value:
        """x with what the array holds, if there is one."""
        return x if array is None else self.f.binary("fadd", x, self.fetch(array, i, j, width))

    def put(self, value: Value, array: Rows, i: Value, j: Value | int, width: int) -> None:
        """The same to memory; outputs lie in order."""
        store(self.f, self.dtype, value, array.at(self.f, self.element, i, j), width)

    def copy_state(self, source: Any, out: Rows, columns: int) -> None:
        """The thread's rows of a state; zeros if there is no source."""

        def one(i: Value, j: Value, width: int) -> None:
            x = number(0, self.kind) if source is None else self.fetch(source, i, j, width)
            self.put(x, out, i, j, width)

        self._own_rows(lambda i: self.vectors(columns, lambda j, width: one(i, j, width)))

    def before(self, s: Step, i: Value, rows: Rows, first: Rows, body: Callable[[Rows], None]) -> None:
        """body(the row of the state before the step), as row 0: of the step before, or of the first state."""
        f = self.f
        known = f.compare("slt", i, s.known)
        late, early = rows.at(f, self.element, f.binary("add", s.before, i)), first.at(f, self.element, i)
        if rows.column == first.column:
            body(Rows(f.select(known, late, early), 0, rows.column))
            return
        with f.when(known):
            body(Rows(late, 0, rows.column))
        with f.when(f.compare("sge", i, s.known)):
            body(Rows(early, 0, first.column))

    def _own_rows(self, body: Callable[[Value], None]) -> None:
        with self.f.when(self.f.compare("slt", self.low, self.high)):
            self.each_row(self.low, self.high, body)


def _span(a: Any) -> tuple[int, int]:
    """What an access may reach: all of its buffer."""
    return 0, -(-a.buffer.nbytes // a.dtype.itemsize)


def lowering(kernel: type[SequenceKernel]) -> Lowering:
    """Of a record whose attributes begin with counts and reverse: floats of one dtype, nothing empty."""

    def takes(equation: Equation) -> bool:
        variables = [*equation.inputs, *equation.outputs]
        dtype = equation.output.dtype
        plain = dtype.name in _FLOATS and all(v.dtype is dtype for v in variables)
        return plain and all(v.size for v in variables) and min(equation.attributes[0]) > 0

    return Lowering(takes, kernel)

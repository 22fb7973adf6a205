"""Average pooling, adaptive or not, its gradient, and interpolation: taps along rows and columns.

NOTE [Runs of taps] A vector of outputs of a row reads inputs at known places: a few loads and shuffles bring
them to its lanes, whatever the pattern. Vectors that read alike, only further on, share their code in a loop.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ops.resample import Taps
from .builder import BITS, Function, Value, i64, number, vector
from .conv_pad import chosen, clear, repeat
from .conv_sum import PlaneEpilogue, PlaneTile
from .target import Target
from .tiles import Index, added, multiplied, value

_MOST_LOADS = 4  # vectors that one tap of a vector of outputs may be gathered from


class Run(NamedTuple):
    """`times` vectors of outputs from `pixel` on, whose inputs begin at `place`, each `step` after the last.

    width    how many lanes are outputs
    lanes    [tap][lane]: the input, counted from `place`; -1: none
    weights  [tap][lane]
    """

    pixel: int
    place: int
    step: int
    times: int
    width: int
    lanes: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]


def runs(taps: Taps, lanes: int) -> list[Run]:
    """The outputs as vectors; neighbours that read alike are one run."""
    out: list[Run] = []
    for pixel in range(0, taps.out, lanes):
        width = min(lanes, taps.out - pixel)
        index, weight = (np.asarray(t)[:, pixel : pixel + width] for t in (taps.index, taps.weight))
        met = index < taps.n
        place = int(index[met].min()) if met.any() else 0
        rows, weights = [], []
        for there, k, w in zip(met, index, weight):
            if there.any():
                spare = [-1] * (lanes - width)
                rows.append((*(int(i) - place if t else -1 for i, t in zip(k, there)), *spare))
                weights.append((*(float(v) if t else 0.0 for v, t in zip(w, there)), *[0.0] * len(spare)))
        run = Run(pixel, place, 0, 1, width, tuple(rows), tuple(weights))
        last = out[-1] if out else None
        if last is not None and last[4:] == run[4:]:
            step = last.step if last.times > 1 else place - last.place
            if place == last.place + step * last.times:
                out[-1] = last._replace(step=step, times=last.times + 1)
                continue
        out.append(run)
    return out


def resample_bytes(target: Target, element: str, taps: tuple[Taps, Taps]) -> int:
    """The scratch that resample needs."""
    lanes = target.lanes(element)
    return (2 * (taps[1].n + lanes) + _MOST_LOADS * lanes) * BITS[element] // 8


def resample(
    f: Function,
    element: str,
    taps: tuple[Taps, Taps],
    a: Value,
    epilogue: PlaneEpilogue,
    *,
    first_plane: Value,
    planes: Index,
    scratch: Value,
) -> None:
    """Σ taps over rows, then over columns, of planes [plane][h][w]: tiles of one channel, which is the plane.

    With the transposed taps it is its own gradient.
    """
    if planes and taps[0].out and taps[1].out:
        _Resample(f, element, taps, epilogue, scratch).emit(a, first_plane, planes)


class _Resample:
    """The code for a plane: a row of scratch takes the sum over rows, another has zeros for missing ones."""

    def __init__(
        self, f: Function, element: str, taps: tuple[Taps, Taps], epilogue: PlaneEpilogue, scratch: Value
    ) -> None:
        self.f, self.element, self.taps, self.epilogue = f, element, taps, epilogue
        self.lanes = f.target.lanes(element)
        self.kind = vector(element, self.lanes)
        self.row = f.offset(scratch, taps[1].n + self.lanes, element)
        self.zeros = scratch
        self.runs = runs(taps[1], self.lanes)
        self.weights = self._table(element, [[number(w, element) for w in row] for row in taps[0].weight])
        self.places = self._table("i64", [[i64(int(i)) for i in row] for row in taps[0].index])

    def _table(self, type: str, rows: Any) -> list[Value]:
        return [self.f.module.constant(type, row) for row in rows]

    def emit(self, a: Value, first: Value, planes: Index) -> None:
        """All planes."""
        f, (down, across) = self.f, self.taps
        clear(f, self.element, self.zeros, across.n + self.lanes)
        clear(f, self.element, f.offset(self.row, across.n, self.element), self.lanes)
        with repeat(f, planes) as index:
            plane = value(added(f, first, index))
            source = f.offset(a, value(multiplied(f, plane, down.n * across.n)), self.element)
            with repeat(f, down.out) as row:
                self._down(source, value(row))
                for run in self.runs:
                    with repeat(f, run.times) as again:
                        self._across(run, plane, row, again)

    def _down(self, source: Value, row: Value) -> None:
        """The sum of rows that makes one row of outputs, before its columns are summed."""
        f, element, (down, across) = self.f, self.element, self.taps
        lines = []
        for places, weights in zip(self.places, self.weights):
            at = f.load("i64", f.offset(places, row, "i64"))
            line = f.offset(source, value(multiplied(f, at, across.n)), element)
            if down.has_gaps:
                missing = f.compare("eq", at, i64(down.n))
                line = f.select(missing, self.zeros, line)
            weight = f.load(element, f.offset(weights, row, element))
            lines.append((line, f.splat(weight, self.lanes)))
        full, rest = divmod(across.n, self.lanes)
        if full:
            with repeat(f, full) as k:
                self._columns(lines, multiplied(f, k, self.lanes), self.lanes)
        if rest:
            self._columns(lines, full * self.lanes, rest)

    def _columns(self, lines: list[tuple[Value, Value]], column: Index, width: int) -> None:
        f, element = self.f, self.element
        total = number(0, self.kind)
        for line, weight in lines:
            x = f.load_part(self.kind, f.offset(line, value(column), element), width)
            total = f.fma(x, weight, total)
        f.store_part(total, f.offset(self.row, value(column), element), width)

    def _across(self, run: Run, plane: Value, row: Index, again: Index) -> None:
        """A vector of outputs from the row that is summed."""
        f, element, lanes = self.f, self.element, self.lanes
        here = f.offset(self.row, value(added(f, multiplied(f, again, run.step), run.place)), element)
        total = number(0, self.kind)
        for places, weights in zip(run.lanes, run.weights):
            total = f.fma(self._gathered(here, places), self._weights(weights), total)
        pixel = added(f, multiplied(f, row, self.taps[1].out), multiplied(f, again, lanes))
        self.epilogue(f, PlaneTile([[total]], i64(0), plane, value(added(f, pixel, run.pixel)), [run.width]))

    def _weights(self, weights: tuple[float, ...]) -> Value:
        if len(set(weights)) == 1:
            return number(weights[0], self.kind)
        listed = ", ".join(f"{self.element} {number(w, self.element).text}" for w in weights)
        return Value(f"<{listed}>", self.kind)

    def _gathered(self, here: Value, places: tuple[int, ...]) -> Value:
        """The values at `places`, zeros where there are none."""
        f, element, lanes = self.f, self.element, self.lanes
        first = min(k for k in places if k >= 0)
        count = (max(places) - first) // lanes + 1
        zero = number(0, self.kind)
        if count > _MOST_LOADS:
            found = zero
            for lane, k in enumerate(places):
                if k >= 0:
                    found = f.insert(found, f.load(element, f.offset(here, k, element)), lane)
            return found
        loaded = [f.load(self.kind, f.offset(here, first + v * lanes, element)) for v in range(count)]
        order = [k - first if k >= 0 else count * lanes for k in places]
        return chosen(f, [*loaded, zero], order)

"""Kernels of LSTM layers: one loop over the steps, forward and back.

A step is a product, h·Wᵀ or d·W, with the weight packed once for all steps, and a walk along the rows for
what follows from it, which then lies in the first cache. To compute the gates in the product's tiles instead,
four vectors of a unit block side by side, is slower: tiles have two rows, and of a line half is used.
"""

from __future__ import annotations

from typing import Any

from ...ops import recurrent, recurrent_pull
from ..builder import Value, i64, number
from ..kinds import SPECIAL
from ..target import Target
from ..vmath import FUNCTIONS
from .packed import Rows
from .sequence import SequenceKernel, Step, lowering

GATES = 4


class Forward(SequenceKernel):
    """lstm_layer: y, h, c, cells and gates."""

    def scratch(self, target: Target, threads: int) -> int:
        return self.forward_scratch(target, GATES)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        _, w, h0, c0, _, h, c, *_ = arrays
        self.copy_state(h0, h, self.units)
        self.copy_state(c0, c, self.units)
        self.forward(GATES, w, h, scratch, lambda z, s, i, u, width: self._unit(z, s, i, u, width, arrays))

    def _unit(self, z: Rows, s: Step, i: Value, u: Value, width: int, arrays: list[Any]) -> None:
        """The new state of one row and vector of units, from its recurrent sums."""
        f, element = self.f, self.element
        x, _, _, _, y, h, c, cells, gates = arrays
        row = f.binary("add", s.start, i)
        found = []
        for g, name in enumerate(("sigmoid", "sigmoid", "tanh", "sigmoid")):
            at = g * self.units
            entry = self.fetch(x.beside(f, element, at), row, u, width)
            total = f.binary("fadd", self.fetch(z.beside(f, element, at), i, u, width), entry)
            value = FUNCTIONS[name](f, total)
            self.put(value, gates.of_plane(f, element, g), row, u, width)
            found.append(value)
        old = self.fetch(c, i, u, width)
        cell = f.fma(found[1], old, f.binary("fmul", found[0], found[2]))
        state = f.binary("fmul", found[3], FUNCTIONS["tanh"](f, cell))
        for value, out, place in ((cell, c, i), (cell, cells, row), (state, h, i), (state, y, row)):
            self.put(value, out, place, u, width)


class Pull(SequenceKernel):
    """lstm_pull: the cotangents of the projected input and of the first state."""

    def scratch(self, target: Target, threads: int) -> int:
        return self.pull_scratch(target, GATES)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        _, gh, gc, _, _, _, _, w, _, d, dh, dc = arrays
        rows, packed = self.pull_plan(self.f.target, GATES)
        packed.fill(self.f, scratch, w)
        self.copy_state(gh, dh, self.units)
        self.copy_state(gc, dc, self.units)

        def step(s: Step) -> None:
            self.each_row(s.low, s.high, lambda i: self._row(s, i, arrays))
            self.product(s, d, s.start, packed, scratch, dh, rows)

        self.walk(True, step)

    def _row(self, s: Step, i: Value, arrays: list[Any]) -> None:
        """The cotangents of one row's gates, and of its cell before the step."""
        cells, c0 = arrays[5], arrays[8]
        self.before(
            s, i, cells, c0,
            lambda old: self.vectors(self.units, lambda u, width: self._unit(s, i, u, width, arrays, old)),
        )  # fmt: skip

    def _unit(self, s: Step, i: Value, u: Value, width: int, arrays: list[Any], old: Rows) -> None:
        f, element = self.f, self.element
        gy, _, _, g_cells, g_gates, cells, gates, _, _, d, dh, dc = arrays
        row, one = f.binary("add", s.start, i), number(1, self.kind)

        def plus(x: Value, array: Any) -> Value:
            return self.plus(x, array, row, u, width)

        gate = [self.fetch(gates.of_plane(f, element, g), row, u, width) for g in range(GATES)]
        extra = [None if g_gates is None else g_gates.of_plane(f, element, g) for g in range(GATES)]
        th = FUNCTIONS["tanh"](f, self.fetch(cells, row, u, width))
        now = plus(self.fetch(dh, i, u, width), gy)
        to_cell = f.binary("fmul", gate[3], f.binary("fsub", one, f.binary("fmul", th, th)))
        cell = f.fma(now, to_cell, plus(self.fetch(dc, i, u, width), g_cells))
        self.put(f.binary("fmul", cell, gate[1]), dc, i, u, width)
        others = (gate[2], self.fetch(old, i64(0), u, width), gate[0], th)
        for g, (x, other) in enumerate(zip(gate, others)):
            square = f.binary("fmul", x, x)
            slope = f.binary("fsub", one if g == 2 else x, square)
            product = f.binary("fmul", now if g == 3 else cell, other)
            value = f.binary("fmul", slope, plus(product, extra[g]))
            self.put(value, d.beside(f, element, g * self.units), row, u, width)


SPECIAL.update({recurrent.lstm_layer: lowering(Forward), recurrent_pull.lstm_pull: lowering(Pull)})

"""Kernels of tanh, ReLU and gated recurrent layers: one loop over the steps, as in lstm.py."""

from __future__ import annotations

from typing import Any

from ...ops import recurrent, recurrent_pull
from ..builder import Value, i64, number
from ..kinds import SPECIAL
from ..target import Target
from ..vmath import FUNCTIONS
from .packed import Rows
from .sequence import SequenceKernel, Step, lowering

# ----- tanh and ReLU


class RnnForward(SequenceKernel):
    """rnn_layer: y, h and y once more."""

    def scratch(self, target: Target, threads: int) -> int:
        return self.forward_scratch(target, 1)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        x, w, h0, y, h, kept = arrays
        self.copy_state(h0, h, self.units)

        def unit(z: Rows, s: Step, i: Value, u: Value, width: int) -> None:
            row = self.f.binary("add", s.start, i)
            total = self.f.binary("fadd", self.fetch(z, i, u, width), self.fetch(x, row, u, width))
            value = self._activated(total)
            for out, place in ((h, i), (y, row), (kept, row)):
                self.put(value, out, place, u, width)

        self.forward(1, w, h, scratch, unit)

    def _activated(self, x: Value) -> Value:
        (relu,) = self.options
        if not relu:
            return FUNCTIONS["tanh"](self.f, x)
        zero = number(0, x.type)
        return self.f.select(self.f.compare("olt", x, zero), zero, x)


class RnnPull(SequenceKernel):
    """rnn_pull: the cotangents of the projected input and of the first state."""

    def scratch(self, target: Target, threads: int) -> int:
        return self.pull_scratch(target, 1)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        gy, g_kept, gh, state, w, d, dh = arrays
        f, (relu,) = self.f, self.options
        rows, packed = self.pull_plan(f.target, 1)
        packed.fill(f, scratch, w)
        self.copy_state(gh, dh, self.units)
        one, zero = number(1, self.kind), number(0, self.kind)

        def unit(s: Step, i: Value, u: Value, width: int) -> None:
            row = f.binary("add", s.start, i)
            now = self.fetch(dh, i, u, width)
            for g in (gy, g_kept):
                now = self.plus(now, g, row, u, width)
            h = self.fetch(state, row, u, width)
            slope = f.binary("fsub", one, f.binary("fmul", h, h))
            if relu:
                slope = f.select(f.compare("ogt", h, zero), one, zero)
            self.put(f.binary("fmul", now, slope), d, row, u, width)

        def step(s: Step) -> None:
            self.units_of(s, lambda i, u, width: unit(s, i, u, width))
            self.product(s, d, s.start, packed, scratch, dh, rows)

        self.walk(True, step)


# ----- gated recurrent unit


class GruForward(SequenceKernel):
    """gru_layer: y, h and the trace (r, z, h·Wₙᵀ + b, n and the state before) of every row."""

    def scratch(self, target: Target, threads: int) -> int:
        return self.forward_scratch(target, 3)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        _, w, _, h0, _, h, _ = arrays
        self.copy_state(h0, h, self.units)
        self.forward(3, w, h, scratch, lambda z, s, i, u, width: self._unit(z, s, i, u, width, arrays))

    def _unit(self, z: Rows, s: Step, i: Value, u: Value, width: int, arrays: list[Any]) -> None:
        f, element = self.f, self.element
        x, _, b, _, y, h, trace = arrays
        row = f.binary("add", s.start, i)
        entry, product = [], []
        for g in range(3):
            at = g * self.units
            entry.append(self.fetch(x.beside(f, element, at), row, u, width))
            m = self.fetch(z.beside(f, element, at), i, u, width)
            if b is not None:
                m = f.binary("fadd", m, self.fetch(b.beside(f, element, at), i64(0), u, width))
            product.append(m)
        reset, update = (FUNCTIONS["sigmoid"](f, f.binary("fadd", product[g], entry[g])) for g in range(2))
        new = FUNCTIONS["tanh"](f, f.fma(reset, product[2], entry[2]))
        old = self.fetch(h, i, u, width)
        state = f.fma(f.binary("fsub", old, new), update, new)
        for k, value in enumerate((reset, update, product[2], new, old)):
            self.put(value, trace.of_block(f, element, k), row, u, width)
        self.put(state, h, i, u, width)
        self.put(state, y, row, u, width)


class GruPull(SequenceKernel):
    """gru_pull: the cotangents of the projected input, of the first state and of h·Wᵀ."""

    def scratch(self, target: Target, threads: int) -> int:
        return self.pull_scratch(target, 3)

    def write(self, arrays: list[Any], scratch: Any) -> None:
        _, gh, _, _, w, _, dh, back = arrays
        rows, packed = self.pull_plan(self.f.target, 3)
        packed.fill(self.f, scratch, w)
        self.copy_state(gh, dh, self.units)

        def step(s: Step) -> None:
            self.units_of(s, lambda i, u, width: self._unit(s, i, u, width, arrays))
            self.product(s, back, s.start, packed, scratch, dh, rows, accumulate=True)

        self.walk(True, step)

    def _unit(self, s: Step, i: Value, u: Value, width: int, arrays: list[Any]) -> None:
        """See ops/recurrent_pull.py for the shares of δh; the state's own is left in its place."""
        f, element = self.f, self.element
        gy, _, g_trace, trace, _, dx, dh, back = arrays
        row, one = f.binary("add", s.start, i), number(1, self.kind)
        blocks = [trace.of_block(f, element, k) for k in range(5)]
        r, z, m, n, old = (self.fetch(b, row, u, width) for b in blocks)
        extra = [None if g_trace is None else g_trace.of_block(f, element, k) for k in range(5)]

        def times(a: Value, b: Value) -> Value:
            return f.binary("fmul", a, b)

        def plus(value: Value, k: int) -> Value:
            return self.plus(value, extra[k], row, u, width)

        def slope(a: Value, x: Value) -> Value:
            return f.binary("fsub", a, times(x, x))

        now = self.plus(self.fetch(dh, i, u, width), gy, row, u, width)
        from_n = times(slope(one, n), plus(times(now, f.binary("fsub", one, z)), 3))
        from_r = times(slope(r, r), plus(times(from_n, m), 0))
        from_z = times(slope(z, z), plus(times(now, f.binary("fsub", old, n)), 1))
        from_m = plus(times(from_n, r), 2)
        for k, value in enumerate((from_r, from_z, from_n)):
            self.put(value, dx.beside(f, element, k * self.units), row, u, width)
        for k, value in enumerate((from_r, from_z, from_m)):
            self.put(value, back.beside(f, element, k * self.units), row, u, width)
        self.put(plus(times(now, z), 4), dh, i, u, width)


SPECIAL.update(
    {
        recurrent.rnn_layer: lowering(RnnForward),
        recurrent_pull.rnn_pull: lowering(RnnPull),
        recurrent.gru_layer: lowering(GruForward),
        recurrent_pull.gru_pull: lowering(GruPull),
    }
)

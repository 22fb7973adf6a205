"""Kernels of pooling and interpolation, of planes in one and two dimensions; threads share the planes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ...ops import pool
from ...ops import resample as records
from ...ops.resample import Taps
from ...program.ir import Equation, Var
from ..builder import NULL, Function, Value
from ..conv_sum import PlaneEpilogue, PlaneTile
from ..domain import ends
from ..epilogue import Epilogue, TileWriter
from ..groups import Group, Register
from ..kinds import SPECIAL, Lowering
from ..layout import Buffer, Layouts
from ..pool import Windows, max_pool, max_pool_bytes
from ..pool_gradient import max_pool_input
from ..pool_taps import resample, resample_bytes
from ..target import Target
from ..tiles import Index
from ..values import in_memory
from .kernel import Places
from .parts import in_parts, part, two


def windows_of(source: Var, attributes: Any) -> Windows:
    """The windows that a record's attributes describe on an array; in one dimension the first size is 1."""
    kernel, stride, padding, dilation, ceil_mode = attributes
    size = source.shape[source.ndim - len(kernel) :]
    return Windows(two(size, 1), two(kernel, 1), two(stride, 1), two(padding, 0), two(dilation, 1), ceil_mode)


class PlaneKernel(Places):
    """Plane by plane from one or two arrays to another, with the elementwise equations that follow.

    The domain is [1][plane][pixel]. All operands of the record are arrays of planes.
    """

    def __init__(self, group: Group, layouts: Layouts) -> None:
        super().__init__()
        first: Any = group.first
        self.first: Equation = first
        self.group, self.planes = group, group.domain[1]
        self.element = in_memory(self.first.output.dtype)
        for v in self.first.inputs:
            self.touches(layouts.of[v], v.dtype)
        self.operands = len(self.accesses)
        self.epilogue = Epilogue(group, layouts, self.accesses)
        self.stores = self.epilogue.stores

    def reach(self, share: int, threads: int, target: Target) -> list[tuple[int, int, int]]:
        own = part(self.planes, share, threads)
        if own is None:
            return []
        found = []
        for i, a in enumerate(self.accesses):
            if i < self.operands:
                size = self.first.inputs[i].size // self.planes
                found.append((i, a.offset + own[0] * size, a.offset + own[1] * size))
            else:
                bounds = [(0, 1), own, (0, self.group.domain[2])]
                found.append((i, *ends(a.offset, a.strides, bounds)))
        return found

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        starts, room = self.starts(f, pointers), scratch or NULL
        writer = TileWriter(f, self.epilogue, starts, 3)

        def body(first: Value, count: Index) -> None:
            self._planes(f, starts[: self.operands], writer, first, count, room)

        in_parts(f, self.planes, share, body)

    def _planes(
        self, f: Function, starts: list[Value], writer: TileWriter, first: Value, count: Index, scratch: Value
    ) -> None:
        raise NotImplementedError

    def _follow(self, writer: TileWriter) -> PlaneEpilogue:
        def follow(_: Function, tile: PlaneTile) -> None:
            place = (tile.image, tile.channel, tile.pixel)
            writer.write({self.first.output: tile.values}, place, tile.widths)

        return follow


class MaxPoolKernel(PlaneKernel):
    """Largest values and, where something reads them, their places."""

    def __init__(self, group: Group, layouts: Layouts) -> None:
        super().__init__(group, layouts)
        self.windows = windows_of(self.first.inputs[0], self.first.attributes)
        self.values, self.places = self.first.outputs

    def scratch(self, target: Target, threads: int) -> int:
        return max_pool_bytes(target, self.element, self.windows)

    def _planes(
        self, f: Function, starts: list[Value], writer: TileWriter, first: Value, count: Index, scratch: Value
    ) -> None:
        read = [x for n in self.group.nodes for x in n.operands if isinstance(x, Register)]
        indices = self.places in (*self.group.stored, *(x.var for x in read))

        def follow(_: Function, tile: PlaneTile, places: list[Value]) -> None:
            found = {self.values: tile.values}
            if indices:
                found[self.places] = [places]
            writer.write(found, (tile.image, tile.channel, tile.pixel), tile.widths)

        max_pool(
            f, self.element, self.windows, starts[0], follow,
            indices=indices, first_plane=first, planes=count, scratch=scratch,
        )  # fmt: skip


class PairedGradientKernel(PlaneKernel):
    """The gradient of windows of 2 x 2 side by side."""

    def _planes(
        self, f: Function, starts: list[Value], writer: TileWriter, first: Value, count: Index, scratch: Value
    ) -> None:
        windows = windows_of(self.first.inputs[1], self.first.attributes)
        g, x = starts

        max_pool_input(f, self.element, windows, x, g, self._follow(writer), first_plane=first, planes=count)


class ResampleKernel(PlaneKernel):
    """Average pooling and interpolation: taps along rows and columns."""

    def __init__(self, group: Group, layouts: Layouts) -> None:
        super().__init__(group, layouts)
        (taps,) = self.first.attributes
        self.taps = two(taps, _one_row())

    def scratch(self, target: Target, threads: int) -> int:
        return resample_bytes(target, self.element, self.taps)

    def _planes(
        self, f: Function, starts: list[Value], writer: TileWriter, first: Value, count: Index, scratch: Value
    ) -> None:
        resample(
            f, self.element, self.taps, starts[0], self._follow(writer),
            first_plane=first, planes=count, scratch=scratch,
        )  # fmt: skip


@cache
def _one_row() -> Taps:
    """The taps along the rows of an array of one dimension."""
    return Taps(1, np.zeros((1, 1), np.int64), np.ones((1, 1)))


def _takes(when: Callable[[Equation], bool]) -> Callable[[Equation], bool]:
    """Whether an equation is emitted: floats, one or two dimensions, nothing empty."""

    def takes(e: Equation) -> bool:
        dtype = e.output.dtype
        if dtype.name not in ("float32", "float64") or any(v.dtype is not dtype for v in e.inputs):
            return False
        sizes = all(v.size for v in (*e.inputs, *e.outputs))
        return len(e.attributes[0]) <= 2 and len(e.inputs) == e.op.nargs and sizes and when(e)

    return takes


def _domain(e: Equation) -> tuple[int, ...]:
    """One image of all planes; the first attribute has an entry for each dimension of a plane."""
    shape, d = e.output.shape, len(e.attributes[0])
    lead = len(shape) - d
    return 1, prod(shape[:lead]), prod(shape[lead:])


SPECIAL[pool.max_pool] = Lowering(_takes(lambda e: True), MaxPoolKernel, _domain, True)
SPECIAL[pool.max_pool_input] = Lowering(
    _takes(lambda e: pool.paired(e.inputs[1].spec, *e.attributes)), PairedGradientKernel, _domain, True
)
for _op in (records.avg_pool, records.adaptive_avg_pool, records.upsample):
    SPECIAL[_op] = Lowering(_takes(lambda e: True), ResampleKernel, _domain, True)

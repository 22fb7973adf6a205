"""Kernels of convolutions and their gradients, in one and two dimensions.

Threads share the images of a batch. For the gradient to the weights they share its output channels, so that
there are no partial sums to be added, and what follows is applied to each weight once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from ...ops import conv
from ...program.ir import Equation
from .. import conv as code
from ..builder import NULL, Function, Value, i64
from ..conv import Geometry, PlaneTile
from ..domain import ends
from ..epilogue import Epilogue, TileWriter
from ..groups import Group
from ..kinds import SPECIAL, Lowering
from ..layout import Buffer, Layouts
from ..target import Target
from ..tiles import Index, Tile
from ..values import in_memory
from .kernel import Places
from .parts import in_parts, part, two

Reach = list[tuple[int, int, int]]
_ZERO = (0, 0)


# ----- sizes


def _geometry(x: Any, w: Any, attributes: Any) -> Geometry:
    """That of images and weights of these shapes."""
    stride, pads, dilation, groups = attributes
    (h, width), (kh, kw) = two(x[2:], 1), two(w[2:], 1)
    return Geometry(
        x[0], x[1], h, width, w[0], kh, kw, two(stride, 1), two(pads, _ZERO), two(dilation, 1), groups
    )


def _of_forward(e: Equation) -> Geometry:
    x, w, *_ = e.operands
    return _geometry(x.shape, w.shape, e.attributes)


def _of_input(e: Equation) -> Geometry:
    return _geometry(e.output.shape, e.operands[1].shape, e.attributes[1:])


def _of_weight(e: Equation) -> Geometry:
    return _geometry(e.operands[0].shape, e.output.shape, e.attributes[1:])


def _takes(geometry: Callable[[Equation], Geometry], cotangent: int | None) -> Callable[[Equation], bool]:
    """Whether an equation is emitted: floats, one or two dimensions, nothing empty, the bias taken apart.

    cotangent  the operand that has the sizes of the result, if it is not the result
    """

    def takes(e: Equation) -> bool:
        values = (*e.inputs, e.output)
        dtype = e.output.dtype
        if dtype.name not in ("float32", "float64") or any(v.dtype is not dtype for v in values):
            return False
        if len(e.inputs) != 2 or e.output.ndim not in (3, 4) or not all(v.size for v in values):
            return False
        found = two((e.output if cotangent is None else e.operands[cotangent]).shape[2:], 1)
        return geometry(e).out == found

    return takes


# ----- images in, images out


class Images(NamedTuple):
    """What distinguishes the forward from the gradient to the input."""

    geometry: Callable[[Equation], Geometry]
    write: Callable[..., None]
    bytes: Callable[[Target, str, Geometry], int]


class ImageKernel(Places):
    """Image by image from one array to another, with the elementwise equations that follow."""

    def __init__(self, group: Group, layouts: Layouts, way: Images) -> None:
        super().__init__()
        first: Any = group.first
        self.first: Equation = first
        self.way, self.geometry, self.domain = way, way.geometry(self.first), group.domain
        self.element = in_memory(self.first.output.dtype)
        for v in self.first.inputs:
            self.touches(layouts.of[v], v.dtype)
        self.epilogue = Epilogue(group, layouts, self.accesses)
        self.stores = self.epilogue.stores

    def scratch(self, target: Target, threads: int) -> int:
        return self.way.bytes(target, self.element, self.geometry)

    def reach(self, share: int, threads: int, target: Target) -> Reach:
        own = part(self.geometry.n, share, threads)
        if own is None:
            return []
        images, weights = (v.shape for v in self.first.inputs)
        sizes = [images, weights, *[self.domain] * (len(self.accesses) - 2)]
        found = []
        for i, (a, shape) in enumerate(zip(self.accesses, sizes)):
            bounds = [(0, n) for n in shape]
            if i != 1:
                bounds[0] = own
            found.append((i, *ends(a.offset, a.strides, bounds)))
        return found

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        starts, room = self.starts(f, pointers), scratch or NULL
        writer = TileWriter(f, self.epilogue, starts, 3)

        def follow(_: Function, tile: PlaneTile) -> None:
            place = (tile.image, tile.channel, tile.pixel)
            writer.write({self.first.output: tile.values}, place, tile.widths)

        def body(first: Value, count: Index) -> None:
            self.way.write(
                f, self.element, self.geometry, *starts[:2], follow,
                first_image=first, images=count, scratch=room,
            )  # fmt: skip

        in_parts(f, self.geometry.n, share, body)


def _pixels(e: Equation) -> tuple[int, ...]:
    n, channels, *size = e.output.shape
    return n, channels, prod(size)


# ----- weights


class WeightKernel(Places):
    """The gradient to the weights, with the elementwise equations that follow: the optimizer's update."""

    def __init__(self, group: Group, layouts: Layouts) -> None:
        super().__init__()
        first: Any = group.first
        self.first: Equation = first
        self.geometry, self.domain = _of_weight(self.first), group.domain
        self.element = in_memory(self.first.output.dtype)
        for v in self.first.inputs:
            self.touches(layouts.of[v], v.dtype)
        self.epilogue = Epilogue(group, layouts, self.accesses)
        self.stores = self.epilogue.stores

    def _share(self, threads: int) -> Geometry:
        """What one thread computes: some of the groups, or of the only group's output channels."""
        g = self.geometry
        if g.groups % threads == 0:
            return g._replace(c=g.c // threads, o=g.o // threads, groups=g.groups // threads)
        return g._replace(o=g.o // threads) if g.groups == 1 and g.o % threads == 0 else g

    def scratch(self, target: Target, threads: int) -> int:
        return code.weight_bytes(target, self.element, self._share(threads), self.geometry.n)

    def reach(self, share: int, threads: int, target: Target) -> Reach:
        mine = self._share(threads)
        if mine is self.geometry and share:
            return []
        sizes = [*(v.shape for v in self.first.inputs), *[self.domain] * (len(self.accesses) - 2)]
        found = []
        for i, (a, shape) in enumerate(zip(self.accesses, sizes)):
            bounds = [(0, n) for n in shape]
            if i >= 2 and mine is not self.geometry:
                bounds[0] = (share * mine.o, share * mine.o + mine.o)
            found.append((i, *ends(a.offset, a.strides, bounds)))
        return found

    def emit(self, f: Function, pointers: dict[Buffer, Value], share: Any, scratch: Value | None) -> None:
        starts, room = self.starts(f, pointers), scratch or NULL
        mine = self._share(share[1]) if share is not None else self.geometry
        if mine is not self.geometry:
            self._write(f, mine, starts, share[0], room)
        elif share is None:
            self._write(f, mine, starts, None, room)
        else:
            with f.when(f.compare("eq", share[0], i64(0))):
                self._write(f, mine, starts, None, room)

    def _write(
        self, f: Function, mine: Geometry, starts: list[Value], thread: Value | None, scratch: Value
    ) -> None:
        g, (x, cotangent) = self.geometry, starts[:2]
        writer = TileWriter(f, self.epilogue, starts, 2)
        before = i64(0) if thread is None else f.binary("mul", thread, i64(mine.o))
        if thread is not None:
            cotangent = self._moved(f, cotangent, before, g.out[0] * g.out[1])
            if mine.c != g.c:
                x = self._moved(f, x, f.binary("mul", thread, i64(mine.c)), g.h * g.w)

        def follow(_: Function, tile: Tile) -> None:
            row = tile.row if thread is None else f.binary("add", tile.row, before)
            writer.write({self.first.output: tile.values}, (row, tile.column), tile.widths)

        code.conv_weight(
            f, self.element, mine, x, cotangent, follow,
            first_image=i64(0), images=g.n, scratch=scratch, channels=(g.c, g.o),
        )  # fmt: skip

    def _moved(self, f: Function, pointer: Value, channels: Value, plane: int) -> Value:
        return f.offset(pointer, f.binary("mul", channels, i64(plane)), self.element)


def _weights(e: Equation) -> tuple[int, ...]:
    o, *rest = e.output.shape
    return o, prod(rest)


_FORWARD = Images(_of_forward, code.conv_forward, code.forward_bytes)
_INPUT = Images(_of_input, code.conv_input, code.input_bytes)

SPECIAL[conv.conv] = Lowering(
    _takes(_of_forward, None), lambda g, layouts: ImageKernel(g, layouts, _FORWARD), _pixels, True
)
SPECIAL[conv.conv_input] = Lowering(
    _takes(_of_input, 0), lambda g, layouts: ImageKernel(g, layouts, _INPUT), _pixels, True
)
SPECIAL[conv.conv_weight] = Lowering(_takes(_of_weight, 1), WeightKernel, _weights, True)

"""Convolution and its gradients as machine code, against the records' forwards: whole numbers, so exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.compiler.guarded import guarded
from tests.compiler.kernels import ELEMENTS, TARGETS, native

from chainrule.compiler import conv as code
from chainrule.compiler import engine, target
from chainrule.compiler.builder import BITS, Function, Module, Value, number
from chainrule.compiler.conv import Geometry, PlaneTile
from chainrule.compiler.conv_fold import added_lanes
from chainrule.compiler.conv_plan import by_rows, in_order, tiling
from chainrule.compiler.target import Target
from chainrule.compiler.tiles import Tile, added, multiplied, value
from chainrule.ops import conv as records
from chainrule.ops.windows import pad_spatial, windows


def room(size: int, side: Any) -> np.ndarray:
    """Scratch of `size` bytes (but for alignment) beside a guard page, full of NaN."""
    return guarded(np.full(-(-size // 8), -1, np.int64), side)


def whole(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, side: Any = "end") -> np.ndarray:
    """Small whole numbers: their sums are exact in every order."""
    return guarded(rng.integers(-4, 5, shape).astype(dtype), side)


def store_weights(element: str, to: Value, columns: int) -> Callable[[Function, Tile], None]:
    def epilogue(f: Function, tile: Tile) -> None:
        lanes = f.target.lanes(element)
        for i, row in enumerate(tile.values):
            at = added(f, multiplied(f, added(f, tile.row, i), columns), tile.column)
            for v, (x, width) in enumerate(zip(row, tile.widths)):
                f.store_part(x, f.offset(f.offset(to, value(at), element), v * lanes, element), width)

    return epilogue


class Case:
    """Arrays of one geometry between guard pages."""

    def __init__(self, g: Geometry, element: str, side: Any = "end", seed: int = 0) -> None:
        self.g, self.element, self.side = g, element, side
        rng, dtype = np.random.default_rng(seed), ELEMENTS[element]
        self.x = whole(rng, (g.n, g.c, g.h, g.w), dtype, side)
        self.w = whole(rng, (g.o, g.c // g.groups, g.kh, g.kw), dtype, side)
        self.cotangent = whole(rng, (g.n, g.o, *g.out), dtype, side)
        self.bias = whole(rng, (g.o,), dtype, side)
        self.halves = [(0, g.n // 2), (g.n // 2, g.n - g.n // 2)]

    def empty(self, like: np.ndarray) -> np.ndarray:
        return guarded(np.full_like(like, np.nan), self.side)

    def forward(self, t: Target) -> np.ndarray:
        g, element = self.g, self.element
        y = self.empty(self.cotangent)
        scratch = room(code.forward_bytes(t, element, g), self.side)

        def write(f: Function, x: Value, w: Value, y: Value, scratch: Value) -> None:
            def epilogue(f: Function, tile: PlaneTile) -> None:
                code.store_tile(f, element, tile, y, g.o, g.out[0] * g.out[1])

            for first, images in self.halves:
                at = Value(str(first), "i64")
                code.conv_forward(
                    f, element, g, x, w, epilogue, first_image=at, images=images, scratch=scratch
                )

        native(t, write, 4)(self.x, self.w, y, scratch)
        return y

    def input(self, t: Target) -> np.ndarray:
        g, element = self.g, self.element
        dx = self.empty(self.x)
        scratch = room(code.input_bytes(t, element, g), self.side)

        def write(f: Function, c: Value, w: Value, dx: Value, scratch: Value) -> None:
            def epilogue(f: Function, tile: PlaneTile) -> None:
                code.store_tile(f, element, tile, dx, g.c, g.h * g.w)

            for first, images in self.halves:
                at = Value(str(first), "i64")
                code.conv_input(f, element, g, c, w, epilogue, first_image=at, images=images, scratch=scratch)

        native(t, write, 4)(self.cotangent, self.w, dx, scratch)
        return dx

    def weight(self, t: Target) -> np.ndarray:
        """The sum of both halves' sums."""
        g, element = self.g, self.element
        partial = [self.empty(self.w) for _ in self.halves]
        scratch = room(max(code.weight_bytes(t, element, g, images) for _, images in self.halves), self.side)

        def write(f: Function, x: Value, c: Value, a: Value, b: Value, scratch: Value) -> None:
            for (first, images), to in zip(self.halves, (a, b)):
                epilogue = store_weights(element, to, g.c // g.groups * g.kh * g.kw)
                at = Value(str(first), "i64")
                code.conv_weight(
                    f, element, g, x, c, epilogue, first_image=at, images=images, scratch=scratch
                )

        native(t, write, 5)(self.x, self.cotangent, *partial, scratch)
        return partial[0] + partial[1]

    def check(self, t: Target) -> None:
        g = self.g
        attributes = (g.stride, g.pads, g.dilation, g.groups)
        assert np.array_equal(self.forward(t), records.conv(self.x, self.w, None, *attributes))
        expected = records.conv_input(self.cotangent, self.w, None, (g.h, g.w), *attributes)
        assert np.array_equal(self.input(t), expected)
        expected = records.conv_weight(self.x, self.cotangent, (g.kh, g.kw), *attributes)
        assert np.array_equal(self.weight(t), expected)


GEOMETRIES = {
    "LeNet 1": Geometry(3, 1, 28, 28, 6, 5, 5, pads=((2, 2), (2, 2))),
    "LeNet 2": Geometry(5, 6, 14, 14, 16, 5, 5),
    "VGG": Geometry(2, 16, 28, 28, 32, 3, 3, pads=((1, 1), (1, 1))),
    "ResNet": Geometry(2, 4, 15, 15, 8, 3, 3, stride=(2, 2), pads=((1, 1), (1, 1))),
    "1x1": Geometry(2, 9, 7, 9, 11, 1, 1),
    "1x1, stride 2": Geometry(2, 9, 8, 9, 11, 1, 1, stride=(2, 2)),
    "1x1, padded": Geometry(2, 3, 4, 5, 7, 1, 1, pads=((1, 0), (2, 1))),
    "one output": Geometry(4, 16, 5, 5, 12, 5, 5),
    "depthwise": Geometry(2, 8, 9, 13, 8, 3, 3, pads=((1, 1), (1, 1)), groups=8),
    "groups": Geometry(2, 6, 6, 11, 10, 3, 2, stride=(1, 2), dilation=(2, 1), groups=2),
    "1d": Geometry(4, 3, 1, 37, 5, 1, 9, pads=((0, 0), (4, 4))),
    "1d, long kernel": Geometry(2, 2, 1, 61, 3, 1, 23, stride=(1, 3), pads=((0, 0), (5, 2))),
    "cut": Geometry(2, 3, 9, 9, 4, 2, 2, pads=((-1, 2), (1, -2))),
    "much padding": Geometry(2, 3, 3, 4, 4, 3, 3, pads=((5, 1), (0, 6))),
    "stride beyond the kernel": Geometry(3, 2, 11, 13, 3, 2, 1, stride=(3, 4)),
    "dilation beyond the input": Geometry(1, 2, 4, 4, 3, 2, 2, pads=((4, 4), (4, 4)), dilation=(7, 5)),
    "stride and dilation with a common factor": Geometry(
        2, 2, 17, 19, 3, 3, 4, stride=(2, 4), pads=((1, 2), (2, 2)), dilation=(2, 2)
    ),
    "wide": Geometry(1, 2, 3, 131, 3, 3, 3, stride=(1, 2)),
    "odd": Geometry(2, 2, 29, 29, 3, 3, 3),
    "many images": Geometry(23, 2, 4, 4, 5, 2, 2),
    "blocks of images": Geometry(27, 2, 14, 14, 4, 5, 5),
}


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_agrees_with_the_records(t: Target, name: str, element: str) -> None:
    Case(GEOMETRIES[name], element).check(t)


def axis(size: int, kernel: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Size, kernel, stride, both pads and dilation along one axis."""
    pads = st.integers(-4, 4)  # negative: cut
    return st.tuples(
        st.integers(1, size), st.integers(1, kernel), st.integers(1, 3), pads, pads, st.integers(1, 3)
    )


def out(n: int, k: int, s: int, lo: int, hi: int, q: int) -> int:
    return (n + lo + hi - q * (k - 1) - 1) // s + 1


@settings(max_examples=40, deadline=None)
@given(
    axis(9, 4),
    axis(21, 6),
    st.tuples(*[st.integers(1, 4)] * 3, st.integers(1, 7)),
    st.sampled_from(sorted(ELEMENTS)),
    st.sampled_from(["start", "end"]),
    st.sampled_from(TARGETS),
    st.integers(0, 99),
)
def test_agrees_with_the_records_for_any_geometry(
    down: Any, across: Any, counts: Any, element: str, side: str, t: Target, seed: int
) -> None:
    groups, images, into, each = counts
    assume(out(*down) > 0 and out(*across) > 0)
    (h, kh, sh, top, bottom, qh), (w, kw, sw, left, right, qw) = down, across
    g = Geometry(
        images, groups * into, h, w, groups * each, kh, kw, (sh, sw), ((top, bottom), (left, right)),
        (qh, qw), groups,
    )  # fmt: skip
    Case(g, element, side, seed).check(t)


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("name", ["LeNet 2", "depthwise", "ResNet", "1x1"])
def test_an_epilogue_reads_operands_laid_out_like_the_result(name: str, element: str) -> None:
    g, t = GEOMETRIES[name], target.host()
    case, plane = Case(g, element), g.out[0] * g.out[1]
    residual = whole(np.random.default_rng(1), case.cotangent.shape, ELEMENTS[element])
    y = case.empty(case.cotangent)

    def write(
        f: Function, x: Value, w: Value, bias: Value, residual: Value, y: Value, scratch: Value
    ) -> None:
        def epilogue(f: Function, tile: PlaneTile) -> None:
            lanes = f.target.lanes(element)
            at = code.tile_address(f, element, tile, residual, g.o, plane)
            rows = []
            for i, row in enumerate(tile.values):
                b = f.splat(
                    f.load(element, f.offset(f.offset(bias, tile.channel, element), i, element)), lanes
                )
                done = []
                for v, (s, width) in enumerate(zip(row, tile.widths)):
                    r = f.load_part(s.type, f.offset(at, i * plane + v * lanes, element), width)
                    s = f.binary("fadd", f.binary("fadd", s, b), r)
                    done.append(f.intrinsic("maxnum", s, number(0, s.type)))
                rows.append(done)
            code.store_tile(f, element, tile._replace(values=rows), y, g.o, plane)

        zero = Value("0", "i64")
        code.conv_forward(f, element, g, x, w, epilogue, first_image=zero, images=g.n, scratch=scratch)

    scratch = room(code.forward_bytes(t, element, g), "end")
    native(t, write, 6)(case.x, case.w, case.bias, residual, y, scratch)
    expected = records.conv(case.x, case.w, case.bias, g.stride, g.pads, g.dilation, g.groups) + residual
    assert np.array_equal(y, np.maximum(expected, 0))


@pytest.mark.parametrize("name", ["LeNet 2", "ResNet", "1x1"])
def test_what_is_not_finite_stays_in_its_windows(name: str) -> None:
    g, t = GEOMETRIES[name], target.host()
    case = Case(g, "float")
    case.x[-1, 0, -2, -2], case.x[0, -1, 0, 0] = np.inf, np.nan
    seen = windows(pad_spatial(case.x, g.pads), (g.kh, g.kw), g.out, g.stride, g.dilation)
    expected = np.einsum("ncijpq,ocij->nopq", seen, case.w)
    assert np.array_equal(np.isfinite(case.forward(t)), np.isfinite(expected))
    case.x[0, -1, 0, 0] = 0
    case.cotangent[-1, 0, 0, 0] = np.inf
    seen = windows(pad_spatial(case.x, g.pads), (g.kh, g.kw), g.out, g.stride, g.dilation)
    expected = np.einsum("ncijpq,nopq->ocij", seen, case.cotangent)
    assert np.array_equal(np.isfinite(case.weight(t)), np.isfinite(expected))


def test_rounding_is_that_of_a_sum() -> None:
    g = GEOMETRIES["VGG"]
    case, rng = Case(g, "float"), np.random.default_rng(3)
    for a in (case.x, case.w, case.cotangent):
        a[...] = rng.standard_normal(a.shape)
    wide = [a.astype(np.float64) for a in (case.x, case.w, case.cotangent)]
    attributes = (g.stride, g.pads, g.dilation, g.groups)
    eps = np.finfo(np.float32).eps
    bound = records.conv(abs(wide[0]), abs(wide[1]), None, *attributes) * eps * 16 * 9
    assert (
        abs(case.forward(target.host()) - records.conv(wide[0], wide[1], None, *attributes)) <= bound
    ).all()
    bound = records.conv_weight(abs(wide[0]), abs(wide[2]), (3, 3), *attributes) * eps * 784 * 2
    expected = records.conv_weight(wide[0], wide[2], (3, 3), *attributes)
    assert (abs(case.weight(target.host()) - expected) <= bound).all()


@pytest.mark.parametrize("name", ["avx512", "aarch64"])
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("which", ["LeNet 1", "ResNet", "1d, long kernel", "groups"])
def test_compiles_for_other_processors(name: str, element: str, which: str) -> None:
    g, t = GEOMETRIES[which], target.named(name)
    module = Module(t)
    f = module.function("kernel", ["ptr"] * 6, internal=False)
    x, w, y, dx, dw, scratch = f.parameters
    at = {"first_image": Value("0", "i64"), "images": g.n, "scratch": scratch}
    plane = g.out[0] * g.out[1]
    code.conv_forward(f, element, g, x, w, lambda f, s: code.store_tile(f, element, s, y, g.o, plane), **at)
    code.conv_input(
        f, element, g, y, w, lambda f, s: code.store_tile(f, element, s, dx, g.c, g.h * g.w), **at
    )
    code.conv_weight(f, element, g, x, y, store_weights(element, dw, g.c // g.groups * g.kh * g.kw), **at)
    f.ret()
    assert len(engine.object_code(str(module), t, verify=True)) > 1000


@pytest.mark.parametrize("t", [target.named(n) for n in target.NAMES], ids=lambda t: t.name)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_strips_cover_every_output_once_with_its_inputs(name: str, t: Target) -> None:
    c = GEOMETRIES[name].plan
    lanes = t.lanes("float")
    rows, columns = c.found
    expected = {p * columns + q: p * c.stride[0] * c.pitch + q for p in range(rows) for q in range(columns)}
    for sections in (in_order(c, lanes, 3), by_rows(c, lanes, 2), tiling(t, "float", c).sections):
        found: dict[int, int] = {}
        for s in sections:
            for k in range(s.times):
                for strip in s.strips:
                    for r in range(strip.repeats):
                        pixel = s.pixel + k * s.pixels + strip.pixel + r * strip.step
                        place = s.place + k * s.offset + r * strip.step
                        for v, parts in enumerate(strip.vectors):
                            for part in parts:
                                for lane in range(part.first, part.stop):
                                    at = pixel + v * lanes + lane
                                    assert at not in found
                                    found[at] = place + part.offset + lane
        assert found == expected


@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("count", [1, 3, 8, 13])
def test_sums_over_lanes_come_in_order(t: Target, element: str, count: int) -> None:
    lanes, size = t.lanes(element), BITS[element] // 8
    x = np.arange(count * lanes, dtype=ELEMENTS[element]).reshape(count, lanes) ** 2
    y = np.zeros(-(-count // lanes) * lanes, x.dtype)

    def write(f: Function, x: Value, y: Value) -> None:
        vectors = [f.load(f"<{lanes} x {element}>", f.offset(x, i * lanes * size)) for i in range(count)]
        for k, v in enumerate(added_lanes(f, vectors, lanes)):
            f.store(v, f.offset(y, k * lanes * size))

    native(t, write, 2)(x, y)
    assert np.array_equal(y[:count], x.sum(1))

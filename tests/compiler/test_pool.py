"""Pooling as machine code, against the records' forwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.compiler.guarded import guarded
from tests.compiler.kernels import ELEMENTS, TARGETS, native

from chainrule.compiler import engine, target
from chainrule.compiler.builder import BITS, Function, Module, Value
from chainrule.compiler.conv_sum import PlaneTile, store_tile
from chainrule.compiler.pool import Windows, max_pool, max_pool_bytes
from chainrule.compiler.pool_gradient import max_pool_input
from chainrule.compiler.pool_taps import resample, resample_bytes, runs
from chainrule.compiler.target import Target
from chainrule.ops import pool as records
from chainrule.ops import resample as tables

ZERO = Value("0", "i64")


def room(size: int) -> np.ndarray:
    return guarded(np.full(max(-(-size // 8), 1), -1, np.int64), "end")


def nothing(shape: tuple[int, ...], dtype: Any, side: Any = "end") -> np.ndarray:
    return guarded(np.full(shape, 99, dtype), side)


def pooled(
    t: Target, element: str, x: np.ndarray, w: Windows, *, indices: bool, side: Any = "end"
) -> list[Any]:
    """Values and indices, the planes in two halves."""
    planes = x.shape[0]
    y, where = nothing((planes, *w.out), x.dtype, side), nothing((planes, *w.out), np.int64, side)

    def write(f: Function, x: Value, y: Value, where: Value, scratch: Value) -> None:
        def epilogue(f: Function, tile: PlaneTile, places: list[Value]) -> None:
            area = w.out[0] * w.out[1]
            store_tile(f, element, tile, y, planes, area)
            assert bool(places) == indices
            at = f.binary("add", f.binary("mul", tile.channel, Value(str(area), "i64")), tile.pixel)
            for v, place in enumerate(places):
                here = f.offset(f.offset(where, at, "i64"), v * f.target.lanes(element), "i64")
                f.store_part(place, here, tile.widths[v])

        for first, count in ((0, planes // 2), (planes // 2, planes - planes // 2)):
            at = Value(str(first), "i64")
            max_pool(
                f, element, w, x, epilogue, indices=indices, first_plane=at, planes=count, scratch=scratch
            )

    native(t, write, 4)(x, y, where, room(max_pool_bytes(t, element, w)))
    return [y, where]


WINDOWS = {
    "2x2": Windows((28, 28), (2, 2), (2, 2)),
    "2x2, odd": Windows((7, 13), (2, 2), (2, 2)),
    "2x2, wide": Windows((4, 86), (2, 2), (2, 2)),
    "2x2, sticking out": Windows((5, 7), (2, 2), (2, 2), ceil_mode=True),
    "3x3": Windows((13, 14), (3, 3), (2, 2), (1, 1)),
    "overlapping": Windows((9, 12), (3, 2), (1, 1)),
    "apart": Windows((11, 17), (2, 2), (3, 4)),
    "dilated": Windows((9, 19), (2, 3), (1, 2), (0, 1), (3, 2)),
    "1d": Windows((1, 37), (1, 3), (1, 2), (0, 1)),
    "columns": Windows((9, 5), (3, 1), (1, 1), (1, 0)),
    "whole": Windows((4, 5), (4, 5), (4, 5)),
}


def values(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, special: bool, side: Any = "end"
) -> Any:
    """Few different numbers, so that many are equal, and among them -inf, inf and what is not a number."""
    x = rng.integers(-3, 4, shape).astype(dtype)
    if special:
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.3] = -np.inf
        x[rng.random(shape) < 0.1] = np.inf
    return guarded(x, side)


def expected_pool(x: np.ndarray, w: Windows) -> list[Any]:
    with np.errstate(invalid="ignore"):
        return records.max_pool.forward(x, *w[1:])


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", WINDOWS)
def test_max_pool_agrees_with_the_record(t: Target, name: str, element: str, special: bool) -> None:
    w = WINDOWS[name]
    x = values(np.random.default_rng(0), (5, *w.size), ELEMENTS[element], special)
    y, where = pooled(t, element, x, w, indices=True)
    expected = expected_pool(x, w)
    assert np.array_equal(y, expected[0], equal_nan=True)
    assert np.array_equal(where, expected[1])
    assert np.array_equal(pooled(t, element, x, w, indices=False)[0], y, equal_nan=True)


def axis(size: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Size, kernel, stride, padding and dilation along one axis."""
    return st.tuples(
        st.integers(1, size), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(1, 3)
    )


@settings(max_examples=50, deadline=None)
@given(
    axis(9), axis(24), st.booleans(), st.sampled_from(sorted(ELEMENTS)), st.booleans(),
    st.sampled_from(["start", "end"]), st.sampled_from(TARGETS), st.integers(0, 99),
)  # fmt: skip
def test_max_pool_agrees_with_the_record_for_any_windows(
    down: Any, across: Any, ceil_mode: bool, element: str, special: bool, side: str, t: Target, seed: int
) -> None:
    w = Windows(*zip(down, across), ceil_mode)  # type: ignore[arg-type]
    assume(all(p <= ((k - 1) * q + 1) // 2 for p, k, q in zip(w.padding, w.kernel, w.dilation)))
    assume(min(w.out) > 0)
    x = values(np.random.default_rng(seed), (3, *w.size), ELEMENTS[element], special, side)
    y, where = pooled(t, element, x, w, indices=True, side=side)
    expected = expected_pool(x, w)
    assert np.array_equal(y, expected[0], equal_nan=True)
    assert np.array_equal(where, expected[1])


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("size", [(28, 28), (7, 13), (2, 2), (3, 67), (5, 3)])
def test_gradient_of_paired_windows(t: Target, size: Any, element: str, special: bool) -> None:
    w, rng = Windows(size, (2, 2), (2, 2)), np.random.default_rng(1)
    assert w.paired
    x = values(rng, (4, *size), ELEMENTS[element], special)
    g = guarded(rng.normal(size=(4, *w.out)).astype(x.dtype), "end")
    dx = nothing(x.shape, x.dtype)

    def write(f: Function, x: Value, g: Value, dx: Value) -> None:
        def stored(f: Function, tile: PlaneTile) -> None:
            store_tile(f, element, tile, dx, 4, size[0] * size[1])

        for first in (0, 2):
            max_pool_input(f, element, w, x, g, stored, first_plane=Value(str(first), "i64"), planes=2)

    native(t, write, 3)(x, g, dx)
    assert np.array_equal(dx, records.pool_place.forward(g, expected_pool(x, w)[1], size))


TAPS = {
    "2x2": (tables.pooling_taps(28, 2, 2, 0, 14, True, None),) * 2,
    "3x3": (tables.pooling_taps(9, 3, 2, 1, 5, True, None), tables.pooling_taps(20, 3, 2, 1, 10, True, None)),
    "without padding": (
        tables.pooling_taps(9, 3, 2, 1, 5, False, None),
        tables.pooling_taps(20, 3, 2, 1, 10, False, None),
    ),
    "divisor": (tables.pooling_taps(8, 2, 1, 0, 7, True, 3), tables.pooling_taps(41, 4, 3, 2, 14, True, 1)),
    "1d": (tables.same_taps(1), tables.pooling_taps(37, 3, 2, 1, 19, True, None)),
    "adaptive": (tables.adaptive_taps(11, 4), tables.adaptive_taps(17, 5)),
    "adaptive, larger": (tables.adaptive_taps(3, 7), tables.adaptive_taps(5, 12)),
    "global": (tables.adaptive_taps(7, 1), tables.adaptive_taps(7, 1)),
    "far apart": (
        tables.pooling_taps(9, 1, 9, 0, 1, True, None),
        tables.pooling_taps(150, 2, 11, 0, 13, True, None),
    ),
    "cubic": (
        tables.interpolation_taps(6, 11, "cubic", None, False),
        tables.interpolation_taps(19, 9, "cubic", None, True),
    ),
}


def resampled(t: Target, element: str, x: np.ndarray, taps: Any) -> np.ndarray:
    planes, (rows, columns) = x.shape[0], (taps[0].out, taps[1].out)
    y = nothing((planes, rows, columns), x.dtype)

    def write(f: Function, x: Value, y: Value, scratch: Value) -> None:
        def epilogue(f: Function, tile: PlaneTile) -> None:
            store_tile(f, element, tile, y, planes, rows * columns)

        for first, count in ((0, planes // 2), (planes // 2, planes - planes // 2)):
            at = Value(str(first), "i64")
            resample(f, element, taps, x, epilogue, first_plane=at, planes=count, scratch=scratch)

    native(t, write, 3)(x, y, room(resample_bytes(t, element, taps)))
    return y


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", TAPS)
def test_average_pool_and_its_gradient_agree_with_the_record(t: Target, name: str, element: str) -> None:
    taps, rng = TAPS[name], np.random.default_rng(4)
    for way in (taps, tuple(t.transposed for t in taps)):
        x = guarded(rng.normal(size=(5, way[0].n, way[1].n)).astype(ELEMENTS[element]), "end")
        expected = tables.avg_pool.forward(x.astype(np.float64), way)
        bound = np.finfo(x.dtype).eps * 64 * abs(x).max() * abs(expected).max()
        assert abs(resampled(t, element, x, way) - expected).max() <= bound


@pytest.mark.parametrize("name", ["3x3", "adaptive", "without padding"])
def test_averages_keep_what_is_not_a_number_in_its_windows(name: str) -> None:
    taps, rng = TAPS[name], np.random.default_rng(5)
    rows, columns = taps[0].n, taps[1].n
    x = guarded(rng.normal(size=(columns, rows, columns)).astype(np.float32), "end")
    seen = np.zeros((columns, taps[0].out, taps[1].out), bool)
    for j in range(columns):  # a plane for every column, the rows in turn
        x[j, j % rows, j] = np.nan if j % 2 else np.inf
        seen[j] = (taps[0].index == j % rows).any(0)[:, None] & (taps[1].index == j).any(0)
    assert np.array_equal(~np.isfinite(resampled(target.host(), "float", x, taps)), seen)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("starts", [[0, 7, 14, 21], [3, 5, 7, 30, 40, 50], [9, 4, 4, 60]])
def test_runs_of_taps_read_what_the_taps_say(starts: list[int], lanes: int) -> None:
    part = np.array([[0, 1, 3, 2, 8, 8, 7, 6], [99, 1, 99, 5, 2, 0, 99, 1]])
    index = np.concatenate([np.where(part < 99, part + k, 99) for k in starts], 1)
    weight = np.concatenate([np.arange(16).reshape(2, 8) % 5] * len(starts), 1) + 1.0
    found = np.zeros((99, index.shape[1]))
    for run in runs(tables.Taps(99, index, weight), lanes):
        for k in range(run.times):
            for places, weights in zip(run.lanes, run.weights):
                for lane, place in enumerate(places):
                    if place >= 0:
                        assert lane < run.width
                        found[place + run.place + k * run.step, run.pixel + k * lanes + lane] += weights[lane]
    expected = np.zeros((100, index.shape[1]))
    for row, weights in zip(index, weight):
        expected[row, np.arange(len(row))] += weights
    assert np.array_equal(found, expected[:99])


@pytest.mark.parametrize("name", ["avx512", "aarch64"])
@pytest.mark.parametrize("element", ELEMENTS)
def test_compiles_for_other_processors(name: str, element: str) -> None:
    t = target.named(name)
    module = Module(t)
    f = module.function("kernel", ["ptr"] * 6, internal=False)
    x, y, where, g, dx, scratch = f.parameters
    for which in ("2x2", "3x3"):
        w = WINDOWS[which]

        def epilogue(f: Function, tile: PlaneTile, places: list[Value], w: Windows = w) -> None:
            store_tile(f, element, tile, y, 4, w.out[0] * w.out[1])
            for place in places:
                f.store(place, where)

        max_pool(f, element, w, x, epilogue, indices=True, first_plane=ZERO, planes=4, scratch=scratch)
    max_pool_input(
        f, element, WINDOWS["2x2"], x, g, lambda f, s: store_tile(f, element, s, dx, 4, 784),
        first_plane=ZERO, planes=4,
    )  # fmt: skip
    resample(
        f, element, TAPS["adaptive"], x, lambda f, s: store_tile(f, element, s, y, 4, 20),
        first_plane=ZERO, planes=4, scratch=scratch,
    )  # fmt: skip
    f.ret()
    assert len(engine.object_code(str(module), t, verify=True)) > 1000


def test_scratch_is_counted_in_bytes() -> None:
    w, t = WINDOWS["3x3"], target.host()
    assert max_pool_bytes(t, "double", w) > max_pool_bytes(t, "float", w) > w.plan.plane * BITS["float"] // 8
    assert max_pool_bytes(t, "float", WINDOWS["2x2"]) == 0

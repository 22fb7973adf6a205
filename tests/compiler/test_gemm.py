"""Matrix products as machine code, against NumPy's in float64, between guard pages."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.guarded import guarded
from tests.compiler.kernels import ELEMENTS, TARGETS, native

from chainrule.compiler import engine, target
from chainrule.compiler.builder import Function, Module, Value, lanes, number
from chainrule.compiler.gemm import Epilogue, Matrix, Tile, batched, gemm, scratch_bytes, store
from chainrule.compiler.gemm_plan import Plan, planned, room
from chainrule.compiler.target import Target
from chainrule.compiler.tiles import column_panels, row_blocks

LAYOUTS = ["NN", "NT", "TN", "TT"]


def strides(rows: int, columns: int, layout: str, padding: int = 0) -> tuple[int, int]:
    return (columns + padding, 1) if layout == "N" else (1, rows + padding)


def placed(x: np.ndarray, stride: tuple[int, int], side: str) -> tuple[np.ndarray, np.ndarray]:
    """Memory that ends at (or begins after) a guard page, and x in it as a view with these strides."""
    extent = sum((s - 1) * t for s, t in zip(x.shape, stride)) + 1 if x.size else 0
    memory = guarded(np.full(extent, 7, x.dtype), side)
    view = np.lib.stride_tricks.as_strided(memory, x.shape, [t * x.itemsize for t in stride])
    view[...] = x
    return memory, view


def addresses(*arrays: np.ndarray) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(a.ctypes.data) for a in arrays]


def check(
    t: Target,
    element: str,
    m: int,
    n: int,
    k: int,
    layout: str = "NN",
    *,
    padding: tuple[int, int, int] = (0, 0, 0),
    side: str = "end",
    plan: Plan | None = None,
    seed: int = 0,
) -> None:
    """Compute a product between guard pages, and compare with the bound on the rounding error of a sum."""
    dtype, rng = ELEMENTS[element], np.random.default_rng(seed)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    a_strides, b_strides = strides(m, k, layout[0], padding[0]), strides(k, n, layout[1], padding[1])
    c_strides = strides(m, n, "N", padding[2])
    a_memory, _ = placed(a, a_strides, side)
    b_memory, _ = placed(b, b_strides, side)
    c_memory, c = placed(np.full((m, n), np.nan, dtype), c_strides, side)
    if plan is None:
        needed = scratch_bytes(t, element, m, n, k, a_strides, b_strides)
    else:
        needed = sum(room(plan, t, element, m, n, k))
    scratch = guarded(np.full(needed, 255, np.uint8), side)

    def write(f: Function, left: Value, right: Value, out: Value, space: Value) -> None:
        gemm(
            f, element, m, n, k, Matrix(left, *a_strides), Matrix(right, *b_strides),
            store(Matrix(out, *c_strides)), scratch=space if needed else None, plan=plan,
        )  # fmt: skip

    native(t, write, 4)(a_memory, b_memory, c_memory, scratch)
    want = a.astype(np.float64) @ b.astype(np.float64)
    bound = (k + 2) * np.finfo(dtype).eps * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
    assert np.all(np.abs(c - want) <= bound + (k == 0))
    gaps = np.ones(c_memory.shape, bool)
    np.lib.stride_tricks.as_strided(gaps, (m, n), c_strides)[...] = False
    assert np.all(c_memory[gaps] == 7)
    if k == 0:
        assert not c.any()


@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("side", ["start", "end"])
def test_a_product_of_every_layout_is_that_of_float64(
    t: Target, element: str, layout: str, side: str
) -> None:
    narrow = [(19, 1, 40), (19, 3, 37), (1, 19, 40), (2, 19, 39), (40, 1, 3), (19, 1, 600)]
    for m, n, k in [(1, 1, 1), (3, 3, 3), (13, 17, 19), (64, 10, 33), *narrow]:
        check(t, element, m, n, k, layout, side=side)


size = st.one_of(st.integers(0, 9), st.integers(0, 70))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(TARGETS),
    st.sampled_from(sorted(ELEMENTS)),
    size, size, size,
    st.sampled_from(LAYOUTS),
    st.tuples(*[st.integers(0, 3)] * 3),
    st.sampled_from(["start", "end"]),
    st.integers(0, 99),
)  # fmt: skip
def test_products_of_any_size_and_padding(
    t: Target, element: str, m: int, n: int, k: int, layout: str, padding: Any, side: str, seed: int
) -> None:
    check(t, element, m, n, k, layout, padding=padding, side=side, seed=seed)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(TARGETS),
    st.sampled_from(sorted(ELEMENTS)),
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from(LAYOUTS),
    st.integers(1, 6), st.integers(1, 3), st.integers(1, 5), st.integers(1, 4),
    st.booleans(), st.sampled_from(["start", "end"]),
)  # fmt: skip
def test_any_plan_gives_the_product(
    t: Target, element: str, m: int, n: int, k: int, layout: str,
    rows: int, vectors: int, quarter: int, tall: int, pack_a: bool, side: str,
) -> None:  # fmt: skip
    """Blocks far smaller than any cache, so that every loop of the blocked product is entered."""
    panels = column_panels(n, vectors, t.lanes(element))
    depth = min(4 * quarter, k)
    plan = Plan(row_blocks(m, rows), panels, depth, tall, pack_a, True, False, False)
    check(t, element, m, n, k, layout, side=side, plan=plan)
    if layout[1] == "N":
        check(t, element, m, n, k, layout, side=side, plan=plan._replace(pack_b=False))


@pytest.mark.parametrize(
    ("m", "n", "k", "layout"),
    [
        (128, 300, 260, "NN"),
        (300, 130, 530, "TN"),
        (97, 200, 2100, "NT"),
        (20, 24, 5000, "TN"),
        (200, 170, 9, "TT"),
    ],
)
def test_large_products_are_copied_and_blocked(m: int, n: int, k: int, layout: str) -> None:
    check(target.host(), "float", m, n, k, layout)


def test_a_large_transposed_product_copies_both_operands() -> None:
    plan = planned(target.named("avx2"), "float", 1024, 1024, 1024, (1, 1024), (1024, 1))
    assert plan.pack_a and plan.pack_b and plan.depth < 1024


def test_a_small_product_copies_nothing() -> None:
    assert scratch_bytes(target.named("avx2"), "float", 64, 64, 64, (64, 1), (64, 1)) == 0


def test_scratch_memory_is_asked_for() -> None:
    f = Module(target.host()).function("product", ["ptr"] * 3)
    a, b, c = f.parameters
    words = r"the product \(64, 64\) x \(64, 64\) needs 16448 bytes of scratch memory, but got none"
    with pytest.raises(ValueError, match=words):
        gemm(f, "float", 64, 64, 64, Matrix(a, 64, 1), Matrix(b, 1, 64), store(Matrix(c, 64, 1)))


@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("m", "n", "split"), [(22, 26, "rows"), (22, 26, "columns"), (22, 1, "rows"), (9, 2, "columns")]
)
def test_halves_of_a_product_meet(t: Target, layout: str, m: int, n: int, split: str) -> None:
    k = 31
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((m, k)).astype("f"), rng.standard_normal((k, n)).astype("f")
    a_strides, b_strides = strides(m, k, layout[0]), strides(k, n, layout[1])
    rows, columns = (m // 2, n) if split == "rows" else (m, n // 2)
    module = Module(t)
    f = module.function("half", ["ptr", "ptr", "ptr", "ptr", "i64"], internal=False)
    left, right, out, space, first = f.parameters
    where = {"first_row": first} if split == "rows" else {"first_column": first}
    gemm(
        f, "float", rows, columns, k, Matrix(left, *a_strides), Matrix(right, *b_strides),
        store(Matrix(out, n, 1)), scratch=space, **where,
    )  # fmt: skip
    f.ret()
    library = engine.load(str(module), ("half",), t, verify=True)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64)(library.address("half"))
    a_memory, _ = placed(a, a_strides, "end")
    b_memory, _ = placed(b, b_strides, "end")
    c = guarded(np.full((m, n), np.nan, "f"), "end")
    scratch = np.empty(scratch_bytes(t, "float", rows, columns, k, a_strides, b_strides), np.uint8)
    call(*addresses(a_memory, b_memory, c, scratch), 0)
    done = np.isfinite(c)
    assert done.sum() == rows * columns
    call(*addresses(a_memory, b_memory, c, scratch), rows if split == "rows" else columns)
    np.testing.assert_allclose(c, a.astype("d") @ b, rtol=0, atol=2e-5)


def biased(bias: Value, inner: Epilogue) -> Epilogue:
    """max(C + bias of the column, 0)."""

    def finish(f: Function, tile: Tile) -> None:
        kind = tile.values[0][0].type
        zero, base = number(0, kind), f.offset(bias, tile.column, "float")
        values = []
        for row in tile.values:
            values.append([])
            for j, (x, width) in enumerate(zip(row, tile.widths)):
                y = f.binary("fadd", x, f.load_part(kind, f.offset(base, j * lanes(kind), "float"), width))
                values[-1].append(f.select(f.compare("ogt", y, zero), y, zero))
        inner(f, tile._replace(values=values))

    return finish


@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
@pytest.mark.parametrize(("m", "n", "k", "layout"), [(17, 21, 9, "NN"), (9, 3, 40, "NT"), (1, 30, 64, "NT")])
def test_the_epilogue_sees_every_sum_once_in_its_place(
    t: Target, m: int, n: int, k: int, layout: str
) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((m, k)).astype("f"), rng.standard_normal((k, n)).astype("f")
    bias, c = guarded(rng.standard_normal(n).astype("f"), "end"), guarded(np.zeros((m, n), "f"), "end")
    b_memory, _ = placed(b, strides(k, n, layout[1]), "end")
    needed = scratch_bytes(t, "float", m, n, k, (k, 1), strides(k, n, layout[1]))
    scratch = np.empty(needed, np.uint8)

    def write(f: Function, left: Value, right: Value, shift: Value, out: Value, space: Value) -> None:
        end = biased(shift, store(Matrix(out, n, 1), accumulate=True))
        b_strides = strides(k, n, layout[1])
        gemm(f, "float", m, n, k, Matrix(left, k, 1), Matrix(right, *b_strides), end, scratch=space)

    native(t, write, 5)(a, b_memory, bias, c, scratch)
    np.testing.assert_allclose(c, np.maximum(a.astype("d") @ b + bias, 0), rtol=0, atol=2e-5)


@pytest.mark.parametrize("accumulate", [False, True])
def test_c_may_be_stored_transposed(accumulate: bool) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((11, 5)).astype("f"), rng.standard_normal((5, 13)).astype("f")
    c = guarded(np.ones((13, 11), "f"), "end")

    def write(f: Function, left: Value, right: Value, out: Value, _: Value) -> None:
        end = store(Matrix(out, 1, 11), accumulate=accumulate)
        gemm(f, "float", 11, 13, 5, Matrix(left, 5, 1), Matrix(right, 13, 1), end)

    native(target.host(), write, 4)(a, b, c, c)
    np.testing.assert_allclose(c.T, a.astype("d") @ b + accumulate, rtol=0, atol=1e-5)


@pytest.mark.parametrize("a_strides", [(0, 1), (1, 0), (0, 0), (2, 3)])
@pytest.mark.parametrize("b_strides", [(0, 1), (1, 0), (0, 0), (3, 2)])
def test_broadcast_and_spread_operands(a_strides: tuple[int, int], b_strides: tuple[int, int]) -> None:
    m, n, k = 9, 19, 21
    rng = np.random.default_rng(4)

    def operand(shape: tuple[int, int], stride: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        memory = rng.standard_normal(sum((s - 1) * t for s, t in zip(shape, stride)) + 1).astype("f")
        memory = guarded(memory, "end")
        return memory, np.lib.stride_tricks.as_strided(memory, shape, [4 * t for t in stride])

    (a_memory, a), (b_memory, b) = operand((m, k), a_strides), operand((k, n), b_strides)
    c = guarded(np.zeros((m, n), "f"), "end")
    scratch = np.empty(scratch_bytes(target.host(), "float", m, n, k, a_strides, b_strides), np.uint8)

    def write(f: Function, left: Value, right: Value, out: Value, space: Value) -> None:
        end = store(Matrix(out, n, 1))
        gemm(f, "float", m, n, k, Matrix(left, *a_strides), Matrix(right, *b_strides), end, scratch=space)

    native(target.host(), write, 4)(a_memory, b_memory, c, scratch)
    np.testing.assert_allclose(c, a.astype("d") @ b.astype("d"), rtol=0, atol=3e-5)


@pytest.mark.parametrize("batch", [0, 1, 5])
@pytest.mark.parametrize("shared", [False, True])
def test_a_batch_of_products(batch: int, shared: bool) -> None:
    m, n, k = 7, 10, 12
    rng = np.random.default_rng(5)
    a = guarded(rng.standard_normal((batch, m, k)).astype("f"), "end")
    b = guarded(rng.standard_normal((1 if shared else batch, n, k)).astype("f"), "end")
    c = guarded(np.zeros((batch, m, n), "f"), "end")
    scratch = np.empty(scratch_bytes(target.host(), "float", m, n, k, (k, 1), (1, k)), np.uint8)

    def write(f: Function, left: Value, right: Value, out: Value, space: Value) -> None:

        def end(f: Function, tile: Tile, s: Value) -> None:
            place = f.offset(out, f.binary("mul", s, Value(str(m * n), "i64")), "float")
            store(Matrix(place, n, 1))(f, tile)

        apart = (m * k, 0 if shared else n * k)
        batched(
            f, "float", batch, m, n, k, Matrix(left, k, 1), Matrix(right, 1, k), apart, end, scratch=space
        )

    native(target.host(), write, 4)(a, b, c, scratch)
    np.testing.assert_allclose(c, a.astype("d") @ np.swapaxes(b, 1, 2).astype("d"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", target.NAMES)
@pytest.mark.parametrize("element", ELEMENTS)
def test_every_target_compiles_every_kind_of_product(name: str, element: str) -> None:
    t = target.named(name)
    sizes = [(64, 64, 64), (13, 21, 5), (1, 70, 33), (300, 300, 520), (3, 3, 3), (5, 1, 40)]
    for (m, n, k), layout in itertools.product(sizes, LAYOUTS):
        module = Module(t)
        f = module.function("product", ["ptr"] * 4, internal=False)
        a, b, c, space = f.parameters
        left, right = Matrix(a, *strides(m, k, layout[0])), Matrix(b, *strides(k, n, layout[1]))
        gemm(f, element, m, n, k, left, right, store(Matrix(c, n, 1)), scratch=space)
        f.ret()
        assert engine.object_code(str(module), t, verify=True)


@pytest.mark.parametrize(("m", "most"), [(0, 6), (1, 6), (6, 6), (7, 6), (13, 6), (64, 6), (65, 8)])
def test_row_blocks_are_balanced(m: int, most: int) -> None:
    blocks = row_blocks(m, most)
    assert sum(b.size * b.times for b in blocks) == m
    assert sum(b.times for b in blocks) == -(-m // most)
    assert not blocks or blocks[0].size - blocks[-1].size <= 1
    assert [b.start for b in blocks] == [0, *(b.stop for b in blocks)][: len(blocks)]


@pytest.mark.parametrize(("n", "most"), [(1, 2), (8, 2), (10, 2), (64, 3), (65, 2), (79, 4)])
def test_only_the_last_vector_of_columns_is_partial(n: int, most: int) -> None:
    panels = column_panels(n, most, 8)
    widths = [w for p in panels for _ in range(p.times) for w in p.widths]
    assert sum(widths) == n
    assert all(w == 8 for w in widths[:-1])
    assert max(len(p.widths) for p in panels) <= most

"""Kernels of index tensors: what NumPy computes, in its order, without touching memory outside."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.guarded import guarded
from tests.compiler.guarded_steps import by_kernels
from tests.three_way.helpers import compiled, of_record, samples

from chainrule.compiler import engine, target
from chainrule.compiler.assemble import assemble
from chainrule.compiler.pipeline import optimised
from chainrule.compiler.special.indexing import SPECS
from chainrule.ops import index, scatter
from chainrule.ops.index import INDEX
from chainrule.program import interpret, verify

NAMES = sorted(op.name for op in SPECS)
RECORD = {op.name: op for op in SPECS}
ALL = slice(None)


def _rng():
    return np.random.default_rng(5)


def exactly(op, args, floats=np.float32, side="end", **options):
    """The record's result by the compiled kernel, to the last bit; no call of the forward takes part."""
    for got, expected in zip(*by_kernels(op, args, floats, side, **options)):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("floats", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_samples_are_exact(name, floats, threads):
    for args in samples(RECORD[name]):
        exactly(RECORD[name], args, floats, threads=threads)
        exactly(RECORD[name], args, floats, side="start", threads=threads)


KEYS = [
    ((7, 33), (5,), (INDEX,)),
    ((7, 64), (4, 3), (INDEX,)),
    ((3, 7), (5,), (ALL, INDEX)),
    ((3, 7, 19), (5,), (ALL, INDEX)),
    ((3, 7, 4), (2, 5), (..., INDEX)),
    ((6, 7, 40), (5,), (INDEX, slice(1, None, 3))),
    ((6, 7, 40), (5,), (INDEX, None, 2)),
    ((6, 7, 8), (5,), (INDEX, ALL, 2)),
    ((6, 7, 8), (5,), (slice(None, None, -1), 3, INDEX)),
    ((6, 7, 8, 9), (2, 3), (ALL, INDEX, INDEX)),
    ((6, 7, 8, 9), (2, 3), (INDEX, ALL, INDEX)),
    ((6, 7, 8, 9), (2, 3), (None, INDEX, ..., INDEX)),
    ((6, 5, 33), (), (INDEX,)),
    ((6, 7, 8), (4,), (INDEX, INDEX, INDEX)),
]


def _keyed(shape, at, key):
    """A table, indices (negative ones too) for the key, and the places that they name."""
    rng = _rng()
    table = rng.normal(size=shape)
    dims, d = [], 0
    spread = len(shape) - sum(k is not None and k is not Ellipsis for k in key)
    for k in key:
        if k == INDEX:
            dims.append(shape[d])
        d += spread if k is Ellipsis else k is not None
    parts = [rng.integers(-n, n, size=at) for n in dims]
    ix = parts[0] if len(parts) == 1 else np.stack(parts)
    return table, ix, index.with_indices(key, ix)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", KEYS, ids=str)
def test_keys_are_read_as_numpy_reads_them(case, threads):
    shape, at, key = case
    table, ix, places = _keyed(shape, at, key)
    exactly(index.index, (table, ix, key), threads=threads)
    values = _rng().normal(size=table[places].shape)
    exactly(index.unindex, (values, ix, shape, key), threads=threads)
    exactly(index.index_put, (table, ix, values, key, True), threads=threads)
    exactly(index.index_put, (table, ix, 2.5, key, False), threads=threads)
    if np.unique(np.arange(table.size).reshape(shape)[places]).size == values.size:
        exactly(index.index_put, (table, ix, values, key, False), threads=threads)


@pytest.mark.parametrize("width", [1, 3, 8, 16, 33, 64, 100])
@pytest.mark.parametrize("threads", [1, 2])
def test_embeddings_of_any_width(width, threads):
    rng = _rng()
    ix = rng.integers(0, 5, size=(3, 7))
    exactly(scatter.embedding, (rng.normal(size=(5, width)), ix, -1, False), threads=threads)
    g = rng.normal(size=(3, 7, width))
    exactly(scatter.embedding_grad, (g, ix, 5, -1, False), threads=threads)


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("threads", [1, 2])
def test_gathering_and_scattering_along_a_dimension(dim, threads):
    rng = _rng()
    shape = [6, 8, 35]
    size = list(shape)
    size[dim] = 4
    ix = rng.integers(0, shape[dim], size=size)
    a, src = rng.normal(size=shape), rng.normal(size=size)
    exactly(scatter.gather, (a, ix, dim), threads=threads)
    exactly(scatter.ungather, (src, ix, tuple(shape), dim), threads=threads)
    exactly(scatter.scatter_add, (a, ix, src, dim), threads=threads)
    exactly(scatter.scatter_add, (a, ix[:2, :3, :4], src[:2, :3, :4], dim), threads=threads)
    exactly(scatter.scatter, (a, ix, 1.5, dim), threads=threads)
    distinct = np.argsort(rng.normal(size=shape), axis=dim).take(range(size[dim]), axis=dim)
    exactly(scatter.scatter, (a, distinct, src, dim), threads=threads)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_other_dtypes_are_moved_too(dtype):
    rng = _rng()
    table = rng.integers(0, 2, size=(5, 37)).astype(dtype)
    exactly(index.index, (table, np.array([3, 0, -1], np.int32), (INDEX,)))
    if dtype != "bool":
        exactly(index.unindex, (table, np.array([3, 0, 1, 1, 3]), (6, 37), (INDEX,)))


def test_a_transposed_table_and_a_broadcast_index_are_read_in_place():
    from chainrule.ops.movement import expand
    from chainrule.program import Builder
    from chainrule.types import float32, int64

    b = Builder()
    a, ix = b.input((9, 6), float32), b.input((4, 1), int64)
    rows = scatter.gather(a.mT, expand(ix, (4, 9)), 0)
    program = b.program([rows, index.index(a.mT, ix, (INDEX, slice(1, 8)))])
    inputs = [_rng().normal(size=(9, 6)).astype(np.float32), np.array([[2], [0], [5], [2]])]
    runner = compiled(verify(optimised(program)), inputs)
    assert not runner.assembled.calls
    for got, want in zip(runner(inputs), interpret(program, inputs)):
        np.testing.assert_array_equal(got, want)


# ----- what does not exist

_TABLE = np.zeros((3, 4))
OUTSIDE = [
    (index.index, (_TABLE, np.array([1, 5]), (INDEX,)), IndexError, "index 5 is .* for dimension 0"),
    (index.index, (_TABLE, np.array([[0], [-5]]), (INDEX, INDEX)), IndexError, "index -5 .* dimension 1"),
    (index.index_select, (_TABLE, np.array([-1]), (ALL, INDEX)), IndexError, "index out of range in self"),
    (index.unindex, (_TABLE[:2], np.array([3, 0]), (3, 4), (INDEX,)), IndexError, "out of bounds"),
    (index.index_put, (_TABLE, np.array([2**40]), 1.0, (INDEX,), False), IndexError, "index 1099511627776"),
    (scatter.embedding, (_TABLE, np.array([3]), -1, False), IndexError, "index out of range in self"),
    (scatter.gather, (_TABLE, np.array([[3, 0]]), 0), RuntimeError, "index 3 .* for dimension 0 with size 3"),
    (scatter.gather, (_TABLE, np.array([[-1, 0]]), 0), RuntimeError, "index -1 is out of bounds"),
    (scatter.scatter_add, (_TABLE, np.array([[0, 4]]), _TABLE[:1, :2], 1), RuntimeError, "index 4 is out"),
]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", OUTSIDE, ids=lambda c: f"{c[0].name}-{c[3]}")
def test_an_index_outside_is_refused_in_the_forward_s_words(case, threads):
    op, args, error, words = case
    program, inputs = of_record(op, args, np.dtype("float32"))
    inputs = [guarded(a, "end") for a in inputs]
    runner = compiled(verify(optimised(program)), inputs, threads=threads)
    assert not runner.assembled.calls
    for _ in range(2):
        with pytest.raises(error, match=words):
            runner(inputs)


def test_masks_and_padding_rows_are_left_to_numpy():
    mask = np.array([True, False, True])
    program, inputs = of_record(
        index.index_put, (np.zeros(3), mask, 1.0, (INDEX,), False), np.dtype("float32")
    )
    assert compiled(verify(optimised(program)), inputs).assembled.calls
    args = (_rng().normal(size=(4, 3)), np.array([0, 1, 1, 2]), 3, 1, False)
    program, inputs = of_record(scatter.embedding_grad, args, np.dtype("float32"))
    runner = compiled(verify(program), inputs)  # before the decomposition
    assert runner.assembled.calls
    exactly(scatter.embedding_grad, args)


@pytest.mark.parametrize("name", ["avx512", "x86-64", "aarch64"])
def test_other_processors(name):
    for op in SPECS:
        for args in samples(op)[:1]:
            program, inputs = of_record(op, args, np.dtype("float32"))
            if name == "x86-64":
                exactly(op, args, target=target.named(name))
                continue
            strides = [tuple(s // a.itemsize for s in a.strides) for a in inputs]
            text = assemble(optimised(program), strides, [("result", 0)], target.named(name)).text
            assert engine.object_code(text, target.named(name), verify=True)

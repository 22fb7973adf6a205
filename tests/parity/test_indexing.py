"""x[...], x[...] = v and the scatter family against PyTorch: values, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch", reason="PyTorch is the reference that these tests compare with")

A = np.random.default_rng(0).normal(size=(4, 3, 5))
MASK = A > 0

KEYS: dict[str, Any] = {
    "int": lambda m: 0,
    "negative": lambda m: -1,
    "slice": lambda m: slice(1, None, 2),
    "none": lambda m: (None, 0, ..., None),
    "dots": lambda m: (..., 2),
    "bool": lambda m: (True, 0),
    "false": lambda m: (False,),
    "tensor": lambda m: m.tensor([0, 2, 0]),
    "negative tensor": lambda m: m.tensor([-1, -4]),
    "pair": lambda m: (m.tensor([0, 2]), m.tensor([[1], [0]])),
    "apart": lambda m: (m.tensor([0, 1]), slice(None), m.tensor([0, 1])),
    "int keeps the place": lambda m: (0, slice(None), m.tensor([0, 1])),
    "middle": lambda m: (slice(None), m.tensor([[0, 1], [2, 0]])),
    "list": lambda m: [0, 2],
    "lists": lambda m: ([0, 1], [1, 2]),
    "mask": lambda m: m.tensor(MASK),
    "mask of rows": lambda m: m.tensor(MASK[:, 0, 0]),
    "mask inside": lambda m: (slice(None), m.tensor(MASK[0, :, 0])),
    "mask and tensor": lambda m: (m.tensor(MASK[:, :, 0]), m.tensor([1])),
    "array": lambda m: np.array([1, 2]),
    "numpy int": lambda m: (np.int64(1), 2),
    "0-dim": lambda m: (m.tensor(1), m.tensor(0)),
    "out of bounds": lambda m: 5,
    "too many": lambda m: (0, 0, 0, 0),
    "tensor out of bounds": lambda m: m.tensor([9]),
    "negative step": lambda m: slice(None, None, -1),
    "mask of another shape": lambda m: m.tensor(MASK[:2]),
    "float": lambda m: 1.5,
    "no broadcast": lambda m: (m.tensor([0, 1]), m.tensor([0, 1, 2])),
}


def outcome(m: Any, f: Any) -> Any:
    try:
        return [t.numpy(force=True) for t in f(m)]
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        return type(error), str(error).split("\n")[0][:45]


def same(f: Any) -> None:
    want, got = outcome(torch, f), outcome(cr, f)
    if isinstance(want, tuple):
        assert got == want
        return
    assert isinstance(got, list), got
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape
        np.testing.assert_allclose(g, w, rtol=1e-10)


@pytest.mark.parametrize("name", KEYS)
def test_getitem(name: str) -> None:
    def read(m: Any) -> Any:
        x = m.tensor(A, requires_grad=True)
        y = x[KEYS[name](m)]
        (y * y).sum().backward()
        return y, x.grad

    same(read)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("tracked", [False, True])
def test_setitem(name: str, tracked: bool) -> None:
    def written(m: Any) -> Any:
        x, v = m.tensor(A, requires_grad=tracked), m.tensor(2.5, dtype=m.float64, requires_grad=tracked)
        z = x * 1
        z[KEYS[name](m)] = v
        if tracked:
            (z * z).sum().backward()
        return (z, x.grad, v.grad) if tracked else (z,)

    same(written)


def test_a_view_by_index_shares_memory() -> None:
    x = cr.zeros(3)
    x[1].add_(2.0)
    row = cr.zeros(2, 2)
    row[0][1] = 5.0
    assert x.tolist() == [0.0, 2.0, 0.0]
    assert row.tolist() == [[0.0, 5.0], [0.0, 0.0]]


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(reduce: str, include_self: bool) -> None:
    def reduced(m: Any) -> Any:
        x, src = m.tensor(A[0], requires_grad=True), m.tensor(A[1], requires_grad=True)
        y = x.scatter_reduce(0, m.tensor([[0, 0, 1, 2, 2]] * 3), src, reduce, include_self=include_self)
        (y * y).sum().backward()
        return y, x.grad, src.grad

    same(reduced)


CALLS: list[Any] = [
    lambda m, x: x.index_copy(1, m.tensor([2, 0]), x[:, :2] * 2),
    lambda m, x: x.index_fill(2, m.tensor([1, 1]), 3.0),
    lambda m, x: x.index_add(0, m.tensor([1, 1, 0]), x[:3], alpha=2.0),
    lambda m, x: x.masked_fill(m.tensor(MASK[0]), -1.0),
    lambda m, x: x.masked_select(m.tensor(MASK[:, :, :1])),
    lambda m, x: x.masked_scatter(m.tensor(MASK), x.reshape(-1).exp()),
    lambda m, x: m.take_along_dim(x, m.tensor([[[1]]]), 2),
    lambda m, x: x.scatter(1, m.tensor([[[0, 1, 2, 0, 0]]]), 7.0),
    lambda m, x: x.gather(0, m.tensor([[[0, 1, 2, 3, 3]]])),
    lambda m, x: m.select_scatter(x, x[0] * 2, 0, 2),
    lambda m, x: m.slice_scatter(x, x[:2] * 2, 0, 1, 4, 2),
    lambda m, x: m.diagonal_scatter(x, x[:3, 0].mT * 2, 0, 0, 1),
    lambda m, x: x.gather(0, m.tensor([[[9]]])),
    lambda m, x: x.index_select(0, m.tensor([9])),
    lambda m, x: x.scatter(0, m.tensor([[[0]]]), x.float()),
    lambda m, x: m.nn.functional.embedding(m.tensor([[0, 2], [2, 1]]), x[0], padding_idx=1),
    lambda m, x: m.nn.functional.embedding(m.tensor([9]), x[0]),
    lambda m, x: m.nn.functional.embedding_bag(m.tensor([0, 2, 2, 1]), x[0], m.tensor([0, 0, 3]), mode="max"),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_named_functions(call: Any) -> None:
    def called(m: Any) -> Any:
        x = m.tensor(A, requires_grad=True)
        y = call(m, x)
        (y * y).sum().backward()
        return y, x.grad

    same(called)


WRITES: dict[str, Any] = {
    "index_add_": lambda m, x, v: x.index_add_(0, m.tensor([0, 1, 0]), v, alpha=2),
    "index_copy_": lambda m, x, v: x.index_copy_(0, m.tensor([1, 0, 2]), v),
    "index_fill_": lambda m, x, v: x.index_fill_(1, m.tensor([2, 0]), 2.5),
    "scatter_": lambda m, x, v: x.scatter_(0, m.tensor([[1, 0, 2]]), v[:1]),
    "scatter_ number": lambda m, x, v: x.scatter_(1, m.tensor([[1], [0]]), 2.5),
    "scatter_add_": lambda m, x, v: x.scatter_add_(0, m.tensor([[0, 1, 0], [0, 1, 2]]), v[:2]),
    "index_put_": lambda m, x, v: x.index_put_((m.tensor([0, 2, 0]),), v, accumulate=True),
}
PARTS: dict[str, Any] = {
    "whole": lambda x: x,
    "transposed": lambda x: x.t(),
    "reversed columns": lambda x: x.t()[:, :].t(),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_writes_at_indices_go_into_the_memory_of_every_view(name: str, part: str, dtype: str) -> None:
    def program(m: Any) -> Any:
        kind = getattr(m, dtype)
        leaf = m.tensor(np.arange(9.0).reshape(3, 3), dtype=kind, requires_grad=True)
        v = m.tensor(np.arange(9.0).reshape(3, 3) / 4, dtype=kind, requires_grad=True)
        x = leaf * 1
        changed = WRITES[name](m, PARTS[part](x), v)
        (x * x).sum().backward()
        results = [x, changed, leaf.grad] + ([v.grad] if v.grad is not None else [])
        return [t.detach().double() for t in results]

    same(program)


def test_writes_without_a_gradient_reach_a_transposed_tensor() -> None:
    def program(m: Any) -> Any:
        x = m.zeros(3, 2)
        x.t().index_put_((m.tensor([0, 0]),), m.ones(2, 3), accumulate=True)
        return [x]

    same(program)


def test_a_source_in_the_memory_that_is_written_is_read_first() -> None:
    x = cr.tensor([1.0, 2.0, 3.0])
    x.index_add_(0, cr.tensor([1, 2, 0]), x)
    assert x.tolist() == [4.0, 3.0, 5.0]


REFUSED: list[Any] = [
    lambda m: m.zeros(2, 2, requires_grad=True).index_add_(0, m.tensor([0]), m.ones(1, 2)),
    lambda m: m.zeros(2, 2, requires_grad=True)[:1].scatter_(0, m.tensor([[0]]), 1.0),
    lambda m: m.zeros(1, 2).expand(3, 2).index_add_(0, m.tensor([0]), m.ones(1, 2)),
    lambda m: m.zeros(1, 2).expand(3, 2).scatter_add_(0, m.tensor([[0]]), m.ones(1, 1)),
    lambda m: m.zeros(2, 2).scatter_(0, m.tensor([[5]]), 1.0),
]


@pytest.mark.parametrize("call", REFUSED, ids=range(len(REFUSED)))
def test_refused_writes(call: Any) -> None:
    same(lambda m: [call(m)])

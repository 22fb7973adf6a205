"""Indexing, embeddings and resampling: what gather and scatter kernels leave to elementwise ones."""

from __future__ import annotations

from typing import Any

from ...ops import index, scatter
from ...ops.index import INDEX
from ...ops.movement import reshape
from ...ops.select import maximum, where
from ...ops.view import unsqueeze
from ...program.passes.rewrite import NO_MATCH
from .parts import checked, filled, scalar
from .registry import decomposition

# ----- index tensors and masks


@decomposition(index.index_select, moves=True)
def _index_select(a: Any, ix: Any, key: Any) -> Any:
    """Checked in front, so that the kernel meets only places that exist."""
    if not a.shape[len(key) - 1]:
        return NO_MATCH
    return index.index_select(a, checked(ix, 0, a.shape[len(key) - 1] - 1, None, "index"), key)


@decomposition(index.take, moves=True)
def _take(a: Any, ix: Any) -> Any:
    return index.index(a, checked(ix, -a.size, a.size - 1, None, "flat"), (INDEX,)) if a.size else NO_MATCH


@decomposition(index.index_put_flat, moves=True)
def _index_put_flat(a: Any, ix: Any, v: Any, key: Any, accumulate: bool) -> Any:
    if not a.size:
        return NO_MATCH
    return index.index_put(a, checked(ix, -a.size, a.size - 1, None, "flat"), v, key, accumulate)


@decomposition(index.index_put_slices, moves=True)
def _index_put_slices(a: Any, ix: Any, v: Any, key: Any, accumulate: bool) -> Any:
    size = a.shape[len(key) - 1]
    if not size:
        return NO_MATCH
    return index.index_put(a, checked(ix, 0, size - 1, None, "index"), v, key, accumulate)


@decomposition(index.index_fill, moves=True)
def _index_fill(a: Any, ix: Any, v: Any, key: Any, accumulate: bool) -> Any:
    return index.index_put(a, ix, v, key, accumulate)


@decomposition(index.masked_fill, moves=True)
def _masked_fill(a: Any, mask: Any, value: Any) -> Any:
    return where(mask, scalar(value, a.dtype), a)


# ----- embeddings


@decomposition(scatter.embedding, moves=True)
def _embedding(w: Any, ix: Any, padding: int, by_frequency: bool) -> Any:
    if not w.shape[0]:
        return NO_MATCH
    return scatter.embedding(w, checked(ix, 0, w.shape[0] - 1, None, "index"), -1, False)


def _per_frequency(g: Any, ix: Any, count: int) -> Any:
    """Each row of g divided by the number of times that its index occurs."""
    flat = reshape(ix, (ix.size,))
    ones = filled(g.builder, 1, (ix.size,), g.dtype)
    often = maximum(index.unindex(ones, flat, (count,), (INDEX,)), 1.0)
    return g / unsqueeze(index.index(often, ix, (INDEX,)), ix.ndim)


def _without(x: Any, ix: Any, padding: int) -> Any:
    """The rows x, zeros where the index is the padding's."""
    return where(unsqueeze(ix == padding, ix.ndim), scalar(0, x.dtype), x)


@decomposition(scatter.embedding_grad)
def _embedding_grad(g: Any, ix: Any, count: int, padding: int, by_frequency: bool) -> Any:
    if by_frequency:
        g = _per_frequency(g, ix, count)
    if padding >= 0:
        g = _without(g, ix, padding)
    elif not by_frequency:
        return NO_MATCH
    return scatter.embedding_grad(g, ix, count, -1, False)


@decomposition(scatter.embedding_rows)
def _embedding_rows(w: Any, ix: Any, padding: int, by_frequency: bool) -> Any:
    rows = index.index(w, ix, (INDEX,))
    if by_frequency:
        rows = _per_frequency(rows, ix, w.shape[0])
    return _without(rows, ix, padding) if padding >= 0 else rows

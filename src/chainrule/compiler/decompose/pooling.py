"""The gradient of max pooling, and values moved to and from places in planes."""

from __future__ import annotations

from math import prod
from typing import Any

from ...ops import pool
from ...ops.movement import reshape
from ...ops.scatter import gather, ungather
from ...program.passes.rewrite import made_by
from .registry import decomposition


@decomposition(pool.pool_place, moves=True)
def _place(a: Any, index: Any, size: Any) -> Any:
    """From windows side by side the maxima are quicker found again than their places read."""
    made = made_by(index)
    if made is not None and made.op is pool.max_pool and pool.paired(made.inputs[0].spec, *made.attributes):
        return pool.max_pool_input(a, a.builder.symbol(made.inputs[0]), *made.attributes)
    lead = a.shape[: a.ndim - len(size)]
    rows, count = prod(lead), prod(a.shape[len(lead) :])
    moved = ungather(reshape(a, (rows, count)), reshape(index, (rows, count)), (rows, prod(size)), 1)
    return reshape(moved, (*lead, *size))


@decomposition(pool.pool_pick, moves=True)
def _pick(a: Any, index: Any, dims: int) -> Any:
    lead = a.ndim - dims
    rows = prod(a.shape[:lead])
    flat = reshape(a, (rows, prod(a.shape[lead:])))
    found = gather(flat, reshape(index, (rows, prod(index.shape[lead:]))), 1)
    return reshape(found, index.shape)

"""Identities of conversions, views and reductions, by record: nothing is moved twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import extreme, index, join, movement, rearrange, reduce, view
from ...ops.record import Op
from ...types import COMPLEX, FLOAT, DType, int64, uint64
from .identities import fast, operand, safe
from .rewrite import NO_MATCH, made_by

# ----- conversions


def _keeps_values(a: DType, b: DType) -> bool:
    """Whether every number of dtype a is one of dtype b."""
    if b.category == COMPLEX or (a in (int64, uint64) and b.category >= FLOAT):
        return False
    return bool(np.can_cast(a.np, b.np))


@safe(movement.to)
def _to(a: Any, dtype: DType) -> Any:
    if a.dtype is dtype:
        return a
    inner = operand(a, movement.to)
    if inner is not None and _keeps_values(inner.dtype, a.dtype):
        return movement.to(inner, dtype)
    return NO_MATCH


@safe(rearrange.clone, rearrange.contiguous)
def _copy(a: Any) -> Any:
    return a


# ----- orders of dimensions


def _swap(ndim: int, dim0: int, dim1: int) -> list[int]:
    order = list(range(ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return order


# The order of dimensions that each of these makes.
ORDERS: dict[Op, Callable[..., list[int]]] = {
    view.transpose: _swap,
    view.t: lambda ndim: list(range(ndim))[::-1],
    movement.permute: lambda ndim, dims: [d % ndim for d in dims],
}


def _order_rule(op: Op) -> Callable[..., Any]:
    def rule(a: Any, *attributes: Any) -> Any:
        order = ORDERS[op](a.ndim, *attributes)
        source, made = a, made_by(a)
        if made is not None and made.op in ORDERS:
            source = a.builder.symbol(made.args[0])
            first = ORDERS[made.op](a.ndim, *made.attributes)
            order = [first[d] for d in order]
        moved = [i for i, d in enumerate(order) if i != d]
        if not moved:
            return source
        swap = len(moved) == 2
        if source is a and (op is view.transpose if swap else op is movement.permute):
            return NO_MATCH
        return view.transpose(source, *moved) if swap else movement.permute(source, tuple(order))

    return rule


for _op in ORDERS:
    safe(_op)(_order_rule(_op))

# ----- shapes

RESHAPES = frozenset(
    {
        movement.reshape, movement.unsafe_view, view.unsqueeze, view.squeeze, view.squeeze_dim,
        view.squeeze_dims,
    }
)  # fmt: skip


def _shape_rule(op: Op) -> Callable[..., Any]:
    """One reshape instead of two, none to the same shape."""

    def rule(a: Any, *attributes: Any) -> Any:
        shape = tuple(op.shape(a.var.spec, *attributes))
        if shape == a.shape:
            return a
        made = made_by(a)
        if made is not None and made.op in RESHAPES:
            return movement.reshape(a.builder.symbol(made.args[0]), shape)
        return NO_MATCH

    return rule


for _op in RESHAPES:
    safe(_op)(_shape_rule(_op))


@safe(movement.expand)
def _expand(a: Any, shape: Any) -> Any:
    if a.shape == tuple(shape):
        return a
    inner = operand(a, movement.expand)
    return movement.expand(inner, shape) if inner is not None else NO_MATCH


@safe(index.part)
def _part(a: Any, key: Any) -> Any:
    every = all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in key)
    return a if every else NO_MATCH


@safe(join.cat)
def _cat(xs: Any, dim: int, sizes: Any) -> Any:
    return xs[0] if len(xs) == 1 else NO_MATCH


@safe(movement.stack)
def _stack(xs: Any, dim: int) -> Any:
    return view.unsqueeze(xs[0], dim) if len(xs) == 1 else NO_MATCH


# ----- reductions over nothing


@safe(reduce.sum)
def _sum(a: Any, dim: Any, keepdim: bool) -> Any:
    """A sum over no dimensions; the empty sum that it begins with makes 0 of -0."""
    return a + 0.0 if not dim and a.dtype.category == FLOAT else NO_MATCH


@fast(reduce.sum)
def _sum_one(a: Any, dim: Any, keepdim: bool) -> Any:
    """A sum over dimensions of size 1."""
    if any(a.shape[d] != 1 for d in dim) or a.dtype.category != FLOAT:
        return NO_MATCH
    return movement.reshape(a, reduce.reduced_shape(a.var.spec, dim, keepdim))


@safe(extreme.amax, extreme.amin)
def _extreme(a: Any, dim: Any, keepdim: bool) -> Any:
    if any(a.shape[d] != 1 for d in dim):
        return NO_MATCH
    return movement.reshape(a, reduce.reduced_shape(a.var.spec, dim, keepdim))

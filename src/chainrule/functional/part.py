"""Copies of a tensor with one part replaced."""

from __future__ import annotations

from typing import Any

from ..dispatch import bind, cast
from ..ops import index as ops
from ..ops.movement import view_scatter
from ..ops.record import Spec
from ..ops.view import diagonal
from ..tensor import Tensor
from ..types import dtype_of, wrap_dim
from .api import method, tensor_argument
from .getitem import ALL, Key


def _select_key(input: Tensor, dim: int, index: int) -> Key:
    if not input._a.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = wrap_dim(dim, input._a.ndim), int(index)
    n = input._a.shape[dim]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._a.shape)} at dimension "
            f"{dim}"
        )
    return (*(ALL,) * dim, index)


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with `src` at one position of `dim`."""
    tensor_argument("select_scatter", input)
    return _embed(input, src, ((ops.pick, (_select_key(input, dim, index),)),))


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of `input` with `src` in the slice start:end:step of `dim`."""
    tensor_argument("slice_scatter", input)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    key = (*(ALL,) * wrap_dim(dim, input._a.ndim), slice(start, end, step))
    return _embed(input, src, ((ops.part, (key,)),))


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `src` on the diagonal of dim1 and dim2."""
    tensor_argument("diagonal_scatter", input)
    n = input._a.ndim
    return _embed(input, src, ((diagonal, (offset, wrap_dim(dim1, n), wrap_dim(dim2, n))),))


def _embed(input: Tensor, src: Tensor, chain: Any) -> Tensor:
    tensor_argument("scatter", src, 2, "src")
    op, attrs = chain[0]
    shape = op.shape(Spec(input._a.shape, dtype_of(input._a)), *attrs)
    if shape != src._a.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src._a.shape)}, slice size = {list(shape)}"
        )
    return bind(view_scatter, (input, cast(src, dtype_of(input._a)), chain))


__all__ = ["diagonal_scatter", "select_scatter", "slice_scatter"]
for _f in (select_scatter, slice_scatter, diagonal_scatter):
    method(_f)

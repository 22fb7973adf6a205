"""Rearranged copies (flip, roll, repeat, pad, triangles) and views of diagonals and windows."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..dispatch import bind
from ..ops import movement as core
from ..ops import rearrange as ops
from ..ops import view
from ..tensor import Tensor
from ..types import DType, int64, wrap_dim
from .api import method, shaping, tensor_argument, write
from .movement import _dims, _reshape, sizes, transpose

# ----- copies


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own; gradients flow through it."""
    tensor_argument("clone", input)
    return bind(ops.clone, (input,))


def flip(input: Tensor, dims: Any, *more: int) -> Tensor:
    """The order of the elements reversed along `dims`.

    >>> import chainrule as cr
    >>> cr.flip(cr.arange(3), (0,))
    tensor([2, 1, 0])
    """
    tensor_argument("flip", input)
    given = [wrap_dim(d, input._a.ndim) for d in sizes((dims, *more), "dims")]
    if len(set(given)) != len(given):
        raise RuntimeError(f"dim {given[-1]} appears multiple times in the list of dims")
    return bind(ops.flip, (input, tuple(given) if input._a.ndim else ()))


def fliplr(input: Tensor) -> Tensor:
    """Columns in reverse order."""
    if input._a.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


def flipud(input: Tensor) -> Tensor:
    """Rows in reverse order."""
    if input._a.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved on by `shifts` along `dims`; those that fall off come in at the other end.

    >>> import chainrule as cr
    >>> cr.roll(cr.arange(4), 1)
    tensor([3, 0, 1, 2])
    """
    tensor_argument("roll", input)
    by = sizes((shifts,), "shifts")
    along = () if dims is None else _dims(dims)
    if not by:
        raise RuntimeError("`shifts` required")
    if not along and len(by) == 1:
        return _reshape(bind(ops.roll, (_reshape(input, (-1,)), by, (0,))), input._a.shape)
    if len(by) != len(along):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}")
    if not input._a.ndim:
        raise IndexError(f"Dimension specified as {along[0]} but tensor has no dimensions")
    return bind(ops.roll, (input, by, tuple(wrap_dim(d, input._a.ndim) for d in along)))


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Rotated by k·90° in the plane of two dimensions, from the first towards the second."""
    tensor_argument("rot90", input)
    n = input._a.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if n < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {n}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == n:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    a, b = (_rotation_dim(d, n) for d in dims)
    match k % 4:
        case 1:
            return transpose(flip(input, (b,)), a, b)
        case 2:
            return flip(input, (a, b))
        case 3:
            return flip(transpose(input, a, b), (b,))
    return clone(input)


def _rotation_dim(d: int, n: int) -> int:
    if not -n <= d < n:
        raise RuntimeError(f"Rotation dim0 out of range, dim0 = {d}")
    return d % n


def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """The tensor copied `repeats` times along each dimension; extra counts add dimensions in front."""
    counts = sizes(repeats, "repeats")
    if len(counts) < self._a.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(n < 0 for n in counts):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(counts)}: {list(counts)}")
    return bind(ops.repeat, (self, counts))


def tile(input: Tensor, *dims: Any) -> Tensor:
    """repeat() that accepts fewer counts than dimensions: the missing ones are 1."""
    tensor_argument("tile", input)
    counts = sizes(dims, "dims")
    return repeat(input, (1,) * (input._a.ndim - len(counts)) + counts)


_REPEATING = "repeat elements as often as a tensor says"


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element repeated in place, `repeats` times (one number, or one for each).

    >>> import chainrule as cr
    >>> cr.repeat_interleave(cr.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    tensor_argument("repeat_interleave", input)
    if repeats is None:
        return Tensor._wrap(np.repeat(np.arange(len(input)), shaping(_REPEATING, input)))
    if dim is None:
        input, dim = _reshape(input, (-1,)), 0
    dim = wrap_dim(dim, input._a.ndim)
    if not input._a.ndim:
        input = _reshape(input, (1,))
    length = input._a.shape[dim]
    if isinstance(repeats, Tensor):
        if repeats._a.dtype.kind not in "iu":
            raise RuntimeError("repeats has to be Long or Int tensor")
        if repeats._a.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    counts = np.asarray(shaping(_REPEATING, repeats) if isinstance(repeats, Tensor) else repeats)
    if counts.size == 1:
        counts = np.broadcast_to(counts.reshape(()), (length,))
    elif counts.size != length:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} "
            f"and input.size({dim}) = {length}"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and int(counts.sum()) != output_size:
        raise RuntimeError("allocated size does not match required size")
    return bind(ops.repeat_interleave, (input, tuple(counts.tolist()), dim))


# ----- triangles and diagonals


def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Zero above the given diagonal of each matrix."""
    return _triangle("tril", ops.tril, input, diagonal, out)


def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Zero below the given diagonal of each matrix."""
    return _triangle("triu", ops.triu, input, diagonal, out)


def _triangle(name: str, op: Any, input: Tensor, diagonal: int, out: Tensor | None) -> Tensor:
    tensor_argument(name, input)
    if input._a.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    result: Tensor = bind(op, (input, operator.index(diagonal)))
    return result if out is None else write(out, result)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    """The (row, column) positions of the lower triangle of a row × col matrix, as a (2, n) tensor."""
    return _triangle_indices("tril_indices", np.tril, row, col, offset, dtype)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    """The (row, column) positions of the upper triangle of a row × col matrix, as a (2, n) tensor."""
    return _triangle_indices("triu_indices", np.triu, row, col, offset, dtype)


def _triangle_indices(name: str, part: Any, row: int, col: int, offset: int, dtype: DType) -> Tensor:
    for word, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{word} must be non-negative, got{n}")
    if dtype.np.kind != "i" and dtype.np.kind != "u":
        raise RuntimeError(f"\"{name}\" not implemented for '{dtype.name}'")
    return Tensor._wrap(np.stack(np.nonzero(part(np.ones((row, col), bool), offset))).astype(dtype.np))


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements whose positions along dim1 and dim2 differ by `offset`, as a last dimension; a view."""
    tensor_argument("diagonal", input)
    dim1, dim2 = _two_dims("diagonal", dim1, dim2, input._a.ndim)
    return bind(view.diagonal, (input, offset, dim1, dim2))


def _two_dims(name: str, dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    a, b = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if a == b:
        if name == "diagonal":
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b


def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """A vector's diagonal matrix, or a matrix's diagonal (a copy)."""
    tensor_argument("diag", input)
    if input._a.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._a.ndim}D")
    if input._a.ndim == 1:
        result = diag_embed(input, diagonal)
    else:
        result = clone(_diagonal(input, diagonal))
    return result if out is None else write(out, result)


_diagonal = diagonal


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The values in order on the diagonal of a matrix."""
    tensor_argument("diagflat", input)
    return diag_embed(_reshape(input, (-1,)), offset)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Diagonal matrices of the last dimension's vectors, their rows and columns at dim1 and dim2."""
    tensor_argument("diag_embed", input)
    if not input._a.ndim:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
    a, b = _two_dims("diag_embed", dim1, dim2, input._a.ndim + 1)
    return bind(ops.diag_embed, (input, offset, a, b))


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the main diagonal to a value, in place; `wrap` begins anew below it in tall matrices."""
    shape = self._a.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    rows, columns = shape[0], shape[1]
    last = rows if wrap and len(shape) == 2 else min(shape)
    at = [i for i in range(last) if i % (columns + 1) != columns] if wrap else list(range(last))
    self[tuple([np.array(at) if d == 0 else np.array(at) % (columns + 1) for d in range(len(shape))])] = (
        fill_value
    )
    return self


def _reversed(self: Tensor) -> Tensor:
    """The first dimension in reverse order."""
    return flip(self, (0,)) if self._a.ndim else self


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` along a dimension, `step` apart, as a new last dimension; a view."""
    dim = wrap_dim(dimension, self._a.ndim)
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    limit = self._a.shape[dim] if self._a.ndim else 1
    if size > limit:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {limit} but size is {size}")
    return bind(view.unfold, (self, dim, size, step))


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the tensor's memory with any sizes and strides (in elements)."""
    tensor_argument("as_strided", input)
    shape, steps = tuple(size), tuple(stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"mismatch in length of strides and shape: size has {len(shape)}, stride has {len(steps)} "
            f"dimensions"
        )
    if any(s < 0 for s in steps):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(steps)}"
        )
    a = input._array()
    start = view.element_offset(a)
    source = (a.shape, tuple(s // a.itemsize for s in a.strides), start)
    return bind(
        view.as_strided, (input, shape, steps, start if storage_offset is None else storage_offset, source)
    )


# ----- writing a part, out of place


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy of `input` with the elements that as_strided() shows replaced by `src`."""
    input = input.contiguous()
    source = (input._a.shape, tuple(s // input._a.itemsize for s in input._array().strides), 0)
    if tuple(size) != src._a.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src._a.shape)}, slice "
            f"size = {list(size)}"
        )
    attrs = (tuple(size), tuple(stride), storage_offset or 0, source)
    return bind(core.view_scatter, (input, src, ((view.as_strided, attrs),)))


method(clone)
method(fill_diagonal_)
method(_reversed, "__reversed__")
method(tril, inplace_=True)
method(triu, inplace_=True)
for _function in (
    flip, fliplr, flipud, roll, rot90, repeat, tile, repeat_interleave, diagonal, diag, diagflat, diag_embed,
    unfold,
    as_strided, as_strided_scatter,
):  # fmt: skip
    method(_function)

__all__ = [
    "as_strided", "as_strided_scatter", "clone", "diag", "diag_embed", "diagflat",
    "diagonal", "flip", "fliplr", "flipud", "repeat_interleave", "roll", "rot90",
    "tile", "tril", "tril_indices", "triu", "triu_indices",
]  # fmt: skip

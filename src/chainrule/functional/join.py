"""Joining tensors (cat, stack and their relatives) and cutting them (split, chunk, unbind, narrow)."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..dispatch import bind, cast, join_views
from ..ops import index as ops_index
from ..ops import join as ops
from ..ops import movement as core
from ..ops.rearrange import pad_constant
from ..tensor import Tensor
from ..types import dtype_of, result_type, wrap_dim
from .api import method, tensor_argument, write
from .broadcast import atleast_1d, atleast_2d, atleast_3d
from .fill import empty
from .getitem import view_at

# ----- join


def _operands(name: str, tensors: Any) -> list[Tensor]:
    """The tensors to join, in one dtype."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    first = None
    mixed = False
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
        if first is None:
            first = x._a.dtype
        elif x._a.dtype is not first:
            mixed = True
    if not tensors:
        if name in ("cat", "concat", "concatenate", "block_diag"):
            raise ValueError("torch.cat(): expected a non-empty list of Tensors")
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    if not mixed:
        return list(tensors)
    target = result_type([(dtype_of(x._a), x._a.ndim) for x in tensors])
    return [cast(x, target) for x in tensors]


def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along an existing dimension.

    >>> import chainrule as cr
    >>> cr.cat([cr.tensor([1, 2]), cr.tensor([3])])
    tensor([1, 2, 3])
    """
    return _cat("cat", tensors, dim, out)


def _cat(name: str, tensors: Any, dim: int, out: Tensor | None = None) -> Tensor:
    xs = _operands(name, tensors)
    if isinstance(dim, str):
        raise TypeError(f"{name}(): argument 'dim' must be int, not str: named dimensions are not supported")
    shapes = [x._a.shape for x in xs]
    if () in shapes:
        raise RuntimeError(f"zero-dimensional tensor (at position {shapes.index(())}) cannot be concatenated")
    if (0,) in shapes:  # PyTorch skips empty vectors whatever the shape of the others
        xs = [x for x, s in zip(xs, shapes) if s != (0,)] or xs
        shapes = [x._a.shape for x in xs]
    dim = wrap_dim(dim, len(shapes[0]))
    result: Tensor = bind(ops.cat, (xs, dim, tuple([s[dim] for s in shapes if dim < len(s)])))
    return result if out is None else write(out, result)


def concat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """cat()."""
    return _cat("concat", tensors, dim, out)


def concatenate(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """cat() under NumPy's name."""
    return _cat("concatenate", tensors, dim, out)


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape along a new dimension.

    >>> import chainrule as cr
    >>> cr.stack([cr.tensor([1, 2]), cr.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    xs = _operands("stack", tensors)
    result: Tensor = bind(core.stack, (xs, wrap_dim(dim, xs[0]._a.ndim + 1)))
    return result if out is None else write(out, result)


def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Side by side: along dimension 1, vectors along 0."""
    xs = atleast_1d(_operands("hstack", tensors))
    return _cat("hstack", xs, 0 if xs[0]._a.ndim == 1 else 1, out)


def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """On top of each other: along dimension 0, vectors as rows."""
    return _cat("vstack", atleast_2d(_operands("vstack", tensors)), 0, out)


row_stack = vstack


def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """In depth: along dimension 2."""
    return _cat("dstack", atleast_3d(_operands("dstack", tensors)), 2, out)


def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Side by side, vectors as columns."""
    xs = [x if x._a.ndim > 1 else x.reshape(-1, 1) for x in _operands("column_stack", tensors)]
    return _cat("column_stack", xs, 1, out)


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices on its diagonal and zeros elsewhere."""
    if not tensors:
        return empty(1, 0)
    for i, x in enumerate(tensors):
        tensor_argument("block_diag", x, i + 1, "tensors")
        if x._a.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
                f"{x._a.ndim} dimensions"
            )
    xs = [x if x._a.ndim == 2 else x.reshape(1, -1) for x in _operands("block_diag", tensors)]
    width = sum(x._a.shape[1] for x in xs)
    rows, left = [], 0
    for x in xs:
        n = x._a.shape[1]
        rows.append(bind(pad_constant, (x, ((0, 0), (left, width - left - n)), 0)))
        left += n
    return _cat("block_diag", rows, 0)


# ----- cut


def _cut(x: Tensor, lengths: tuple[int, ...], dim: int) -> tuple[Tensor, ...]:
    parts = bind(ops.split, (x, lengths, dim))
    for part, key in zip(parts, ops.split_keys(lengths, dim)):
        join_views(ops_index.part, x, part, (key,))
    return tuple(parts)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of parts of the given size (the last may be smaller) or sizes.

    >>> import chainrule as cr
    >>> cr.split(cr.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    tensor_argument("split", tensor, argument="tensor")
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    size = split_size_or_sections
    if not tensor._a.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    dim = wrap_dim(dim, tensor._a.ndim)
    length = tensor._a.shape[dim]
    if not size:
        if length:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
            )
        return _cut(tensor, (0,), dim)
    return _cut(tensor, tuple(min(size, length - i) for i in range(0, length, size)) or (0,), dim)


def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of parts of the given sizes, which must add up to the dimension."""
    tensor_argument("split_with_sizes", input)
    lengths = tuple(operator.index(n) for n in split_sizes)
    if not input._a.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, input._a.ndim)
    length = input._a.shape[dim]
    if any(n < 0 for n in lengths) or sum(lengths) != length:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at "
            f"dimension {dim}), but got split_sizes={list(lengths)}"
        )
    return _cut(input, lengths, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size, the last possibly smaller."""
    tensor_argument("chunk", input)
    if not input._a.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, input._a.ndim)
    length = input._a.shape[dim]
    if not length:
        return _cut(input, (0,) * chunks, dim)
    return split(input, -(-length // chunks), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views cut at the given indices, or into that many parts of nearly equal size."""
    tensor_argument("tensor_split", input)
    if not input._a.ndim:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = wrap_dim(dim, input._a.ndim)
    length = input._a.shape[dim]
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections.dtype.name != "int64":
            raise RuntimeError(
                f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                f"{indices_or_sections.dtype}"
            )
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        if n <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {n}")
        return _cut(input, tuple(length // n + (i < length % n) for i in range(n)), dim)
    edges = [operator.index(i) for i in indices_or_sections]
    parts, before = [], (slice(None),) * dim
    for start, stop in zip([0, *edges], [*edges, length]):
        first, last, _ = slice(start, stop).indices(length)
        parts.append(view_at(input, (*before, slice(first, max(first, last))), ops_index.part))
    return tuple(parts)


def _split_along(name: str, x: Tensor, sections: Any, dim: int, least: int) -> tuple[Tensor, ...]:
    tensor_argument(name, x)
    if x._a.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
            f"with {x._a.ndim} dimensions!"
        )
    if isinstance(sections, int) and (sections <= 0 or x._a.shape[dim] % sections):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{x._a.shape[dim]} is not divisible by the split_size {sections}!"
        )
    return tensor_split(x, sections, dim)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split() along columns (vectors: along dimension 0)."""
    return _split_along("hsplit", input, indices_or_sections, 0 if input._a.ndim == 1 else 1, 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split() along rows."""
    return _split_along("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split() along dimension 2."""
    return _split_along("dsplit", input, indices_or_sections, 2, 3)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all slices along `dim`, which is removed."""
    tensor_argument("unbind", input)
    if not input._a.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, input._a.ndim)
    parts = bind(core.unbind, (input, dim))
    for part, key in zip(parts, ops.unbind_keys(len(parts), dim)):
        join_views(ops_index.pick, input, part, (key,))
    return tuple(parts)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at `index` along `dim`, which is removed; a view."""
    tensor_argument("select", input)
    if not input._a.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, input._a.ndim)
    size = input._a.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._a.shape)} at dimension "
            f"{dim}"
        )
    return view_at(input, (slice(None),) * dim + (operator.index(index),), ops_index.pick)


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """The part from `start` of the given length along `dim`; a view."""
    tensor_argument("narrow", input)
    if not input._a.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if isinstance(start, Tensor) and (start._a.ndim or start._a.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start, dim = operator.index(start), wrap_dim(dim, input._a.ndim)
    size = input._a.shape[dim]
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return view_at(input, (slice(None),) * dim + (slice(start, start + length),), ops_index.part)


def narrow_copy(input: Tensor, dim: int, start: int, length: int, *, out: Tensor | None = None) -> Tensor:
    """narrow() into memory of its own."""
    result: Tensor = narrow(input, dim, start, length).clone()
    return result if out is None else write(out, result)


unsafe_chunk, unsafe_split, unsafe_split_with_sizes = chunk, split, split_with_sizes

for _function in (
    split, split_with_sizes, chunk, tensor_split, hsplit, vsplit, dsplit, unbind, select, narrow, narrow_copy,
):  # fmt: skip
    method(_function)
for _name in ("chunk", "split", "split_with_sizes"):
    method(globals()[_name], "unsafe_" + _name)

__all__ = [
    "block_diag", "cat", "chunk", "column_stack", "concat", "concatenate", "dsplit", "dstack", "hsplit",
    "hstack", "narrow", "narrow_copy", "row_stack", "select", "split", "split_with_sizes", "stack",
    "tensor_split",
    "unbind", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "vsplit", "vstack",
]  # fmt: skip

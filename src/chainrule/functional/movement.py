"""Shapes and orders of dimensions: reshape, transpose, expand, squeeze and their relatives."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

from numpy import ndarray

from ..dispatch import bind
from ..ops import movement as core
from ..ops import view as ops
from ..ops.rearrange import contiguous as contiguous_op
from ..tensor import Tensor
from ..types import DType, as_dtype, wrap_dim
from .api import method, tensor_argument
from .viewing import view_of


def sizes(args: Any, name: str = "size") -> tuple[int, ...]:
    """Sizes given as ints or as one sequence: f(2, 3), f((2, 3)), f(Size([2, 3]))."""
    if len(args) == 1 and type(args[0]) is not int:
        first = args[0]
        if isinstance(first, Sequence):
            args = first if type(first) is tuple else tuple(first)
        elif not hasattr(first, "__index__"):
            raise TypeError(f"argument '{name}' must be tuple of ints, not {type(first).__name__}")
    for n in args:
        if type(n) is not int:
            break
    else:
        return args
    try:
        return tuple([operator.index(n) for n in args])
    except TypeError:
        wrong = next((n for n in args if not hasattr(n, "__index__")), args)
        raise TypeError(
            f"argument '{name}' must be tuple of ints, but found element of type {type(wrong).__name__}"
        ) from None


# ----- reshape


def reshape(input: Tensor, shape: Any) -> Tensor:
    """The same values in another shape; one size may be -1. A view where strides allow it, else a copy.

    >>> import chainrule as cr
    >>> cr.reshape(cr.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
    """
    tensor_argument("reshape", input)
    return _reshape(input, sizes((shape,), "shape"))


def _reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    a = x._a
    if not a.flags.c_contiguous and a.size:
        try:
            memory = a if type(a) is ndarray else ndarray.view(a, ndarray)
            out = memory.reshape(shape)
        except ValueError:
            core.reshape.shape(x, shape)
            raise
        if out.base is not memory and out.base is not memory.base:  # NumPy had to copy
            return bind(core.unsafe_view, (bind(contiguous_op, (x,)), shape))
    return view_of(core.reshape, x, shape)


def _reshape_method(self: Tensor, *shape: Any) -> Tensor:
    return _reshape(self, sizes(shape, "shape"))


def _view(self: Tensor, *shape: Any, dtype: DType | None = None) -> Tensor:
    """The same memory in another shape, or (given a dtype) read as another type; never a copy."""
    if dtype is not None or isinstance(shape[0] if shape else None, DType):
        return bind(ops.view_dtype, (self, as_dtype(dtype if dtype is not None else shape[0])))
    r = view_of(core.reshape, self, sizes(shape))
    a = self._a
    if r._base is None and not a.flags.c_contiguous and a.size:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two contiguous subspaces). Use .reshape(...) instead."
        )
    return r


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """view() in the shape of `other`."""
    return _view(self, other._a.shape)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """reshape() to the shape of `other`."""
    return _reshape(self, other._a.shape)


def ravel(input: Tensor) -> Tensor:
    """The values in one dimension."""
    tensor_argument("ravel", input)
    return _reshape(input, (-1,)) if input._a.ndim != 1 or not input._a.flags.c_contiguous else input


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim … end_dim as one.

    >>> import chainrule as cr
    >>> cr.flatten(cr.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    tensor_argument("flatten", input)
    shape = input._a.shape
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return _reshape(input, (1,))
    if first == last:
        return input
    return _reshape(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Dimension `dim` as several, of the given sizes (one may be -1)."""
    tensor_argument("unflatten", input)
    shape = input._a.shape
    dim = wrap_dim(dim, len(shape))
    new = list(sizes)
    if not new:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = prod(n for n in new if n != -1)
    if new.count(-1) == 1 and known and shape[dim] % known == 0:
        new[new.index(-1)] = shape[dim] // known
    if prod(new) != shape[dim] or -1 in new:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({shape[dim]}) in the input tensor"
        )
    return view_of(core.reshape, input, (*shape[:dim], *new, *shape[dim + 1 :]))


# ----- orders


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Dimensions dim0 and dim1 exchanged; a view."""
    tensor_argument("transpose", input)
    n = input._a.ndim
    dim0, dim1 = wrap_dim(dim0, n), wrap_dim(dim1, n)
    if not n:
        return view_of(core.reshape, input, ())
    return view_of(ops.transpose, input, dim0, dim1)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """transpose() under NumPy's name."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose()."""
    return transpose(input, dim0, dim1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and numbers stay as they are."""
    tensor_argument("t", input)
    if input._a.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._a.ndim}D")
    return view_of(ops.t, input)


def permute(input: Tensor, dims: Any) -> Tensor:
    """The dimensions in the order `dims`; a view.

    >>> import chainrule as cr
    >>> cr.permute(cr.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    tensor_argument("permute", input)
    return _permute(input, dims)


def _permute(x: Tensor, *args: Any) -> Tensor:
    dims = sizes(args, "dims")
    n = x._a.ndim
    order = tuple([d + n if d < 0 else d for d in dims])
    if sorted(order) != list(range(n)):
        _refuse_order(dims, n)
    return view_of(core.permute, x, order)


def _refuse_order(dims: tuple[int, ...], n: int) -> None:
    if len(dims) != n:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {n} is not equal to len(dims) = {len(dims)}"
        )
    for d in dims:
        wrap_dim(d, n)
    if n:
        raise RuntimeError("permute(): duplicate dims are not allowed.")


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """The dimensions `source` moved to `destination`, the others in their order."""
    tensor_argument("movedim", input)
    n = input._a.ndim
    froms, tos = _dims(source), _dims(destination)
    if len(froms) != len(tos):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(froms)} dims) should contain the "
            f"same number of dims as destination ({list(tos)} dims)"
        )
    for word, dims in (("source", froms), ("destination", tos)):
        if len({wrap_dim(d, n) for d in dims}) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{word}` ({list(dims)})")
    froms, tos = tuple(wrap_dim(d, n) for d in froms), tuple(wrap_dim(d, n) for d in tos)
    if not n:
        return input
    rest = iter([d for d in range(n) if d not in froms])
    place = dict(zip(tos, froms))
    return view_of(core.permute, input, tuple(place[i] if i in place else next(rest) for i in range(n)))


def moveaxis(input: Tensor, source: Any, destination: Any) -> Tensor:
    """movedim() under NumPy's name."""
    return movedim(input, source, destination)


def _dims(dims: Any) -> tuple[int, ...]:
    return (dims,) if isinstance(dims, int) else tuple(dims)


def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of matrices: the last two dimensions exchanged, complex values conjugated."""
    tensor_argument("adjoint", input)
    if input._a.ndim == 1:
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    x = transpose(input, -2, -1)
    return x.conj() if x._a.dtype.kind == "c" else x


def _T(self: Tensor) -> Tensor:
    """The dimensions in reverse order."""
    return view_of(core.permute, self, tuple(range(self._a.ndim))[::-1])


def _mT(self: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    if self._a.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self._a.ndim}-D tensor."
        )
    return view_of(ops.transpose, self, self._a.ndim - 2, self._a.ndim - 1)


def _H(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self._a.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self._a.ndim}-D tensor. "
            "For batches of matrices, consider using tensor.mH"
        )
    return adjoint(self) if self._a.ndim else self


def _mH(self: Tensor) -> Tensor:
    """The last two dimensions exchanged, complex values conjugated."""
    if self._a.ndim < 2:
        raise RuntimeError(
            f"tensor.mH is only supported on matrices or batches of matrices. Got {self._a.ndim}-D tensor."
        )
    return adjoint(self)


# ----- dimensions of size 1


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without its dimensions of size 1 (or those among `dim`); a view.

    >>> import chainrule as cr
    >>> cr.squeeze(cr.zeros(1, 2, 1), 0).shape
    torch.Size([2, 1])
    """
    tensor_argument("squeeze", input)
    shape = input._a.shape
    if dim is None:
        return view_of(ops.squeeze, input, tuple([i for i, n in enumerate(shape) if n == 1]))
    if isinstance(dim, int):
        place = wrap_dim(dim, len(shape))
        return view_of(ops.squeeze_dim, input, (place,) if shape and shape[place] == 1 else ())
    wrapped = [wrap_dim(d, len(shape)) for d in dim]
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"dim {wrapped[-1]} appears multiple times in the list of dims")
    return view_of(ops.squeeze_dims, input, tuple([d for d in wrapped if shape and shape[d] == 1]))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at `dim`; a view."""
    tensor_argument("unsqueeze", input)
    return view_of(ops.unsqueeze, input, wrap_dim(dim, input._a.ndim + 1))


method(_reshape_method, "reshape")
method(_view, "view")
method(_permute, "permute")
for _function in (
    view_as, reshape_as, ravel, flatten, transpose, swapaxes, swapdims, t, movedim, moveaxis, adjoint,
    squeeze, unflatten, unsqueeze,
):  # fmt: skip
    method(_function)


for _name, _getter in {"T": _T, "mT": _mT, "H": _H, "mH": _mH}.items():
    setattr(Tensor, _name, property(_getter))

__all__ = [
    "adjoint", "flatten", "moveaxis", "movedim", "permute", "ravel", "reshape", "squeeze", "swapaxes",
    "swapdims", "t", "transpose",
    "unflatten", "unsqueeze",
]  # fmt: skip

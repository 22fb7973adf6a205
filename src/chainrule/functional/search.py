"""Finding positions: nonzero, argwhere, searchsorted, bucketize, isin, unravel_index, one_hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import bind
from ..inplace import plain
from ..ops import search as ops
from ..ops.scatter import gather
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY, dtype_of, int32, int64, scalar_type
from .api import method, shaping, tensor_argument, write


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not 0: one row each, with `as_tuple` one tensor per dimension.

    >>> import chainrule as cr
    >>> cr.nonzero(cr.tensor([0, 3, 0, 5]))
    tensor([[1],
            [3]])
    """
    tensor_argument("nonzero", input)
    a = shaping("find the elements that are not 0", input)
    if as_tuple:
        return tuple(Tensor._wrap(i) for i in np.nonzero(np.atleast_1d(a)))
    result = Tensor._wrap(np.argwhere(a).astype(np.int64, copy=False))
    return result if out is None else write(out, result)


def argwhere(input: Tensor) -> Tensor:
    """The positions of the elements that are not 0, one row each."""
    return nonzero(input)


def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
        side: str | None = None,
    sorter: Tensor | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Where each value of `input` would be inserted into the sorted last dimension, to keep it sorted.

    `side="left"` (or right=False) gives s[i-1] < v <= s[i], "right" s[i-1] <= v < s[i].
    """
    tensor_argument("searchsorted", sorted_sequence, 1, "sorted_sequence")
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right "
            "was True"
        )
    s = sorted_sequence
    scalar = not isinstance(input, Tensor)
    v = Tensor._wrap(np.asarray(input)) if scalar else input
    if not scalar and v._a.dtype != s._a.dtype:
        raise RuntimeError(
            "torch.searchsorted(): boundary tensor and input value tensor should have same dtype, but got "
            f"boundary tensor dtype {scalar_type(sorted_sequence.dtype)} and input value tensor dtype "
            f"{scalar_type(input.dtype)}"
        )
    if s._a.ndim != 1 and (s._a.ndim != v._a.ndim or s._a.shape[:-1] != v._a.shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(s._a.shape)} and input value tensor {list(v._a.shape)}"
        )
    if sorter is not None:
        _check_sorter(sorter, s._a)
        s = bind(gather, (s, sorter, s._a.ndim - 1))
    side = "right" if right or side == "right" else "left"
    result: Tensor = bind(ops.searchsorted, (s, v, side, int32 if out_int32 else int64))
    return result if out is None else write(out, result)


def _check_sorter(sorter: Tensor, s: Any) -> None:
    if sorter._a.shape != s.shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(s.shape)} and got sorter tensor {list(sorter._a.shape)}"
        )
    if sorter._a.dtype != np.int64:
        raise RuntimeError(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{scalar_type(sorter.dtype)}"
        )
    a = sorter._a
    if a.size and plain(a) and (a.min() < 0 or a.max() >= s.shape[-1]):
        raise RuntimeError("torch.searchsorted(): sorter index out of range")


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None
) -> Tensor:
    """The index of the bucket between the sorted 1-D `boundaries` that each value falls in."""
    tensor_argument("bucketize", boundaries, 2, "boundaries")
    if boundaries._a.ndim != 1:
        raise RuntimeError(
            f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries._a.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def isin(
    elements: Any,
    test_elements: Any,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Whether each element is one of `test_elements`."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin(): at least one of elements and test_elements must be Tensor")
    both = (x if isinstance(x, Tensor) else Tensor._wrap(np.asarray(x)) for x in (elements, test_elements))
    result: Tensor = bind(ops.isin, (*both, bool(invert)))
    return result if out is None else write(out, result)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates of flat positions in a tensor of `shape`, one index tensor per dimension."""
    tensor_argument("unravel_index", indices, 1, "indices")
    if FROM_NUMPY[indices._a.dtype].category >= FLOAT or indices._a.dtype == np.bool_:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {dtype_of(indices._a)}")
    sizes = shape.tolist() if isinstance(shape, Tensor) else shape
    dims = (int(sizes),) if isinstance(sizes, (int, np.integer)) else tuple(int(n) for n in sizes)
    if any(n < 0 for n in dims):
        raise ValueError(f"'shape' cannot have negative values, but got {dims}")
    rest = indices
    found = []
    for n in reversed(dims):
        found.append(rest % n)
        rest = rest // n
    return tuple(reversed(found))


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Zeros with a 1 at each class index, in a new last dimension of `num_classes` (-1: the largest + 1).

    >>> import chainrule as cr
    >>> cr.nn.functional.one_hot(cr.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    tensor_argument("one_hot", input)
    ix = input._a
    if ix.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not ix.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return Tensor._wrap(np.zeros((*ix.shape, num_classes), np.int64))
    if num_classes == -1:
        num_classes = max(int(input.max()) + 1, 0)
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    return bind(ops.one_hot, (input, num_classes))


__all__ = ["argwhere", "bucketize", "isin", "nonzero", "searchsorted", "unravel_index"]
for _f in (nonzero, argwhere):
    method(_f)

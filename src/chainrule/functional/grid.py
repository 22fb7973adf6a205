"""Grids and choices: meshgrid, Cartesian products, combinations."""

from __future__ import annotations

from itertools import combinations as _combinations
from itertools import combinations_with_replacement as _with_replacement
from typing import Any

import numpy as np

from ..dispatch import bind
from ..ops import movement as core
from ..tensor import Tensor
from .api import tensor_argument
from .broadcast import tensor_list
from .join import stack
from .movement import _reshape


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Each vector spread over the grid that all span; indexing 'ij' (matrix) or 'xy' (Cartesian)."""
    xs = tensor_list(tensors)
    if not xs:
        raise ValueError("meshgrid expects a non-empty TensorList")
    mode = indexing or "ij"
    if mode not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {mode}')
    for x in xs:
        if x._a.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(x._a.shape)}"
            )
        if x._a.dtype != xs[0]._a.dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = mode == "xy" and len(xs) >= 2
    if swap:
        xs[0], xs[1] = xs[1], xs[0]
    shape = tuple(x._a.size for x in xs)
    out = []
    for i, x in enumerate(xs):
        row = _reshape(x, (1,) * i + (-1,) + (1,) * (len(xs) - i - 1))
        grid: Tensor = bind(core.expand, (row, shape))
        out.append(grid)
    if swap:
        out[0], out[1] = out[1], out[0]
    return tuple(out)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples with one element of each vector, as rows."""
    xs = tensor_list(tensors)
    for x in xs:
        if x._a.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._a.shape)}")
    if len(xs) == 1:
        return xs[0]
    return stack([_reshape(x, (-1,)) for x in meshgrid(*xs)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, in order, as rows."""
    tensor_argument("combinations", input)
    if input._a.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._a.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return Tensor._wrap(np.zeros(0, input._a.dtype))
    choose = _with_replacement if with_replacement else _combinations
    rows = list(choose(range(len(input)), r))
    index = Tensor._wrap(np.array(rows, np.int64).reshape(len(rows), r))
    return input[index]


__all__ = ["cartesian_prod", "combinations", "meshgrid"]

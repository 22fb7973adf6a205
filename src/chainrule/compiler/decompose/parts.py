"""What decompositions are written with: constants, numbers that keep a dtype, keys of parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.bounds import in_bounds
from ...ops.movement import expand, reshape, to
from ...program.build import Symbol
from ...program.passes.rewrite import made_by
from ...types import FLOAT


def converted(a: Any, dtype: Any) -> Any:
    """The symbol in this dtype; itself if it has it."""
    return a if a.dtype is dtype else to(a, dtype)


def scalar(value: Any, dtype: Any) -> Any:
    """The value in this dtype: a symbol converted, or a Python number that does not change it."""
    if isinstance(value, Symbol):
        return converted(value, dtype)
    number = np.asarray(value).astype(dtype.np)
    return float(number) if dtype.category == FLOAT else number.item()


def positions(n: int, dim: int = 0, ndim: int = 1) -> Any:
    """0 … n-1 along one of ndim dimensions, as a constant."""
    return np.arange(n, dtype=np.int32).reshape([n if i == dim else 1 for i in range(ndim)])


def filled(builder: Any, value: Any, shape: Any, dtype: Any) -> Any:
    """One value in every place: a view of it."""
    value = scalar(value, dtype)
    if not isinstance(value, Symbol):
        value = builder.constant(np.array(value, dtype.np))
    return expand(reshape(value, ()) if value.ndim else value, tuple(shape))


def along(dim: int, part: Any) -> Any:
    """The key of a part along one dimension."""
    return (*(slice(None),) * dim, part)


def checked(a: Any, low: float, high: float, ignore: int | None, fault: str) -> Any:
    """The symbol behind a check of its bounds: see in_bounds. One check of the same kind is enough."""
    made = made_by(a)
    attributes = (low, high, ignore, fault)
    if made is not None and made.op is in_bounds and made.attributes == attributes:
        return a
    return in_bounds(a, *attributes)

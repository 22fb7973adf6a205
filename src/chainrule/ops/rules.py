"""What several records share: the usual type rules, and names of backward nodes that depend on the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types import INT, DType, Shape, int64
from .record import COMPLEX_DTYPES, Carrier, Spec


def is_complex(x: Any) -> bool:
    """Whether an array or a carrier holds complex numbers."""
    return x.dtype in COMPLEX_DTYPES


def same_shape(a: Spec, *_: Any) -> Shape:
    """The first argument's shape."""
    return a.shape


def same_dtype(a: Spec, *_: Any) -> DType:
    """The first argument's dtype."""
    return a.dtype


def real_dtype(a: Spec, *_: Any) -> DType:
    """The dtype of the first argument's real part."""
    return a.dtype.to_real()


def sum_dtype(a: Spec, *_: Any) -> DType:
    """int64 for bools and integers, whose sums and products would overflow; else the argument's own."""
    return int64 if a.dtype.category <= INT else a.dtype


def scalar_or_tensor(base: str) -> Callable[[tuple[Any, ...]], str]:
    """PyTorch numbers a backward node 0 where the second operand is a number, 1 where it is a tensor."""
    return lambda args: base + ("1" if len(args) > 1 and isinstance(args[1], Carrier) else "0")

"""Evenly spaced values: arange, linspace, logspace."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..types import COMPLEX, as_dtype, default, int64
from .fill import dtype_for, finish

Array = np.ndarray[Any, Any]


def _number(x: Any) -> Any:
    return x.item() if isinstance(x, (Tensor, np.generic)) else x


def arange(*bounds: Any, **options: Any) -> Tensor:
    """arange(end), arange(start, end), arange(start, end, step): evenly spaced values without the end.

    int64 if all are integers, else the default float.

    >>> import chainrule as cr
    >>> cr.arange(1, 2, 0.5)
    tensor([1.0000, 1.5000])
    """
    given = list(bounds) + [
        options.pop(k) for k in ("start", "end", "step") if k in options and len(bounds) < 3
    ]
    if "step" not in options and len(bounds) == 1 and len(given) == 2 and given[1] is None:
        given.pop()
    if not 1 <= len(given) <= 3:
        raise TypeError(
            "arange() takes (end), (start, end) or (start, end, step), got " + str(len(given)) + " arguments"
        )
    values = [_number(v) for v in given]
    start, end, step = [*values, 1] if len(values) == 2 else values if len(values) == 3 else (0, values[0], 1)
    if options.get("dtype") is None and options.get("out") is None:
        whole = all(isinstance(v, int) for v in (start, end, step))
        options["dtype"] = int64 if whole else default.dtype
    _check_range(start, end, step)
    count = math.ceil((end - start) / step) if not isinstance(start, int) or not isinstance(step,
    int) or not isinstance(
        end, int) else -((start - end) // step)  # fmt: skip
    return finish(_steps(start, step, count, dtype_for(options)), **options)


def _check_range(start: Any, end: Any, step: Any) -> None:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (end - start) / step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _steps(start: Any, step: Any, count: int, dtype: Any) -> Array:
    if dtype.kind in "iu":
        return (int(start) + int(step) * np.arange(count)).astype(dtype)
    return (start + step * np.arange(count, dtype=np.float64)).astype(dtype)


def range(start: Any = 0, end: Any = None, step: Any = 1, **options: Any) -> Tensor:
    """Like arange() with the end included; of the default float."""
    if end is None:
        start, end = 0, start
    _check_range(start, end, step)
    count = int((end - start) / step + 1)
    return finish(_steps(start, step, count, dtype_for(options)), **options)


def linspace(start: Any, end: Any, steps: int, **options: Any) -> Tensor:
    """`steps` evenly spaced values from start to end, both included.

    >>> import chainrule as cr
    >>> cr.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last = _ends("linspace", start, end)
    return finish(_spaced(first, last, _step_count(steps), _space_dtype((first, last), options)), **options)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Tensor:
    """`steps` values base^e with evenly spaced exponents e from start to end."""
    first, last = _ends("logspace", start, end)
    dtype = _space_dtype((first, last), options)
    exact = np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
    exponents = _spaced(
        first,
        last,
        _step_count(steps),
        exact if dtype.kind != "i" and dtype.kind != "u" else np.dtype(np.float64),
    )
    return finish((float(base) ** exponents).astype(dtype), **options)


def _ends(name: str, *values: Any) -> list[Any]:
    for v in values:
        if isinstance(v, Tensor) and v._a.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got start with {v._a.ndim} "
                f"dimension(s)."
            )
    return [_number(v) for v in values]


def _step_count(steps: Any) -> int:
    count = operator.index(steps)
    if count < 0:
        raise RuntimeError("number of steps must be non-negative")
    return count


def _space_dtype(ends: Any, options: dict[str, Any]) -> Any:
    if any(isinstance(v, complex) for v in ends):
        if options.get("dtype") is None and options.get("out") is None:
            options["dtype"] = default.dtype.to_complex()
        elif options.get("dtype") is not None and as_dtype(options["dtype"]).category < COMPLEX:
            raise RuntimeError(
                f"linspace(): inferred dtype complex64 can't be safely cast to passed dtype "
                f"{options['dtype']}"
            )
    return dtype_for(options)


def _spaced(start: Any, end: Any, steps: int, dtype: Any) -> Array:
    """Computed from the nearer end, so that both ends are exact."""
    if steps == 1:
        return np.array([start]).astype(dtype)
    if steps == 0:
        return np.empty(0, dtype)
    if dtype.kind in "iu":
        start, end, work = int(start), int(end), np.dtype(np.float32)
    else:
        work = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
    first, last = work.type(start), work.type(end)
    step = (last - first) / work.type(steps - 1)
    index = np.arange(steps).astype(work)
    values = np.where(
        np.arange(steps) < steps // 2, first + step * index, last - step * (steps - 1 - index).astype(work)
    )
    return values.astype(dtype)


__all__ = ["arange", "linspace", "logspace", "range"]

"""Checks inside kernels: a value out of its bounds stops the step before it changes anything.

The kernel notes the first bad value in the step's table; the step looks there before it goes on, and returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..ops.bounds import in_bounds
from ..ops.record import Op
from ..program.ir import Equation
from ..types import FLOAT, DType
from .builder import Function, Value, i64, number
from .rendezvous import DETAIL, HEADER

FAULT = HEADER  # the slot that holds 1 + the number of the check that has failed


class Check(NamedTuple):
    """What may stop a step: an equation, and what raises its forward's error for the value that was noted."""

    equation: Equation
    raises: Callable[[Equation, Any], object]
    floats: bool = False  # whether the value is noted as a double


def _in_bounds(f: Function, equation: Equation, value: Value, width: int) -> Value:
    """The value itself; notes one outside [low, high] that is not `ignore`."""
    low, high, ignore, _ = equation.attributes
    dtype = equation.output.dtype
    floats = dtype.category == FLOAT
    outside = None
    for less, bound in (("olt", low), ("ogt", high)):
        if not floats and not _is_limit(dtype, bound):
            outside = _either(f, outside, f.compare(f"s{less[1:]}", value, number(bound, value.type)))
        elif floats:
            outside = _either(f, outside, f.compare(less, value, number(bound, value.type)))
    if outside is None:
        return value
    if ignore is not None:
        counts = f.compare("une" if floats else "ne", value, number(ignore, value.type))
        outside = f.binary("and", outside, counts)
    for lane in range(width):
        one = f.extract(value, lane)
        with f.when(f.extract(outside, lane)):
            note(
                f,
                Check(equation, _refuse, floats),
                f.cast("fpext", one, "double") if one.type == "float" else one,
            )
    return value


def _is_limit(dtype: DType, bound: Any) -> bool:
    """Whether a bound lies beyond what the dtype can hold."""
    info = np.iinfo(dtype.np)
    return not info.min < bound < info.max


def _either(f: Function, a: Value | None, b: Value) -> Value:
    return b if a is None else f.binary("or", a, b)


def _refuse(equation: Equation, value: Any) -> object:
    return equation.op.forward(np.array([value]), *equation.attributes)


def note(f: Function, check: Check, value: Value) -> None:
    """Write the check's number and the value into the table, which is the kernel's last parameter."""
    table = f.parameters[-1]
    checks = f.module.checks
    if check not in checks:
        checks.append(check)
    if value.type == "double":
        value = f.cast("bitcast", value, "i64")
    elif value.type != "i64":
        value = f.cast("sext", value, "i64")
    f.store(value, f.offset(table, 8 * DETAIL))
    f.store(i64(1 + checks.index(check)), f.offset(table, 8 * FAULT))


CHECKS: dict[Op, Callable[[Function, Equation, Value, int], Value]] = {in_bounds: _in_bounds}

__all__ = ["CHECKS", "FAULT", "Check", "note"]

"""Indicators: [z > 0] for the slope of a rectifier, which its rule reads off the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..ops import compare
from ..ops.record import Spec
from ..types import float64
from .expr import Expr, Formula, Symbol, is_number, value_of

_POINTS = np.array([-2.0, -1.0, -0.5, -1e-9, 0.0, 1e-9, 0.5, 1.0, 2.0])


def with_signs(x: Any, made: Mapping[Symbol, Formula | None]) -> Any:
    """A formula with [z > 0] in the place of [a ≠ 0], for an a that is not zero exactly where z > 0."""
    if not isinstance(x, Expr):
        return x
    x = x.with_operands(tuple(with_signs(a, made) for a in x.operands))
    if x.op is not compare.ne:
        return x
    a, zero = x.operands
    z = _positive(made.get(a)) if isinstance(a, Symbol) and is_number(zero) and zero == 0 else None
    return Expr(compare.gt, (z, 0), x.spec) if z is not None else x


def _positive(f: Formula | None) -> Symbol | None:
    """The z of a function of one number that is zero for z ≤ 0 and nowhere else: tried at points."""
    if (
        not isinstance(f, Expr)
        or f.op.domain is None
        or f.op.nargs != 1
        or not isinstance(f.operands[0], Symbol)
    ):
        return None
    points = Symbol("", "", "", Spec(_POINTS.shape, float64))
    found = value_of(Expr(f.op, (points, *f.attributes), points.spec), lambda _: _POINTS)
    return f.operands[0] if np.array_equal(np.asarray(found) != 0, _POINTS > 0) else None

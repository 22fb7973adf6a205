"""What a record's own derivative says about an operation at the values it had: kinks, flat parts, saturation.

Nothing here knows an operation by its name. A kink is where the derivative differs one floating-point number
to the left and to the right; an activation saturates if its derivative, looked at over the whole line, is
bounded, tiny at both ends and not tiny between.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..ops.record import Op
from ..program.ir import Equation, Var

_MOST = 1 << 20  # elements of an operand that is looked at
_JUMP = 1e-3  # by how much a derivative jumps at a kink
TINY = 0.01  # a derivative that lets next to nothing through
_WIDE = np.concatenate([-np.geomspace(30, 0.01, 40), np.geomspace(0.01, 30, 40)])


class Kink(NamedTuple):
    """Entries at points where the derivative is a convention."""

    entries: int
    total: int


def operands_of(e: Equation, values: Any) -> list[Any]:
    """The arrays and numbers that an equation has read."""
    return [values[x] if isinstance(x, Var) else x for x in e.operands]


def slope(op: Op, i: int, operands: list[Any], attributes: tuple[Any, ...]) -> Any:
    """∂y/∂xᵢ of an elementwise operation at these operands, as an array of floats."""
    args = (*operands, *attributes)
    with np.errstate(all="ignore"):
        y = np.asarray(op.forward(*args))
        rule = op.d[i]
        found = np.asarray(rule(y, *args) if callable(rule) else rule)
    return np.broadcast_to(found, y.shape).astype(np.float64)


def kink(e: Equation, values: Any, rng: np.random.Generator) -> Kink | None:
    """Where an operation has used a derivative that its record says is a convention; None if nowhere."""
    op = e.op
    if not op.singular or not op.differentiable or op.nargs < 0:
        return None
    operands = operands_of(e, values)
    floats = [i for i, x in enumerate(operands) if _is_floating(x) and x.size and x.size <= _MOST]
    if not floats:
        return None
    counts = [
        _elementwise_kink(e, operands, i) if op.d is not None else _kink_nearby(e, operands, i, rng)
        for i in floats
    ]
    most = max(counts, key=lambda k: k.entries)
    return most if most.entries else None


def _is_floating(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f"


def _elementwise_kink(e: Equation, operands: list[Any], i: int) -> Kink:
    op = e.op
    if i >= len(op.d) or op.d[i] is None:
        return Kink(0, 0)
    x = np.asarray(operands[i])
    sides = []
    for towards in (-np.inf, 0, np.inf):
        moved = list(operands)
        moved[i] = np.nextafter(x, x.dtype.type(towards)) if towards else x
        sides.append(slope(op, i, moved, e.attributes))
    left, here, right = sides
    with np.errstate(all="ignore"):
        jump = np.abs(right - left) > _JUMP * (1 + np.abs(left) + np.abs(right))
    bad = ~np.isfinite(here) & np.isfinite(np.broadcast_to(x, here.shape))
    return Kink(int(np.count_nonzero(jump | bad)), here.size)


def _kink_nearby(e: Equation, operands: list[Any], i: int, rng: np.random.Generator) -> Kink:
    """Whether the gradient of a structured operation changes if its operand moves by rounding errors."""
    rule = e.op.pulls[i] if i < len(e.op.pulls) and not e.op.joint else None
    if rule is None:
        return Kink(0, 0)
    x = np.asarray(operands[i])
    size = np.abs(x).max(initial=0)
    step = np.spacing(np.abs(x) + (size if size else x.dtype.type(1)))
    g: Any = None
    found = []
    for moved in (0, 1, 1, 1):  # one move may leave a tie as it was decided
        by = moved * rng.choice([-4, -3, -2, 2, 3, 4], size=x.shape) * step
        args = (*operands[:i], (x + by).astype(x.dtype), *operands[i + 1 :], *e.attributes)
        with np.errstate(all="ignore"):
            out = e.op.forward(*args)
            y = [np.asarray(o) for o in out] if e.op.outputs != 1 else np.asarray(out)
            g = _cotangent(y, rng) if g is None else g
            found.append(np.asarray(rule(g, y, *args), np.float64))
    here, different = found[0], np.zeros(np.shape(found[0]), bool)
    for near in found[1:]:
        different |= np.abs(here - near) > 0.05 * (np.abs(here) + np.abs(near)) + 1e-12
    return Kink(int(np.count_nonzero(different)), x.size)


def _cotangent(y: Any, rng: np.random.Generator) -> Any:
    """Random numbers for a result, or for those of several that are floating."""
    if isinstance(y, list):
        return [_cotangent(o, rng) if o.dtype.kind == "f" else None for o in y]
    return rng.uniform(0.5, 1.5, y.shape).astype(y.dtype)


# ----- activations: elementwise, of one operand


@lru_cache(maxsize=256)
def _over_the_line(op: Op, attributes: tuple[Any, ...]) -> Any:
    """|derivative| at many points; None for an operation without such a derivative."""
    if op.d is None or op.nargs != 1 or not op.promote or not callable(op.d[0]):
        return None
    try:
        return np.abs(slope(op, 0, [_WIDE], attributes))
    except (TypeError, ValueError):
        return None


def _curve(e: Equation) -> Any:
    return _over_the_line(e.op, e.attributes) if all(map(_hashable, e.attributes)) else None


def _hashable(x: Any) -> bool:
    return isinstance(x, (int, float, str, bool, type(None)))


def has_flat_part(e: Equation) -> bool:
    """Whether its derivative is 0 on a part of the line, not on all of it."""
    d = _curve(e)
    return d is not None and bool((d == 0).any() and (d > 0.5).any())


def saturates(e: Equation) -> bool:
    """Whether its derivative is bounded, tiny at both ends of the line and never 0 between: an S-shape."""
    d = _curve(e)
    if d is None or not np.isfinite(d).all():
        return False
    middle = d[20:60]
    return bool(max(d[0], d[-1]) < TINY and 0.1 < d.max() <= 10 and middle.min() > 0)


def dead_units(e: Equation, values: Any) -> tuple[list[int], int] | None:
    """The units of an activation with a flat part that are zero for all samples, and how many there are."""
    if not has_flat_part(e):
        return None
    d = _slope_here(e, values)
    if d is None or d.ndim < 2:
        return None
    units = 1 if d.ndim >= 4 else d.ndim - 1
    samples = d.size // max(d.shape[units], 1)
    if samples < 2:
        return None
    rest = tuple(k for k in range(d.ndim) if k != units)
    dead = np.flatnonzero((d == 0).all(axis=rest))
    return ([int(k) for k in dead], d.shape[units]) if len(dead) else None


def saturated_share(e: Equation, values: Any) -> float:
    """Which share of the entries of an S-shaped activation has a derivative below TINY."""
    if not saturates(e):
        return 0.0
    d = _slope_here(e, values)
    return 0.0 if d is None or not d.size else float(np.mean(np.abs(d) < TINY))


def _slope_here(e: Equation, values: Any) -> Any:
    (x,) = operands_of(e, values)
    return slope(e.op, 0, [x], e.attributes) if _is_floating(x) and x.size <= _MOST else None


__all__ = ["TINY", "Kink", "dead_units", "kink", "saturated_share"]

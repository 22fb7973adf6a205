"""Formulas made shorter by identities that a reader would apply in passing.

NOTE [Proof] No identity is trusted: `simplified` evaluates a formula before and after at random points, and
keeps it as it was if the two differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import arithmetic, movement, product, rearrange, reduce, view
from ..ops.record import Op, Spec
from ..types import FLOAT
from .expr import Expr, Formula, Symbol, is_number, spec_of, symbols_in, value_of

Rule = Callable[[Expr], Any]
_RULES: dict[Op, list[Rule]] = {}


def _rule(*ops: Op) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        for op in ops:
            _RULES.setdefault(op, []).append(rule)
        return rule

    return add


def simplified(x: Formula) -> Formula:
    """An equal formula, or the same one: NOTE [Proof].

    >>> from chainrule.types import float64
    >>> x = Symbol("x", "x", "x", Spec((), float64))
    >>> simplified(Expr(arithmetic.mul, (1, Expr(arithmetic.neg, (x,), x.spec)), x.spec))
    neg(x)
    """
    found = shorter(x)
    return found if found is x or agree(x, found) else x


def shorter(x: Any) -> Any:
    """The formula after the identities, which nothing has proved yet."""
    if not isinstance(x, Expr):
        return x
    operands = tuple(map(shorter, x.operands))
    if any(a is not b for a, b in zip(operands, x.operands)):
        x = x.with_operands(operands)
    x = _without_broadcasts(x)
    for rule in _RULES.get(x.op, ()):
        found = rule(x)
        if found is not None:
            return shorter(found)
    return x


def agree(a: Formula, b: Formula) -> bool:
    """Whether two formulas have the same value at random points, to rounding, after broadcasting."""
    rng = np.random.default_rng(0)
    points = {s: _point(rng, s) for s in (*symbols_in(a), *symbols_in(b))}
    try:
        first, second = (np.asarray(value_of(x, points.__getitem__)) for x in (a, b))
        second = np.broadcast_to(second, first.shape)
    except (ValueError, TypeError, IndexError, RuntimeError):
        return False
    return np.allclose(first, second, rtol=1e-4, atol=1e-5, equal_nan=True)


def _point(rng: np.random.Generator, s: Symbol) -> Any:
    if s.spec.dtype.category >= FLOAT:
        return rng.uniform(0.2, 1.8, s.spec.shape).astype(s.spec.dtype.np)
    return rng.integers(0, 2, s.spec.shape).astype(s.spec.dtype.np)


# ----- the identities


def _same_shape(x: Expr, a: Any) -> bool:
    spec = spec_of(a)
    return spec is not None and spec.shape == x.spec.shape


def _is(a: Any, value: float) -> bool:
    """Whether it is a number, or an array of it."""
    a = a.operands[0] if _filled(a) else a
    return is_number(a) and a == value


def filled(value: float, spec: Spec) -> Formula:
    """An array of one number."""
    return Expr(movement.expand, (value, spec.shape), spec) if spec.shape else value


def equal(a: Any, b: Any) -> bool:
    """Whether two formulas are written alike."""
    if isinstance(a, Expr) and isinstance(b, Expr):
        alike = a.op is b.op and a.index == b.index and a.spec == b.spec and len(a.args) == len(b.args)
        return alike and a.op.nargs >= 0 and all(map(equal, a.args, b.args))
    return a is b or (is_number(a) and is_number(b) and a == b) or (type(a) is type(b) is tuple and a == b)


@_rule(movement.to, rearrange.clone, rearrange.contiguous, movement.detach)
def _same_value(x: Expr) -> Any:
    return x.operands[0]


@_rule(movement.reshape, movement.expand, movement.sum_to)
def _same_shape_already(x: Expr) -> Any:
    a = x.operands[0]
    if x.op is movement.reshape and _filled(a):
        return Expr(movement.expand, (a.operands[0], x.spec.shape), x.spec)
    return a if _same_shape(x, a) or (is_number(a) and not x.spec.shape) else None


def _filled(a: Any) -> bool:
    """Whether it is an array of one number."""
    return isinstance(a, Expr) and a.op is movement.expand and _fixed(a.operands[0])


def _fixed(a: Any) -> bool:
    """Whether it is a number, such as 1/6."""
    return is_number(a) or (isinstance(a, Expr) and not a.spec.shape and all(map(_fixed, a.operands)))


_TURNS = (view.transpose, view.t, movement.permute)


@_rule(*_TURNS)
def _twice_turned(x: Expr) -> Any:
    a = x.operands[0]
    if isinstance(a, Expr) and len(x.spec.shape) == 2:
        if a.op in _TURNS:
            return a.operands[0]
        if a.op in (product.matmul, product.mm) and all(
            len(getattr(b, "spec", x.spec).shape) == 2 for b in a.operands
        ):
            left, right = a.operands
            if isinstance(left, Expr) and left.op in _TURNS:  # (Aᵀ B)ᵀ is Bᵀ A
                return Expr(a.op, (_turned(right, x), left.operands[0]), x.spec)
    if isinstance(a, Expr) and a.op is x.op and sorted(a.attributes) == sorted(x.attributes):
        return a.operands[0]
    return Expr(movement.expand, (a.operands[0], x.spec.shape), x.spec) if _filled(a) else None


def _turned(a: Any, like: Expr) -> Expr:
    return Expr(like.op, (a, *like.attributes), Spec(a.spec.shape[::-1], a.spec.dtype))


@_rule(arithmetic.mul)
def _product(x: Expr) -> Any:
    a, b = x.operands
    if _is(a, 1):
        return b
    if _is(b, 1):
        return a
    if _is(a, 0) or _is(b, 0):
        return filled(0, x.spec)
    if is_number(a) and is_number(b):
        return a * b
    if _is(a, -1) or _is(b, -1):
        return Expr(arithmetic.neg, (b if _is(a, -1) else a,), x.spec)
    for this, other, swap in ((a, b, False), (b, a, True)):
        if isinstance(this, Expr) and this.op is arithmetic.neg:
            inner = this.operands[0]
            pair = (other, inner) if swap else (inner, other)
            return Expr(arithmetic.neg, (Expr(arithmetic.mul, pair, x.spec),), x.spec)
    share = _of_share(x)
    if share is not None:
        return share
    if is_number(b):  # numbers to the front
        return Expr(x.op, (b, a), x.spec)
    if isinstance(b, Expr) and b.op is arithmetic.mul and is_number(b.operands[0]):
        if is_number(a):
            return Expr(arithmetic.mul, (a * b.operands[0], b.operands[1]), x.spec)
        inner = Expr(arithmetic.mul, (a, b.operands[1]), x.spec)
        return Expr(arithmetic.mul, (b.operands[0], inner), x.spec)
    if equal(a, b):
        return Expr(arithmetic.pow, (a, 2), x.spec)
    return None


def _of_share(x: Expr) -> Any:
    """Fractions in front, one of them; a times 1/b is a/b."""
    a, b = x.operands
    if _is_share(b) and not _fixed(a):
        return Expr(x.op, (b, a), x.spec)
    if _fixed(a) and _is_share(b):
        above, below = (a, 1) if is_number(a) else a.operands
        return _share(above * b.operands[0], below * b.operands[1], x.spec)
    if isinstance(b, Expr) and b.op is arithmetic.mul and (_is_share(b.operands[0]) or _is_share(a)):
        front = b.operands[0]
        if _fixed(front) and _fixed(a):
            return Expr(x.op, (Expr(x.op, (a, front), Spec((), x.spec.dtype)), b.operands[1]), x.spec)
        if _is_share(front):
            return Expr(x.op, (front, Expr(x.op, (a, b.operands[1]), x.spec)), x.spec)
    if isinstance(a, Expr) and a.op is arithmetic.mul and _fixed(a.operands[0]) and not _fixed(b):
        return Expr(x.op, (a.operands[0], Expr(x.op, (a.operands[1], b), x.spec)), x.spec)
    if isinstance(b, Expr) and not (_fixed(a) or _fixed(b) or _filled(a)):
        if b.op is arithmetic.reciprocal:
            return Expr(arithmetic.div, (a, b.operands[0]), x.spec)
        if b.op is arithmetic.div and _is(b.operands[0], 1):
            return Expr(arithmetic.div, (a, b.operands[1]), x.spec)
    for this, other in ((a, b), (b, a)):
        if _filled(this) and isinstance(other, (Expr, Symbol)) and not _same_shape(x, other):
            scaled = Expr(x.op, (this.operands[0], other), Spec(other.spec.shape, x.spec.dtype))
            return Expr(movement.expand, (scaled, x.spec.shape), x.spec)
    return None


def _is_share(a: Any) -> bool:
    """Whether it is a fraction of numbers."""
    return isinstance(a, Expr) and a.op is arithmetic.div and all(map(is_number, a.operands))


def _share(above: Any, below: Any, spec: Spec) -> Formula:
    if below == 1:
        return above
    found = Expr(arithmetic.div, (abs(above), below), Spec((), spec.dtype))
    return Expr(arithmetic.neg, (found,), found.spec) if above < 0 else found


_LINEAR = (reduce.sum, movement.sum_to, movement.permute, view.transpose, view.t)


@_rule(*_LINEAR)
def _factor_in_front(x: Expr) -> Any:
    a = x.operands[0]
    if (
        isinstance(a, Expr)
        and a.op is arithmetic.mul
        and _fixed(a.operands[0])
        and _same_shape(a, a.operands[1])
    ):
        return Expr(arithmetic.mul, (a.operands[0], x.with_operands(a.operands[1:])), x.spec)
    if isinstance(a, Expr) and a.op is arithmetic.neg:
        return Expr(arithmetic.neg, (x.with_operands(a.operands),), x.spec)
    return None


@_rule(arithmetic.add)
def _sum(x: Expr) -> Any:
    a, b = x.operands
    if _is(a, 0):
        return b
    if _is(b, 0):
        return a
    if is_number(a) and is_number(b):
        return a + b
    if isinstance(b, Expr) and b.op is arithmetic.neg:
        return Expr(arithmetic.sub, (a, b.operands[0]), x.spec)
    return None


@_rule(arithmetic.sub)
def _difference(x: Expr) -> Any:
    a, b = x.operands
    if _is(b, 0):
        return a
    if _is(a, 0):
        return Expr(arithmetic.neg, (b,), x.spec)
    if is_number(a) and is_number(b):
        return a - b
    if isinstance(b, Expr) and b.op is arithmetic.neg:
        return Expr(arithmetic.add, (a, b.operands[0]), x.spec)
    return None


@_rule(arithmetic.neg)
def _negative(x: Expr) -> Any:
    (a,) = x.operands
    if is_number(a):
        return -a
    if isinstance(a, Expr) and a.op is arithmetic.neg:
        return a.operands[0]
    if isinstance(a, Expr) and a.op is arithmetic.sub:
        return Expr(arithmetic.sub, (a.operands[1], a.operands[0]), x.spec)
    return None


@_rule(arithmetic.div)
def _quotient(x: Expr) -> Any:
    a, b = x.operands
    if _is(a, 0):
        return filled(0, x.spec)
    if is_number(a) and a < 0 and not is_number(b):
        return Expr(arithmetic.neg, (Expr(x.op, (-a, b), x.spec),), x.spec)
    if is_number(a) and is_number(b) and a < 0 < b and a % b:
        return Expr(arithmetic.neg, (Expr(x.op, (-a, b), x.spec),), x.spec)
    return a if _is(b, 1) else a / b if is_number(a) and is_number(b) and b and a % b == 0 else None


@_rule(arithmetic.pow)
def _power(x: Expr) -> Any:
    a, b = x.operands
    return a if _is(b, 1) else 1 if _is(b, 0) else None


def _without_broadcasts(x: Expr) -> Expr:
    """Elementwise operations spread their operands themselves, if another one has the full shape."""
    if not x.op.promote:
        return x
    if any(map(_filled, x.operands)) and all(_filled(a) or _fixed(a) for a in x.operands):
        numbers = tuple(a.operands[0] if _filled(a) else a for a in x.operands)
        single = Expr(x.op, (*numbers, *x.attributes), Spec((), x.spec.dtype), x.index)
        return Expr(movement.expand, (shorter(single), x.spec.shape), x.spec)

    def bare(a: Any) -> Any:
        spread = isinstance(a, Expr) and a.op is movement.expand
        others = [b for b in x.operands if b is not a]
        return a.operands[0] if spread and any(_same_shape(x, b) for b in others) else a

    operands = tuple(map(bare, x.operands))
    return x.with_operands(operands) if any(a is not b for a, b in zip(operands, x.operands)) else x


__all__ = ["Spec", "agree", "shorter", "simplified"]

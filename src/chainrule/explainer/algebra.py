"""A formula as a short sum of products: equal factors and terms collected, numbers in front, signs outside.

For formulas into which everything has been put, where the identities of `simplify` are not enough. As there,
the result is compared with what came at random points: NOTE [Proof].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from ..ops import (
    arithmetic,
    movement,
    product,
    reduce,
    view,
)
from ..ops.record import Spec
from ..types import broadcast_shapes
from .expr import Expr, Formula, Symbol, is_number, size, spec_of
from .identities import IDENTITIES, MATRIX_PRODUCTS, is_ones, shape_of, without_determinant
from .simplify import agree, shorter

_LINEAR = frozenset(
    [view.transpose, view.t, movement.permute, movement.reshape, movement.sum_to, movement.expand]
    + [reduce.sum, product.place_diagonal, product.trace]
)
_FACTORS = frozenset([arithmetic.mul, arithmetic.div, arithmetic.neg, arithmetic.pow, arithmetic.square])
_TERMS = frozenset([arithmetic.add, arithmetic.sub])


def collected(x: Formula) -> Formula:
    """An equal formula, shorter if it can be; numbers of one element count as arrays of it."""
    found = _as_columns(_tidy(_as_columns(_tidy(shorter(x)))))
    return found if agree(x, found) else x


def key(x: Any) -> Any:
    """What two equal formulas have in common."""
    if isinstance(x, Symbol):
        return id(x)
    if isinstance(x, Expr):
        return x.op, x.index, tuple(map(key, x.operands)), repr(x.attributes), x.spec.shape
    return float(x) if is_number(x) else repr(x)


def _tidy(x: Any) -> Any:
    if not isinstance(x, Expr):
        return x
    x = x.with_operands(tuple(map(_tidy, x.operands)))
    for rule in IDENTITIES.get(x.op, ()):
        found = rule(x)
        if found is not None:
            return _tidy(found)
    if x.op in _TERMS:
        return _sum(x)
    if x.op in _FACTORS or x.op in MATRIX_PRODUCTS or x.op in _LINEAR:
        return _Product().times(x).formula(x.spec)
    return x


def _as_columns(x: Any, left: bool = False) -> Any:
    """A vector is a column: xᵀA is written Aᵀx, but in xᵀA y it stays."""
    if not isinstance(x, Expr):
        return x
    times = x.op in MATRIX_PRODUCTS
    operands = tuple(_as_columns(a, times and i == 0) for i, a in enumerate(x.operands))
    if times and not left and [len(shape_of(a)) for a in operands] == [1, 2]:
        spec = Spec(shape_of(operands[1])[::-1], x.spec.dtype)
        return Expr(x.op, (_tidy(Expr(view.transpose, (operands[1], 0, 1), spec)), operands[0]), x.spec)
    return x.with_operands(operands)


# ----- products


class _Product:
    """number · Π baseᵉ, of numbers and of arrays element by element."""

    def __init__(self, number: float = 1) -> None:
        self.number = number
        self.factors: dict[Any, tuple[Any, float]] = {}

    def times(self, x: Any, power: float = 1) -> _Product:
        """Multiply with a formula to a power."""
        if is_number(x):
            if x or power > 0:
                self.number *= x**power
                return self
        elif isinstance(x, Expr) and self._opened(x, power):
            return self
        k = key(x)
        self.factors[k] = (x, self.factors.get(k, (x, 0))[1] + power)
        if not self.factors[k][1]:
            del self.factors[k]
        return self

    def _opened(self, x: Expr, power: float) -> bool:
        """Multiply with the factors of an operation, if it is a product of such."""
        whole = power == int(power)
        if x.op is arithmetic.mul and whole:
            self.times(x.operands[0], power).times(x.operands[1], power)
        elif x.op is arithmetic.div and whole:
            self.times(x.operands[0], power).times(x.operands[1], -power)
        elif x.op is arithmetic.neg and whole:
            self.number *= (-1) ** int(power)
            self.times(x.operands[0], power)
        elif x.op is arithmetic.square:
            self.times(x.operands[0], 2 * power)
        elif x.op is arithmetic.pow and is_number(x.operands[1]) and (whole or not _splits(x.operands[0])):
            self.times(x.operands[0], x.operands[1] * power)
        elif x.op is movement.reshape and not shape_of(x.operands[0]) and x.spec.shape:
            self.times(x.operands[0], power).times(Expr(movement.expand, (1, x.spec.shape), x.spec))
        elif x.op is movement.expand and is_number(x.operands[0]) and not is_ones(x) and whole:
            self.times(x.operands[0], power).times(x.with_operands((1,)), power)
        elif x.op in MATRIX_PRODUCTS or x.op in _LINEAR:
            outside, inside = zip(*map(_split, x.operands))
            if all(p.number == 1 and not p.factors for p in outside):
                return False
            for p in outside:
                self.absorb(p, power)
            self.times(_tidy(x.with_operands(tuple(inside))), power)
        else:
            return False
        return True

    @property
    def shape(self) -> tuple[int, ...]:
        return broadcast_shapes(*(shape_of(x) for x, _ in self.factors.values())) if self.factors else ()

    def absorb(self, other: _Product, power: float) -> None:
        self.number *= other.number**power
        for x, e in other.factors.values():
            self.times(x, e * power)

    def formula(self, spec: Spec) -> Formula:
        """It as a formula of this type."""
        if not self.number:
            return _filled(0, spec)
        without_determinant(self.factors)
        sign = self._without_sign()
        numbers = [f for f in self.factors.values() if not shape_of(f[0])]
        arrays = [f for f in self.factors.values() if shape_of(f[0]) and not is_ones(f[0])]
        above, below = self._fraction(any(e < 0 for _, e in numbers))
        if not arrays:
            found = _quotient(_power_list(above, numbers, 1), _power_list(below, numbers, -1), spec)
            found = _filled(found, spec)
        else:
            front = _quotient(_power_list(above, numbers, 1), _power_list(below, numbers, -1), spec)
            upper = _power_list(1, arrays, 1)
            if not upper and below == 1 and not any(e < 0 for _, e in numbers):
                found = _quotient([front], _power_list(1, arrays, -1), spec)
            else:
                body = _outer(arrays, spec) or _quotient(upper, _power_list(1, arrays, -1), spec)
                found = body if _is_one(front) else _times(front, body, spec)
            if shape_of(found) != spec.shape:
                found = Expr(movement.expand, (found, spec.shape), spec)
        return _negative(found, spec) if sign < 0 else found

    def _without_sign(self) -> int:
        """Take the sign out, into a difference if there is one."""
        if self.number >= 0:
            return 1
        self.number = -self.number
        return 1 if self.turn() else -1

    def turn(self) -> bool:
        """Change the sign of a difference among the factors, if there is one to an odd power."""
        for k, (x, e) in self.factors.items():
            if isinstance(x, Expr) and x.op is arithmetic.sub and e % 2 == 1:
                swapped = Expr(x.op, x.operands[::-1], x.spec)
                before, self.factors = self.factors, {}
                for k2, (x2, e2) in before.items():
                    self.times(swapped if k2 == k else x2, e2)
                return True
        return False

    def _fraction(self, denominators: bool) -> tuple[float, float]:
        """The number, above and below the fraction bar."""
        exact = Fraction(self.number).limit_denominator(10_000)
        short = len(f"{self.number:.12g}") <= 5
        if abs(float(exact) - self.number) > 1e-12 * self.number or (short and not denominators):
            return _whole(self.number), 1
        return exact.numerator, exact.denominator


def _splits(x: Any) -> bool:
    """Whether powers that are not whole must leave it alone: (ab)^½ is not a^½ b^½ for all numbers."""
    return isinstance(x, Expr) and (x.op in _FACTORS or x.op in MATRIX_PRODUCTS or x.op in _LINEAR)


def _split(x: Any) -> tuple[_Product, Any]:
    """A number in front, and what remains of an array."""
    everything = _Product().times(x)
    front = _Product(everything.number)
    spec = spec_of(x)
    if spec is None or not spec.shape or not everything.number:
        return _Product(), x
    rest = _Product()
    for k, (f, e) in everything.factors.items():
        (rest if shape_of(f) else front).factors[k] = (f, e)
    if front.number < 0 and rest.turn():
        front.number = -front.number
    if front.number == 1 and not front.factors:
        return front, x
    return front, rest.formula(spec)


def _whole(n: float) -> float:
    return int(n) if n == int(n) and abs(n) < 1e15 else n


def _is_one(x: Any) -> bool:
    return is_number(x) and x == 1


def _filled(x: Any, spec: Spec) -> Formula:
    """A number as an array of it: a sum of ones stays an array, whose shape matters to what comes after."""
    if not spec.shape:
        return x
    ones = Expr(movement.expand, (1, spec.shape), spec)
    if is_number(x):
        return Expr(movement.expand, (x, spec.shape), spec)
    return _times(x, ones, spec)


def _power_list(number: float, factors: Iterable[tuple[Any, float]], sign: int) -> list[Any]:
    """The factors with exponents of this sign, as formulas, the number in front unless it is 1."""
    powers = [_power(x, e * sign) for x, e in factors if e * sign > 0]
    return powers if number == 1 else [number, *powers]


def _power(x: Any, e: float) -> Any:
    if e == 1:
        return x
    spec = spec_of(x)
    return x**e if spec is None else Expr(arithmetic.pow, (x, _whole(e)), spec)


def _times(a: Any, b: Any, spec: Spec) -> Expr:
    return Expr(arithmetic.mul, (a, b), Spec(broadcast_shapes(shape_of(a), shape_of(b)), spec.dtype))


def _quotient(above: list[Any], below: list[Any], spec: Spec) -> Any:
    def joined(parts: list[Any]) -> Any:
        found = parts[0] if parts else 1
        for p in parts[1:]:
            found = _times(found, p, spec)
        return found

    a, b = joined(above), joined(below)
    if _is_one(b):
        return a
    return Expr(arithmetic.div, (a, b), Spec(broadcast_shapes(shape_of(a), shape_of(b)), spec.dtype))


def _negative(x: Any, spec: Spec) -> Any:
    return -x if is_number(x) else Expr(arithmetic.neg, (x,), spec_of(x) or spec)


def _outer(arrays: list[tuple[Any, float]], spec: Spec) -> Any:
    """A column times a row is a matrix product: a bᵀ."""
    if len(arrays) != 2 or len(spec.shape) != 2 or any(e != 1 for _, e in arrays) or 1 in spec.shape:
        return None
    n, m = spec.shape
    (a, _), (b, _) = sorted(arrays, key=lambda f: shape_of(f[0]) != (n, 1))
    if shape_of(a) != (n, 1) or shape_of(b) not in ((m,), (1, m)):
        return None
    column = Spec((m, 1), spec.dtype)
    if len(shape_of(b)) == 1:
        b = Expr(
            view.transpose, (Expr(movement.reshape, (b, (m, 1)), column), 0, 1), Spec((1, m), spec.dtype)
        )
    return Expr(product.matmul, (a, b), spec)


# ----- sums

_MANY = 40  # terms that a product of sums may have


def _sum(x: Expr) -> Any:
    """The terms, equal ones collected; multiplied out and factored again, if that is shorter."""
    terms = list(_terms(x, 1))
    plain = _added(_alike(terms), x.spec)
    if not any(map(_sum_among, terms)):
        return plain
    other = _factored(_alike(_multiplied_out(terms)), x.spec)
    return other if size(other) < size(plain) else plain


def _terms(x: Any, sign: int) -> Iterator[_Product]:
    if isinstance(x, Expr) and x.op in _TERMS:
        yield from _terms(x.operands[0], sign)
        yield from _terms(x.operands[1], sign if x.op is arithmetic.add else -sign)
    elif isinstance(x, Expr) and x.op is arithmetic.neg:
        yield from _terms(x.operands[0], -sign)
    else:
        yield _Product(sign).times(x)


def _alike(terms: Iterable[_Product]) -> list[_Product]:
    """Terms that differ in their numbers only, added; the first positive one goes first."""
    found: dict[Any, _Product] = {}
    for t in terms:
        same = found.setdefault(frozenset((k, e) for k, (_, e) in t.factors.items()), _Product(0))
        same.factors = same.factors or dict(t.factors)
        same.number += t.number
    out = [t for t in found.values() if t.number]
    first = next((i for i, t in enumerate(out) if t.number > 0), 0)
    return [*out[first : first + 1], *out[:first], *out[first + 1 :]]


def _added(terms: Iterable[_Product], spec: Spec) -> Any:
    total: Any = None
    for t in terms:
        negative, t.number = t.number < 0, abs(t.number)
        part = t.formula(Spec(t.shape, spec.dtype))
        t.number = -t.number if negative else t.number
        if total is None:
            total = _negative(part, spec) if negative else part
            continue
        shape = broadcast_shapes(shape_of(total), shape_of(part))
        total = Expr(arithmetic.sub if negative else arithmetic.add, (total, part), Spec(shape, spec.dtype))
    if total is None:
        return _filled(0, spec)
    return total if shape_of(total) == spec.shape else Expr(movement.expand, (total, spec.shape), spec)


def _sum_among(t: _Product) -> Any:
    """The key of a factor that is a sum, or None."""
    return next(
        (k for k, (x, e) in t.factors.items() if e == 1 and isinstance(x, Expr) and x.op in _TERMS), None
    )


def _multiplied_out(terms: Iterable[_Product]) -> list[_Product]:
    todo, done = list(terms)[::-1], list[_Product]()
    while todo:
        t = todo.pop()
        k = _sum_among(t) if len(todo) + len(done) < _MANY else None
        if k is None:
            done.append(t)
            continue
        parts = []
        for part in _terms(t.factors[k][0], 1):
            part.number *= t.number
            for other, (x, e) in t.factors.items():
                if other != k:
                    part.times(x, e)
            parts.append(part)
        todo += parts[::-1]
    return done


def _factored(terms: Sequence[_Product], spec: Spec) -> Any:
    """The factors that all terms have, times the rest."""
    powers = [{k: e for k, (_, e) in t.factors.items() if e > 0} for t in terms]
    common = {
        k: min(p[k] for p in powers) for k in (powers[0] if powers else ()) if all(k in p for p in powers)
    }
    if len(terms) < 2 or not common:
        return _added(terms, spec)
    front = _Product()
    for k, e in common.items():
        x = terms[0].factors[k][0]
        front.times(x, e)
        for t in terms:
            t.times(x, -e)
    shape = broadcast_shapes(*(t.shape for t in terms))
    return front.times(_added(terms, Spec(shape, spec.dtype))).formula(spec)

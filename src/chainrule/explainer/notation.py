"""Formulas in LaTeX, from the records' own notation.

A record writes its operation with places for the operands and says how tightly the whole binds. An operand
that binds less tightly than its place asks for is put into parentheses, no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from math import isclose, isfinite, sqrt
from types import MappingProxyType
from typing import Any

from ..ops import arithmetic
from ..ops.record import ADD, ATOM, BIG, DOT, HAD, MUL, NEG, POW, Op
from ..types import int64
from .counts import Count
from .expr import Expr, Symbol

_PLACE = re.compile(r"\{(\d)\}")
_COUNT = re.compile(r"\\count\{\{(\d+)\}\}")
_OPENING = ("(", "\x01", ",", "|", "[", ";", r"\lVert", r"\lfloor", r"\lceil", r"\{{")
_CLOSING = (")", "\x02", ",", "|", "]", ";", r"\right|", r"\rVert", r"\rfloor", r"\rceil")
_RELATIONS = ("=", "<", ">", r"\ge", r"\le", r"\ne", r"\approx", r"\in", r"\text")
_RAISED = re.compile(r"\^(\\top$|\{[^{}()]*\}$)")  # data that is a power: x^{2}, no layer's W^{(1)}
_BETWEEN_NUMBERS = re.compile(r"(\S) \\, (?=\d)")
_SUMS = (arithmetic.add, arithmetic.sub)
MOST_TERMS, LISTED = 24, 4  # terms that are written out; of more than that, how many are
_sizes: ContextVar[Mapping[int, str]] = ContextVar("sizes", default=MappingProxyType({}))
_limits: ContextVar[Mapping[int, str]] = ContextVar("limits", default=MappingProxyType({}))


def tex(x: Any) -> str:
    """The LaTeX of a formula."""
    return written(x)[0]


@contextmanager
def sizes(letters: Mapping[int, str], limits: Mapping[int, str]) -> Iterator[None]:
    """Within it, counts such as the 1/6 of a mean are written by letters: {6: "n"}; so are limits of Σ."""
    before = _sizes.set(letters), _limits.set(limits)
    try:
        yield
    finally:
        _sizes.reset(before[0])
        _limits.reset(before[1])


def number(x: Any) -> tuple[str, int]:
    """A number as people write it: 2, not 2.0; 0.1; 1.5·10⁻⁷."""
    if x is Ellipsis:
        return r"\ldots", ATOM
    if isinstance(x, slice):
        ends = [str(s) if s is not None else "" for s in (x.start, x.stop)]
        return ":".join([*ends, *([str(x.step)] if x.step not in (None, 1) else [])]), ATOM
    if isinstance(x, Count):
        return count(x), ATOM
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        return rf"\text{{{x}}}".replace("_", r"\_"), ATOM
    text = f"{x:.6g}"
    if len(text) > 6 and isfinite(x):
        exact = _exactly(abs(x))
        if exact:
            return ("-" + exact, NEG) if x < 0 else (exact, POW)
    mantissa, e, exponent = text.partition("e")
    if e:
        text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    text = text.replace(r"1 \cdot 10", "10") if mantissa in ("1", "-1") else text
    text = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\text{nan}"}.get(text, text)
    return text, NEG if text.startswith("-") else MUL if e else ATOM


def _exactly(x: float) -> str:
    """The LaTeX of a short fraction, or of a root of one; "" for other numbers: 1/3, not 0.333333."""
    exact = Fraction(x).limit_denominator(1000)
    if exact and float(exact) == x:
        return rf"\frac{{{exact.numerator}}}{{{exact.denominator}}}" if exact.denominator > 1 else str(exact)
    root = Fraction(x * x).limit_denominator(1000)
    if not root or not any(isclose(sqrt(v), x, rel_tol=4e-16) for v in (root, 1 / (1 / root))):
        return ""
    above, below = ("1" if v == 1 else rf"\sqrt{{{v}}}" for v in (root.numerator, root.denominator))
    return rf"\frac{{{above}}}{{{below}}}" if root.denominator > 1 else above


def count(n: int) -> str:
    """A number of elements: its letter, if it has one."""
    return _sizes.get().get(n, str(n))


def limit(n: int) -> str:
    """The number of elements that a Σ goes over: its letter, if it has one."""
    return _limits.get().get(n, str(n))


def written(x: Any) -> tuple[str, int]:
    """LaTeX and its binding power; what is no formula of arrays knows how it is written."""
    own = getattr(x, "written", None)
    if own is not None:
        found: tuple[str, int] = own()
        return found
    if isinstance(x, Symbol):
        return x.tex, _power_of(x.tex)
    if isinstance(x, Expr):
        return _operation(x)
    if isinstance(x, (tuple, list)):
        return ", ".join(map(tex, x)), ATOM
    return number(x)


def _power_of(symbol: str) -> int:
    """How tightly a symbol holds together: one that stands for an expression may not be an atom."""
    depth = 0
    for i, c in enumerate(symbol):
        depth += (c in "{(") - (c in "})")
        if not depth and c in "+-" and i:
            return ADD
    if r"\," in symbol:
        return MUL
    return POW if symbol.startswith(r"\frac") or _RAISED.search(symbol) else ATOM


def template(x: Expr) -> tuple[str, int]:
    """The record's notation for these arguments, and its binding power."""

    def spec(a: Any) -> Any:
        return getattr(a, "spec", a)

    specs = [[spec(a) for a in x.operands], *x.attributes] if x.op.nargs < 0 else [spec(a) for a in x.args]
    found = x.op.form(*specs) if x.op.form is not None else None
    if isinstance(found, list):
        text, power = found[x.index]
        return str(text), int(power)
    if found is None:
        found = x.op.tex, x.op.prec
    if x.op.outputs != 1:  # one of several results
        if _with_places(x.op, specs):
            return (rf"\operatorname{{{{arg}}}} {found[0]}", BIG) if x.index else found
        return f"({found[0]})_{{{{{x.index + 1}}}}}", ATOM
    return found


def _with_places(op: Op, specs: list[Any]) -> bool:
    """Whether the results are values and, second, the places where they were found."""
    types = op.dtype(*specs) if callable(op.dtype) else ()
    return isinstance(types, (list, tuple)) and len(types) == 2 and types[1] is int64 is not types[0]


def _operation(x: Expr) -> tuple[str, int]:
    shape, power = template(x)
    plain_number = x.op is arithmetic.div and not isinstance(x.operands[1], Count)  # the user's own
    shape = _COUNT.sub(lambda m: m[1] if plain_number else count(int(m[1])), shape)
    if x.op.nargs < 0:
        return shape.format(", ".join(map(tex, x.operands)), *map(tex, x.attributes)), power
    parts = [written(a) for a in x.args]
    texts = [text for text, _ in parts]
    for place in _places(shape):
        text, bound = parts[place.index]
        if not place.admits(bound, power):
            text = rf"\left({text}\right)"
        else:
            if place.raised and (place.raised in text or "'" in text):
                text = f"{{{text}}}"  # two superscripts in a row are not LaTeX
            power = place.after(power, bound)
        texts[place.index] = text
    found = _tidy(shape.format(*texts))
    return found, min(power, NEG) if found.startswith("-") else power


def without_middle(x: Any) -> Any:
    """The formula with long sums cut short: their first terms, dots, and the last one."""
    if not isinstance(x, Expr):
        return x
    if x.op in _SUMS:
        terms = list(_terms(x))
        if len(terms) > MOST_TERMS:
            first, *rest = (without_middle(t) for t in (*terms[: LISTED - 1], terms[-1]))
            found = first
            for t in (*rest[:-1], Ellipsis, rest[-1]):
                found = Expr(arithmetic.add, (found, t), x.spec)
            return found
    return x.with_operands(tuple(map(without_middle, x.operands)))


def _terms(x: Expr) -> Iterator[Any]:
    """What a formula adds up, from left to right; what it takes away as a negative."""
    todo: list[Any] = [x]
    while todo:
        a = todo.pop()
        if isinstance(a, Expr) and a.op in _SUMS:
            left, right = a.operands
            todo += [right if a.op is arithmetic.add else Expr(arithmetic.neg, (right,), a.spec), left]
        else:
            yield a


class _Place:
    """Where an operand stands in a notation."""

    def __init__(self, index: int, before: str, after: str) -> None:
        self.index = index
        self.first, self.last = not before, not after
        self.raised = after[:1] if after.startswith(("^", "_", "'")) else ""
        self.enclosed = before.endswith(_OPENING) and after.startswith(_CLOSING)
        self.negated = before.endswith("-")
        starts = self.first or before.endswith((*_OPENING, *_RELATIONS, "+", "-"))
        self.added = starts and (self.last or after.startswith((*_CLOSING, *_RELATIONS, "+", "-")))

    def admits(self, bound: int, outer: int) -> bool:
        """Whether an operand that binds like this goes without parentheses."""
        if self.enclosed or (self.first and self.last):
            return True
        if self.raised:
            return bound >= ATOM
        if self.added:
            return bound >= BIG or not self.negated
        here = MUL if outer == ADD else outer
        if here not in _PRODUCTS:
            return bound >= min(here, POW) and bound != NEG
        if bound == NEG:
            return self.first and here == MUL
        if bound == BIG:
            return self.last
        return bound >= here and not (here == HAD and bound == DOT)

    def after(self, outer: int, bound: int) -> int:
        """The binding power of the whole, with such an operand in it."""
        if self.first and self.last:
            return bound
        if self.enclosed or self.raised:
            return outer
        if outer == NEG and bound == BIG:
            return ADD
        return min(outer, bound) if outer in _PRODUCTS else outer


_PRODUCTS = frozenset({MUL, HAD, DOT})


def _places(shape: str) -> Iterator[_Place]:
    plain = shape.replace("{{", "\x01").replace("}}", "\x02").replace(r"\,", "\x03")
    for found in _PLACE.finditer(plain):
        yield _Place(int(found[1]), plain[: found.start()].rstrip(), plain[found.end() :].lstrip())


def _tidy(text: str) -> str:
    """No sign after a sign, a dot between numbers."""
    text = text.replace("+ -", "- ").replace("- -", "+ ").replace("  ", " ").replace(r"\, \sum", r"\sum")
    return _BETWEEN_NUMBERS.sub(r"\1 \\cdot ", text)

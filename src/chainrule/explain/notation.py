"""Formulas in LaTeX, from the records' own notation."""

from __future__ import annotations

import re
from typing import Any

from ..ops.record import ADD, ATOM, MUL, NEG, Op
from .expr import Expr, Symbol

_PLACE = re.compile(r"\{(\d)\}")
_OPENING, _CLOSING = ("(", "\x01", ",", "|", "["), (")", "\x02", ",", "|", "]")


def tex(x: Any) -> str:
    """The LaTeX of a formula."""
    return _written(x)[0]


def _written(x: Any) -> tuple[str, int]:
    """LaTeX and its binding power."""
    if isinstance(x, Symbol):
        return x.tex, _power_of(x.tex)
    if isinstance(x, Expr):
        return _operation(x)
    if isinstance(x, (tuple, list)):
        return ", ".join(map(tex, x)), ATOM
    return number(x)


def number(x: Any) -> tuple[str, int]:
    """A number as people write it: 2, not 2.0; 0.1; 1.5·10⁻⁷."""
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        return rf"\text{{{x}}}".replace("_", r"\_"), ATOM
    text = f"{x:.6g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    text = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\text{nan}"}.get(text, text)
    return text, ADD if text.startswith("-") else MUL if e else ATOM


def _power_of(symbol: str) -> int:
    """How tightly a symbol holds together: one that stands for an expression may not be an atom."""
    depth = 0
    for i, c in enumerate(symbol):
        depth += (c in "{(") - (c in "})")
        if not depth and c in "+-" and i:
            return ADD
    return MUL if r"\," in symbol or symbol.startswith(r"\frac") else ATOM


def template(op: Op, x: Expr) -> str:
    """The record's notation; a product of arrays is marked as elementwise."""
    found: Any = op.tex
    return found(*x.args) if callable(found) else found


def _operation(x: Expr) -> tuple[str, int]:
    op = x.op
    shape = template(op, x)
    if op.nargs < 0:
        return shape.format(", ".join(map(tex, x.operands)), *map(tex, x.attributes)), op.prec
    parts = []
    for i, a in enumerate(x.args):
        text, power = _written(a)
        if _needs_parentheses(shape, i, power, op.prec):
            text = rf"\left({text}\right)"
        elif "^" in text and f"{{{i}}}^" in shape:
            text = f"{{{text}}}"  # two superscripts in a row are not LaTeX
        parts.append(text)
    return _tidy(shape.format(*parts)), op.prec


def _needs_parentheses(shape: str, i: int, power: int, outer: int) -> bool:
    """Whether an operand must be enclosed where it stands in the notation."""
    plain = shape.replace("{{", "\x01").replace("}}", "\x02")
    for place in _PLACE.finditer(plain):
        if int(place[1]) != i:
            continue
        before, after = plain[: place.start()].rstrip(), plain[place.end() :].lstrip()
        if before.endswith(_OPENING) and after.startswith(_CLOSING):
            continue
        raised, negated = after.startswith("^"), before.endswith("-")
        if power < outer or (power == outer and (negated or (raised and power < ATOM))):
            return True
        if (power <= MUL and raised) or (power == NEG and before):
            return True
    return False


def _tidy(text: str) -> str:
    """No sign after a sign."""
    return text.replace("+ -", "- ").replace("- -", "+ ").replace("  ", " ")

"""Why a formula has no value in a row: the innermost part without one, and the numbers it was made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import numpy as np

from ...explainer.formula import formula
from ...explainer.formula_text import Text, plain_name
from ...program.interpret import interpret
from ..problem import InputError
from ..table.columns import Table


def no_value(
    text: Text, values: Mapping[str, float], table: Table | None, row: int, happened: str, fix: str = ""
) -> InputError:
    """The error for a row: its place in the file, the part of the formula with a caret, the numbers in it.

    values  of the columns and parameters in this row
    """
    part, words = first_bad(text, values)
    names = dict.fromkeys(plain_name(e.id) for e in ast.walk(part) if isinstance(e, ast.Name))
    shown = ", ".join(f"{n} = {values[n]:.6g}" for n in names if n in values)
    where = f"{table.place(row)}: " if table is not None else ""
    error = text.error(part, f"{where}{happened}: {words}", expected="a finite number", fix=fix)
    first, _, rest = str(error).partition("\n  expected:")
    return InputError(
        first + (f"\n            with {shown}" if shown else "") + "\n  expected:" + rest,
        file=table.source if table is not None else None,
        row=table.lines[row] if table is not None else None,
    )


def first_bad(text: Text, values: Mapping[str, float]) -> tuple[ast.expr, str]:
    """The first part of a formula, from the inside, that is not finite, and what is wrong with it.

    >>> first_bad(Text("1 + log(x - 3)"), {"x": 1.0})[1]
    'log(x - 3) is the logarithm of -2'
    """
    for e in _inside_out(text.tree):
        value = _value(e, values)
        if not np.isfinite(value):
            return e, _words(e, value, values)
    return text.tree, "it is not finite"


def _inside_out(e: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(e):
        yield from _inside_out(child)
    if isinstance(e, (ast.BinOp, ast.Call, ast.UnaryOp)):
        yield e


def _value(e: ast.expr, values: Mapping[str, float]) -> float:
    names = {n.id for n in ast.walk(e) if isinstance(n, ast.Name)}
    shapes: dict[str, tuple[int, ...]] = {n: () for n in names if plain_name(n) in values}
    if not shapes:
        return 0.0  # numbers only: they have been checked
    program, named, *_ = formula(ast.unparse(e), shapes)
    with np.errstate(all="ignore"):
        return float(interpret(program, [np.float64(values[named[v]]) for v in program.inputs])[0])


def _words(e: ast.expr, value: float, values: Mapping[str, float]) -> str:
    shown = ast.unparse(e)
    match e:
        case ast.BinOp(op=ast.Div(), right=right) if _number(right, values) == 0:
            return f"{shown} is a division by zero"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _number(left, values), _number(right, values)
            if base < 0 and not float(power).is_integer():
                return f"{shown} is the negative number {base:.6g} to the power {power:.6g}"
            if base == 0 and power < 0:
                return f"{shown} is a division by zero: 0 to the power {power:.6g}"
        case ast.Call(func=ast.Name(id=("log" | "ln" | "log2" | "log10")), args=[inner]):
            return f"{shown} is the logarithm of {_number(inner, values):.6g}"
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return f"{shown} is the root of {_number(inner, values):.6g}"
        case ast.Call(func=ast.Name(id=name), args=[inner]):
            return f"{name}({_number(inner, values):.6g}) is {value}"
    return f"{shown} is too large" if np.isinf(value) else f"{shown} is not a number"


def _number(e: ast.expr, values: Mapping[str, float]) -> float:
    match e:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_number(inner, values)
        case ast.Name(id=name):
            return values.get(plain_name(name), np.nan)
    return _value(e, values) if any(isinstance(n, ast.Name) for n in ast.walk(e)) else _plain(e)


def _plain(e: ast.expr) -> float:
    """A part made of numbers only, such as 1/2."""
    program, *_ = formula(f"{ast.unparse(e)} + 0*x", {"x": ()})
    return float(interpret(program, [np.float64(0.0)])[0])

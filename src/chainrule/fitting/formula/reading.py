"""A formula with its target, such as "y = w*x + b": which names are columns, and which are parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from ...errors import message
from ...explainer.formula import formula
from ...explainer.formula_functions import ELEMENTS, MEAN, NUMBER, known
from ...explainer.formula_text import CONSTANTS, FormulaError, Text, plain_name
from ...program.interpret import interpret
from ..problem import InputError

_EQUALS = re.compile(r"(?<![=<>!])=(?!=)")


class Parts(NamedTuple):
    """A formula taken apart.

    left, right   its two sides
    target        the left side in words: a column, or an expression of columns such as log(y)
    columns       the columns of the right side, in the order in which they stand
    parameters    the other names of the right side
    """

    left: Text
    right: Text
    target: str
    columns: list[str]
    parameters: list[str]


def read(written: str, columns: Collection[str]) -> Parts:
    """Take "y = w*x + b" apart; what is not a column is a parameter.

    Raises InputError with a caret for what cannot be read, for a left side that is not made of columns, and
    for a right side without a column or without a parameter.

    >>> read("y = w*x + b", ["x", "y"]).parameters
    ['w', 'b']
    """
    try:
        return _read(written, columns)
    except FormulaError as error:
        raise InputError(str(error)) from None


def _read(written: str, columns: Collection[str]) -> Parts:
    sign = _EQUALS.search(written)
    if sign is None:
        raise InputError(
            message(
                "the formula does not say what it is for" if written.strip() else "the formula is empty",
                came=written,
                expected="an equation with a column on its left side, such as y = w*x + b",
                fix="write = for ==" if "==" in written else _suggestion(written, columns),
            )
        )
    left, right = Text(written, (0, sign.start())), Text(written, (sign.end(), len(written)))
    for name in _names(left.tree):
        if plain_name(name.id) not in columns and name.id not in CONSTANTS:
            raise left.error(
                name,
                f"there is no column {plain_name(name.id)!r}",
                expected=_expected(plain_name(name.id), columns),
                fix="the left side is what is fitted: a column, or an expression of columns such as log(y)",
            )
    if not _names(left.tree):
        raise left.error(0, "the left side has no column", expected="a column, such as y in y = w*x + b")
    names = list(dict.fromkeys(plain_name(n.id) for n in _names(right.tree)))
    used = [n for n in names if n in columns]
    parameters = [n for n in names if n not in columns and n not in CONSTANTS]
    if not parameters:
        raise right.error(
            sign.end(),
            "the formula has nothing to fit: its names are columns and constants",
            expected="names that are neither: they are the parameters",
        )
    for side in (left, right):
        _by_rows(side, side.tree)
        shapes = dict.fromkeys((n.id for n in _names(side.tree)), 1)
        formula(side, {n: s for n, s in shapes.items() if plain_name(n) in columns or n not in CONSTANTS})
    return Parts(left, right, written[: sign.start()].strip(), used, parameters)


def _suggestion(written: str, columns: Collection[str]) -> str:
    """The formula with the last column that is not in it on its left side."""
    free = [c for c in columns if c.isidentifier() and not re.search(rf"\b{c}\b", written)]
    return f"{free[-1]} = {written.strip()}" if free and written.strip() else ""


def _expected(name: str, columns: Collection[str]) -> str:
    near = get_close_matches(name, columns, 3, 0.5)
    lower = [c for c in columns if c.lower() == name.lower()]
    if near or lower:
        return "perhaps " + " or ".join(dict.fromkeys([*lower, *near]))
    shown = list(columns)[:12]
    return "one of " + ", ".join(shown) + (" …" if len(columns) > len(shown) else "")


def _names(tree: ast.expr) -> list[ast.Name]:
    """The names of a formula that are no functions, from left to right."""
    functions = {id(e.func) for e in ast.walk(tree) if isinstance(e, ast.Call)}
    found = [e for e in ast.walk(tree) if isinstance(e, ast.Name) and id(e) not in functions]
    return sorted(found, key=lambda e: e.col_offset)


def names_of(side: Text, columns: Collection[str]) -> list[str]:
    """The columns of one side."""
    return [n for n in dict.fromkeys(plain_name(e.id) for e in _names(side.tree)) if n in columns]


def _over_rows(e: ast.AST) -> bool:
    """Whether a call makes one number of all rows, as mean(x) does."""
    if not (isinstance(e, ast.Call) and isinstance(e.func, ast.Name)):
        return False
    return known(e.func.id).kind in (NUMBER, MEAN) and len(e.args) == 1


def _by_rows(text: Text, tree: ast.expr) -> None:
    """Refuse what is not computed row by row."""
    for e in ast.walk(tree):
        if isinstance(e, ast.Attribute) or (isinstance(e, ast.BinOp) and isinstance(e.op, ast.MatMult)):
            raise text.error(
                e, "matrices are not part of formulas for rows", expected="numbers: columns and parameters"
            )
        if not isinstance(e, ast.Call) or not isinstance(e.func, ast.Name) or _over_rows(e):
            continue
        if known(e.func.id).kind != ELEMENTS and len(e.args) == 1:
            raise text.error(e, f"{e.func.id}() is not computed row by row", expected="functions of numbers")


def frozen(parts: Parts, data: Mapping[str, Any]) -> Parts:
    """The formula with numbers for what stands for all rows: mean(x) stays the mean of these data.

    Raises InputError if such a function has a parameter inside.

    >>> data = {"x": np.array([1.0, 3.0]), "y": np.array([0.0, 0.0])}
    >>> frozen(read("y = w*(x - mean(x))", ["x", "y"]), data).right.show()
    'w * (x - 2.0)'
    """
    if not any(_over_rows(e) for side in (parts.left, parts.right) for e in ast.walk(side.tree)):
        return parts
    try:
        sides = [_Frozen(text, data, set(parts.parameters)).visit(text.tree) for text in parts[:2]]
        left, right = (ast.unparse(side) for side in sides)
        found = read(f"{left} = {right}", data.keys())
    except FormulaError as error:
        raise InputError(str(error)) from None
    return found._replace(target=parts.target)


class _Frozen(ast.NodeTransformer):
    def __init__(self, text: Text, data: Mapping[str, Any], parameters: set[str]) -> None:
        self.text, self.data, self.parameters = text, data, parameters

    def visit_Call(self, e: ast.Call) -> ast.expr:
        if not _over_rows(e):
            self.generic_visit(e)
            return e
        names = list(dict.fromkeys(plain_name(n.id) for n in _names(e)))
        inside = [n for n in names if n in self.parameters]
        if inside:
            raise self.text.error(
                e,
                f"{ast.unparse(e)} makes one number of all rows, and has the parameter {inside[0]} inside",
                expected="only columns inside of such functions",
                fix="take the parameter out of it, or add a column with the values of each row",
            )
        columns = [n for n in names if n in self.data]
        if not columns:
            raise self.text.error(e, f"{ast.unparse(e)} has no column inside", fix="write the number itself")
        rows = len(self.data[columns[0]])
        program, named, sizes, _ = formula(ast.unparse(e), dict.fromkeys(columns, rows))
        values = {**{n: self.data[n] for n in columns}}
        inputs = [np.float64(sizes[v]) if v in sizes else values[named[v]] for v in program.inputs]
        return ast.Constant(float(interpret(program, inputs)[0]))

"""The text of a formula as Python's syntax tree, and errors that point at a column of it."""

from __future__ import annotations

import ast
import math
import re

from ..errors import message
from .formula_functions import function, nearest

CONSTANTS = {"pi": math.pi, "e": math.e}
_RESERVED = {
    "lambda": "lambd_"
}  # Python's keywords that are letters; a name of the same length stands for it


class FormulaError(ValueError):
    """A formula that cannot be read; the message shows where."""


class Text:
    """A formula as it was written, and its tree; `part` is where it stands, if not all of `written` is read.

    >>> Text("2*x^2").show()
    '2 * x ** 2'
    """

    def __init__(self, written: str, part: tuple[int, int] | None = None) -> None:
        self.written, self.part = written, part
        self.name = ""
        self._body, self._columns = self._translated()
        try:
            self.tree: ast.expr = ast.parse(self._body, mode="eval").body
            _Checker(self).visit(self.tree)
        except FormulaError:
            raise
        except (SyntaxError, ValueError, MemoryError, RecursionError) as e:
            raise self._unreadable(e) from None

    def show(self) -> str:
        """The formula in Python's spelling."""
        return ast.unparse(self.tree)

    def _translated(self) -> tuple[str, list[int]]:
        """Python for what was written, and for each of its columns that of the original."""
        start, stop = self.part or (0, len(self.written))
        text = self.written[:stop]
        named = re.match(r"\s*([^\W\d]\w*)\s*=(?!=)", text) if self.part is None else None
        if named:
            self.name, start = named[1], named.end()
        start += len(text[start:]) - len(text[start:].lstrip())
        for keyword, other in _RESERVED.items():
            text = re.sub(rf"\b{keyword}\b", other, text)
        body, columns = "", []
        for i in range(start, len(text)):
            piece = {"^": "**", "·": "*", "−": "-", "\n": " "}.get(text[i], text[i])
            body += piece
            columns += [i] * len(piece)
        return body, [*columns, len(text)]

    def column(self, at: ast.AST) -> int:
        """Where a node begins in the original, from 0."""
        byte = getattr(at, "col_offset", 0)
        return self._columns[len(self._body.encode()[:byte].decode(errors="ignore"))]

    def error(self, at: ast.AST | int, happened: str, *, expected: str = "", fix: str = "") -> FormulaError:
        """An error with a caret below the column."""
        column = at if isinstance(at, int) else self.column(at)
        came = f"{self.written}\n            {' ' * column}^ column {column + 1}"
        return FormulaError(message(happened, came=came, expected=expected, fix=fix))

    def _unreadable(self, e: BaseException) -> FormulaError:
        offset = max((getattr(e, "offset", None) or 1) - 1, 0)
        column = self._columns[min(offset, len(self._columns) - 1)]
        number = re.search(r"(\d)\s*([^\W\d]\w*)", self.written[max(column - 1, 0) :])
        if isinstance(e, SyntaxError) and number and "literal" in e.msg:
            return self.error(
                column,
                "a number and a name side by side",
                expected="an operator between them",
                fix=f"write {number[1]}*{number[2]}",
            )
        if not self.written.strip():
            return self.error(0, "the formula is empty", expected='such as "(w*x + b - y)**2"')
        words = e.msg if isinstance(e, SyntaxError) else "it is nested too deeply"
        if isinstance(e, SyntaxError) and not e.offset and "(" not in e.msg:  # so Python means the end
            column, words = self._columns[len(self._body.rstrip())], "it breaks off"
        return self.error(
            column,
            f"this is not a formula: {words}",
            expected="numbers, names, + - * / ** @, parentheses and functions",
            fix="write products with *, powers with ** or ^, matrix products with @",
        )


_ALLOWED = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult)


class _Checker:
    """Refuses everything that formulas do not have."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def visit(self, e: ast.expr) -> None:
        match e:
            case ast.Constant(value=bool() | complex() | str() | bytes()):
                raise self.text.error(e, f"{e.value!r} is not a number", expected="numbers such as 2 or 0.5")
            case ast.Constant(value=int() | float()) | ast.Name():
                return
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _ALLOWED):
                self.visit(left)
                self.visit(right)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
                self.visit(inner)
            case ast.Attribute(value=inner, attr="T"):
                self.visit(inner)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                self._call(e, name, arguments)
            case ast.Attribute(attr=attribute):
                raise self.text.error(
                    e, f".{attribute} is not part of formulas", expected=".T, the transposed matrix"
                )
            case _:
                raise self.text.error(
                    e,
                    f"{ast.unparse(e)!r} is not part of formulas",
                    expected="numbers, names, + - * / ** @, .T, parentheses and functions of the library",
                )

    def _call(self, e: ast.expr, name: str, arguments: list[ast.expr]) -> None:
        found = function(name)
        if found is None:
            meant = nearest(name)
            raise self.text.error(
                e,
                f"there is no function {name!r} in formulas",
                expected="functions such as exp, log, tanh, sum, norm, trace",
                fix=f"did you mean {meant}?" if meant else f"write {name}*(…) if it is a product",
            )
        if len(arguments) not in found.counts:
            raise self.text.error(
                e,
                f"{name}() got {len(arguments)} arguments",
                expected=" or ".join(map(str, found.counts)),
            )
        for a in arguments:
            self.visit(a)


def plain_name(name: str) -> str:
    """The name as it was written."""
    return next((keyword for keyword, other in _RESERVED.items() if other == name), name)

"""The shapes of a formula's symbols: what is said of them, what @ and .T demand, and habit.

NOTE [Habit] A symbol is a number, unless it stands beside @, in dot(), .T, norm() or sum(), where it is a
vector, or its name begins with a capital letter: then it is a matrix. A number that is added to a vector, or
multiplied with one, is a vector as well, if no shapes are given; Greek letters and n, m, k, c stay numbers.
Sizes are letters: those that are given, and others for what is inferred, equal where the formula wants it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .formula_functions import (
    ELEMENTS,
    MEAN,
    NUMBER,
    OUTER,
    PRODUCT,
    ROWS,
    SQUARE,
    SQUARE_TO_NUMBER,
    TURNED,
    known,
)
from .formula_text import CONSTANTS, FormulaError, Text
from .symbols import GREEK

_NUMBERS = frozenset(["n", "m", "k", "c", "N", "M", "K", "lambd_", "eps", *GREEK])
_SIZES = (3, 4, 5, 2, 6, 7, 8, 9)
_LETTERS = "nmdkpqrsabcfgh"


class Size:
    """The size of a dimension; sizes that must be equal are the same object at the end of `same`."""

    def __init__(self, letter: str = "", value: int | None = None) -> None:
        self.letter, self.value = letter, value
        self.same: Size | None = None

    @property
    def root(self) -> Size:
        return self if self.same is None else self.same.root


class Shape(NamedTuple):
    """Sizes; a vector that was transposed is a row."""

    sizes: tuple[Size, ...]
    row: bool = False


class Shapes:
    """The shapes of all symbols of a formula."""

    def __init__(self, text: Text, given: Mapping[str, Any] | None) -> None:
        self.text, self.guessing = text, given is None
        self.named: dict[str, Size] = {}
        self.of: dict[str, tuple[Size, ...]] = {}
        self.fixed = set(given or ())
        names = [e.id for e in _names(text.tree)]
        for name, shape in (given or {}).items():
            if name not in names:
                raise text.error(0, f"shapes= names {name!r}, which is not in the formula")
            self.of[name] = tuple(map(self._given, shape if isinstance(shape, (tuple, list)) else (shape,)))
        for name in names:
            if name not in self.of and name not in CONSTANTS:
                matrix = name[:1].isupper() and name not in _NUMBERS
                self.of[name] = (Size(), Size()) if matrix else ()
        before = -1
        while before != (before := sum(map(len, self.of.values()))):  # habit adds dimensions until none is
            self.shape(text.tree)
        self._number_sizes()

    def _given(self, size: Any) -> Size:
        if isinstance(size, int):
            return Size(str(size), size)
        if not (isinstance(size, str) and size.isidentifier()):
            raise self.text.error(0, f"a size of shapes= is {size!r}", expected="a letter, or a number")
        return self.named.setdefault(size, Size(size))

    def _number_sizes(self) -> None:
        """Small, distinct values and letters for the sizes that have none."""
        roots = list(dict.fromkeys(s.root for sizes in self.of.values() for s in sizes))
        taken = {s.letter for s in roots} | self.of.keys()
        free = [c for c in _LETTERS if c not in taken]
        values = [v for v in _SIZES if v not in {s.value for s in roots}]
        for s in roots:
            s.letter = s.letter or free.pop(0)
            s.value = s.value if s.value is not None else values.pop(0) if values else 4

    def letters(self, name: str) -> tuple[str, ...]:
        """A symbol's shape in letters."""
        return tuple(s.root.letter for s in self.of[name])

    def values(self, name: str) -> tuple[int, ...]:
        """A symbol's shape in numbers."""
        return tuple(s.root.value or 1 for s in self.of[name])

    # ----- the shape of an expression

    def shape(self, e: ast.expr) -> Shape:
        """The shape of a part of the formula, which may give its symbols dimensions."""
        match e:
            case ast.Name(id=name):
                return Shape(self.of.get(name, ()))
            case ast.Constant():
                return Shape(())
            case ast.UnaryOp(operand=inner):
                return self.shape(inner)
            case ast.Attribute(value=inner):
                return self._turned(inner)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(e, left, right)
            case ast.BinOp(left=left, op=op, right=right):
                return self._together(e, [left, right], not isinstance(op, (ast.Div, ast.Pow)))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(e, name, arguments)
        raise AssertionError(ast.dump(e))

    def _turned(self, inner: ast.expr) -> Shape:
        self._at_least(inner, 1)
        shape = self.shape(inner)
        return Shape(shape.sizes[::-1], not shape.row)

    def _call(self, e: ast.expr, name: str, arguments: Sequence[ast.expr]) -> Shape:
        kind = known(name).kind
        if kind == PRODUCT:
            return self._product(e, *arguments)
        if kind == OUTER:
            for a in arguments:
                self._at_least(a, 1)
            return Shape(tuple(s for a in arguments for s in self.shape(a).sizes))
        if kind == TURNED:
            return self._turned(arguments[0])
        if kind in (SQUARE, SQUARE_TO_NUMBER):
            self._at_least(arguments[0], 2)
            shape = self.shape(arguments[0])
            if len(shape.sizes) != 2:
                raise self.text.error(arguments[0], f"{name}() of what is not a matrix", fix=_CAPITAL)
            self._equal(e, *shape.sizes)
            return shape if kind == SQUARE else Shape(())
        if len(arguments) == 1 and kind in (NUMBER, MEAN, ROWS):
            self._at_least(arguments[0], 1, every=False)
        shape = self._together(e, arguments, True)
        return shape if kind in (ELEMENTS, ROWS) or len(arguments) > 1 else Shape(())

    def _product(self, e: ast.expr, left: ast.expr, right: ast.expr) -> Shape:
        self._at_least(left, 1)
        self._at_least(right, 1)
        (a, a_row), (b, b_row) = self.shape(left), self.shape(right)
        for part, sizes in ((left, a), (right, b)):
            if not sizes:
                raise self.text.error(part, "a matrix product with a number", fix="write the product with *")
        if outer_product(Shape(a, a_row), Shape(b, b_row)):
            return Shape((*a, *b))
        self._equal(e, a[-1], b[0] if len(b) == 1 else b[-2])
        return Shape((*a[:-1], *b[1:]), len(a) == 1)

    def _together(self, e: ast.expr, parts: Sequence[ast.expr], spread: bool) -> Shape:
        """Elementwise: the longer shape, sizes equal from the right."""
        found = [self.shape(p) for p in parts]
        longest = max(found, key=lambda s: len(s.sizes))
        if spread and self.guessing and longest.sizes:
            for p in parts:
                if self._at_least(p, 1, spread=True):
                    found = [self.shape(p) for p in parts]
        for shape in found:
            for one, other in zip(reversed(shape.sizes), reversed(longest.sizes)):
                if 1 not in (one.root.value, other.root.value):
                    self._equal(e, one, other)
        return longest

    def _at_least(self, e: ast.expr, dimensions: int, *, spread: bool = False, every: bool = True) -> bool:
        """Make a symbol that is a number a vector or matrix, if nothing says that it is one."""
        while isinstance(e, ast.UnaryOp):
            e = e.operand
        if not isinstance(e, ast.Name) and self.guessing and not spread and not self.shape(e).sizes:
            inside = {s.id: s for s in _names(e) if s.id in self.of and s.id not in _NUMBERS}
            if every or len(inside) == 1:  # one of them must be the vector
                made = [self._at_least(s, dimensions) for s in inside.values()]
                return any(made)
        if not isinstance(e, ast.Name) or e.id in self.fixed or e.id not in self.of:
            return False
        if len(self.of[e.id]) >= dimensions or (spread and e.id in _NUMBERS):
            return False
        self.of[e.id] = tuple(Size() for _ in range(dimensions))
        return True

    def _equal(self, e: ast.expr, one: Size, other: Size) -> None:
        a, b = one.root, other.root
        if a is b:
            return
        if a.letter and b.letter and (a.value is None or a.value != b.value):
            raise self._differ(e, a, b)
        if b.letter:
            a, b = b, a
        b.same = a

    def _differ(self, e: ast.expr, a: Size, b: Size) -> FormulaError:
        return self.text.error(
            e,
            f"sizes differ in {ast.unparse(e)}: {a.letter} and {b.letter}",
            expected="equal sizes where matrices are multiplied, or added element by element",
            fix="transpose one with .T, or correct shapes=",
        )


_CAPITAL = 'name matrices with a capital letter, or say so: shapes={"a": ("n", "n")}'


def outer_product(a: Shape, b: Shape) -> bool:
    """Whether a @ b is a column times a row."""
    return len(a.sizes) == len(b.sizes) == 1 and b.row and not a.row


def _names(tree: ast.expr) -> list[ast.Name]:
    """The symbols of a formula from left to right; functions are none."""
    calls = {id(e.func) for e in ast.walk(tree) if isinstance(e, ast.Call)}
    found = [e for e in ast.walk(tree) if isinstance(e, ast.Name) and id(e) not in calls]
    return sorted(found, key=lambda e: e.col_offset)

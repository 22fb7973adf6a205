"""Formulas as people type them, as programs: parsed with Python's parser, checked, never run."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..ops import exponential, movement, reduce
from ..program.build import Builder, Symbol
from ..program.ir import Program, Var
from ..types import float64
from .formula_functions import MEAN, known, outer, turned
from .formula_shapes import Shapes, outer_product
from .formula_text import CONSTANTS, FormulaError, Text, plain_name


class Formula(NamedTuple):
    """A formula as a program over its symbols, all of them float64.

    program  its inputs are the symbols in the order in which they stand, then the sizes that means need
    names    what the inputs, constants and the result are called
    sizes    the inputs that are sizes of dimensions, with their values
    letters  of each symbol that is not a number: its shape in letters
    """

    program: Program
    names: dict[Var, str]
    sizes: dict[Var, int]
    letters: dict[str, tuple[str, ...]]


_EXACT = 2**53  # whole numbers from here on are rounded


def _power(a: float, b: float) -> float:
    """a**b of numbers: in whole ones if it is exact, never as digits without end."""
    power = math.pow(a, b)
    return a**b if isinstance(a, int) and isinstance(b, int) and b >= 0 and abs(power) < _EXACT else power


def formula(text: str | Text, shapes: Mapping[str, Any] | None = None) -> Formula:
    """The program of a formula such as "(w*x + b - y)**2" or "sum((X@w - y)**2)/n".

    Operators are + - * / ** (or ^) and @; functions are the library's, by name; X.T is the transposed matrix;
    pi and e are constants. `shapes` says what symbols are, as {"X": ("n", "d"), "w": ("d",)}; without it
    capital letters are matrices, what stands beside @ is a vector at least, and everything else a number.

    Raises FormulaError with the column of what cannot be read.

    >>> print(formula("(w*x - y)**2").program)
    program(w: f64[], x: f64[], y: f64[]):
        v3: f64[] = mul(w, x)
        v4: f64[] = sub(v3, y)
        v5: f64[] = pow(v4, 2)
        return v5
    """
    return _Writer(Text(text) if isinstance(text, str) else text, shapes).formula()


class _Writer:
    def __init__(self, text: Text, shapes: Mapping[str, Any] | None) -> None:
        self.text, self.shapes = text, Shapes(text, shapes)
        self.builder = Builder()
        self.names: dict[Var, str] = {}
        self.sizes: dict[Var, int] = {}
        self.symbols: dict[str, Symbol] = {}
        for name in self.shapes.of:
            self._input(name, self.shapes.values(name))

    def _input(self, name: str, shape: tuple[int, ...]) -> Symbol:
        symbol = self.symbols[name] = self.builder.input(shape, float64, plain_name(name))
        self.names[symbol.var] = plain_name(name)
        return symbol

    def formula(self) -> Formula:
        result = self.write(self.text.tree)
        if not isinstance(result, Symbol):
            raise self.text.error(0, "the formula has no symbol", expected='a formula such as "w*x + b"')
        if not self.builder.equations:
            result = movement.reshape(result, result.shape)
        if self.text.name:
            self.names[result.var] = self.text.name
        used = {v for e in self.builder.equations for v in e.inputs}
        self.builder.inputs = [v for v in self.builder.inputs if v in used]
        letters = {plain_name(n): self.shapes.letters(n) for n, s in self.shapes.of.items() if s}
        for name, size in self.shapes.named.items():  # a symbol that is called as a size is that size
            if name in self.symbols and not self.symbols[name].ndim:
                self.sizes[self.symbols[name].var] = size.root.value or 1
        return Formula(self.builder.program([result]), self.names, self.sizes, letters)

    def write(self, e: ast.expr) -> Any:
        """A part of the formula as a variable, or as a number."""
        match e:
            case ast.Constant(value=int() | float() as value):
                return self._number(e, lambda: value if abs(value) < _EXACT else float(value))
            case ast.Name(id=name):
                return self.symbols[name] if name in self.symbols else self._constant(name)
            case ast.UnaryOp(op=op, operand=inner):
                return -self.write(inner) if isinstance(op, ast.USub) else self.write(inner)
            case ast.Attribute(value=inner):
                return turned(self.write(inner))
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(e, left, op, right)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(e, name, arguments)
        raise AssertionError(ast.dump(e))

    def _constant(self, name: str) -> Symbol:
        symbol = self.symbols[name] = self.builder.constant(np.array(CONSTANTS[name]))
        self.names[symbol.var] = name
        return symbol

    def _operation(self, e: ast.expr, left: ast.expr, op: ast.operator, right: ast.expr) -> Any:
        if isinstance(op, ast.Pow) and isinstance(left, ast.Name) and left.id == "e" not in self.shapes.of:
            power = self.write(right)
            return exponential.exp(
                power if isinstance(power, Symbol) else self.builder.constant(float(power))
            )
        a, b = self.write(left), self.write(right)
        match op:
            case ast.MatMult():
                is_outer = outer_product(self.shapes.shape(left), self.shapes.shape(right))
                return outer(a, b) if is_outer else a @ b
            case ast.Add():
                return a + b
            case ast.Sub():
                return a - b
            case ast.Mult():
                return a * b
            case ast.Pow() if isinstance(a, Symbol) or isinstance(b, Symbol):
                return a**b
            case ast.Pow():
                return self._number(e, lambda: _power(a, b))
        if not isinstance(b, Symbol) and b == 0:
            raise self.text.error(right, "a division by zero")
        return a / b

    def _number(self, e: ast.expr, value: Callable[[], float]) -> float:
        """A number that must be one in float64."""
        try:
            return value()
        except (OverflowError, ZeroDivisionError, ValueError) as error:
            reason = "too large for float64" if isinstance(error, OverflowError) else "not a real number"
            raise self.text.error(e, f"a number that is {reason}", expected="numbers below 1.8e308") from None

    def _call(self, e: ast.expr, name: str, arguments: list[ast.expr]) -> Any:
        found = known(name)
        args = [self.write(a) for a in arguments]
        if not any(isinstance(a, Symbol) for a in args):
            args[0] = self.builder.constant(np.array(float(args[0])))
        if found.kind != MEAN:
            return found.apply(*args)
        if not args[0].ndim:
            return args[0]
        total = reduce.sum(args[0], tuple(range(args[0].ndim)), False)
        count = self._count(self.shapes.shape(arguments[0]).sizes)
        return total if count is None else total / count

    def _count(self, sizes: Any) -> Any:
        """How many elements there are, as a product of symbols."""
        count = None
        for size in (s.root for s in sizes):
            if size.letter.isdigit():
                one: Any = size.value
            else:
                one = self.symbols.get(size.letter) or self._input(size.letter, ())
                self.sizes[one.var] = size.value
            count = one if count is None else count * one
        return count


__all__ = ["Formula", "FormulaError", "formula"]

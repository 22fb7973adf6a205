"""Formulas: equations of a program put into one another, down to the symbols that a reader knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..ops import arithmetic
from ..ops.record import Op, Spec
from ..program.interpret import evaluate
from ..program.ir import Equation, Var
from ..types import FLOAT
from .counts import told_apart

_FLAT = 16  # summands, from which on a sum is a tree of halves


class Symbol:
    """A letter for a value: how it is written in LaTeX, in plain text and in code."""

    __slots__ = ("code", "spec", "tex", "text", "var")

    def __init__(self, tex: str, text: str, code: str, spec: Spec, var: Var | None = None) -> None:
        self.tex, self.text, self.code, self.spec, self.var = tex, text, code, spec, var

    def __repr__(self) -> str:
        return self.text


class Expr:
    """op(*args), where operands are expressions, symbols or numbers; one of the operation's results."""

    __slots__ = ("args", "index", "op", "spec")

    def __init__(self, op: Op, args: tuple[Any, ...], spec: Spec, index: int = 0) -> None:
        self.op, self.args, self.spec, self.index = op, args, spec, index

    @property
    def operands(self) -> tuple[Any, ...]:
        return tuple(self.args[0]) if self.op.nargs < 0 else self.args[: self.op.nargs]

    @property
    def attributes(self) -> tuple[Any, ...]:
        return self.args[1:] if self.op.nargs < 0 else self.args[self.op.nargs :]

    def with_operands(self, operands: tuple[Any, ...]) -> Expr:
        """The same operation on others."""
        args = (operands, *self.args[1:]) if self.op.nargs < 0 else (*operands, *self.attributes)
        return Expr(self.op, args, self.spec, self.index)

    def __repr__(self) -> str:
        return f"{self.op.name}({', '.join(map(repr, self.args))})"


Formula = Expr | Symbol | float | int


class Composer:
    """Formulas of a program's variables, in terms of those that have symbols."""

    def __init__(self, equations: tuple[Equation, ...], symbols: Mapping[Var, Any]) -> None:
        self.made = {v: (e, i) for e in equations for i, v in enumerate(e.outputs)}
        self.symbols = symbols

    def formula(self, v: Var) -> Formula:
        """How a variable is computed; its own symbol is looked into."""
        found = self.made.get(v)
        if found is None:
            symbol: Formula = self.symbols[v]
            return symbol
        return self._expr(*found)

    def inside(self, v: Var) -> Formula:
        """A variable within a formula: its symbol, if it has one."""
        return self.symbols[v] if v in self.symbols else self.formula(v)

    def _expr(self, equation: Equation, index: int) -> Formula:
        def filled(a: Any) -> Any:
            if isinstance(a, tuple):  # a share of a mean
                return Expr(arithmetic.div, a, Spec((), equation.output.dtype))
            return self.inside(a) if isinstance(a, Var) else a

        if equation.op is arithmetic.add:
            summands = self._summands(equation)
            alike = all(isinstance(a, Var) and a.spec == equation.output.spec for a in summands)
            if len(summands) > _FLAT and alike:
                return _balanced([filled(a) for a in summands], equation.output.spec)
        operands = tuple(map(filled, told_apart(equation)))
        return Expr(equation.op, equation.with_operands(operands), equation.outputs[index].spec, index)

    def _summands(self, equation: Equation) -> list[Any]:
        """What a chain of additions adds up, from left to right."""
        found: list[Any] = []
        todo: list[Any] = [*reversed(equation.operands)]
        while todo:
            a = todo.pop()
            inner = self.made.get(a, (None,))[0] if isinstance(a, Var) and a not in self.symbols else None
            if inner is not None and inner.op is arithmetic.add and a.spec == equation.output.spec:
                todo += reversed(inner.operands)
            else:
                found.append(a)
        return found


def _balanced(summands: list[Any], spec: Spec) -> Any:
    """The sum of many as a tree of halves: a thousand uses make no tree a thousand deep."""
    if len(summands) == 1:
        return summands[0]
    half = len(summands) // 2
    return Expr(arithmetic.add, (_balanced(summands[:half], spec), _balanced(summands[half:], spec)), spec)


def spec_of(x: Any) -> Spec | None:
    """The type of a formula; None for a number."""
    return x.spec if isinstance(x, (Expr, Symbol)) else None


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def symbols_in(x: Any) -> Iterator[Symbol]:
    """All symbols of a formula, from left to right, as often as they stand there."""
    if isinstance(x, Symbol):
        yield x
    elif isinstance(x, Expr):
        for a in x.args:
            yield from symbols_in(a)
    elif isinstance(x, (tuple, list)):
        for a in x:
            yield from symbols_in(a)


def size(x: Any) -> int:
    """How many operations a formula has."""
    return 1 + sum(map(size, x.operands)) if isinstance(x, Expr) else 0


def value_of(x: Formula, values: Callable[[Symbol], Any]) -> Any:
    """A formula computed from its symbols' arrays, by the records' own forwards."""
    if isinstance(x, Symbol):
        return values(x)
    if not isinstance(x, Expr):
        return np.asarray(x)
    operands: list[Any] = []
    held: dict[Var, Any] = {}
    for a in x.operands:
        if isinstance(a, (Expr, Symbol)):
            v = Var(*a.spec)
            held[v] = np.asarray(value_of(a, values))
            operands.append(v)
        else:
            operands.append(a)
    if is_number(operands[0]) and not (held and x.op.promote):  # the formula's dtype, not the default one
        v = Var((), x.spec.dtype)
        held[v] = np.asarray(operands[0], v.dtype.np)
        operands[0] = v
    args = (tuple(operands), *x.args[1:]) if x.op.nargs < 0 else (*operands, *x.attributes)
    outputs = [Var(*x.spec)] * max(x.op.outputs, x.index + 1)
    with np.errstate(all="ignore"):
        return evaluate(Equation(x.op, args, outputs), held)[x.index]


def is_floating(x: Any) -> bool:
    spec = spec_of(x)
    return spec is not None and spec.dtype.category >= FLOAT

"""Rewriting a program equation by equation: each stays, or a rule writes others in its place.

A rule is a function (writer, equation) that writes new equations and returns the results as symbols or
arrays, or NO_MATCH. What it wrote is offered to the rules again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ops.record import Op
from ..build import Builder, Symbol
from ..ir import Equation, Program, Var
from ..verify import ProgramError

NO_MATCH: Any = NotImplemented
Rule = Callable[["Writer", Equation], Any]
Rules = Callable[[Op], Sequence[Rule]]
Found = tuple[list[Equation], list[Var]]


class Writer(Builder):
    """A builder that begins with a program's inputs and constants and knows what made each variable."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.inputs = list(program.inputs)
        self.constants = dict(program.constants)
        self.made: dict[Var, Equation] = {}

    def arguments(self, equation: Equation) -> tuple[Any, ...]:
        """The equation's arguments with symbols for its variables."""
        operands = [Symbol(self, a) if isinstance(a, Var) else a for a in equation.operands]
        return equation.with_operands(operands)


def called(function: Callable[..., Any]) -> Rule:
    """The rule that calls a function of the traced language with the record's arguments."""
    return lambda writer, equation: function(*writer.arguments(equation))


def made_by(x: Any) -> Equation | None:
    """The equation that made the value of a symbol; None for inputs, constants and numbers."""
    return x.builder.made.get(x.var) if isinstance(x, Symbol) and isinstance(x.builder, Writer) else None


def renamed(equation: Equation, names: Mapping[Var, Var]) -> Equation:
    """The equation with other variables to read; itself if nothing changes."""
    old = equation.operands
    new = [names.get(a, a) if isinstance(a, Var) else a for a in old]
    if all(a is b for a, b in zip(old, new)):
        return equation
    args = equation.with_operands(new)
    return Equation(equation.op, args, equation.outputs, equation.where, equation.origin)


class Rewriter:
    """One walk over a program.

    rules    the rules for a record, tried in order
    expands  the rules say what an equation consists of: results of another type are an error, what a rule
             writes comes from the old equation (`origin`), and a record that a rule writes into its own
             expansion stays as it is
    """

    def __init__(
        self, program: Program, rules: Callable[[Op], Sequence[Rule]], expands: bool = False
    ) -> None:
        self.program, self.rules, self.expands = program, rules, expands
        self.writer = Writer(program)
        self.names: dict[Var, Var] = {}
        self.kept: list[Equation] = []
        self.new: set[Var] = set()  # variables that the old program has not, which may be given names

    def run(self) -> Program:
        """The rewritten program."""
        for equation in self.program.equations:
            self._take(equation, equation, frozenset())
        outputs = tuple(self.names.get(v, v) for v in self.program.outputs)
        return Program(tuple(self.writer.inputs), self.writer.constants, tuple(self.kept), outputs)

    def _take(self, equation: Equation, source: Equation, within: frozenset[Op]) -> None:
        equation = renamed(equation, self.names)
        for rule in () if equation.op in within else self.rules(equation.op):
            found = self._tried(rule, equation, source)
            if found is None:
                continue
            pieces, results = found
            inside = within | {equation.op} if self.expands else within
            for piece in pieces:
                self.new.update(piece.outputs)
                self._take(piece, source, inside)
            for old, result in zip(equation.outputs, results):
                new = self.names.get(result, result)
                self.names[old] = new
                if new in self.new and not new.name:
                    new.name = old.name
            return
        self.kept.append(equation)
        for v in equation.outputs:
            self.writer.made[v] = equation

    def _tried(
        self, rule: Rule, equation: Equation, source: Equation
    ) -> tuple[list[Equation], list[Var]] | None:
        """What the rule wrote, and its results; None if it does not apply."""
        writer = self.writer
        writer.equations, constants = [], len(writer.constants)
        writer.where = source.where
        writer.origin = source if self.expands else equation.origin
        found = rule(writer, equation)
        if found is not NO_MATCH:
            listed = found if isinstance(found, (list, tuple)) else [found]
            results = [x.var if isinstance(x, Symbol) else writer.constant(np.asarray(x)).var for x in listed]
            if [v.type for v in results] == [v.type for v in equation.outputs]:
                return writer.equations, results
            if self.expands:
                types = ", ".join(v.type for v in results)
                raise ProgramError(f"the decomposition of {equation!r} has results of type {types}")
        for v in list(writer.constants)[constants:]:
            del writer.constants[v]
        return None

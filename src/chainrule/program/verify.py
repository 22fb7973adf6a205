"""Whether a program is well formed; run after every pass under test."""

from __future__ import annotations

from typing import Any

from .build import result_vars
from .ir import Equation, Program, Var
from .text import equation_text, names_of


class ProgramError(Exception):
    """An ill-formed program: names the equation and its neighbours."""


def verify(program: Program) -> Program:
    """The program itself, if each variable is defined once before its uses and typed as the records say."""
    names = names_of(program)
    defined: set[Var] = set()
    for v in (*program.inputs, *program.constants):
        if v in defined:
            raise ProgramError(f"{names[v]} is defined twice")
        defined.add(v)
    for v, array in program.constants.items():
        if array.shape != v.shape or array.dtype != v.dtype.np:
            raise ProgramError(f"constant {names[v]} is {v.type}, but holds {array.dtype}{list(array.shape)}")
    for i, equation in enumerate(program.equations):
        for v in equation.inputs:
            if v not in defined:
                raise _at(program, i, f"{names.get(v, v.name)} is used before it is defined")
        try:
            expected = result_vars(equation.op, equation.args)
        except Exception as error:
            raise _at(program, i, f"the type rule refuses it: {error}") from error
        got, want = [v.type for v in equation.outputs], [v.type for v in expected]
        if got != want:
            raise _at(program, i, f"the type rule gives {', '.join(want)}")
        for v in equation.outputs:
            if v in defined:
                raise _at(program, i, f"{names[v]} is defined twice")
            defined.add(v)
    for v in program.outputs:
        if v not in defined:
            raise ProgramError(f"the result {v} is never defined")
    return program


def _at(program: Program, i: int, words: str) -> ProgramError:
    names: Any = names_of(program)
    near: list[Equation] = list(program.equations[max(i - 3, 0) : i + 4])
    shown = [("> " if e is program.equations[i] else "  ") + equation_text(e, names) for e in near]
    return ProgramError("\n".join([words, *shown]))

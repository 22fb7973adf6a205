"""Constant folding: what depends on constants alone is computed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..interpret import evaluate
from ..ir import Equation, Program, Var
from .state import draws

LIMIT = 1 << 20  # bytes of a folded result: larger ones are cheaper to compute than to carry


def fold(program: Program) -> Program:
    """The program with constants in the place of equations that read only constants.

    Views that repeat elements stay: their memory would grow. An equation that raises stays too, and raises
    when the program runs.
    """
    constants: dict[Var, Any] = dict(program.constants)
    kept: list[Equation] = []
    for equation in program.equations:
        values = _values(equation, constants) if _foldable(equation, constants) else None
        if values is None:
            kept.append(equation)
        else:
            constants.update(zip(equation.outputs, values))
    return program.replaced(equations=tuple(kept), constants=constants)


def _foldable(equation: Equation, constants: dict[Var, Any]) -> bool:
    inputs = equation.inputs
    size = sum(v.nbytes for v in equation.outputs)
    if not inputs or draws(equation) or size > LIMIT or any(v not in constants for v in inputs):
        return False
    return not equation.op.view or size <= sum(v.nbytes for v in inputs)


def _values(equation: Equation, constants: dict[Var, Any]) -> list[Any] | None:
    try:
        with np.errstate(all="ignore"):
            found = [np.array(a) for a in evaluate(equation, constants)]
    except Exception:
        return None
    for a in found:
        a.flags.writeable = False
    return found

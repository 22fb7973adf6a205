"""Running a program with the records' own NumPy forwards: the reference for everything that is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import FLOAT, bfloat16
from .build import promoted
from .ir import Equation, Program, Var

Array = np.ndarray[Any, Any]


def interpret(program: Program, inputs: Sequence[Any]) -> list[Array]:
    """The outputs for these input arrays.

    Raises ValueError if an input has another shape or dtype than its variable.
    """
    values = values_of(program, inputs)
    return [np.asarray(values[v]) for v in program.outputs]


def values_of(program: Program, inputs: Sequence[Any]) -> dict[Var, Any]:
    """The values of all variables for these input arrays."""
    values: dict[Var, Any] = dict(program.constants)
    if len(inputs) != len(program.inputs):
        raise ValueError(f"the program takes {len(program.inputs)} inputs, got {len(inputs)}")
    for v, array in zip(program.inputs, inputs):
        a = np.asarray(array)
        if a.shape != v.shape or a.dtype != v.dtype.np:
            raise ValueError(f"input {v.name} must be {v.type}, got {a.dtype}{list(a.shape)}")
        values[v] = a
    with np.errstate(all="ignore"):
        for equation in program.equations:
            for v, out in zip(equation.outputs, evaluate(equation, values)):
                values[v] = out
    return values


def evaluate(equation: Equation, values: Any) -> Sequence[Array]:
    """The arrays that one equation computes from those of its inputs."""
    op = equation.op
    operands = [values[a] if isinstance(a, Var) else a for a in equation.operands]
    if op.promote:
        target = promoted(op, equation.args)
        for i in op.promote:
            x = operands[i]
            number = x is not None and not isinstance(x, (np.ndarray, np.generic))
            if number and not (op.weak and target.category >= FLOAT):
                operands[i] = np.array(x).astype(target.np)
    out = op.forward(*equation.with_operands(operands))
    if op.outputs != 1:
        return [np.asarray(o) for o in out]
    if op.promote and op.dtype == "same" and equation.output.dtype is bfloat16:
        out = out.astype(bfloat16.np)
    return [np.asarray(out)]

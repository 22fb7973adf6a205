"""Dead code: equations and constants that no result depends on."""

from __future__ import annotations

from ..ir import Equation, Program
from .state import draws


def dce(program: Program) -> Program:
    """The program without what nothing reads; inputs stay, and so does every random draw."""
    live = set(program.outputs)
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        if draws(equation) or not live.isdisjoint(equation.outputs):
            kept.append(equation)
            live.update(equation.inputs)
    constants = {v: a for v, a in program.constants.items() if v in live}
    return program.replaced(equations=tuple(reversed(kept)), constants=constants)

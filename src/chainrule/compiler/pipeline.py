"""The passes between a traced program and the kernels."""

from __future__ import annotations

from typing import NamedTuple

from ..program.ir import Program
from ..program.passes import cse, dce, fold, simplify
from .decompose import decompose


def optimised(program: Program, *, fast: bool = False) -> Program:
    """The program in terms of what kernels compute, nothing twice, nothing for nothing."""
    program = dce(simplify(cse(fold(program)), fast=fast))
    return dce(cse(simplify(fold(decompose(program)), fast=fast)))


class Passes(NamedTuple):
    """`optimised`, to be called later."""

    fast: bool = False

    def __call__(self, program: Program) -> Program:
        return optimised(program, fast=self.fast)

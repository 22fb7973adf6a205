"""Compiled programs run between guard pages: inputs and results alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.compiler.guarded import guarded
from tests.three_way.helpers import compiled, of_record

from chainrule.compiler.assemble import FIRST
from chainrule.compiler.pipeline import optimised
from chainrule.compiler.runner import NativeRunner
from chainrule.program import Program, interpret, verify


def between(array: Any, side: Any) -> np.ndarray:
    """guarded(), also for arrays without dimensions."""
    return guarded(array, side).reshape(np.shape(array))


def run_guarded(runner: NativeRunner, inputs: list[Any], side: Any) -> list[np.ndarray]:
    """The results, each computed in memory that ends or begins at a guard page."""
    for i, a in enumerate(inputs, FIRST):
        runner.table[i] = a.ctypes.data
    outs = [between(np.zeros(v.shape, v.dtype.np), side) for v in runner.results]
    first = runner.first_result
    for i, a in enumerate(outs, first):
        runner.table[i] = a.ctypes.data
    assert runner._step() == 0
    return outs


def by_kernels(
    op: Any, args: Any, floats: Any, side: Any = "end", **options: Any
) -> tuple[list[Any], list[Any]]:
    """What kernels alone compute, and what the forward does, in the same dtype."""
    program, inputs = of_record(op, args, np.dtype(floats))
    return program_by_kernels(program, inputs, side, **options)


def program_by_kernels(program: Program, inputs: list[Any], side: Any = "end", **options: Any) -> Any:
    """The same of a program."""
    inputs = [between(a, side) for a in inputs]
    runner = compiled(verify(optimised(program)), inputs, **options)
    assert not runner.assembled.calls
    return run_guarded(runner, inputs, side), interpret(program, inputs)

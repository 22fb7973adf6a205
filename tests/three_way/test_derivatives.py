"""Derivatives, first and second: interpreted, interpreted after all passes, and compiled agree."""

from __future__ import annotations

import numpy as np
import pytest
from tests.program.derivatives import like, traced
from tests.program.functions import FUNCTIONS
from tests.three_way.helpers import RECORDS, REGISTRY, of_record, samples, three_ways

from chainrule.program import differentiate
from chainrule.random import Generator

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def _with_cotangents(program, inputs):
    """The inputs of a derivative: those of the function, and a random number for each other one."""
    rest = program.inputs[len(inputs) :]
    return [*inputs, *like([np.empty(v.shape, v.dtype.np) for v in rest], 3)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_three_ways(name):
    function, *inputs = FUNCTIONS[name]
    first = differentiate(traced(function, inputs)[0])
    for program in (first, differentiate(first)):
        three_ways(program, _with_cotangents(program, inputs), 1e-10, 1e-12)


@pytest.mark.parametrize("name", [n for n in RECORDS if REGISTRY[n].differentiable])
def test_the_derivative_of_a_record_three_ways(name):
    op = REGISTRY[name]
    for args in samples(op)[:2]:
        if any(isinstance(a, Generator) for a in args):
            continue
        program, inputs = of_record(op, args, np.dtype(np.float64))
        try:
            gradient = differentiate(program)
        except NotImplementedError:  # of the few that have none: tests/program/test_differentiate.py
            continue
        three_ways(gradient, _with_cotangents(gradient, inputs), 1e-10, 1e-12)

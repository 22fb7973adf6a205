"""Every record's samples: eager, interpreted after all passes, and compiled agree."""

from __future__ import annotations

import numpy as np
import pytest
from tests.three_way.helpers import RECORDS, REGISTRY, of_record, samples, three_ways

from chainrule.program.passes.state import draws
from chainrule.random import Generator

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
RTOL = {"float32": 4e-6, "float64": 1e-13}


def _random(args):
    return any(isinstance(a, Generator) for a in args)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("floats", ["float32", "float64"])
def test_a_record_three_ways(name, floats):
    op = REGISTRY[name]
    tried = 0
    for args in samples(op)[:4]:
        if _random(args):
            continue
        program, inputs = of_record(op, args, np.dtype(floats))
        three_ways(program, inputs, RTOL[floats])
        tried += 1
    assert tried or any(_random(a) for a in samples(op))


def test_draws_are_told_from_other_equations():
    from chainrule.program import Equation

    op = REGISTRY["dropout_mask"]
    args = samples(op)[0]
    assert draws(Equation(op, args, ()))
    assert not draws(Equation(REGISTRY["exp"], (None,), ()))

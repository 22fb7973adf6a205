"""Steps that compute nothing touch nothing."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.guarded import guarded
from tests.three_way.helpers import compiled

from chainrule.compiler.assemble import FIRST
from chainrule.ops.product import matmul
from chainrule.program import Builder
from chainrule.types import float32


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [(0,), (3, 0), (0, 2)])
def test_products_over_an_empty_batch(batch, threads):
    b = Builder()
    program = b.program([matmul(b.input((*batch, 17, 1), float32), b.input((*batch, 1, 300), float32))])
    runner = compiled(program, [np.zeros(v.shape, np.float32) for v in program.inputs], threads=threads)
    behind = guarded(np.zeros(1, np.uint8), "end").ctypes.data + 1
    runner.table[FIRST : FIRST + 3] = behind
    assert runner._step() == 0

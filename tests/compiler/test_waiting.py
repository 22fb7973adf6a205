"""Equations that wait for their first reader: every one is computed once, before what reads it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.three_way.helpers import three_ways

from chainrule.ops import arithmetic, index, join, movement, reduce, trigonometric, view
from chainrule.program import Builder
from chainrule.types import float64


def by_turned_sum(b):
    """The product could be computed in the sum's loop, but not where the sum reads it."""
    x = b.input((3, 4), float64)
    return [reduce.sum(view.transpose(x * 2, 0, 1), (0, 1), False)]


def behind_parts(b):
    x, column, y = b.input((2, 3), float64), b.input((3, 1), float64), b.input((3, 2), float64)
    waiting = arithmetic.add(y, view.transpose(trigonometric.cos(x), 0, 1))
    return [arithmetic.add(waiting, join.cat((column, column), 1, (1, 1)))]


def behind_a_write(b):
    x, y = b.input((3, 2, 2), float64), b.input((2, 3, 2), float64)
    chain = ((view.transpose, (0, 1)), (index.part, ((0,),)))
    return [arithmetic.add(movement.view_scatter(y, 0.0, chain), view.transpose(x * 3, 0, 1))]


def two_deep(b):
    x, y = b.input((3, 4), float64), b.input((4, 3), float64)
    one = view.transpose(x * 3, 0, 1) + y
    two = view.transpose(one * one, 0, 1) - x
    return [arithmetic.add(join.cat((two, x), 0, (3, 3)), join.cat((x, two), 0, (3, 3))), two]


@pytest.mark.parametrize("write", [by_turned_sum, behind_parts, behind_a_write, two_deep])
def test_what_waits_in_another_order_is_computed_in_time(write):
    b = Builder()
    program = b.program(write(b))
    source = np.random.default_rng(3)
    three_ways(program, [source.normal(size=v.shape) for v in program.inputs], 1e-13)

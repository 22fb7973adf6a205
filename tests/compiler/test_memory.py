"""Where the memory plan puts buffers."""

from __future__ import annotations

from itertools import combinations

import pytest

from chainrule.compiler.layout import Buffer
from chainrule.compiler.memory import ALIGN, Life, plan

PAGE = 4096


@pytest.mark.parametrize("bytes", [PAGE, 50 * PAGE, 25 * PAGE // 4, PAGE + ALIGN])
def test_arrays_of_one_size_begin_at_different_places_of_a_page(bytes):
    made = [Life(Buffer(bytes), 0, 0) for _ in range(PAGE // ALIGN)]
    plan(made)
    assert len({v.buffer.offset % PAGE for v in made}) == len(made)


def test_what_is_alive_together_does_not_overlap():
    sizes = [(0, 0, 3), (1, 1, 2), (PAGE, 0, 1), (PAGE, 1, 3), (5000, 2, 3), (PAGE, 2, 2), (64, 3, 3)]
    made = [Life(Buffer(n), first, last) for n, first, last in sizes]
    total = plan(made)
    for a, b in combinations(made, 2):
        if a.first <= b.last and b.first <= a.last:
            low, high = sorted((a.buffer, b.buffer), key=lambda x: x.offset)
            assert low.offset + max(low.nbytes, 1) <= high.offset
    assert all(v.buffer.offset % ALIGN == 0 and v.buffer.offset + v.buffer.nbytes <= total for v in made)

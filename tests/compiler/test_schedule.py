"""Which kernels the usual steps become, what is fused into each, and what lies in memory between them.

The pages are in golden/. After a change of the scheduler that is meant:
UPDATE_GOLDEN=1 python -m pytest tests/compiler/test_schedule.py, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.compiler.steps import STEPS, adam, conv_relu, lstm_cell

import chainrule as cr
from chainrule.compiler.assemble import Assembled, assemble
from chainrule.compiler.report import kernels
from chainrule.compiler.target import NAMES, named

GOLDEN = Path(__file__).parent / "golden"


def assembled(make, target="avx2", threads=1):
    """A step as it is when its state is there: the first call of an optimizer makes it."""
    cr.manual_seed(0)
    function, arguments = make()
    step = cr.compile(function, backend="numpy")
    step(*arguments), step(*arguments)
    known = step.known(arguments)
    assert known.bridge is None
    return assemble(known.optimised, known.strides, known.roles, named(target), threads)


def page(step: Assembled) -> str:
    """A line for each kernel, and the memory between them without the products' scratch memory."""
    buffers = [b for kernel in step.kernels if kernel is not None for b in kernel.buffers]
    between = max((b.offset + b.nbytes for b in buffers if b.slot is None), default=0)
    lines = [f"{title}: {operations} → {written}" for title, operations, written in kernels(step)]
    return "\n".join([*lines, f"{between} bytes between kernels", ""])


@pytest.mark.parametrize("make", STEPS, ids=lambda make: make.__name__)
def test_the_kernels_of_a_step_are_those_written_down(make):
    found, golden = page(assembled(make)), GOLDEN / f"{make.__name__}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found, encoding="utf8")
    assert found == golden.read_text(encoding="utf8")


def test_every_page_belongs_to_a_step():
    assert {p.stem for p in GOLDEN.iterdir()} == {make.__name__ for make in STEPS}


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("make", [adam, conv_relu, lstm_cell], ids=lambda make: make.__name__)
def test_the_kernels_do_not_depend_on_processor_and_threads(make, target):
    assert page(assembled(make, target, threads=3)) == page(assembled(make))

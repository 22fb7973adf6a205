"""How autograd learns of memory that compiled steps change: a cell for each step, read by who needs to know.

A step's cell holds the time of its last run, drawn from the clock of the tape. The tensors that it writes
know the cell (`_cells`), so a run costs one store however many they are.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable
from typing import Any

from ..autograd.tape import Where, last_change
from ..tensor import Tensor

latest = ctypes.c_int64(-2)  # the time of the last run of any native step: see entry_native.NOTE [Ticks]


class Cell(ctypes.c_int64):
    """The time of a step's last run, and the line that it stands for."""

    where: Where | None = None


def attach(cell: Cell, written: Iterable[Tensor]) -> None:
    """Let the roots of the written tensors know the cell."""
    for root in {id(r): r for r in (t if t._base is None else t._base for t in written)}.values():
        root._cells = (*root._cells, cell)


def release(cell: Cell, roots: Iterable[Any]) -> None:
    """The step is gone: what its cell says is noted on the tensors themselves."""
    for root in (reference() for reference in roots):
        if root is not None and cell in root._cells:
            root._stamp, root._touched = last_change(root)
            root._cells = tuple(c for c in root._cells if c is not cell)


def follow(cell: Cell, owner: Any, written: Iterable[Tensor], where: Where | None) -> None:
    """Let the tensors that a step writes know its cell; they forget it when `owner` is gone."""
    cell.where = where
    known = list(written)
    attach(cell, known)
    roots = [weakref.ref(t if t._base is None else t._base) for t in known]
    weakref.finalize(owner, release, cell, roots).atexit = False

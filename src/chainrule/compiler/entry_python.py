"""The entry point in Python, for interpreters whose insides are not known: same checks, same meaning."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable
from operator import is_
from types import CellType
from typing import Any

import numpy as np

from ..autograd.tape import clock, tick
from ..tensor import Tensor
from . import stamps
from .entry import (
    ABSENT,
    EntryPlan,
    Expected,
    FloatArgument,
    Given,
    Number,
    ObjectArgument,
    Result,
    TensorArgument,
)  # fmt: skip
from .rendezvous import DETAIL, THREADS

_SIMPLE = (int, float, str)
_Step = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)


class _Entry:
    """One plan's checks and calls; `lock` keeps other Python threads out of its table, `busy` this one."""

    def __init__(self, plan: EntryPlan) -> None:
        self.plan = plan
        self.cell = stamps.Cell(0)
        self.lock = threading.RLock()
        self.busy = False
        self.address = plan.table.ctypes.data
        self.step = _Step(plan.step)
        self.occupied = plan.occupied()
        stamps.follow(self.cell, self, plan.written, plan.where)
        _entries.add(self)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        plan = self.plan
        with self.lock:
            able = not (kwargs or self.busy or clock.tracer is not None)
            if able:
                self.busy = True
                try:
                    ran = self._ran(args)
                finally:
                    self.busy = False
        if not able or ran is None:
            return plan.slow(*args, **kwargs)
        status, detail, fresh = ran
        if status:
            return plan.failed(status, detail)
        return _built(plan.result, {r: _wrapped(a) for r, a in fresh.items()}, args)

    def _ran(self, args: tuple[Any, ...]) -> tuple[int, int, dict[Result, Any]] | None:
        """Check and run: the error number, its detail and the new arrays; None if a check failed."""
        plan = self.plan
        fresh = {r: np.empty(r.shape, r.dtype) for r in plan.results()}
        arrays = self._checked(args)
        if arrays is None:
            return None
        for i, a in plan.tensors():
            plan.table[a.slot] = arrays[i].ctypes.data
        for r, array in fresh.items():
            plan.table[r.slot] = array.ctypes.data
        status = self._run()
        self._stamp(args)
        return status, int(plan.table[DETAIL]), fresh

    def _run(self) -> int:
        plan = self.plan
        if plan.threads > 1:
            from . import threads

            return threads.run(plan.step, self.address, plan.threads)
        plan.table[THREADS] = 1
        return int(self.step(self.address, 0))

    def _stamp(self, args: tuple[Any, ...]) -> None:
        if self.plan.written:
            clock.touched = self.cell.value = tick()
        if self.plan.writes_arguments():
            from .entry_native import note_arguments

            note_arguments(self.plan, *args)

    def _checked(self, args: tuple[Any, ...]) -> dict[int, Any] | None:
        """The arrays of the tensor arguments; None if anything is not as it was traced."""
        plan = self.plan
        arrays: dict[int, Any] = {}
        fits = (
            len(args) == len(plan.arguments)
            and (plan.epoch is None or ctypes.c_int64.from_address(plan.epoch[0]).value == plan.epoch[1])
            and all(c.tensor._a is c.array and c.tensor._node is c.node for c in plan.captured)
            and all(self._argument(i, args, arrays) for i in range(len(args)))
            and all(args[i] is not args[j] for i, j in plan.distinct())
            and self._apart(arrays)
            and all(map(_read, plan.numbers))
            and all(map(_as_expected, plan.objects))
            and all(len(held) == len(items) and all(map(is_, held, items)) for held, items in plan.lists)
        )
        return arrays if fits else None

    def _argument(self, i: int, args: tuple[Any, ...], arrays: dict[int, Any]) -> bool:
        expected, x = self.plan.arguments[i], args[i]
        if isinstance(expected, ObjectArgument):
            return _same(x, expected.value)
        if isinstance(expected, FloatArgument):
            if type(x) is not float:
                return False
            ctypes.c_double.from_address(expected.address).value = x
            return True
        if expected.same_as is not None and x is not args[expected.same_as]:
            return False
        if type(x) not in expected.types or (x._node is not None) is not expected.requires_grad:
            return False
        array = x._a
        if isinstance(array, np.generic) and not expected.written:
            array = np.asarray(array)
        arrays[i] = array
        return type(array) is np.ndarray and _fits(array, expected)

    def _apart(self, arrays: dict[int, Any]) -> bool:
        plan = self.plan
        spans = {i: _span(arrays[i], a) for i, a in plan.tensors() if 0 not in a.shape}
        disjoint = all(b <= start or stop <= a for a, b in spans.values() for start, stop in self.occupied)
        pairs = [(spans[i], spans[j]) for i, j in plan.apart() if i in spans and j in spans]
        return disjoint and all(one[1] <= two[0] or two[1] <= one[0] for one, two in pairs)


_entries: weakref.WeakSet[_Entry] = weakref.WeakSet()


def _forked() -> None:
    for each in _entries:
        each.lock, each.busy = threading.RLock(), False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def make(plan: EntryPlan) -> Callable[..., Any]:
    """The Python callable for a checked plan."""
    entry = _Entry(plan)

    def step(*args: Any, **kwargs: Any) -> Any:
        return entry(args, kwargs)

    step.__name__ = step.__qualname__ = plan.name
    return step


def _same(found: Any, expected: Any) -> bool:
    if found is expected:
        return True
    kind = type(expected)
    if type(found) is not kind or kind not in _SIMPLE:
        return False
    return found.hex() == expected.hex() if kind is float else found == expected


def _fits(a: Any, expected: TensorArgument) -> bool:
    strides = (
        n < 2 or s == t or 0 in expected.shape for n, s, t in zip(expected.shape, a.strides, expected.strides)
    )
    return (
        a.shape == expected.shape
        and a.dtype is expected.dtype
        and all(strides)
        and (a.flags.writeable or not expected.written)
        and a.ctypes.data % expected.alignment() == 0
    )


def _span(a: Any, expected: TensorArgument) -> tuple[int, int]:
    low, high = expected.bounds()
    return a.ctypes.data + low, a.ctypes.data + high


def _read(n: Number) -> bool:
    found = n.holder.get(n.key)
    if n.index is not None:
        if type(found) is not tuple or n.index >= len(found):
            return False
        found = found[n.index]
    if type(found) is not float and type(found) is not int:
        return False
    try:
        value = float(found)
    except OverflowError:
        return False
    ctypes.c_double.from_address(n.address).value = value
    return n.must_be == "any" or (value != 0) is (n.must_be == "nonzero")


def _as_expected(e: Expected) -> bool:
    if isinstance(e.holder, CellType):
        try:
            found = e.holder.cell_contents
        except ValueError:
            found = ABSENT
    else:
        found = e.holder.get(e.key, ABSENT)
    return _same(found, e.value)


def _wrapped(array: Any) -> Tensor:
    return Tensor._wrap(array[()] if not array.ndim else array)


def _built(template: Any, fresh: dict[Result, Tensor], args: tuple[Any, ...]) -> Any:
    if isinstance(template, Result):
        return fresh[template]
    if isinstance(template, Given):
        return args[template.index]
    if type(template) is dict:
        return {key: _built(part, fresh, args) for key, part in template.items()}
    if type(template) is tuple:
        return tuple(_built(part, fresh, args) for part in template)
    if type(template) is list:
        return [_built(part, fresh, args) for part in template]
    return template

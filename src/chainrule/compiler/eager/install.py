"""When native functions are made, and how they take the places of Python's.

NOTE [When] Loading LLVM takes longer than a short script runs. So nothing happens until a process has walked
back often enough (autograd/native.py); then the code is made on a thread of its own, and put in place after.
NOTE [Kept] Machine code, the table of roots and method definitions live as long as the process.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from ...autograd.native import native
from ...inplace import CHANGES
from ...ops import arithmetic
from ...ops.record import Op
from ...quick import SHORT
from ...tensor import Tensor
from ...types import float32, float64
from ..engine import load
from ..target import host
from . import inplace, kernels, record, walk
from .native import ROOTS, Native, builtin, descriptor, method_def
from .places import places

_kept: list[Any] = []  # NOTE [Kept]
_done: set[Op] = set()
_made: dict[tuple[Any, ...], list[Callable[[], None]]] = {}  # by the records
_undo: list[Callable[[], None]] = []
_busy = threading.Lock()
_stop = threading.Event()
_GROUP = 16  # records in one module
_dtypes = (float32, float64)


class Plan:
    """A module to be compiled, and what to do with its functions."""

    def __init__(self, n: Native) -> None:
        self.n = n
        self.actions: list[tuple[str, Callable[[int], None]]] = []

    def add(self, name: str, action: Callable[[int], None]) -> None:
        self.actions.append((name, action))

    def compile(self) -> list[Callable[[], None]]:
        """Compile, or take the code from the cache; what puts the functions in their places."""
        if not self.actions:
            return []
        names = (ROOTS, *(name for name, _ in self.actions))
        library = load(str(self.n.module), names, cache=True)
        table = self.n.table()
        ctypes.c_int64.from_address(library.address(ROOTS)).value = table.ctypes.data
        _kept.append((self.n, library, table))
        return [partial(action, library.address(name)) for name, action in self.actions]


def begin(*, everything: bool = False) -> None:
    """Make the native functions of the records in use, on a thread; of all records, at once, if asked to."""
    if places() is None:
        return
    if everything:
        _try(_everything)
        return
    os.register_at_fork(after_in_child=_after_fork) if hasattr(os, "register_at_fork") else None
    atexit.register(_finish)
    threading.Thread(target=lambda: _try(_follow), name="chainrule-eager", daemon=True).start()


def _everything() -> None:
    for group in _groups(_records()):
        _make(group)


def _try(work: Callable[[], Any]) -> None:
    """Without LLVM, or with one that does not do, eager stays with NumPy."""
    try:
        work()
    except (ImportError, OSError, RuntimeError, AttributeError, ValueError):
        return


def _follow() -> None:
    """Make what is in use, and look again after ever longer times: NOTE [When]."""
    # Loaded before anything is made: in a program that ends meanwhile llvmlite's own hook for the end would
    # come too late, and it would free code with the help of modules that are gone.
    import llvmlite.binding  # noqa: F401

    pause = 0.5
    while not _stop.is_set():
        used = [op for op in _records() if _recorded(op) and op not in _done]
        if used or native.walk is None:
            with _busy:
                if not _stop.is_set():
                    _make(used)
        _stop.wait(pause)
        pause = min(2 * pause, 600.0)


def _finish() -> None:
    """The process ends: no code of LLVM's may still be running when its library is torn down."""
    _stop.set()
    _busy.acquire()


def _after_fork() -> None:
    """The child has no such thread, and nothing to wait for."""
    global _busy
    _busy = threading.Lock()


def _records() -> list[Op]:
    """The records that have a short function."""
    return list(dict.fromkeys(SHORT.values()))


def _recorded(op: Op) -> bool:
    """Whether it was ever recorded on the tape: what its rules read is inferred then."""
    try:
        object.__getattribute__(op, "reads_y")
    except AttributeError:
        return False
    return True


def remove() -> None:
    """Give Python's functions their places back."""
    while _undo:
        _undo.pop()()
    _done.clear()


def _groups(ops: list[Op]) -> list[list[Op]]:
    return [ops[i : i + _GROUP] for i in range(0, len(ops), _GROUP)]


def _make(ops: list[Op]) -> None:
    """The native functions of some records, and the rest if that is not there yet."""
    found = places()
    if found is None:
        return
    key = (native.walk is None, *ops)
    if key not in _made:
        plan = Plan(Native(host(), found))
        for op in ops:
            if _suits(op):
                _functions(plan, op)
                _pulls(plan, op)
        if native.walk is None:
            _others(plan)
        _made[key] = plan.compile()
    _done.update(ops)
    for put in _made[key]:
        put()


def _functions(plan: Plan, op: Op) -> None:
    """Its calls, and its changes in place, if its arithmetic is exact."""
    if not _exact(kernels.of_record(op, record.WEAK if op.weak else None), op.nargs - op.weak):
        return
    write = kernels.of_record(op, record.WEAK if op.weak else None)
    for python, each in SHORT.items():
        if each is op:
            _call(plan, op, python, write)
    for python, each in CHANGES.items():
        if each is op and not op.weak:
            _change(plan, op, python, write)


def _suits(op: Op) -> bool:
    return op.nargs in (1, 2) and not op.attrs and op.dtype == "same" and bool(op.promote)


def _exact(write: kernels.Write, count: int) -> bool:
    return all(kernels.exact(write, count, dtype, host()) for dtype in _dtypes)


def _method_names(python: Any) -> list[str]:
    return [name for name, value in Tensor.__dict__.items() if value is python]


def _put(python: Any, names: list[str]) -> Callable[[int], None]:
    """Put a native method in the places of a Python one."""

    def action(address: int) -> None:
        for name in names:
            method = method_def(name, address)
            _kept.append(method)
            if Tensor.__dict__[name] is python:
                setattr(Tensor, name, descriptor(Tensor, method))
                _undo.append(partial(setattr, Tensor, name, python))

    return action


def _call(plan: Plan, op: Op, python: Any, write: kernels.Write) -> None:
    names = _method_names(python)
    if names:
        name = f"call.{op.name}.{len(plan.actions)}"
        record.write_call(plan.n, name, op, op.nargs, write, python)
        plan.add(name, _put(python, names))


def _change(plan: Plan, op: Op, python: Any, write: kernels.Write) -> None:
    names = _method_names(python)
    if names:
        name = f"change.{op.name}.{len(plan.actions)}"
        inplace.write_change(plan.n, name, op, write, python)
        plan.add(name, _put(python, names))


def _pulls(plan: Plan, op: Op) -> None:
    """Native vjps in the places of the record's: only of those whose arithmetic is exact."""
    if op.d is None:
        return
    weak = record.WEAK if op.weak else None
    for i, pull in enumerate(op.pulls):
        if pull is None or kernels.is_same(pull):
            continue
        write = kernels.of_rule(op, i, weak)
        if write is None or not _exact(write, 2 + op.nargs - op.weak):
            continue
        name = f"pull.{op.name}.{i}"
        record.write_pull(plan.n, name, op, write, op.weak, pull)
        plan.add(name, _replace_pull(op, i))


def _replace_pull(op: Op, i: int) -> Callable[[int], None]:
    def action(address: int) -> None:
        method = method_def(f"{op.name}_vjp", address)
        _kept.append(method)
        before = op.pulls
        op.pulls = (*before[:i], builtin(method), *before[i + 1 :])
        _undo.append(partial(setattr, op, "pulls", before))

    return action


def _others(plan: Plan) -> None:
    """The walk, zero_, and the getter of grad."""
    walk.write(plan.n, kernels.of_record(arithmetic.add))

    def walk_action(address: int) -> None:
        method = method_def("walk", address)
        _kept.append(method)
        native.walk = builtin(method)
        _undo.append(partial(setattr, native, "walk", None))

    plan.add(walk.NAME, walk_action)
    zero: Any = Tensor.__dict__["zero_"]
    inplace.write_zero(plan.n, "zero", zero)
    plan.add("zero", _put(zero, _method_names(zero)))
    python: Any = Tensor.__dict__["grad"]
    inplace.write_grad(plan.n, "grad", python.fget)

    def grad_action(address: int) -> None:
        method = method_def("grad", address)
        _kept.append(method)
        getter = property(builtin(method), python.fset, python.fdel, python.__doc__)
        setattr(Tensor, "grad", getter)  # noqa: B010
        _undo.append(partial(setattr, Tensor, "grad", python))

    plan.add("grad", grad_action)


__all__ = ["begin", "remove"]

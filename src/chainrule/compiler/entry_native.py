"""The entry point as a C-API function: `PyObject *entry(self, args, nargs, kwnames)`.

NOTE [Roots] `self` is an int64 array: all addresses that the code needs, in the order in which it was
written, so that the text holds none, plans of one form share their code, and the cache can keep it. What the
addresses belong to hangs on the array and lives as long as the function.
NOTE [Order] Results are made first, then everything is checked, then the step runs: making objects may start
a garbage collection, which runs any code; between the checks and the step no Python code runs.
NOTE [Made] Every object made in a call is owned by a list on the stack; what is returned gets one reference
more, and at the end, however that comes, the list lets go of its own.
NOTE [Ticks] A run draws its time from the tape's counter in place. `clock.touched` need not follow while
nobody else has drawn a number since the last run: no node is then young enough to see the difference.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..autograd.tape import clock, tick
from . import abi, entry, stamps
from .abi import VALUE
from .builder import NULL, Function, Module, Value, i64
from .entry import EntryPlan, Result
from .entry_checks import Checks
from .entry_helpers import Roots, call_api, drop, named
from .rendezvous import ASLEEP, DETAIL, MAILBOXES, POOL_READY, THREADS, fork
from .target import host

_FLAGS = 0x80 | 0x2  # METH_FASTCALL | METH_KEYWORDS
_NAME = "entry"


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )  # fmt: skip


class _Self(np.ndarray[Any, Any]):
    """What the function is bound to: NOTE [Roots]."""

    keep: Any


_libraries: dict[str, Any] = {}


def make(plan: EntryPlan) -> Callable[..., Any]:
    """The native callable for a checked plan."""
    from .engine import load

    code, cell = _Entry(plan), stamps.Cell(0)
    text = code.write(ctypes.addressof(cell))
    library = _libraries.get(text)
    if library is None:
        library = _libraries[text] = load(text, (_NAME,), cache=True)
    owner = np.array(code.roots.values, np.uint64).view(np.int64).view(_Self)
    stamps.follow(cell, owner, plan.written, plan.where)
    method = _Method(plan.name.encode(), library.address(_NAME), _FLAGS, None)
    owner.keep = (plan, library, method, cell, code.roots.kept)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    made: Callable[..., Any] = new(ctypes.addressof(method), owner, None)
    return made


class _Entry:
    """Writes the code of one plan."""

    def __init__(self, plan: EntryPlan) -> None:
        self.plan = plan
        self.module = Module(host())
        self.f: Function = self.module.function(_NAME, ("ptr", "ptr", "i64", "ptr"), "ptr", internal=False)
        owner, self.args, self.count, self.names = self.f.parameters
        self.roots = Roots(self.f, self.f.load("ptr", self.f.offset(owner, abi.ARRAY_DATA)))
        self.shared = plan.release or plan.threads > 1
        self.results = plan.results()
        self.made_count = 0

    def write(self, cell: int) -> str:
        """The module's text; the roots are then complete."""
        f, roots, plan = self.f, self.roots, self.plan
        self.slow, self.error, self.retry = map(f.label, ("slow", "error", "retry"))
        self.table = roots.object(plan.table, plan.table.ctypes.data)
        reserved = len(self.results) + _containers(plan.result) + self.shared * len(list(plan.tensors()))
        self.made = f.emit(f"alloca [{max(reserved, 1)} x ptr]", "ptr")
        self.pair = f.emit("alloca [2 x ptr]", "ptr")
        for k in range(reserved):
            f.store(NULL, f.offset(self.made, k, "ptr"))
        self._reserved = reserved
        self.require(f.compare("eq", self.names, NULL), self.slow)
        self.require(f.compare("eq", self.count, i64(len(plan.arguments))), self.slow)
        if plan.threads > 1:
            self._prepare_pool()
        pointers = [self._new_tensor(r) for r in self.results]
        self._wait_for_turn()
        checks = Checks(self, self.slow)
        checks.write()
        for array in checks.arrays if self.shared else ():  # another thread might let go of it meanwhile
            self.api("Py_IncRef", array, result="void")
            self._own(array)
        for r, pointer in zip(self.results, pointers):
            f.store(pointer, f.offset(self.table, 8 * r.slot))
        status = self._run()
        if plan.written or plan.writes_arguments():
            self._stamp(cell)
        self._finish(status)
        self._leave_slowly()
        return str(self.module)

    # ----- pieces

    def require(self, holds: Value, otherwise: str) -> None:
        """Go on only if the condition holds."""
        fine = self.f.label("ok")
        self.f.branch(holds, fine, otherwise)
        self.f.begin(fine)

    def api(self, name: str, *arguments: Value, result: str = "ptr") -> Value:
        """Call a function of CPython."""
        return call_api(self.f, self.roots.pointer, name, *arguments, result=result)

    def argument(self, i: int) -> Value:
        return self.f.load("ptr", self.f.offset(self.args, i, "ptr"))

    def _own(self, made: Value) -> Value:
        """An object just made: see NOTE [Made]."""
        self.f.store(made, self.f.offset(self.made, self.made_count, "ptr"))
        self.made_count += 1
        self.require(self.f.compare("ne", made, NULL), self.error)
        return made

    def _new_tensor(self, r: Result) -> Value:
        """Make the tensor of a result; where its data will lie."""
        f, roots, layout = self.f, self.roots, _layout()
        kind = abi.scalar_type(r.dtype) if r.shape == () else None
        if kind is not None:
            alloc = roots.object(kind, abi.allocator(kind))
            array = f.call_pointer(alloc, roots.object(kind), i64(0), result="ptr")
        else:
            dtype = roots.object(r.dtype)
            self.api("Py_IncRef", dtype, result="void")
            array = f.call_pointer(
                named(f, roots.pointer, "new_array"), named(f, roots.pointer, "ndarray"), dtype,
                Value(str(len(r.shape)), "i32"), roots.words(r.shape), NULL, NULL, Value("0", "i32"), NULL,
                result="ptr",
            )  # fmt: skip
        tensor_type = named(f, roots.pointer, "Tensor")
        self.require(f.compare("ne", array, NULL), self.error)
        tensor = f.call_pointer(named(f, roots.pointer, "new_tensor"), tensor_type, i64(0), result="ptr")
        with f.when(f.compare("eq", tensor, NULL)):
            self.api("Py_DecRef", array, result="void")
        self._own(tensor)
        none = named(f, roots.pointer, "None")
        self.api("Py_IncRef", none, result="void")
        f.store(array, f.offset(tensor, layout.tensor_array))
        f.store(none, f.offset(tensor, layout.tensor_node))
        return f.offset(array, VALUE) if kind is not None else f.load("ptr", f.offset(array, abi.ARRAY_DATA))

    def _wait_for_turn(self) -> None:
        """While another Python thread is in the step, let it run."""
        if not self.shared:
            return
        f, roots = self.f, self.roots
        wait, free = f.label("wait"), f.label("free")
        self.busy = roots.object(None, roots.counter())
        self.generation = f.load("i64", roots.object(entry.generation, ctypes.addressof(entry.generation)))
        f.jump(self.retry)
        f.begin(self.retry)
        f.branch(f.compare("eq", f.load("i64", self.busy), self.generation), wait, free)
        f.begin(wait)
        self._call(partial(time.sleep, 2e-5))
        f.jump(self.retry)
        f.begin(free)

    def _run(self) -> Value:
        f, plan, roots = self.f, self.plan, self.roots
        step = roots.object(None, plan.step)
        if self.shared:
            f.store(self.generation, self.busy)
        release = plan.release or (plan.threads > 1 and self.ringing)
        state = self.api("PyEval_SaveThread") if release else NULL
        if plan.threads > 1:
            status = fork(f, self.pool, step, self.table, roots.word(plan.threads))
        else:
            f.store(i64(1), f.offset(self.table, 8 * THREADS))
            status = f.call_pointer(step, self.table, i64(0), result="i64")
        if release:
            self.api("PyEval_RestoreThread", state, result="void")
        if self.shared:
            f.store(i64(0), self.busy)
        return status

    def _prepare_pool(self) -> None:
        """Start the workers before the first step of a process, and ring where Python has to wake them."""
        from . import threads

        f, workers = self.f, threads.pool()
        self.pool = self.roots.object(workers, workers.address)
        self.ringing = not workers.futex
        calls: list[tuple[int, str, Callable[[], Any]]] = [(POOL_READY, "eq", workers.start)]
        if self.ringing:
            calls.append((MAILBOXES + ASLEEP, "ne", workers.ring))
        for place, predicate, function in calls:
            with f.when(f.compare(predicate, f.load("i64", f.offset(self.pool, place)), i64(0))):
                self._call(function)

    def _call(self, function: Callable[[], Any]) -> None:
        """Call a Python function for what it does."""
        done = self.api("PyObject_Vectorcall", self.roots.object(function), NULL, i64(0), NULL)
        self.require(self.f.compare("ne", done, NULL), self.error)
        self.api("Py_DecRef", done, result="void")

    def _stamp(self, cell: int) -> None:
        """Note the time of this run: NOTE [Ticks]."""
        f, roots, layout = self.f, self.roots, _layout()
        counter = f.offset(roots.object(_counter()), layout.counter)
        last = roots.object(stamps.latest, ctypes.addressof(stamps.latest))
        now = f.load("i64", counter)
        f.store(f.binary("add", now, i64(1)), counter)
        f.store(now, roots.object(None, cell))
        expected = f.binary("add", f.load("i64", last), i64(1))
        f.store(now, last)
        slot = f.offset(roots.object(clock), layout.clock_touched)
        with f.when(f.compare("ne", now, expected)):
            touched = self.api("PyLong_FromSsize_t", now)
            self.require(f.compare("ne", touched, NULL), self.error)
            before = f.load("ptr", slot)
            f.store(touched, slot)
            self.api("Py_DecRef", before, result="void")
        if self.plan.writes_arguments():
            hook = roots.object(partial(note_arguments, self.plan))
            done = self.api("PyObject_Vectorcall", hook, self.args, self.count, NULL)
            self.require(f.compare("ne", done, NULL), self.error)
            self.api("Py_DecRef", done, result="void")

    def _finish(self, status: Value) -> None:
        f, plan = self.f, self.plan
        bad, good = f.label("failed"), f.label("good")
        f.branch(f.compare("eq", status, i64(0)), good, bad)
        f.begin(good)
        if isinstance(plan.result, Result) and not self.shared:
            f.ret(f.load("ptr", self.made))
        else:
            whole = self._built(plan.result)
            self.api("Py_IncRef", whole, result="void")
            self._drop()
            f.ret(whole)
        f.begin(bad)
        self._drop()
        pair = self.pair
        numbers = [status, f.load("i64", f.offset(self.table, 8 * DETAIL))]
        for k, value in enumerate(numbers):
            f.store(self.api("PyLong_FromSsize_t", value), f.offset(pair, k, "ptr"))
        failed = self.roots.object(plan.failed)
        outcome = self.api("PyObject_Vectorcall", failed, pair, i64(2), NULL)
        drop(f, self.roots.pointer, pair, 2)
        f.ret(outcome)

    def _built(self, template: Any) -> Value:
        """The object for a part of the template, borrowed: NOTE [Made] keeps what is new."""
        f = self.f
        if isinstance(template, Result):
            return f.load("ptr", f.offset(self.made, self.results.index(template), "ptr"))
        if isinstance(template, entry.Given):
            return self.argument(template.index)
        if type(template) is dict:
            whole = self._own(self.api("PyDict_New"))
            for key, part in template.items():
                code = self.api(
                    "PyDict_SetItem", whole, self.roots.object(key), self._built(part), result="i32"
                )
                self.require(f.compare("eq", code, Value("0", "i32")), self.error)
            return whole
        if type(template) not in (tuple, list):
            return self.roots.object(template)
        new, put = _SEQUENCES[type(template)]
        whole = self._own(self.api(new, i64(len(template))))
        for i, part in enumerate(template):
            inner = self._built(part)
            self.api("Py_IncRef", inner, result="void")
            self.api(put, whole, i64(i), inner, result="i32")
        return whole

    def _drop(self) -> None:
        if self._reserved:
            drop(self.f, self.roots.pointer, self.made, self._reserved)

    def _leave_slowly(self) -> None:
        f = self.f
        f.begin(self.slow)
        self._drop()
        slow = self.roots.object(self.plan.slow)
        f.ret(self.api("PyObject_Vectorcall", slow, self.args, self.count, self.names))
        f.begin(self.error)
        self._drop()
        f.ret(NULL)


_SEQUENCES: dict[Any, tuple[str, str]] = {
    tuple: ("PyTuple_New", "PyTuple_SetItem"),
    list: ("PyList_New", "PyList_SetItem"),
}


def _containers(template: Any) -> int:
    if type(template) in (tuple, list):
        return 1 + sum(map(_containers, template))
    return 1 + sum(map(_containers, template.values())) if type(template) is dict else 0


def _layout() -> abi.Layout:
    found = abi.layout()
    if found is None:
        raise RuntimeError("native entry points are not possible on this interpreter")
    return found


def _counter() -> Any:
    counter: Any = tick
    return counter.__self__


def note_arguments(plan: EntryPlan, *args: Any) -> None:
    """The step has changed arguments: autograd is told as of any change in place."""
    from ..inplace import touch

    for i, a in plan.tensors():
        if a.written:
            touch(args[i], plan.where)

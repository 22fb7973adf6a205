"""The loop around a step as machine code: it lays out each batch, calls the step, keeps the loss.

NOTE [Job] A job is a table of words: how many steps, where the step and its table are, where the losses go,
and for each tensor of a batch where its rows lie and which of them come next.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from .builder import NULL, Function, Module, Value, i64
from .engine import Library, load
from .target import host

COUNT, STEP, TABLE, FORK, POOL, THREADS, LOSSES, LOSS_BYTES, LOSS_SLOT, PARTS, DONE = range(11)
HEAD = 11
# of a part: without INDICES the rows come in order from START on, and from the first again after PERIOD rows
SLOT, ROWS, ROW_BYTES, BATCH, INDICES, STAGE, START, PERIOD = range(8)
PART = 8


def _word(f: Function, base: Value, place: int, type: str = "i64") -> Value:
    return f.load(type, f.offset(base, 8 * place))


def _write(module: Module) -> None:
    """i64 loop(ptr job): all steps of a job; what the step returned, if that was not 0."""
    f = module.function("loop", ("ptr",), "i64", internal=False)
    (job,) = f.parameters
    count, table = _word(f, job, COUNT), _word(f, job, TABLE, "ptr")
    losses, size = _word(f, job, LOSSES, "ptr"), _word(f, job, LOSS_BYTES)
    loss_at = f.offset(table, _word(f, job, LOSS_SLOT), "i64")
    parts = _word(f, job, PARTS)
    end = f.label("end")
    with f.loop(0, count) as loop:
        with f.when(f.compare("sgt", parts, i64(0))), f.loop(0, parts) as each:
            part = f.offset(f.offset(job, 8 * HEAD), f.binary("mul", each.index, i64(8 * PART)))
            _lay_out(f, part, table, loop.index)
        with f.when(f.compare("sgt", size, i64(0))):
            place = f.offset(losses, f.binary("mul", loop.index, size))
            f.store(f.cast("ptrtoint", place, "i64"), loss_at)
        status = _run(f, job, table)
        f.store(loop.index, f.offset(job, 8 * DONE))
        go_on = f.label("on")
        f.branch(f.compare("ne", status, i64(0)), end, go_on)
        leaving = f.block
        f.begin(go_on)
    f.store(count, f.offset(job, 8 * DONE))
    finished = f.block
    f.jump(end)
    f.begin(end)
    f.ret(f.phi("i64", [(status, leaving), (i64(0), finished)]))


def _lay_out(f: Function, part: Value, table: Value, step: Value) -> None:
    """Put a batch of one tensor where the step will find it."""
    rows, size, batch = _word(f, part, ROWS, "ptr"), _word(f, part, ROW_BYTES), _word(f, part, BATCH)
    indices, stage = _word(f, part, INDICES, "ptr"), _word(f, part, STAGE, "ptr")
    slot = f.offset(table, _word(f, part, SLOT), "i64")
    first = f.binary("mul", step, batch)
    row = f.binary("urem", f.binary("add", first, _word(f, part, START)), _word(f, part, PERIOD))
    in_order = f.offset(rows, f.binary("mul", row, size))
    f.store(f.cast("ptrtoint", in_order, "i64"), slot)
    with f.when(f.compare("ne", indices, NULL)):
        here = f.offset(indices, first, "i64")
        with f.loop(0, batch) as loop:
            row = f.load("i64", f.offset(here, loop.index, "i64"))
            source = f.offset(rows, f.binary("mul", row, size))
            target = f.offset(stage, f.binary("mul", loop.index, size))
            f.call("llvm.memcpy.p0.p0.i64", target, source, size, Value("false", "i1"))
        f.store(f.cast("ptrtoint", stage, "i64"), slot)


def _run(f: Function, job: Value, table: Value) -> Value:
    """One step, on one thread or several."""
    step, threads = _word(f, job, STEP, "ptr"), _word(f, job, THREADS)
    alone, together, after = map(f.label, ("alone", "together", "after"))
    f.branch(f.compare("sgt", threads, i64(1)), together, alone)
    f.begin(together)
    fork, pool = _word(f, job, FORK, "ptr"), _word(f, job, POOL, "ptr")
    a = f.call_pointer(fork, pool, step, table, threads, result="i64")
    f.jump(after)
    f.begin(alone)
    b = f.call_pointer(step, table, i64(0), result="i64")
    f.jump(after)
    f.begin(after)
    return f.phi("i64", [(a, together), (b, alone)])


@cache
def loop() -> tuple[Library, Callable[[int], int]]:
    """The loop, ready to be called with the address of a job (and what keeps its code alive)."""
    module = Module(host())
    _write(module)
    library = load(str(module), ("loop",), cache=True)
    function: Any = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(library.address("loop"))
    return library, function

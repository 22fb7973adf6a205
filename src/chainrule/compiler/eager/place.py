"""The user's line, natively: what dispatch.where returns, kept per instruction.

NOTE [Lines] The same instruction records again and again, so its (code, instruction) pair is kept: in a table
of entries (code, instruction, pair, unused), found by a hash. Code of this package is kept with NULL for the
pair: the search goes on in the calling frame. What the table does not know, Python's `where` finds out.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ...dispatch import where as python_where
from ..builder import NULL, Function, Value, i64
from .native import Native, differ, require, same

_ENTRIES = 512
_table = np.zeros((_ENTRIES, 4), np.int64)
_kept: dict[int, Any] = {}  # what the entries point to


def learn(index: int, depth: int = 1) -> Any:
    """The user's line for the running frame; noted in the table under `index`."""
    found = python_where(depth + 1)
    frame = sys._getframe(depth)
    code, instruction = frame.f_code, frame.f_lasti
    own = found is None or found[0] is not code
    _kept[index] = (code, found)
    _table[index] = (id(code), instruction, 0 if own else id(found), 0)
    return found


def where(n: Native, f: Function) -> Value:
    """A new reference to the user's line, or None; NULL on error."""
    g = n.helper("where", (), "ptr")
    if g is not None:
        _write(n, g)
    return f.call("where", result="ptr")


def _write(n: Native, f: Function) -> None:
    look, hit, back, miss, none = map(f.label, ("look", "hit", "back", "miss", "none"))
    argument = f.emit("alloca [2 x ptr]", "ptr")
    n.kept.append(_table)
    top = n.api(f, "PyEval_GetFrame")
    require(f, differ(f, top, NULL), none)
    before = f.block
    f.jump(look)
    f.begin(look)
    f.line("%frame = phi ptr [ " + f"{top.text}, %{before} ], [ %older, %{back} ]")
    f.line("%depth = phi i64 [ 1, %" + before + " ], [ %deeper, %" + back + " ]")
    frame, depth = Value("%frame", "ptr"), Value("%depth", "i64")
    code = n.api(f, "PyFrame_GetCode", frame)
    n.dec(f, code)  # the frame keeps it
    spot = f.cast("sext", n.api(f, "PyFrame_GetLasti", frame, result="i32"), "i64")
    parts = [f.binary("lshr", f.cast("ptrtoint", code, "i64"), i64(5)), f.binary("lshr", spot, i64(1))]
    index = f.binary("and", f.binary("add", *parts), i64(_ENTRIES - 1))
    table = n.address(f, "lines", _table.ctypes.data)
    entry = f.offset(table, f.binary("mul", index, i64(4)), "i64")
    require(f, same(f, f.load("ptr", entry), code), miss)
    require(f, same(f, f.load("i64", f.offset(entry, 8)), spot), miss)
    found = f.load("ptr", f.offset(entry, 16))
    f.branch(differ(f, found, NULL), hit, back)
    f.begin(hit)
    f.ret(n.inc(f, found))
    f.begin(back)
    step = n.address(f, "PyFrame_GetBack", n.places.functions["PyFrame_GetBack"])
    f.line(f"%older = call ptr {step.text}(ptr %frame)")
    f.line("%deeper = add i64 %depth, 1")
    n.dec(f, Value("%older", "ptr"))  # the stack keeps it
    f.branch(differ(f, Value("%older", "ptr"), NULL), look, none)
    f.begin(miss)
    number = n.api(f, "PyLong_FromSsize_t", index)
    level = n.api(f, "PyLong_FromSsize_t", depth)
    f.store(number, argument)
    f.store(level, f.offset(argument, 8))
    answer = n.vectorcall(f, n.object(f, learn), argument, 2)
    n.dec(f, number)
    n.dec(f, level)
    f.ret(answer)
    f.begin(none)
    f.ret(n.inc(f, n.none(f)))


def next_number(n: Native, f: Function) -> Value:
    """The clock's next number as a Python int: what `tick()` returns."""
    counter = n.address(f, "counter", n.places.counter)
    now = f.load("i64", counter)
    f.store(f.binary("add", now, i64(1)), counter)
    return n.api(f, "PyLong_FromSsize_t", now)

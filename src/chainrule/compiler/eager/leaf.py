"""Cotangents that arrive at a leaf, natively: what engine.accumulate does for plain arrays."""

from __future__ import annotations

from ...autograd import engine
from .. import abi
from ..builder import NULL, Function, Value, i64
from .arrays import DATA, join, require_apart, require_own_memory, room, view
from .kernels import Write
from .native import TYPE, Native, differ, require, same
from .places import BASE
from .record import run_loop


def write_accumulate(n: Native, f: Function, plus: Write) -> None:
    """`i64 accumulate(node, g)`: 0, or -1 on error; added in place, or the .grad made of a fresh array."""
    node, g = f.parameters
    pair = f.emit("alloca [2 x ptr]", "ptr")
    views = [room(f), room(f)]
    slow, gone, held, python, fail, release = map(
        f.label, ("slow", "gone", "held", "python", "fail", "release")
    )
    none, places = n.none(f), n.places
    hooks = n.slot(f, node, places.leaf["post_hooks"])
    require(f, same(f, hooks, none), python)
    tracer = n.slot(f, n.known(f, "clock"), places.clock["tracer"])
    require(f, same(f, tracer, none), python)
    leaf = n.vectorcall(f, n.slot(f, node, places.leaf["ref"]), NULL, 0)
    require(f, differ(f, leaf, NULL), fail)
    f.branch(same(f, leaf, none), gone, held)
    f.begin(held)
    old = n.api(f, "PyObject_GetAttr", leaf, n.known(f, "name._grad"))
    require(f, differ(f, old, NULL), slow)
    n.dec(f, old)  # the leaf keeps it
    first, more = f.label("first"), f.label("more")
    f.branch(same(f, old, none), first, more)
    f.begin(more)
    _add(n, f, plus, old, g, views, slow)
    f.jump(gone)
    f.begin(first)
    _adopt(n, f, node, leaf, g, slow, release)
    f.jump(gone)
    f.begin(gone)
    n.dec(f, leaf)
    f.ret(i64(0))
    f.begin(slow)
    n.dec(f, leaf)
    f.jump(python)
    f.begin(python)
    f.store(node, pair)
    f.store(g, f.offset(pair, 8))
    done = n.vectorcall(f, n.object(f, engine.accumulate), pair, 2)
    require(f, differ(f, done, NULL), fail)
    n.dec(f, done)
    f.ret(i64(0))
    f.begin(release)
    n.dec(f, leaf)
    f.jump(fail)
    f.begin(fail)
    f.ret(i64(-1))


def _add(
    n: Native, f: Function, plus: Write, old: Value, g: Value, views: list[Value], otherwise: str
) -> None:
    """The `.grad` that is there, plus g, in its own memory."""
    require(f, same(f, f.load("ptr", f.offset(old, TYPE)), n.known(f, "Tensor")), otherwise)
    array = n.slot(f, old, n.places.layout.tensor_array)
    require_own_memory(n, f, array, otherwise)
    codes = [view(n, f, a, v) for a, v in zip((array, g), views)]
    require(f, differ(f, codes[0], i64(0)), otherwise)
    require(f, same(f, *codes), otherwise)
    require(f, same(f, join(n, f, *views), views[0]), otherwise)
    require_apart(f, views, codes[0], otherwise)
    out = f.load("ptr", f.offset(views[0], DATA))
    run_loop(n, f, "plus", plus, 2, [0, 1], views, codes[0], out, views[0])


def _adopt(n: Native, f: Function, node: Value, leaf: Value, g: Value, otherwise: str, failed: str) -> None:
    """A new `.grad` of g's memory, if nobody else has it."""
    require_own_memory(n, f, g, otherwise)
    require(f, same(f, f.load("i64", g), i64(1)), otherwise)
    base = f.load("ptr", f.offset(g, BASE))
    require(f, same(f, base, NULL), otherwise)
    wanted = n.slot(f, node, n.places.leaf["dtype"])
    require(f, same(f, f.load("ptr", f.offset(g, abi.ARRAY_DTYPE)), wanted), otherwise)
    tensor = n.alloc(f, "Tensor")
    require(f, differ(f, tensor, NULL), failed)
    f.store(n.inc(f, g), f.offset(tensor, n.places.layout.tensor_array))
    f.store(n.inc(f, n.none(f)), f.offset(tensor, n.places.layout.tensor_node))
    status = n.api(f, "PyObject_SetAttr", leaf, n.known(f, "name._grad"), tensor, result="i32")
    n.dec(f, tensor)
    require(f, same(f, status, Value("0", "i32")), failed)

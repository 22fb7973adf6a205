"""The everyday change in place, natively: `x -= y` and `x.zero_()` where nothing is recorded.

As in inplace.py: written into the tensor's own memory, and noted on it and on the clock.
"""

from __future__ import annotations

from typing import Any

from ...ops.record import Op
from ..builder import NULL, Function, Value, i64
from .arrays import DATA, SIZE, join, number_view, require_apart, require_own_memory, room, view
from .kernels import Write
from .native import TYPE, Native, differ, require, same
from .place import where
from .places import BASE
from .record import run_loop


def write_change(n: Native, name: str, op: Op, write: Write, slow: Any) -> None:
    """`PyObject *name(self, args, nargs)`: x.op_(y) for a tensor or number y."""
    f = n.module.function(name, ("ptr", "ptr", "i64"), "ptr", internal=False)
    this, args, given = f.parameters
    views = [room(f), room(f)]
    out = _Change(n, f, this, slow)
    require(f, same(f, given, i64(1)), out.slow)
    other = f.load("ptr", args)
    code = out.target(views[0], may_require=True)
    plain, tensor, maybe, ready = map(f.label, ("plain", "tensor", "maybe", "ready"))
    kind = f.load("ptr", f.offset(other, TYPE))
    f.branch(same(f, kind, n.known(f, "Tensor")), tensor, maybe)
    f.begin(maybe)
    exactly = [same(f, kind, n.known(f, name)) for name in ("float", "int")]
    f.branch(f.binary("or", *exactly), plain, out.slow)
    f.begin(plain)
    if op.weak:
        f.jump(out.slow)
    else:
        require(f, number_view(n, f, other, code, views[1]), out.slow)
        f.jump(ready)
    f.begin(tensor)
    array = n.slot(f, other, n.places.layout.tensor_array)
    require(f, same(f, view(n, f, array, views[1]), code), out.slow)
    out.unrecorded(n.slot(f, other, n.places.layout.tensor_node))
    require_apart(f, views, code, out.slow)
    f.jump(ready)
    f.begin(ready)
    require(f, same(f, join(n, f, *views), views[0]), out.slow)
    data = f.load("ptr", f.offset(views[0], DATA))
    run_loop(n, f, name, write, 2, [0, 1], views, code, data, views[0])
    out.stamp()
    out.leave()


def write_zero(n: Native, name: str, slow: Any) -> None:
    """`PyObject *name(self, args, nargs)`: x.zero_() of a tensor that does not require grad."""
    f = n.module.function(name, ("ptr", "ptr", "i64"), "ptr", internal=False)
    at = room(f)
    out = _Change(n, f, f.parameters[0], slow)
    require(f, same(f, f.parameters[2], i64(0)), out.slow)
    code = out.target(at, may_require=False)
    base = f.load("ptr", f.offset(out.array, BASE))
    require(f, same(f, base, NULL), out.slow)
    length = f.binary("shl", f.load("i64", f.offset(at, SIZE)), f.binary("add", code, i64(1)))
    data = f.load("ptr", f.offset(at, DATA))
    with f.when(f.compare("sgt", length, i64(0))), f.loop(0, length, 4) as each:
        f.store(Value("0", "i32"), f.offset(data, each.index))
    out.stamp()
    out.leave()


def write_grad(n: Native, name: str, slow: Any) -> None:
    """`PyObject *name(self, args, nargs)`: the getter of Tensor.grad; None is Python's to look into."""
    f = n.module.function(name, ("ptr", "ptr", "i64"), "ptr", internal=False)
    this = f.load("ptr", f.parameters[1])
    fine, other, bad = map(f.label, ("fine", "other", "bad"))
    found = n.api(f, "PyObject_GetAttr", this, n.known(f, "name._grad"))
    require(f, differ(f, found, NULL), bad)
    f.branch(differ(f, found, n.none(f)), fine, other)
    f.begin(fine)
    f.ret(found)
    f.begin(other)
    n.dec(f, found)
    f.ret(n.vectorcall(f, n.object(f, slow), f.parameters[1], f.parameters[2]))
    f.begin(bad)
    f.ret(NULL)


class _Change:
    """What changes in place have in common: the checks of x, the notes, and the ways out."""

    def __init__(self, n: Native, f: Function, this: Value, python: Any) -> None:
        self.n, self.f, self.this, self.python = n, f, this, python
        self.given = f.emit("alloca [2 x ptr]", "ptr")
        self.slow, self.error = f.label("slow"), f.label("error")

    def target(self, at: Value, may_require: bool) -> Value:
        """The code of x's view, which is whole, writeable, no view of another tensor, and not recorded."""
        n, f, layout = self.n, self.f, self.n.places.layout
        tracer = n.slot(f, n.known(f, "clock"), n.places.clock["tracer"])
        require(f, same(f, tracer, n.none(f)), self.slow)
        self.array = n.slot(f, self.this, layout.tensor_array)
        require_own_memory(n, f, self.array, self.slow)
        code = view(n, f, self.array, at)
        require(f, differ(f, code, i64(0)), self.slow)
        node = n.slot(f, self.this, layout.tensor_node)
        if may_require:
            self.unrecorded(node, spoils=True)
        else:
            require(f, same(f, node, n.none(f)), self.slow)
        for name in ("name._base", "name._read_by"):
            root = n.api(f, "PyObject_GetAttr", self.this, n.known(f, name))
            require(f, differ(f, root, NULL), self.error)
            n.dec(f, root)
            require(f, same(f, root, n.none(f)), self.slow)
        return code

    def unrecorded(self, node: Value, spoils: bool = False) -> None:
        """Go on only if nothing would be recorded; with `spoils`, if the node has not saved the value."""
        n, f = self.n, self.f
        tracked, fine = f.label("tracked"), f.label("free")
        f.branch(same(f, node, n.none(f)), fine, tracked)
        f.begin(tracked)
        require(f, differ(f, node, NULL), self.slow)
        grad = n.api(f, "PyObject_GetAttr", n.known(f, "mode"), n.known(f, "name.grad"))
        require(f, differ(f, grad, NULL), self.error)
        n.dec(f, grad)
        require(f, differ(f, grad, n.known(f, "True")), self.slow)
        if spoils:
            y = n.slot(f, node, n.places.node["y"])
            require(f, same(f, y, n.none(f)), self.slow)
        f.jump(fine)
        f.begin(fine)

    def stamp(self) -> None:
        """x._stamp = clock.touched = tick(); x._touched = where()."""
        n, f = self.n, self.f
        counter = n.address(f, "counter", n.places.counter)
        now = f.load("i64", counter)
        f.store(f.binary("add", now, i64(1)), counter)
        time = n.api(f, "PyLong_FromSsize_t", now)
        require(f, differ(f, time, NULL), self.error)
        n.replace(f, n.known(f, "clock"), n.places.clock["touched"], time)
        spot = where(n, f)
        require(f, differ(f, spot, NULL), self.error)
        for name, value in (("name._stamp", time), ("name._touched", spot)):
            done = n.api(f, "PyObject_SetAttr", self.this, n.known(f, name), value, result="i32")
            f.store(f.cast("sext", done, "i64"), self.given)
        n.dec(f, spot)
        require(f, same(f, f.load("i64", self.given), i64(0)), self.error)

    def leave(self) -> None:
        n, f = self.n, self.f
        f.ret(n.inc(f, self.this))
        f.begin(self.error)
        f.ret(NULL)
        f.begin(self.slow)
        _, args, given = f.parameters
        size = f.binary("add", given, i64(1))
        many = f.emit(f"alloca ptr, i64 {size.text}", "ptr")
        f.store(self.this, many)
        with f.when(f.compare("sgt", given, i64(0))), f.loop(0, given) as each:
            item = f.load("ptr", f.offset(args, each.index, "ptr"))
            f.store(item, f.offset(f.offset(many, 8), each.index, "ptr"))
        f.ret(n.vectorcall(f, n.object(f, self.python), many, size))

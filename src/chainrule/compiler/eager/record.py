"""The everyday call of a record: check the operands, compute, make the tensor and its node.

What is not everyday goes to the record's Python function (quick.py), with the same arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...ops.record import Op
from .. import abi
from ..builder import NULL, Function, Module, Value, i64, number
from . import kernels
from .arrays import DATA, KINDS, NDIM, SIZE, data_of, fresh, join, number_view, room, view
from .kernels import Write
from .native import TYPE, Native, differ, require, same
from .place import next_number, where

WEAK = 2  # the number as last argument for which a record that takes numbers as they are has a kernel


def write_call(n: Native, name: str, op: Op, count: int, write: Write, slow: Callable[..., Any]) -> None:
    """`PyObject *name(self, args, nargs)`: a method of Tensor with count - 1 arguments."""
    f = n.module.function(name, ("ptr", "ptr", "i64"), "ptr", internal=False)
    _Call(n, f, op, count, write, slow, name).write()


def write_pull(n: Native, name: str, op: Op, write: Write, weak: bool, python: Any) -> None:
    """`PyObject *name(self, args, nargs)` for args = (g, y, *saved): a vjp of the record."""
    f = n.module.function(name, ("ptr", "ptr", "i64"), "ptr", internal=False)
    _, args, given = f.parameters
    slow = f.label("slow")
    count = 2 + op.nargs - weak
    used = used_operands(write, count, n)
    views = [room(f) for _ in used]
    constant = room(f)
    require(f, same(f, given, i64(2 + op.nargs)), slow)
    if weak:
        _require_weak(n, f, f.load("ptr", f.offset(args, 1 + op.nargs, "ptr")), constant, slow)
    codes = [view(n, f, f.load("ptr", f.offset(args, i, "ptr")), v) for i, v in zip(used, views)]
    f.ret(computed(n, f, name, write, count, used, views, codes, slow)[0])
    f.begin(slow)
    f.ret(n.vectorcall(f, n.object(f, python), args, given))


def used_operands(write: Write, count: int, n: Native) -> list[int]:
    """The operands that are read when it is computed."""
    g = Module(n.module.target).function("probe", ["float"] * count)
    result = write(g, g.parameters, KINDS[0][1])
    body = str(g).split("entry:", 1)[1] + result.text
    read = set(re.findall(r"%p\d+", body))
    return [i for i in range(count) if f"%p{i}" in read]


def _require_weak(n: Native, f: Function, thing: Value, at: Value, slow: str) -> None:
    require(f, number_view(n, f, thing, i64(2), at), slow)
    value = f.load("double", f.load("ptr", f.offset(at, DATA)))
    require(f, f.compare("oeq", value, number(WEAK, "double")), slow)


def computed(
    n: Native,
    f: Function,
    name: str,
    write: Write,
    count: int,
    used: list[int],
    views: list[Value],
    codes: list[Value],
    slow: str,
) -> tuple[Value, Value]:
    """A new array with the results, and the view that has its shape; to `slow` if the operands do not fit."""
    require(f, differ(f, codes[0], i64(0)), slow)
    shape = views[0]
    for v, code in zip(views[1:], codes[1:]):
        require(f, same(f, code, codes[0]), slow)
        shape = join(n, f, shape, v)
        require(f, differ(f, shape, NULL), slow)
    made = fresh(n, f, shape, codes[0])
    require(f, differ(f, made, NULL), slow)
    run_loop(n, f, name, write, count, used, views, codes[0], data_of(f, made, shape), shape)
    return made, shape


def run_loop(
    n: Native,
    f: Function,
    name: str,
    write: Write,
    count: int,
    used: list[int],
    views: list[Value],
    code: Value,
    out: Value,
    shape: Value,
) -> None:
    """The loop for the operands' dtype, of which only the used operands are passed."""

    def reduced(g: Function, values: Any, dtype: Any) -> Value:
        full: list[Any] = [values[0]] * count
        for i, v in zip(used, values):
            full[i] = v
        return write(g, full, dtype)

    length = f.load("i64", f.offset(shape, SIZE))
    arguments = []
    for v in views:
        step = f.cast("zext", same(f, f.load("i64", f.offset(v, SIZE)), length), "i64")
        arguments += [f.load("ptr", f.offset(v, DATA)), step]
    labels = [f.label("kind") for _ in KINDS]
    after = f.label("after")
    f.branch(same(f, code, i64(KINDS[0][0])), labels[0], labels[1])
    for label, (_, dtype, _) in zip(labels, KINDS):
        f.begin(label)
        loop = kernels.loop(n, f"loop.{name}", reduced, len(used), dtype)
        f.call(loop, out, length, *arguments)
        f.jump(after)
    f.begin(after)


class _Call:
    """Writes one record's function."""

    def __init__(
        self, n: Native, f: Function, op: Op, count: int, write: Write, slow: Callable[..., Any], name: str
    ) -> None:
        self.n, self.f, self.op, self.count, self.compute, self.name = n, f, op, count, write, name
        self.python = slow
        self.slow, self.error = f.label("slow"), f.label("error")

    def write(self) -> None:
        n, f, places = self.n, self.f, self.n.places
        this, args, given = f.parameters
        self.given = f.emit("alloca [4 x ptr]", "ptr")
        views = [room(f) for _ in range(self.count)]
        require(f, same(f, given, i64(self.count - 1)), "wrong")
        f.store(this, self.given)
        if self.count == 2:
            f.store(f.load("ptr", args), f.offset(self.given, 1, "ptr"))
        tracer = n.slot(f, n.known(f, "clock"), places.clock["tracer"])
        require(f, same(f, tracer, n.none(f)), self.slow)
        array, node = (n.slot(f, this, at) for at in (places.layout.tensor_array, places.layout.tensor_node))
        code = view(n, f, array, views[0])
        require(f, differ(f, code, i64(0)), self.slow)
        require(f, differ(f, node, NULL), self.slow)
        arrays, nodes, codes, things = [array], [node], [code], [this]
        if self.count == 2:
            other = f.load("ptr", args)
            b, m, same_code = self._second(other, code, views[1])
            arrays, nodes, codes, things = [array, b], [node, m], [code, same_code], [this, other]
        weak = self.op.weak
        count = self.count - weak
        used = used_operands(self.compute, count, n)
        made, shape = computed(
            n, f, self.name, self.compute, count, used, [views[i] for i in used], [codes[i] for i in used],
            self.slow,
        )  # fmt: skip
        f.ret(self._result(made, shape, views, things, arrays, nodes, code))
        self._leave(this, given)

    def _second(self, other: Value, code: Value, at: Value) -> tuple[Value, Value, Value]:
        """The second operand: its array (NULL for a number), its node, its code."""
        n, f, places = self.n, self.f, self.n.places
        plain, tensor, there, maybe, sub = map(f.label, ("plain", "tensor", "there", "maybe", "sub"))
        kind = f.load("ptr", f.offset(other, TYPE))
        f.branch(same(f, kind, n.known(f, "Tensor")), tensor, maybe)
        f.begin(maybe)
        exactly = [same(f, kind, n.known(f, name)) for name in ("float", "int")]
        f.branch(f.binary("or", *exactly), plain, sub)
        f.begin(sub)
        derived = n.api(f, "PyType_IsSubtype", kind, n.known(f, "Tensor"), result="i32")
        f.branch(same(f, derived, Value("0", "i32")), self.slow, tensor)
        f.begin(plain)
        if self.op.weak:
            _require_weak(n, f, other, at, self.slow)
        else:
            require(f, number_view(n, f, other, code, at), self.slow)
        none = n.none(f)
        from_number = f.block
        f.jump(there)
        f.begin(tensor)
        array, node = (
            n.slot(f, other, offset) for offset in (places.layout.tensor_array, places.layout.tensor_node)
        )
        require(f, Value("false" if self.op.weak else "true", "i1"), self.slow)
        found = view(n, f, array, at)
        require(f, same(f, found, code), self.slow)
        require(f, differ(f, node, NULL), self.slow)
        from_tensor = f.block
        f.jump(there)
        f.begin(there)
        b = f.phi("ptr", [(NULL, from_number), (array, from_tensor)])
        m = f.phi("ptr", [(none, from_number), (node, from_tensor)])
        return b, m, code

    def _result(
        self, made: Value, shape: Value, views: Any, things: Any, arrays: Any, nodes: Any, code: Value
    ) -> Value:
        """The tensor, with its node if a gradient is wanted."""
        n, f, places = self.n, self.f, self.n.places
        result = n.alloc(f, "Tensor")
        require(f, differ(f, result, NULL), self.error)
        f.store(made, f.offset(result, places.layout.tensor_array))
        none = n.none(f)
        f.store(n.inc(f, none), f.offset(result, places.layout.tensor_node))
        if not self.op.differentiable:
            return result
        record, done, graded = map(f.label, ("record", "done", "graded"))
        tracked = [differ(f, node, none) for node in nodes]
        f.branch(tracked[0] if self.count == 1 else f.binary("or", *tracked), record, done)
        f.begin(record)
        grad = n.api(f, "PyObject_GetAttr", n.known(f, "mode"), n.known(f, "name.grad"))
        require(f, differ(f, grad, NULL), self.error)
        n.dec(f, grad)
        f.branch(same(f, grad, n.known(f, "True")), graded, done)
        f.begin(graded)
        node = self._node(made, shape, views, things, arrays, nodes, code, result)
        n.replace(f, result, places.layout.tensor_node, node)
        f.jump(done)
        f.begin(done)
        return result

    def _node(
        self, made: Value, shape: Value, views: Any, things: Any, arrays: Any, nodes: Any, code: Value,
        result: Value,
    ) -> Value:  # fmt: skip
        n, f, op, at = self.n, self.f, self.op, self.n.places.node
        failed = f.label("failed")
        node = n.alloc(f, "Node")
        f.branch(same(f, node, NULL), failed, ok := f.label("ok"))
        self.failed, self.result = failed, result
        f.begin(ok)
        fields: dict[str, Value] = {name: n.inc(f, n.none(f)) for name in ("g", "extra")}
        fields["op"] = n.inc(f, n.object(f, op))
        fields["y"] = n.inc(f, made if op.reads_y else n.none(f))
        for name, value in fields.items():
            f.store(value, f.offset(node, at[name]))
        if op.reads:
            saved = self._saved(arrays, views, things, code, node)
            f.store(self._tuple(things, node), f.offset(node, at["args"]))
            f.store(self._tuple(saved, node), f.offset(node, at["saved"]))
            if self.count == 2 and not op.weak:  # the tuple has its own reference to a number made for it
                with f.when(same(f, arrays[1], NULL)):
                    n.dec(f, saved[1])
        else:
            f.store(self._constants(things, nodes, node), f.offset(node, at["args"]))
            f.store(n.inc(f, n.object(f, (None,) * self.count)), f.offset(node, at["saved"]))
        f.store(self._tuple(nodes, node), f.offset(node, at["edges"]))
        f.store(self._shape(shape, views, nodes, node), f.offset(node, at["shape"]))
        spot = where(n, f)
        self._check(spot, node)
        f.store(spot, f.offset(node, at["where"]))
        seq = next_number(n, f)
        self._check(seq, node)
        f.store(seq, f.offset(node, at["seq"]))
        return node

    def _check(self, made: Value, node: Value) -> None:
        """On failure the node goes, and what it holds with it."""
        f = self.f
        bad, fine = f.label("bad"), f.label("fine")
        f.branch(same(f, made, NULL), bad, fine)
        f.begin(bad)
        self.n.dec(f, node)
        f.jump(self.failed)
        f.begin(fine)

    def _tuple(self, things: list[Value], node: Value) -> Value:
        made = tuple_of(self.n, self.f, things)
        self._check(made, node)
        return made

    def _constants(self, things: Any, nodes: Any, node: Value) -> Value:
        """Operands that are no results stay, for whoever wants to know what was computed; None for others."""
        n, f = self.n, self.f
        none, nones = n.none(f), n.object(f, (None,) * self.count)
        if self.count == 1:
            return n.inc(f, nones)
        tracked = [differ(f, each, none) for each in nodes]
        alike, mixed, done = f.label("alike"), f.label("mixed"), f.label("kept")
        f.branch(f.binary("and", *tracked), alike, mixed)
        f.begin(alike)
        shared = n.inc(f, nones)
        before = f.block
        f.jump(done)
        f.begin(mixed)
        kept = [f.select(t, none, thing) for t, thing in zip(tracked, things)]
        made = self._tuple(kept, node)
        after = f.block
        f.jump(done)
        f.begin(done)
        return f.phi("ptr", [(shared, before), (made, after)])

    def _saved(self, arrays: Any, views: Any, things: Any, code: Value, node: Value) -> list[Value]:
        """What the rule will read: arrays, and numbers as NumPy scalars of the computing dtype."""
        n, f = self.n, self.f
        if self.count == 1:
            return list(arrays)
        if self.op.weak:
            return [arrays[0], things[1]]
        make, done, before = f.label("make"), f.label("there"), f.block
        f.branch(same(f, arrays[1], NULL), make, done)
        f.begin(make)
        scalar = fresh(n, f, views[1], code)
        self._check(scalar, node)
        source = f.load("i64", f.offset(views[1], 32))
        f.store(source, f.offset(scalar, abi.VALUE))
        after = f.block
        f.jump(done)
        f.begin(done)
        return [arrays[0], f.phi("ptr", [(arrays[1], before), (scalar, after)])]

    def _shape(self, shape: Value, views: Any, nodes: Any, node: Value) -> Value:
        """The result's shape as a tuple: that of an operand's node if it has the same."""
        n, f = self.n, self.f
        done, build = f.label("shaped"), f.label("build")
        known = []
        for v, each in zip(views, nodes):
            mine, take, skip = f.label("mine"), f.label("take"), f.label("skip")
            f.branch(same(f, v, shape), mine, skip)
            f.begin(mine)
            f.branch(differ(f, each, n.none(f)), take, skip)
            f.begin(take)
            known.append((n.inc(f, n.slot(f, each, n.places.node["shape"])), take))
            f.jump(done)
            f.begin(skip)
        f.jump(build)
        f.begin(build)
        made = shape_tuple(n, f, shape)
        self._check(made, node)
        known.append((made, f.block))
        f.jump(done)
        f.begin(done)
        return f.phi("ptr", known)

    def _leave(self, this: Value, given: Value) -> None:
        n, f = self.n, self.f
        args = f.parameters[1]
        if hasattr(self, "failed"):
            f.begin(self.failed)
            n.dec(f, self.result)
            f.ret(NULL)
        f.begin(self.error)
        f.ret(NULL)
        f.begin(self.slow)
        f.ret(n.vectorcall(f, n.object(f, self.python), self.given, self.count))
        f.begin("wrong")  # let Python word the error
        many = f.emit(f"alloca ptr, i64 {f.binary('add', given, i64(1)).text}", "ptr")
        f.store(this, many)
        with f.when(f.compare("sgt", given, i64(0))), f.loop(0, given) as each:
            item = f.load("ptr", f.offset(args, each.index, "ptr"))
            f.store(item, f.offset(f.offset(many, 8), each.index, "ptr"))
        f.ret(n.vectorcall(f, n.object(f, self.python), many, f.binary("add", given, i64(1))))


def tuple_of(n: Native, f: Function, things: list[Value]) -> Value:
    """A new tuple that has its own references."""
    name = f"tuple.{len(things)}"
    g = n.helper(name, ["ptr"] * len(things), "ptr")
    if g is not None:
        made = n.api(g, "PyTuple_New", i64(len(things)))
        bad = g.label("bad")
        require(g, differ(g, made, NULL), bad)
        for i, thing in enumerate(g.parameters):
            g.store(n.inc(g, thing), g.offset(made, n.places.layout.tuple_items + 8 * i))
        g.ret(made)
        g.begin(bad)
        g.ret(NULL)
    return f.call(name, *things, result="ptr")


def shape_tuple(n: Native, f: Function, shape: Value) -> Value:
    """The lengths of a view as a new tuple."""
    g = n.helper("shape", ("ptr",), "ptr")
    if g is not None:
        _write_shape(n, g)
    return f.call("shape", shape, result="ptr")


def _write_shape(n: Native, f: Function) -> None:
    at = f.parameters[0]
    bad, some, done = map(f.label, ("bad", "some", "done"))
    ndim = f.load("i64", f.offset(at, NDIM))
    dims = f.load("ptr", f.offset(at, 16))
    made = n.api(f, "PyTuple_New", ndim)
    require(f, differ(f, made, NULL), bad)
    f.branch(f.compare("sgt", ndim, i64(0)), some, done)
    f.begin(some)
    with f.loop(0, ndim) as each:
        length = n.api(f, "PyLong_FromSsize_t", f.load("i64", f.offset(dims, each.index, "i64")))
        f.store(length, f.offset(f.offset(made, n.places.layout.tuple_items), each.index, "ptr"))
    f.jump(done)
    f.begin(done)
    f.ret(made)
    f.begin(bad)
    f.ret(NULL)

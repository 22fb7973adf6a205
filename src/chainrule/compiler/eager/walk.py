"""The everyday backward walk, natively: engine._walk for one root, first order, no hooks, no captures.

NOTE [Pending] Nodes that have a cotangent wait in an array on the stack, oldest first; the newest is taken
next. At a node that is not everyday, or when the array is full, all that wait are handed to Python's walk.
"""

from __future__ import annotations

from typing import Any

from ...autograd import engine, faults
from ...autograd.tape import FREED
from ...ops.movement import sum_to
from ...ops.record import same as same_pull
from .. import abi
from ..builder import NULL, Function, Value, i64
from . import kernels
from .arrays import has_shape, room, view
from .leaf import write_accumulate
from .native import TYPE, Native, differ, require, same
from .record import computed

NAME = "walk"
_CAPACITY = 1024
_MOST = 8  # saved values that are passed natively


def rest(keep: bool, *waiting: Any) -> None:
    """Python's walk from here on."""
    engine.walk_on([(-node.seq, node) for node in waiting], keep)


def fitted(g: Any, shape: Any) -> Any:
    """The cotangent in the shape of its input, for arrays of any kind."""
    return g if g.shape == shape else sum_to(g, shape)


def write(n: Native, plus: kernels.Write) -> None:
    """`PyObject *walk(self, args, nargs)` for args = (node, g, keep)."""
    _Walk(n, plus).write()


class _Walk:
    def __init__(self, n: Native, plus: kernels.Write) -> None:
        self.n, self.plus = n, plus
        self.f: Function = n.module.function(NAME, ("ptr", "ptr", "i64"), "ptr", internal=False)

    def write(self) -> None:
        n, f, at = self.n, self.f, self.n.places.node
        _, args, _ = f.parameters
        self.seqs = f.emit(f"alloca [{_CAPACITY} x i64], align 16", "ptr")
        self.nodes = f.emit(f"alloca [{_CAPACITY} x ptr], align 16", "ptr")
        self.count = f.emit("alloca i64", "ptr")
        self.given = f.emit(f"alloca [{_MOST + 2} x ptr]", "ptr")
        self.many = f.emit(f"alloca [{_CAPACITY + 1} x ptr]", "ptr")
        self.next, self.error, self.bail, done = map(f.label, ("next", "error", "bail", "done"))
        f.store(i64(0), self.count)
        root, g, self.keep = (f.load("ptr", f.offset(args, i, "ptr")) for i in range(3))
        self.touched = f.offset(n.known(f, "clock"), n.places.clock["touched"])
        n.replace(f, root, at["g"], n.inc(f, g))
        self._push(root)
        f.jump(self.next)
        f.begin(self.next)
        left = f.load("i64", self.count)
        some = f.label("some")
        f.branch(f.compare("sgt", left, i64(0)), some, done)
        f.begin(some)
        node = f.load("ptr", f.offset(self.nodes, f.binary("sub", left, i64(1)), "ptr"))
        self._step(node)
        f.begin(done)
        f.ret(n.inc(f, n.none(f)))
        self._hand_over()
        self._clean_up()

    # ----- the nodes that wait

    def _push(self, node: Value) -> None:
        """Insert by sequence number; what waits has its own reference."""
        self._write_push()
        self.f.call("push", self.seqs, self.nodes, self.count, node)

    def _write_push(self) -> None:
        n = self.n
        f = n.helper("push", ("ptr", "ptr", "ptr", "ptr"), "void")
        if f is None:
            return
        seqs, nodes, count, node = f.parameters
        look, move, put, start = map(f.label, ("look", "move", "put", "start"))
        number = n.api(f, "PyLong_AsSsize_t", n.slot(f, node, n.places.node["seq"]), result="i64")
        size = f.load("i64", count)
        f.store(f.binary("add", size, i64(1)), count)
        f.jump(start)
        f.begin(start)
        f.line(f"%k = phi i64 [ {size.text}, %entry ], [ %below, %{move} ]")
        k, below = Value("%k", "i64"), Value("%below", "i64")
        f.branch(f.compare("sgt", k, i64(0)), look, put)
        f.begin(look)
        f.line("%below = sub i64 %k, 1")
        other = f.load("i64", f.offset(seqs, below, "i64"))
        f.branch(f.compare("sgt", other, number), move, put)
        f.begin(move)
        f.store(other, f.offset(seqs, k, "i64"))
        f.store(f.load("ptr", f.offset(nodes, below, "ptr")), f.offset(nodes, k, "ptr"))
        f.jump(start)
        f.begin(put)
        f.store(number, f.offset(seqs, k, "i64"))
        f.store(n.inc(f, node), f.offset(nodes, k, "ptr"))
        f.ret()

    # ----- one node

    def _step(self, node: Value) -> None:
        n, f, at, record = self.n, self.f, self.n.places.node, self.n.places.record
        none = n.none(f)
        plain, other = f.label("plain"), f.label("other")
        require(f, f.compare("slt", f.load("i64", self.count), i64(_CAPACITY - _MOST)), self.bail)
        require(f, same(f, n.slot(f, node, at["extra"]), none), self.bail)
        kind = f.load("ptr", f.offset(node, TYPE))
        f.branch(same(f, kind, n.known(f, "Node")), plain, other)
        f.begin(other)
        require(f, same(f, kind, n.known(f, "AccumulateGrad")), self.bail)
        self._leaf(node)
        f.begin(plain)
        op = n.slot(f, node, at["op"])
        require(f, same(f, f.load("ptr", f.offset(op, TYPE)), n.known(f, "Op")), self.bail)
        pulls, joint, reads = (n.slot(f, op, record[name]) for name in ("pulls", "joint", "reads"))
        require(f, differ(f, pulls, NULL), self.bail)
        true = n.known(f, "True")
        require(f, differ(f, joint, true), self.bail)
        saved = n.slot(f, node, at["saved"])  # not a tuple once it is freed: Python words the error
        for each in (saved, pulls, n.slot(f, node, at["edges"])):
            require(f, same(f, f.load("ptr", f.offset(each, TYPE)), n.known(f, "tuple")), self.bail)
        require(f, f.compare("sle", f.load("i64", f.offset(saved, abi.TUPLE_SIZE)), i64(_MOST)), self.bail)
        self._ready(node)
        g = self._take(node)
        self._arguments(g, node, saved)
        count = f.binary("add", f.load("i64", f.offset(saved, abi.TUPLE_SIZE)), i64(2))
        self._pull_all(node, g, pulls, count)
        n.dec(f, g)
        self._free(node, op, reads, true)
        n.dec(f, node)
        f.jump(self.next)

    def _take(self, node: Value) -> Value:
        """The node's cotangent, now ours, and the node off the list (its reference is ours too)."""
        n, f, at = self.n, self.f, self.n.places.node
        place = f.offset(node, at["g"])
        g = f.load("ptr", place)
        f.store(n.inc(f, n.none(f)), place)
        f.store(f.binary("sub", f.load("i64", self.count), i64(1)), self.count)
        return g

    def _ready(self, node: Value) -> None:
        """As in engine._walk: what may have changed since it was saved is looked into by Python."""
        n, f = self.n, self.f
        check, fine = f.label("check"), f.label("fine")
        now = n.api(f, "PyLong_AsSsize_t", f.load("ptr", self.touched), result="i64")
        seq = n.api(f, "PyLong_AsSsize_t", n.slot(f, node, n.places.node["seq"]), result="i64")
        f.branch(f.compare("sgt", now, seq), check, fine)
        f.begin(check)
        f.store(node, self.given)
        done = n.vectorcall(f, n.object(f, faults.check_ready), self.given, 1)
        require(f, differ(f, done, NULL), self.error)
        n.dec(f, done)
        f.jump(fine)
        f.begin(fine)

    def _arguments(self, g: Value, node: Value, saved: Value) -> None:
        n, f = self.n, self.f
        f.store(g, self.given)
        f.store(n.slot(f, node, n.places.node["y"]), f.offset(self.given, 8))
        size = f.load("i64", f.offset(saved, abi.TUPLE_SIZE))
        with f.when(f.compare("sgt", size, i64(0))), f.loop(0, size) as each:
            items = f.offset(saved, n.places.layout.tuple_items)
            f.store(
                f.load("ptr", f.offset(items, each.index, "ptr")),
                f.offset(f.offset(self.given, 16), each.index, "ptr"),
            )

    def _pull_all(self, node: Value, g: Value, pulls: Value, count: Value) -> None:
        """The cotangent of each input, sent on."""
        n, f = self.n, self.f
        edges = n.slot(f, node, n.places.node["edges"])
        sizes = [f.load("i64", f.offset(t, abi.TUPLE_SIZE)) for t in (edges, pulls)]
        fewer = f.select(f.compare("slt", *sizes), *sizes)
        none, at = n.none(f), n.places.layout.tuple_items
        self.failed, skip = f.label("failed"), f.label("skip")
        any_, after = f.label("any"), f.label("after")
        f.branch(f.compare("sgt", fewer, i64(0)), any_, after)
        f.begin(any_)
        with f.loop(0, fewer) as each:
            e = f.load("ptr", f.offset(f.offset(edges, at), each.index, "ptr"))
            pull = f.load("ptr", f.offset(f.offset(pulls, at), each.index, "ptr"))
            require(f, differ(f, e, none), skip)
            require(f, differ(f, pull, none), skip)
            self._send(e, self._pull(g, pull, count))
            f.jump(skip)
            f.begin(skip)
        f.jump(after)
        leave = self.failed
        f.begin(leave)
        n.dec(f, g)
        n.dec(f, node)
        f.jump(self.error)
        f.begin(after)

    def _pull(self, g: Value, pull: Value, count: Value) -> Value:
        """A new reference to g·∂y/∂x."""
        n, f = self.n, self.f
        plain, call, done = f.label("pass"), f.label("call"), f.label("pulled")
        f.branch(same(f, pull, n.object(f, same_pull)), plain, call)
        f.begin(plain)
        n.inc(f, g)
        f.jump(done)
        f.begin(call)
        found = n.vectorcall(f, pull, self.given, count)
        require(f, differ(f, found, NULL), self.failed)
        called = f.block
        f.jump(done)
        f.begin(done)
        return f.phi("ptr", [(g, plain), (found, called)])

    def _send(self, e: Value, gi: Value) -> None:
        """Add an owned cotangent to what has arrived at `e`."""
        self._write_send()
        f = self.f
        status = f.call("send", self.seqs, self.nodes, self.count, e, gi, result="i64")
        require(f, same(f, status, i64(0)), self.failed)

    def _write_send(self) -> None:
        """`i64 send(…, e, gi)`: 0, or -1 on error; takes over the reference to gi."""
        n = self.n
        f = n.helper("send", ("ptr",) * 5, "i64")
        if f is None:
            return
        self._write_plus()
        seqs, nodes, count, e, gi = f.parameters
        pair = f.emit("alloca [2 x ptr]", "ptr")
        fits, misfit, there, first, more, bad = map(
            f.label, ("fits", "misfit", "there", "first", "more", "bad")
        )
        shape = n.slot(f, e, n.places.node["shape"])
        f.branch(has_shape(n, f, gi, shape), fits, misfit)
        f.begin(misfit)
        f.store(gi, pair)
        f.store(shape, f.offset(pair, 8))
        summed = n.vectorcall(f, n.object(f, fitted), pair, 2)
        n.dec(f, gi)
        require(f, differ(f, summed, NULL), bad)
        misfit = f.block
        f.jump(there)
        f.begin(fits)
        f.jump(there)
        f.begin(there)
        new = f.phi("ptr", [(gi, fits), (summed, misfit)])
        place = f.offset(e, n.places.node["g"])
        old = f.load("ptr", place)
        f.branch(same(f, old, n.none(f)), first, more)
        f.begin(first)
        n.dec(f, old)
        f.store(new, place)
        f.call("push", seqs, nodes, count, e)
        f.ret(i64(0))
        f.begin(more)
        f.store(old, pair)
        f.store(new, f.offset(pair, 8))
        total = f.call("plus", old, new, result="ptr")
        n.dec(f, new)
        require(f, differ(f, total, NULL), bad)
        f.store(total, place)
        n.dec(f, old)
        f.ret(i64(0))
        f.begin(bad)
        f.ret(i64(-1))

    def _write_plus(self) -> None:
        """A new array: the sum of two, by NumPy where the loop does not fit."""
        n = self.n
        f = n.module.function("plus", ("ptr", "ptr"), "ptr")
        slow = f.label("slow")
        views = [room(f), room(f)]
        codes = [view(n, f, p, v) for p, v in zip(f.parameters, views)]
        f.ret(computed(n, f, "plus", self.plus, 2, [0, 1], views, codes, slow)[0])
        f.begin(slow)
        f.ret(n.api(f, "PyNumber_Add", *f.parameters))

    def _free(self, node: Value, op: Value, reads: Value, true: Value) -> None:
        """Forget what was saved, unless it is to be kept: as in engine._walk."""
        n, f, at = self.n, self.f, self.n.places.node
        free, after, some = f.label("free"), f.label("kept"), f.label("reads")
        f.branch(same(f, self.keep, true), after, some)
        f.begin(some)
        any_ = n.api(f, "PyObject_IsTrue", reads, result="i32")
        y = same(f, n.slot(f, op, n.places.record["reads_y"]), true)
        f.branch(f.binary("or", differ(f, any_, Value("0", "i32")), y), free, after)
        f.begin(free)
        freed = n.object(f, FREED)
        for name, value in (("args", freed), ("saved", freed), ("y", n.none(f))):
            n.replace(f, node, at[name], n.inc(f, value))
        f.jump(after)
        f.begin(after)

    # ----- leaves

    def _leaf(self, node: Value) -> None:
        """Add to the leaf's .grad in place, or make it of a fresh array; all else is engine.accumulate's."""
        n, f, leaf = self.n, self.f, self.n.places.leaf
        g = self._take(node)
        status = self._accumulated(node, g, leaf)
        n.dec(f, g)
        n.dec(f, node)
        f.branch(same(f, status, i64(0)), self.next, self.error)

    def _accumulated(self, node: Value, g: Value, leaf: dict[str, int]) -> Value:
        n = self.n
        f = n.helper("accumulate", ("ptr", "ptr"), "i64")
        if f is not None:
            write_accumulate(n, f, self.plus)
        return self.f.call("accumulate", node, g, result="i64")

    # ----- ways out

    def _hand_over(self) -> None:
        """Python's walk takes all that waits, with references of its own."""
        n, f = self.n, self.f
        f.begin(self.bail)
        f.store(self.keep, self.many)
        size = f.load("i64", self.count)
        with f.loop(0, size) as each:
            waiting = f.load("ptr", f.offset(self.nodes, each.index, "ptr"))
            f.store(waiting, f.offset(f.offset(self.many, 8), each.index, "ptr"))
        result = n.vectorcall(f, n.object(f, rest), self.many, f.binary("add", size, i64(1)))
        with f.loop(0, size) as each:
            n.dec(f, f.load("ptr", f.offset(self.nodes, each.index, "ptr")))
        f.ret(result)

    def _clean_up(self) -> None:
        """After an error: what waits forgets its cotangent."""
        n, f = self.n, self.f
        f.begin(self.error)
        size = f.load("i64", self.count)
        with f.when(f.compare("sgt", size, i64(0))), f.loop(0, size) as each:
            waiting = f.load("ptr", f.offset(self.nodes, each.index, "ptr"))
            n.replace(f, waiting, n.places.node["g"], n.inc(f, n.none(f)))
            n.dec(f, waiting)
        f.ret(NULL)

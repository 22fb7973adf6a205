"""Entry points of compiled steps: what they check, what they pass on and return; natively and in Python."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import threading
import time
import weakref
from itertools import count
from pathlib import Path
from types import CellType

import numpy as np
import pytest
from tests.compiler.leaks import left_by

import chainrule as cr
from chainrule.autograd.tape import clock
from chainrule.compiler import abi, engine, entry, entry_native
from chainrule.compiler.builder import Module, Value, i64, number
from chainrule.compiler.entry import (
    ABSENT,
    Captured,
    EntryPlan,
    Expected,
    Given,
    Number,
    ObjectArgument,
    Result,
    TensorArgument,
    make_entry,
)
from chainrule.compiler.target import NAMES, host, named

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
BOTH = [pytest.param(True, id="native"), pytest.param(False, id="python")]
X, Y, OUT, P, LR, SECOND, UNUSED, SIZE = range(4, 12)
N = 4


@pytest.fixture(params=BOTH)
def native(request):
    return request.param


def write_step(module: Module, name: str) -> None:
    """out = x + lr·p and p += 1 over N floats; a negative x[0] is error 7 with x[0] as the detail."""
    f = module.function(name, ("ptr", "i64"), "i64", internal=False)
    table = f.parameters[0]
    x, out, p, lr, second = (f.load("ptr", f.offset(table, 8 * k)) for k in (X, OUT, P, LR, SECOND))
    rate = f.cast("fptrunc", f.load("double", lr), "float")
    with f.loop(0, N) as each:
        here = [f.offset(a, each.index, "float") for a in (x, out, p)]
        values = [f.load("float", a) for a in (here[0], here[2])]
        f.store(f.fma(rate, values[1], values[0]), here[1])
        f.store(f.binary("fadd", values[1], number(1.0, "float")), here[2])
    with f.when(f.compare("ne", second, Value("null", "ptr"))):
        f.store(number(5.0, "float"), second)
    first = f.load("float", x)
    f.store(f.cast("fptosi", first, "i64"), table)
    bad = f.compare("olt", first, number(0.0, "float"))
    f.ret(f.select(bad, i64(7), i64(0)))


def write_wait(module: Module, name: str) -> None:
    """Waits at the barrier on the address in table[X] until that word is 1, having set the next one to 1."""
    f = module.function(name, ("ptr", "i64"), "i64", internal=False)
    word = f.load("ptr", f.offset(f.parameters[0], 8 * X))
    f.line(f"store atomic i64 1, ptr {f.offset(word, 8).text} release, align 8")
    head, done = f.label("head"), f.label("done")
    f.jump(head)
    f.begin(head)
    seen = f.emit(f"load atomic i64, ptr {word.text} acquire, align 8", "i64")
    f.branch(f.compare("ne", seen, i64(0)), done, head)
    f.begin(done)
    f.ret(i64(0))


@pytest.fixture(scope="module")
def library():
    module = Module(host())
    write_step(module, "step")
    write_wait(module, "wait")
    return engine.load(str(module), ("step", "wait"), verify=True)


class Slow(Exception):
    """Raised by the slow path, so that no test can take it for the fast one."""


class Step:
    """A plan over one parameter p, one hyper-parameter lr and the arguments x and y; and its entry point."""

    def __init__(self, library, native, **changes):
        self.native = native
        self.p = cr.nn.Parameter(cr.tensor([1.0, 2.0, 3.0, 4.0]))
        self.x, self.y = cr.tensor([10.0, 20.0, 30.0, 40.0]), cr.zeros(2, 3)
        self.group = {"lr": 0.5, "betas": (0.9, 0.5), "fused": None}
        self.lr = ctypes.c_double(0.0)
        self.out = np.zeros(N, np.float32)
        self.table = np.zeros(SIZE, np.int64)
        self.table[OUT] = self.out.ctypes.data
        self.table[P] = self.p._a.ctypes.data
        self.table[LR] = ctypes.addressof(self.lr)
        self.seen = []
        self.plan = EntryPlan(
            table=self.table, step=library.address("step"), slow=self.slow, failed=self.failed,
            arguments=(self.argument(self.x, X), self.argument(self.y, Y)), captured=[Captured.now(self.p)],
            numbers=[Number(self.group, "lr", ctypes.addressof(self.lr))], written=[self.p], keep=library,
        )  # fmt: skip
        self.again(**changes)

    @staticmethod
    def argument(t, slot, **changes):
        fields = {"requires_grad": t._node is not None, "types": (cr.Tensor, cr.nn.Parameter)} | changes
        return TensorArgument(slot, t._a.dtype, t._a.shape, t._a.strides, **fields)

    def slow(self, *args, **kwargs):
        self.seen.append((args, kwargs))
        raise Slow

    @staticmethod
    def failed(status, detail):
        raise ArithmeticError(status, detail)

    def again(self, **changes):
        """The same with another plan."""
        fields = {name: getattr(self.plan, name) for name in EntryPlan.__dataclass_fields__}
        self.plan = EntryPlan(**fields | changes)
        self.call = make_entry(self.plan, native=self.native)
        return self


@pytest.fixture
def step(library, native):
    return Step(library, native)


def runs(step, *args):
    """The fast path is taken for these arguments: p grows by one."""
    before = step.p._a.copy()
    step.call(*args)
    np.testing.assert_array_equal(step.p._a, before + 1)


def refused(step, *args, **kwargs):
    """The slow path is taken, with the same arguments, and nothing was written."""
    before = step.p._a.copy()
    with pytest.raises(Slow):
        step.call(*args, **kwargs)
    assert step.seen.pop() == (args, kwargs)
    np.testing.assert_array_equal(step.p._a, before)


# ----- the interpreter


def test_the_layout_of_this_interpreter_is_known():
    assert abi.layout() is not None


def test_make_entry_is_native_here(library):
    step = Step(library, None)
    assert type(step.call) is type(len)


@pytest.mark.parametrize("name", NAMES)
def test_code_compiles_for_every_processor(library, monkeypatch, name):
    monkeypatch.setattr(entry_native, "host", lambda: named(name))
    step = Step(library, False)
    plan = step.again(
        release=True, threads=2, result=[Result(OUT, F32, (N,))], numbers=step.plan.numbers * 2
    ).plan
    assert engine.object_code(entry_native._Entry(plan).write(1), named(name), verify=True)


def test_the_text_holds_no_addresses(library):
    one, two = (
        entry_native._Entry(Step(library, False, result=Result(OUT, F32, (N,))).plan) for _ in range(2)
    )
    assert one.write(8) == two.write(16)
    assert one.roots.values != two.roots.values


# ----- arguments


def test_it_computes(step):
    assert step.call(step.x, step.y) is None
    np.testing.assert_array_equal(step.out, [10.5, 21, 31.5, 42])
    np.testing.assert_array_equal(step.p._a, [2, 3, 4, 5])


def test_parameters_are_accepted_and_other_tensors_are_not(step):
    class Own(cr.Tensor):
        pass

    runs(step, cr.nn.Parameter(step.x, requires_grad=False), step.y)
    refused(step, Own._wrap(step.x._a), step.y)


@pytest.mark.parametrize(
    "other",
    [
        lambda x: cr.tensor(x._a.astype(np.float64)),
        lambda x: cr.Tensor._wrap(x._a.view(np.int32)),
        lambda x: cr.tensor([1.0, 2.0, 3.0]),
        lambda x: cr.tensor([[1.0, 2.0, 3.0, 4.0]]),
        lambda x: cr.tensor(1.0),
        lambda x: cr.Tensor._wrap(np.zeros(8, np.float32)[::2]),
        lambda x: cr.Tensor._wrap(np.zeros(17, np.uint8)[1:].view(np.float32)),
        lambda x: cr.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True),
        lambda x: x.numpy(),
        lambda x: None,
        lambda x: 1.0,
    ],
    ids=[
        "dtype",
        "bits",
        "shape",
        "ndim",
        "scalar",
        "strides",
        "alignment",
        "grad",
        "array",
        "None",
        "float",
    ],
)
def test_other_arguments_go_the_slow_way(step, other):
    refused(step, other(step.x), step.y)
    runs(step, step.x, step.y)


def test_a_byte_swapped_array_goes_the_slow_way(step):
    refused(step, cr.Tensor._wrap(step.x._a.astype(">f4")), step.y)


def test_other_kinds_of_arrays_go_the_slow_way(step):
    class Own(np.ndarray):
        pass

    refused(step, cr.Tensor._wrap(step.x._a.view(Own)), step.y)
    step.again(arguments=(step.argument(step.x, X), step.argument(cr.tensor(1.0), Y)))
    refused(step, step.x, cr.Tensor._wrap(np.ones((), np.float32).view(Own)))


def test_strides_of_single_rows_do_not_matter(step):
    step.again(arguments=(step.argument(step.x, X), step.argument(cr.zeros(1, 3), Y)))
    one_row = cr.Tensor._wrap(np.zeros((4, 6), np.float32)[1:2, :3])
    assert one_row._a.strides != cr.zeros(1, 3)._a.strides
    runs(step, step.x, one_row)


def test_number_of_arguments_and_keywords(step):
    refused(step, step.x)
    refused(step, step.x, step.y, step.y)
    refused(step)
    refused(step, step.x, y=step.y)
    refused(step, step.x, step.y, z=1)


def test_an_argument_that_requires_grad(step):
    wanted = cr.ones(N, requires_grad=True)
    step.again(arguments=(step.argument(wanted, X), step.argument(step.y, Y)))
    runs(step, wanted, step.y)
    refused(step, step.x, step.y)


def test_a_zero_dim_argument_is_an_array_or_a_number_of_numpys(step):
    scalar = cr.ones(3).sum()
    assert type(scalar._a) is np.float32
    step.again(arguments=(step.argument(step.x, X), step.argument(scalar, Y)))
    runs(step, step.x, scalar)
    if step.native:
        assert ctypes.c_float.from_address(int(step.table[Y])).value == 3
    runs(step, step.x, cr.tensor(2.0))
    assert ctypes.c_float.from_address(int(step.table[Y])).value == 2 or not step.native
    refused(step, step.x, cr.tensor(2.0, dtype=cr.float64).sum())


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "mean", 10**30, -0.0], ids=repr)
def test_object_arguments(step, value):
    step.again(arguments=(step.argument(step.x, X), ObjectArgument(value)))
    same = {float: lambda v: float(repr(v)), int: lambda v: int(str(v)), str: lambda v: (v + "!")[:-1]}
    runs(step, step.x, same.get(type(value), lambda v: v)(value))
    for other in (None, False, True, 3, 3.0, 4, 0.5, 0.25, 0.0, -0.0, "mean", "sum", 10**30, step.y):
        if repr(other) != repr(value):
            refused(step, step.x, other)


def test_the_same_tensor_twice(step):
    pair = (step.argument(step.x, X), step.argument(step.x, Y, same_as=0))
    step.again(arguments=pair)
    runs(step, step.x, step.x)
    assert step.table[X] == step.table[Y]
    refused(step, step.x, step.x.clone())


def test_one_tensor_for_two_goes_the_slow_way_where_it_matters(step):
    x = cr.ones(N)
    step.again(arguments=(step.argument(x, X), step.argument(x, Y)))
    runs(step, x, x)
    step.again(arguments=(step.argument(x, X), step.argument(x, Y, written=True)))
    refused(step, x, x)
    runs(step, x, x.clone())
    w = cr.ones(N, requires_grad=True)
    step.again(arguments=(step.argument(w, X), step.argument(w, Y)))
    refused(step, w, w)
    runs(step, w, cr.ones(N, requires_grad=True))


# ----- overlaps


def test_an_argument_in_the_state_goes_the_slow_way(step):
    refused(step, cr.Tensor._wrap(step.p._a), step.y)
    whole = np.zeros(12, np.float32)
    step.p._a = whole[4:8]
    step.table[P] = step.p._a.ctypes.data
    step.again(captured=[Captured.now(step.p)])
    for k in range(9):
        x = cr.Tensor._wrap(whole[k : k + 4])
        (runs if k in (0, 8) else refused)(step, x, step.y)
    backwards = cr.Tensor._wrap(whole[3::-1])
    step.again(arguments=(step.argument(backwards, X), step.argument(step.y, Y)))
    runs(step, backwards, step.y)
    refused(step, cr.Tensor._wrap(whole[4:0:-1]), step.y)


def test_ranges_count_as_state(step):
    start, stop = entry.bounds(step.x._a)
    step.again(ranges=[(stop - 1, stop)])
    refused(step, step.x, step.y)
    runs(step, step.x.clone(), step.y)


def test_a_written_argument_may_not_overlap_another(step):
    whole = np.zeros(12, np.float32)
    parts = [cr.Tensor._wrap(whole[k : k + 4]) for k in range(9)]
    step.again(arguments=(step.argument(parts[0], X), step.argument(parts[0], Y, written=True)))
    for k, part in enumerate(parts):
        (runs if k in (0, 8) else refused)(step, parts[4], part)


def test_a_written_argument_must_be_writable(step):
    step.again(arguments=(step.argument(step.x, X), step.argument(step.y, Y, written=True)))
    y = cr.zeros(2, 3)
    y._a.flags.writeable = False
    refused(step, step.x, y)


def test_ranges_are_merged(step):
    step.again(written=[], ranges=[(30, 40), (0, 10), (10, 20), (5, 8), (7, 7)])
    assert step.plan.occupied() == [(0, 20), (30, 40)]


# ----- what is captured


def test_a_replaced_parameter_goes_the_slow_way(step):
    array = step.p._a
    step.p._a = array.copy()
    refused(step, step.x, step.y)
    step.p._a = array
    runs(step, step.x, step.y)


def test_a_frozen_parameter_goes_the_slow_way(step):
    step.p.requires_grad = False
    refused(step, step.x, step.y)


def test_each_of_many_captured_tensors_is_checked(step):
    others = [cr.ones(2) for _ in range(20)]
    step.again(captured=[*map(Captured.now, others), Captured.now(step.p)])
    runs(step, step.x, step.y)
    for t in others:
        array, t._a = t._a, t._a.copy()
        refused(step, step.x, step.y)
        t._a = array
    runs(step, step.x, step.y)


def test_the_epoch(step):
    epoch = ctypes.c_int64(5)
    step.again(epoch=(ctypes.addressof(epoch), 5))
    runs(step, step.x, step.y)
    epoch.value += 1
    refused(step, step.x, step.y)


def test_inside_a_trace_it_goes_the_slow_way(step, monkeypatch):
    monkeypatch.setattr(clock, "tracer", object())
    refused(step, step.x, step.y)


@pytest.mark.parametrize("value", [0.25, 1, -1, -1.0, 0, 1e300, 2**60], ids=repr)
def test_a_changed_number_is_seen(step, value):
    step.group["lr"] = value
    step.call(step.x, step.y)
    assert step.lr.value == value
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(step.out[0], np.float32(10 + np.float32(value)))


@pytest.mark.parametrize("value", [True, "0.5", None, 10**400, np.float64(0.5), np.float32(0.5)], ids=repr)
def test_a_number_of_another_type_goes_the_slow_way(step, value):
    step.group["lr"] = value
    refused(step, step.x, step.y)


def test_a_missing_number_goes_the_slow_way(step):
    del step.group["lr"]
    refused(step, step.x, step.y)


@pytest.mark.parametrize("mode", ["nonzero", "zero"])
def test_whether_a_number_is_zero(step, mode):
    step.again(numbers=[Number(step.group, "lr", ctypes.addressof(step.lr), mode)])
    for value in (0.5, 1, float("nan"), 0.0, -0.0, 0):
        step.group["lr"] = value
        (runs if (value != 0) is (mode == "nonzero") else refused)(step, step.x, step.y)


def test_a_number_in_a_tuple(step):
    step.again(numbers=[Number(step.group, "betas", ctypes.addressof(step.lr), index=1)])
    runs(step, step.x, step.y)
    assert step.lr.value == 0.5
    step.group["betas"] = (0.8, 7)
    runs(step, step.x, step.y)
    assert step.lr.value == 7
    for other in ((0.8,), (), [0.8, 0.9], 0.8, (0.8, True), None):
        step.group["betas"] = other
        refused(step, step.x, step.y)
    del step.group["betas"]
    refused(step, step.x, step.y)


@pytest.mark.parametrize(
    "value",
    [None, True, 2, 2.5, "sum", 10**30, pytest.param(object(), id="object")],  # str() names its address
)
def test_expected_objects(step, value):
    cell = CellType(value)
    step.group["flag"] = value
    step.again(objects=[Expected(step.group, "flag", value), Expected(cell, None, value)])
    runs(step, step.x, step.y)
    for other in (False, 3, 2.25, "mean", 10**31, object()):
        step.group["flag"] = other
        refused(step, step.x, step.y)
        step.group["flag"], cell.cell_contents = value, other
        refused(step, step.x, step.y)
        cell.cell_contents = value
    runs(step, step.x, step.y)
    del step.group["flag"]
    refused(step, step.x, step.y)
    step.group["flag"] = value
    del cell.cell_contents
    refused(step, step.x, step.y)


def test_an_expected_absence(step):
    cell = CellType()
    step.again(objects=[Expected(step.group, "new", ABSENT), Expected(cell, None, ABSENT)])
    runs(step, step.x, step.y)
    step.group["new"] = None
    refused(step, step.x, step.y)
    del step.group["new"]
    cell.cell_contents = 1
    refused(step, step.x, step.y)


# ----- results


def test_a_tensor_comes_back(step):
    step.again(result=Result(OUT, F32, (2, 2)))
    y = step.call(step.x, step.y)
    assert type(y) is cr.Tensor and y.is_leaf and not y.requires_grad and y.dtype is cr.float32
    assert y._a.flags.c_contiguous and y._a.flags.owndata and y._a.flags.writeable
    assert y.tolist() == [[10.5, 21], [31.5, 42]]
    assert step.call(step.x, step.y) is not y and y.tolist() == [[10.5, 21], [31.5, 42]]
    w = cr.ones(2, requires_grad=True)
    (y @ w).sum().backward()
    assert w.grad.tolist() == [42, 63]
    y.requires_grad_()
    y.note = 1
    assert weakref.ref(y)() is y and y.note == 1 and "_a" not in y.__dict__


def test_a_number_comes_back(step):
    step.again(result=(Result(OUT, F32, (N,)), Result(SECOND, F32, ())))
    _, loss = step.call(step.x, step.y)
    assert type(loss._a) is np.float32 and loss.item() == 5 and repr(loss) == "tensor(5.)"
    assert (loss * 2).item() == 10
    loss += 1
    assert loss.item() == 6


def test_nested_results(step):
    y, z, mark = Result(OUT, F32, (N,)), Result(SECOND, F32, ()), object()
    template = {"y": y, "rest": [(z, y), None, Given(1), {}, (), mark], 3: "text"}
    step.again(result=template)
    got = step.call(step.x, step.y)
    assert list(got) == ["y", "rest", 3] and got[3] == "text"
    (inner, none, given, empty, unit, same) = got["rest"]
    assert type(got["rest"]) is list and type(inner) is tuple and inner[1] is got["y"]
    assert (none, empty, unit) == (None, {}, ()) and given is step.y and same is mark
    assert inner[0].item() == 5 and got["y"].tolist() == [10.5, 21, 31.5, 42]
    assert step.call(step.x, step.y)["rest"] is not got["rest"] and template["y"] is y


@pytest.mark.parametrize(
    "dtype", [np.float64, np.int64, np.bool_, np.complex64, np.uint8], ids=lambda t: t.__name__
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 5)], ids=str)
def test_results_of_every_kind(step, dtype, shape):
    fresh = Result(UNUSED, np.dtype(dtype), shape)
    step.again(result=[Result(OUT, F32, (N,)), fresh])
    room = step.call(step.x, step.y)[1]._a
    assert room.dtype == dtype and room.shape == shape


# ----- errors


def test_an_error_number_is_raised_with_its_detail(step):
    step.x._a[0] = -12.0
    with pytest.raises(ArithmeticError) as caught:
        step.call(step.x, step.y)
    assert caught.value.args == (7, -12)
    step.again(result=(Result(OUT, F32, (N,)), []))
    with pytest.raises(ArithmeticError):
        step.call(step.x, step.y)
    step.again(failed=lambda status, detail: (status, detail))
    assert step.call(step.x, step.y) == (7, -12)


def test_the_slow_paths_result_is_returned(step):
    step.again(slow=lambda *args, **kwargs: (args, kwargs))
    assert step.call(1, a=2) == ((1,), {"a": 2})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"table": np.zeros(SIZE, np.int32)}, "row of int64"),
        ({"result": Result(3, F32, ())}, "outside the table"),
        ({"result": Result(SIZE, F32, ())}, "outside the table"),
        ({"result": [Given(2)]}, "no argument"),
        ({"step": 0}, "no address"),
        ({"captured": []}, "among the captured"),
        ({"objects": [Expected({}, None, 1)]}, "in a cell"),
        ({"objects": [Expected({}, 1, 1)]}, "by a str"),  # type: ignore[arg-type]
        ({"numbers": [Number({}, "a", 0)]}, "by a str"),
        ({"arguments": (TensorArgument(X, F32, (N,), ()),)}, "differ in length"),
        ({"arguments": (TensorArgument(X, F32, (N,), (4,), types=(int,)),)}, "no tensor"),
        ({"arguments": (TensorArgument(X, F32, (N,), (4,), same_as=0),)}, "same_as"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_plans_that_do_not_hold_together(step, changes, words):
    with pytest.raises(ValueError, match=words):
        step.again(**changes)


def test_only_leaves_can_be_written(step):
    w = cr.ones(2, requires_grad=True)
    for t in (w.exp(), w.exp()[:1], w.exp().detach()):
        with pytest.raises(ValueError, match="must be a leaf"):
            step.again(captured=[Captured.now(t)], written=[t])
    fixed = cr.ones(2)
    fixed._a.flags.writeable = False
    with pytest.raises(ValueError, match="writable memory"):
        step.again(captured=[Captured.now(fixed)], written=[fixed])


# ----- references


def counts(*things):
    return [sys.getrefcount(x) for x in things]


def test_references_stay_exact(step):
    y, z = Result(OUT, F32, (N,)), Result(SECOND, F32, ())
    kept = object()
    step.again(result={"a": [y, (z, y)], "b": kept, "c": Given(0)})
    step.slow = lambda *args: None
    step.again(slow=step.slow)
    watched = (
        step.x,
        step.y,
        step.p,
        step.p._a,
        step.x._a,
        kept,
        step.plan,
        step.slow,
        step.group["lr"],
        F32,
    )
    step.call(step.x, step.y), step.call(1)
    gc.collect()
    before = counts(*watched)
    calls = 20_000 if step.native else 400
    assert not left_by(lambda: step.call(step.x, step.y), calls)
    assert not left_by(lambda: step.call(step.y, step.x), calls)
    after = counts(*watched)
    assert after == before


def test_references_to_none_and_types_stay_exact(step):
    step.again(result=Result(OUT, F32, (N,)))
    step.call(step.x, step.y)
    before = counts(None, cr.Tensor, np.float32, np.ndarray)
    for _ in range(10_000):
        step.call(step.x, step.y)
    after = counts(None, cr.Tensor, np.float32, np.ndarray)
    assert all(abs(a - b) < 100 for a, b in zip(after, before))


def test_nothing_is_left_behind_between_eager_operations(step):
    """Each run then notes a new time on the clock, and on the written argument."""
    step.again(arguments=(step.argument(step.x, X), step.argument(step.y, Y, written=True)))
    assert not left_by(lambda: (recorded(step), step.call(step.x, step.y)), 400)


def test_one_block_a_call_is_a_leak():
    """It is seen whatever else happens; thousands that come once are none."""
    kept, left = [], [object() for _ in range(5_000)]

    def once(calls):
        at = next(calls)
        if at == 500:
            kept.extend(object() for _ in range(5_000))
        elif at == 900:
            left.clear()

    calls, more = count(), count()
    assert not left_by(lambda: once(calls), 400)
    assert left_by(lambda: (once(more), kept.append(object())), 400).blocks >= 1


def test_references_after_errors_stay_exact(step):
    step.x._a[0] = -1.0
    step.again(failed=lambda *args: None, result=[Result(OUT, F32, (N,))])
    step.call(step.x, step.y)
    gc.collect()
    before = counts(step.x, step.y, step.p)
    assert not left_by(lambda: step.call(step.x, step.y), 400)
    after = counts(step.x, step.y, step.p)
    assert after == before


def test_everything_goes_with_the_entry(step):
    gone = weakref.ref(step.p)
    result = weakref.ref(step.plan)
    step.call(step.x, step.y)
    step.call = None
    step.plan = step.p = None
    gc.collect()
    assert result() is None and gone() is None


def test_memory_of_a_dropped_entry_is_not_used(library):
    for _ in range(50):
        step = Step(library, True, result=Result(OUT, F32, (N,)))
        call, x, y = step.call, step.x, step.y
        del step
        gc.collect()
        assert call(x, y).tolist() == [10.5, 21, 31.5, 42]


# ----- what autograd must know


def recorded(step):
    """A value that backward needs: p as it is now."""
    return (step.p * step.p).sum()


def test_backward_through_a_changed_parameter_is_refused(step):
    loss = recorded(step)
    step.call(step.x, step.y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_line_is_named(step):
    step.again(where=(test_the_line_is_named.__code__, 0))
    loss = recorded(step)
    step.call(step.x, step.y)
    with pytest.raises(RuntimeError, match=r"changed at .*test_entry.py:\d+: def test_the_line_is_named"):
        loss.backward()


def test_what_is_recorded_after_a_run_is_not_refused(step):
    for _ in range(3):
        step.call(step.x, step.y)
        step.p.grad = None
        recorded(step).backward()
        np.testing.assert_array_equal(step.p.grad._a, 2 * step.p._a)


@pytest.mark.parametrize("between", [0, 1, 5])
def test_steps_of_two_plans_in_turn(library, native, between):
    one, two = Step(library, native), Step(library, native)
    for _ in range(between):
        one.call(one.x, one.y), two.call(two.x, two.y)
    loss = recorded(one) + recorded(two)
    two.call(two.x, two.y)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()
    loss = recorded(one)
    two.call(two.x, two.y)
    loss.backward()
    loss = recorded(one)
    two.call(two.x, two.y), one.call(one.x, one.y), two.call(two.x, two.y)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()


def test_a_change_in_place_after_a_run_is_still_seen(step):
    step.call(step.x, step.y)
    loss = recorded(step)
    with cr.no_grad():
        step.p += 1
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()


def test_a_view_of_a_written_tensor_is_changed_too(step):
    part = step.p.detach()[:2]
    w = cr.ones(2, requires_grad=True)
    loss = (w * part).sum()
    step.call(step.x, step.y)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()


def test_the_version_grows(step):
    seen = [step.p._version]
    for _ in range(3):
        step.call(step.x, step.y)
        seen.append(step.p._version)
    assert seen == sorted(set(seen))


def test_a_change_is_not_forgotten_with_the_entry(step):
    loss, held = recorded(step), step.p
    step.call(step.x, step.y)
    version = held._version
    step.call = step.plan = None
    gc.collect()
    assert held._cells == () and held._version == version
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()


def test_cells_do_not_pile_up(step):
    for _ in range(5):
        step.again()
        step.call(step.x, step.y)
    gc.collect()
    assert len(step.p._cells) == 1


def test_written_arguments_are_touched(step):
    step.again(arguments=(step.argument(step.x, X), step.argument(step.y, Y, written=True)))
    w = cr.ones(2, 3, requires_grad=True)
    loss = (w * step.y).sum()
    step.call(step.x, step.y)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()
    (w * step.x[0]).sum().backward()


def test_a_step_that_writes_nothing_draws_no_time(step):
    step.again(written=[])
    before = clock.touched
    step.call(step.x, step.y)
    assert clock.touched == before and step.p._version == 0


def test_saved_files_hold_no_cells(step, tmp_path):
    step.call(step.x, step.y)
    cr.save(step.p, tmp_path / "p.pt")
    assert cr.load(tmp_path / "p.pt").tolist() == step.p.tolist()


# ----- other threads and processes


def waiting(library, native, **changes):
    words = np.zeros(2, np.int64)
    table = np.zeros(SIZE, np.int64)
    table[X] = words.ctypes.data
    plan = EntryPlan(
        table, library.address("wait"), slow=print, failed=print, release=True, keep=(library, words)
    )
    return words, make_entry(plan, native=native)


def test_other_threads_run_during_a_step(library, native):
    words, call = waiting(library, native)
    worker = threading.Thread(target=call, daemon=True)
    worker.start()
    while not words[1]:
        time.sleep(1e-3)
    words[0] = 1  # only another thread can end the step
    worker.join(10)
    assert not worker.is_alive()


def test_arguments_stay_alive_during_a_step(library, native):
    words, _ = waiting(library, native)
    x = cr.Tensor._wrap(np.zeros(64, np.int64))
    described = TensorArgument(UNUSED, np.dtype(np.int64), (64,), (8,))
    table = np.zeros(SIZE, np.int64)
    table[X] = words.ctypes.data
    call = make_entry(
        EntryPlan(table, library.address("wait"), print, print, [described], release=True), native=native
    )
    worker = threading.Thread(target=call, args=(x,), daemon=True)
    worker.start()
    while not words[1]:
        time.sleep(1e-3)
    used = weakref.ref(x._a)
    x._a = np.zeros(1)
    held = used() is not None
    words[0] = 1
    worker.join(10)
    assert held and used() is None


def test_one_python_thread_at_a_time_is_in_a_step(library, native):
    words, call = waiting(library, native)
    inside = [threading.Thread(target=call, daemon=True) for _ in range(2)]
    inside[0].start()
    while not words[1]:
        time.sleep(1e-3)
    words[1] = 0
    inside[1].start()
    time.sleep(0.05)
    assert not words[1]
    words[0] = 1
    for worker in inside:
        worker.join(10)
        assert not worker.is_alive()
    assert words[1]


CHILD = """
import os, sys, threading, time
sys.path[:0] = [{folder!r}, {root!r}]
import test_entry as t
from chainrule.compiler import engine
module = t.Module(t.host())
t.write_step(module, "step"); t.write_wait(module, "wait")
library = engine.load(str(module), ("step", "wait"))
words, call = t.waiting(library, {native})
threading.Thread(target=call, daemon=True).start()
while not words[1]: time.sleep(1e-3)
words[1] = 0
pid = os.fork()
if not pid:
    words[0] = 1
    call()
    os._exit(0 if words[1] else 1)
done, status = os.waitpid(pid, 0)
words[0] = 1
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this system")
def test_a_step_that_runs_while_the_process_forks_does_not_block_the_child(native):
    folder = Path(__file__).parent
    text = CHILD.format(folder=str(folder), root=str(folder.parents[1]), native=native)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr

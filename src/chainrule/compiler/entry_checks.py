"""The checks of an entry point, as code: every one that fails leads to the slow path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.tape import clock
from . import abi
from .abi import ARRAY_DATA, ARRAY_DTYPE, ARRAY_FLAGS, ARRAY_NDIM, ARRAY_SHAPE, ARRAY_STRIDES, TYPE, VALUE
from .builder import NULL, Value, i64
from .entry import ABSENT, Expected, FloatArgument, Number, ObjectArgument, TensorArgument
from .entry_helpers import MODES, named, read_number, same_value

if TYPE_CHECKING:
    from .entry_native import _Entry


class Checks:
    """Writes them into the entry point's function, and the arguments' data pointers into the table."""

    def __init__(self, entry: _Entry, slow: str) -> None:
        self.entry, self.plan, self.f, self.roots, self.slow = entry, entry.plan, entry.f, entry.roots, slow
        layout = abi.layout()
        if layout is None:
            raise RuntimeError("native entry points are not possible on this interpreter")
        self.layout = layout
        self.data: dict[int, Value] = {}
        self.arrays: list[Value] = []

    def need(self, holds: Value) -> None:
        self.entry.require(holds, self.slow)

    def write(self) -> None:
        """All of them, the cheapest first."""
        f, plan = self.f, self.plan
        if plan.epoch is not None:
            address, value = plan.epoch
            self.need(
                f.compare("eq", f.load("i64", self.roots.object(None, address)), self.roots.word(value))
            )
        tracer = f.load("ptr", f.offset(self.roots.object(clock), self.layout.clock_tracer))
        self.need(f.compare("eq", tracer, named(f, self.roots.pointer, "None")))
        self._captured()
        for i, argument in enumerate(plan.arguments):
            if isinstance(argument, ObjectArgument):
                expected = self.roots.object(argument.value)
                self.need(same_value(f, self.roots.pointer, self.entry.argument(i), expected))
            elif isinstance(argument, FloatArgument):
                self._float(i, argument)
            elif argument.same_as is not None:
                self.need(f.compare("eq", self.entry.argument(i), self.entry.argument(argument.same_as)))
                self.data[i] = self.data[argument.same_as]
            else:
                self.data[i] = self._tensor(i, argument)
        for i, j in plan.distinct():
            self.need(f.compare("ne", self.entry.argument(i), self.entry.argument(j)))
        for i, j in plan.apart():
            self._apart(i, j)
        for n in plan.numbers:
            self._number(n)
        for e in plan.objects:
            self._expected(e)
        for holder, items in plan.lists:
            self._list(holder, items)
        for i, argument in plan.tensors():
            f.store(self.data[i], f.offset(self.entry.table, 8 * argument.slot))

    def _captured(self) -> None:
        """Each captured tensor's array and node, in a loop over the roots."""
        f, captured = self.f, self.plan.captured
        if not captured:
            return
        first = self.roots.words(id(x) for c in captured for x in (c.tensor, c.array, c.node))
        self.roots.kept.append(captured)
        with f.loop(0, self.roots.word(3 * len(captured)), step=3) as each:
            at = f.offset(first, each.index, "ptr")
            tensor, array, node = (f.load("ptr", f.offset(at, 8 * k)) for k in range(3))
            self.need(f.compare("eq", f.load("ptr", f.offset(tensor, self.layout.tensor_array)), array))
            self.need(f.compare("eq", f.load("ptr", f.offset(tensor, self.layout.tensor_node)), node))

    # ----- arguments

    def _float(self, i: int, argument: FloatArgument) -> None:
        """A float's value, copied to where the step reads it."""
        f, found = self.f, self.entry.argument(i)
        kind = f.load("ptr", f.offset(found, TYPE))
        self.need(f.compare("eq", kind, self.roots.object(float)))
        f.store(f.load("double", f.offset(found, VALUE)), self.roots.object(None, argument.address))

    def _tensor(self, i: int, argument: TensorArgument) -> Value:
        """Check one tensor; its data pointer."""
        f, roots = self.f, self.roots
        tensor = self.entry.argument(i)
        kind = f.load("ptr", f.offset(tensor, TYPE))
        fits = Value("false", "i1")
        for accepted in argument.types:
            fits = f.binary("or", fits, f.compare("eq", kind, roots.object(accepted)))
        self.need(fits)
        node = f.load("ptr", f.offset(tensor, self.layout.tensor_node))
        wanted = "ne" if argument.requires_grad else "eq"
        self.need(f.compare(wanted, node, named(f, roots.pointer, "None")))
        array = f.load("ptr", f.offset(tensor, self.layout.tensor_array))
        self.arrays.append(array)
        kind = f.load("ptr", f.offset(array, TYPE))
        whole = f.compare("eq", kind, named(f, roots.pointer, "ndarray"))
        scalar = abi.scalar_type(argument.dtype) if argument.shape == () and not argument.written else None
        if scalar is None:
            self.need(whole)
            data = self._array(array, argument)
        else:
            data = self._array_or_scalar(array, kind, whole, scalar, argument)
        self._clear_of_state(data, argument)
        return data

    def _array_or_scalar(
        self, array: Value, kind: Value, whole: Value, scalar: type, argument: TensorArgument
    ) -> Value:
        """A 0-dim tensor may hold one of NumPy's scalars, which keeps its value in the object."""
        f = self.f
        is_array, is_other, done = map(f.label, ("array", "scalar", "either"))
        f.branch(whole, is_array, is_other)
        f.begin(is_array)
        data = self._array(array, argument)
        came = f.block
        f.jump(done)
        f.begin(is_other)
        self.need(f.compare("eq", kind, self.roots.object(scalar)))
        value, other = f.offset(array, VALUE), f.block
        f.jump(done)
        f.begin(done)
        return f.phi("ptr", [(data, came), (value, other)])

    def _array(self, array: Value, argument: TensorArgument) -> Value:
        f, roots = self.f, self.roots
        dimensions = f.load("i32", f.offset(array, ARRAY_NDIM))
        self.need(f.compare("eq", dimensions, Value(str(len(argument.shape)), "i32")))
        self.need(f.compare("eq", f.load("ptr", f.offset(array, ARRAY_DTYPE)), roots.object(argument.dtype)))
        shape = f.load("ptr", f.offset(array, ARRAY_SHAPE))
        strides = f.load("ptr", f.offset(array, ARRAY_STRIDES))
        for k, (n, stride) in enumerate(zip(argument.shape, argument.strides)):
            self.need(f.compare("eq", f.load("i64", f.offset(shape, 8 * k)), roots.word(n)))
            if n > 1 and 0 not in argument.shape:
                self.need(f.compare("eq", f.load("i64", f.offset(strides, 8 * k)), roots.word(stride)))
        if argument.written:
            flags = f.load("i32", f.offset(array, ARRAY_FLAGS))
            writable = f.binary("and", flags, Value(str(abi.WRITEABLE), "i32"))
            self.need(f.compare("ne", writable, Value("0", "i32")))
        data = f.load("ptr", f.offset(array, ARRAY_DATA))
        if argument.alignment() > 1:
            low = f.binary("and", f.cast("ptrtoint", data, "i64"), i64(argument.alignment() - 1))
            self.need(f.compare("eq", low, i64(0)))
        return data

    # ----- overlaps

    def _span(self, data: Value, argument: TensorArgument) -> tuple[Value, Value]:
        low, high = argument.bounds()
        address = self.f.cast("ptrtoint", data, "i64")
        start, stop = (self.f.binary("add", address, self.roots.word(x)) for x in (low, high))
        return start, stop

    def _clear_of_state(self, data: Value, argument: TensorArgument) -> None:
        """No byte of it is written by the step; an address that passed once passes again without a search."""
        f, roots, ranges = self.f, self.roots, self.plan.occupied()
        if not ranges or 0 in argument.shape:
            return
        passed = roots.object(None, roots.counter())
        address = f.cast("ptrtoint", data, "i64")
        with f.when(f.compare("ne", f.load("i64", passed), address)):
            start, stop = self._span(data, argument)
            table = roots.words(x for r in ranges for x in r)
            with f.loop(0, roots.word(2 * len(ranges)), step=2) as each:
                at = f.offset(table, each.index, "i64")
                self._disjoint(start, stop, f.load("i64", at), f.load("i64", f.offset(at, 8)))
            f.store(address, passed)

    def _apart(self, i: int, j: int) -> None:
        own = dict(self.plan.tensors())
        if 0 not in own[i].shape and 0 not in own[j].shape:
            self._disjoint(*self._span(self.data[i], own[i]), *self._span(self.data[j], own[j]))

    def _disjoint(self, start: Value, stop: Value, first: Value, last: Value) -> None:
        f = self.f
        self.need(f.binary("or", f.compare("ule", stop, first), f.compare("ule", last, start)))

    # ----- what lies in dicts and cells

    def _item(self, holder: Any, key: Any) -> Value:
        """holder[key], borrowed; NULL if it is not there (looking up a str raises nothing)."""
        roots = self.roots
        return self.entry.api("PyDict_GetItemWithError", roots.object(holder), roots.object(key))

    def _number(self, n: Number) -> None:
        f, roots = self.f, self.roots
        found = self._item(n.holder, n.key)
        if n.index is not None:
            self.need(f.compare("ne", found, NULL))
            kind = f.load("ptr", f.offset(found, TYPE))
            self.need(f.compare("eq", kind, named(f, roots.pointer, "tuple")))
            size = f.load("i64", f.offset(found, abi.TUPLE_SIZE))
            self.need(f.compare("ugt", size, i64(n.index)))
            found = f.load("ptr", f.offset(found, self.layout.tuple_items + 8 * n.index))
        target, mode = roots.object(None, n.address), i64(MODES[n.must_be])
        self.need(read_number(f, roots.pointer, found, target, mode))

    def _list(self, holder: list[Any], items: tuple[Any, ...]) -> None:
        """The length of a list, and each of its objects."""
        f, roots = self.f, self.roots
        place = roots.object(holder)
        size = f.load("i64", f.offset(place, abi.TUPLE_SIZE))
        self.need(f.compare("eq", size, roots.word(len(items))))
        if not items:
            return
        self.roots.kept.append(items)
        wanted = roots.words(id(x) for x in items)
        found = f.load("ptr", f.offset(place, abi.LIST_ITEMS))
        with f.loop(0, roots.word(len(items))) as each:
            a, b = (f.load("ptr", f.offset(x, each.index, "ptr")) for x in (wanted, found))
            self.need(f.compare("eq", a, b))

    def _expected(self, e: Expected) -> None:
        f, roots = self.f, self.roots
        if e.key is None:
            found = f.load("ptr", f.offset(roots.object(e.holder), self.layout.cell))
        else:
            found = self._item(e.holder, e.key)
        if e.value is ABSENT:
            self.need(f.compare("eq", found, NULL))
        else:
            self.need(same_value(f, roots.pointer, found, roots.object(e.value)))

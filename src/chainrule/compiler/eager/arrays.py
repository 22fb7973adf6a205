"""Arrays as native code sees them: looked at, compared, made.

A view is five words on the stack: where the data lies, the number of dimensions, where the shape is, how many
elements, and room for one element (a number's value).
"""

from __future__ import annotations

from ...types import DType, float32, float64
from .. import abi
from ..builder import NULL, Function, Value, i64, number
from .native import TYPE, Native, differ, require, same

DATA, NDIM, DIMS, SIZE, ROOM = 0, 8, 16, 24, 32
_WORDS = 5
_CONTIGUOUS = 0x101  # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED
KINDS: tuple[tuple[int, DType, str], ...] = ((1, float32, "float"), (2, float64, "double"))
"""The dtypes that kernels compute in: the code of a view, the dtype, the register type."""


def room(f: Function) -> Value:
    """Memory for a view; only in a function's first block."""
    return f.emit(f"alloca [{_WORDS} x i64], align 16", "ptr")


def view(n: Native, f: Function, thing: Value, at: Value) -> Value:
    """i64: 1 for contiguous float32, 2 for float64 (arrays or NumPy scalars), 0 for anything else."""
    g = n.helper("view", ("ptr", "ptr"), "i64")
    if g is not None:
        _write_view(n, g)
    return f.call("view", thing, at, result="i64")


def _write_view(n: Native, f: Function) -> None:
    thing, at = f.parameters
    array, scalar, no, found = map(f.label, ("array", "scalar", "no", "found"))
    kind = f.load("ptr", f.offset(thing, TYPE))
    f.branch(same(f, kind, n.known(f, "ndarray")), array, scalar)
    f.begin(array)
    flags = f.binary("and", f.load("i32", f.offset(thing, abi.ARRAY_FLAGS)), Value(str(_CONTIGUOUS), "i32"))
    require(f, same(f, flags, Value(str(_CONTIGUOUS), "i32")), no)
    dtype = f.load("ptr", f.offset(thing, abi.ARRAY_DTYPE))
    code = i64(0)
    for value, each, _ in KINDS:
        code = f.select(same(f, dtype, n.known(f, f"dtype.{each.name}")), i64(value), code)
    require(f, differ(f, code, i64(0)), no)
    f.store(f.load("ptr", f.offset(thing, abi.ARRAY_DATA)), f.offset(at, DATA))
    ndim = f.cast("sext", f.load("i32", f.offset(thing, abi.ARRAY_NDIM)), "i64")
    dims = f.load("ptr", f.offset(thing, abi.ARRAY_SHAPE))
    f.store(ndim, f.offset(at, NDIM))
    f.store(dims, f.offset(at, DIMS))
    before, some = f.block, f.label("some")
    f.branch(f.compare("sgt", ndim, i64(0)), some, found)
    f.begin(some)
    with f.loop(0, ndim, carry=[i64(1)]) as each_dim:
        length = f.load("i64", f.offset(dims, each_dim.index, "i64"))
        each_dim.next = [f.binary("mul", each_dim.carried[0], length)]
    after = f.block
    f.jump(found)
    f.begin(found)
    f.store(f.phi("i64", [(i64(1), before), (each_dim.results[0], after)]), f.offset(at, SIZE))
    f.ret(code)
    f.begin(scalar)
    code = i64(0)
    for value, each, _ in KINDS:
        code = f.select(same(f, kind, n.known(f, f"type.{each.name}")), i64(value), code)
    f.store(f.offset(thing, abi.VALUE), f.offset(at, DATA))
    f.store(i64(0), f.offset(at, NDIM))
    f.store(NULL, f.offset(at, DIMS))
    f.store(i64(1), f.offset(at, SIZE))
    f.ret(code)
    f.begin(no)
    f.ret(i64(0))


def number_view(n: Native, f: Function, thing: Value, code: Value, at: Value) -> Value:
    """i1: an exact Python float or int, now a 0-dim view in the dtype of `code`.

    A large int, which would be rounded twice, is left to NumPy.
    """
    g = n.helper("number", ("ptr", "i64", "ptr"), "i1")
    if g is not None:
        _write_number(n, g)
    return f.call("number", thing, code, at, result="i1")


def _write_number(n: Native, f: Function) -> None:
    thing, code, at = f.parameters
    real, other, whole, put, single, double, done, no = map(
        f.label, ("real", "other", "whole", "put", "single", "double", "done", "no")
    )
    kind = f.load("ptr", f.offset(thing, TYPE))
    f.branch(same(f, kind, n.known(f, "float")), real, other)
    f.begin(real)
    direct = f.load("double", f.offset(thing, abi.VALUE))
    f.jump(put)
    f.begin(other)
    require(f, same(f, kind, n.known(f, "int")), no)
    f.jump(whole)
    f.begin(whole)
    converted = n.api(f, "PyLong_AsDouble", thing, result="double")
    least, most = (number(s * 2.0**53, "double") for s in (-1, 1))
    require(f, f.compare("olt", converted, most), no)
    require(f, f.compare("ogt", converted, least), no)
    clear = f.label("clear")
    fits = f.label("fits")
    f.branch(f.compare("oeq", converted, number(-1.0, "double")), clear, fits)
    f.begin(clear)  # -1, or an int that no double can hold
    require(f, same(f, n.api(f, "PyErr_Occurred"), NULL), "unset")
    f.jump(fits)
    f.begin("unset")
    n.api(f, "PyErr_Clear", result="void")
    f.jump(no)
    f.begin(fits)
    f.jump(put)
    f.begin(put)
    value = f.phi("double", [(direct, real), (converted, fits)])
    f.store(f.offset(at, ROOM), f.offset(at, DATA))
    f.store(i64(0), f.offset(at, NDIM))
    f.store(NULL, f.offset(at, DIMS))
    f.store(i64(1), f.offset(at, SIZE))
    f.branch(same(f, code, i64(1)), single, double)
    f.begin(single)
    f.store(f.cast("fptrunc", value, "float"), f.offset(at, ROOM))
    f.jump(done)
    f.begin(double)
    f.store(value, f.offset(at, ROOM))
    f.jump(done)
    f.begin(done)
    f.ret(Value("true", "i1"))
    f.begin(no)
    f.ret(Value("false", "i1"))


def join(n: Native, f: Function, a: Value, b: Value) -> Value:
    """The view that has the shape of both, broadcast; NULL if neither has."""
    g = n.helper("join", ("ptr", "ptr"), "ptr")
    if g is not None:
        _write_join(g)
    return f.call("join", a, b, result="ptr")


def _write_join(f: Function) -> None:
    a, b = f.parameters
    sizes = [f.load("i64", f.offset(v, SIZE)) for v in (a, b)]
    ndims = [f.load("i64", f.offset(v, NDIM)) for v in (a, b)]
    alike, dims, unlike, first, second, one, none = map(
        f.label, ("alike", "dims", "unlike", "first", "second", "one", "none")
    )
    both = f.binary("and", same(f, sizes[0], sizes[1]), same(f, ndims[0], ndims[1]))
    f.branch(both, alike, unlike)
    f.begin(alike)
    f.branch(f.compare("sgt", ndims[0], i64(0)), dims, first)
    f.begin(dims)
    shapes = [f.load("ptr", f.offset(v, DIMS)) for v in (a, b)]
    with f.loop(0, ndims[0], carry=[i64(0)]) as each:
        lengths = [f.load("i64", f.offset(s, each.index, "i64")) for s in shapes]
        each.next = [f.binary("or", each.carried[0], f.binary("xor", *lengths))]
    f.branch(same(f, each.results[0], i64(0)), first, none)
    f.begin(unlike)
    small = f.binary("and", same(f, sizes[1], i64(1)), f.compare("sle", ndims[1], ndims[0]))
    f.branch(small, first, one)
    f.begin(one)
    small = f.binary("and", same(f, sizes[0], i64(1)), f.compare("sle", ndims[0], ndims[1]))
    f.branch(small, second, none)
    f.begin(first)
    f.ret(a)
    f.begin(second)
    f.ret(b)
    f.begin(none)
    f.ret(NULL)


def fresh(n: Native, f: Function, shape: Value, code: Value) -> Value:
    """A new array of a view's shape, or a NumPy scalar for none; NULL on error. Its data: `data_of`."""
    g = n.helper("fresh", ("ptr", "i64"), "ptr")
    if g is not None:
        _write_fresh(n, g)
    return f.call("fresh", shape, code, result="ptr")


def _write_fresh(n: Native, f: Function) -> None:
    shape, code = f.parameters
    single, double, array = map(f.label, ("single", "double", "array"))
    ndim = f.load("i64", f.offset(shape, NDIM))
    scalar = f.label("scalar")
    f.branch(same(f, ndim, i64(0)), scalar, array)
    f.begin(scalar)
    f.branch(same(f, code, i64(1)), single, double)
    for label, name in ((single, "float32"), (double, "float64")):
        f.begin(label)
        f.ret(n.alloc(f, name))
    f.begin(array)
    one, two = (n.known(f, f"dtype.{each.name}") for _, each, _ in KINDS)
    dtype = n.inc(f, f.select(same(f, code, i64(1)), one, two))
    new = n.address(f, "new_array", n.places.layout.new_array)
    narrow = f.cast("trunc", ndim, "i32")
    dims = f.load("ptr", f.offset(shape, DIMS))
    f.ret(
        f.call_pointer(
            new, n.known(f, "ndarray"), dtype, narrow, dims, NULL, NULL, Value("0", "i32"), NULL, result="ptr"
        )
    )


def data_of(f: Function, made: Value, shape: Value) -> Value:
    """Where the elements of what `fresh` made lie."""
    scalar = same(f, f.load("i64", f.offset(shape, NDIM)), i64(0))
    inside = f.offset(made, abi.VALUE)  # ARRAY_DATA is at the same place and holds the pointer
    return f.select(scalar, inside, f.load("ptr", inside))


def has_shape(n: Native, f: Function, array: Value, shape: Value) -> Value:
    """i1: a NumPy array or scalar of known kind whose lengths are those of the tuple."""
    g = n.helper("has_shape", ("ptr", "ptr"), "i1")
    if g is not None:
        _write_has_shape(n, g)
    return f.call("has_shape", array, shape, result="i1")


def _write_has_shape(n: Native, f: Function) -> None:
    array, shape = f.parameters
    at = room(f)
    no, yes, some = map(f.label, ("no", "yes", "some"))
    require(f, differ(f, view(n, f, array, at), i64(0)), no)
    ndim = f.load("i64", f.offset(at, NDIM))
    require(f, same(f, ndim, f.load("i64", f.offset(shape, abi.TUPLE_SIZE))), no)
    f.branch(f.compare("sgt", ndim, i64(0)), some, yes)
    f.begin(some)
    dims = f.load("ptr", f.offset(at, 16))
    with f.loop(0, ndim, carry=[i64(0)]) as each:
        item = f.load("ptr", f.offset(f.offset(shape, n.places.layout.tuple_items), each.index, "ptr"))
        wanted = n.api(f, "PyLong_AsSsize_t", item, result="i64")
        length = f.load("i64", f.offset(dims, each.index, "i64"))
        each.next = [f.binary("or", each.carried[0], f.binary("xor", wanted, length))]
    f.branch(same(f, each.results[0], i64(0)), yes, no)
    f.begin(yes)
    f.ret(Value("true", "i1"))
    f.begin(no)
    f.ret(Value("false", "i1"))


def require_own_memory(n: Native, f: Function, array: Value, otherwise: str) -> None:
    """Go on only with an exact, writeable array."""
    require(f, same(f, f.load("ptr", f.offset(array, TYPE)), n.known(f, "ndarray")), otherwise)
    flags = f.binary("and", f.load("i32", f.offset(array, abi.ARRAY_FLAGS)), Value(str(abi.WRITEABLE), "i32"))
    require(f, differ(f, flags, Value("0", "i32")), otherwise)


def require_apart(f: Function, views: list[Value], code: Value, otherwise: str) -> None:
    """Go on only if the second view's memory is not partly the first one's: all of it is all right."""
    starts = [f.load("i64", f.offset(v, DATA)) for v in views]
    item = f.select(same(f, code, i64(1)), i64(4), i64(8))
    sizes = [f.binary("mul", f.load("i64", f.offset(v, SIZE)), item) for v in views]
    ends = [f.binary("add", a, b) for a, b in zip(starts, sizes)]
    before = f.compare("ule", ends[0], starts[1])
    after = f.compare("ule", ends[1], starts[0])
    whole = f.binary("and", same(f, *starts), same(f, *sizes))
    require(f, f.binary("or", whole, f.binary("or", before, after)), otherwise)

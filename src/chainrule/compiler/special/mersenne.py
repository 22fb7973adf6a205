"""The MT19937 engine as code: 32-bit words drawn from the state that NumPy's bit generator keeps.

M. Matsumoto, T. Nishimura: Mersenne Twister, ACM TOMACS 8 (1998). The state is 624 words and the place of the
next one; when all are used up, new ones are made of them, a vector at a time: a word depends on the next one
and on the one 397 places behind it, so no vector depends on itself.
"""

from __future__ import annotations

from collections.abc import Callable

from ..builder import Function, Module, Value, i64, like, number, vector

WORDS, MIDDLE = 624, 397
STATE_BYTES = 4 * WORDS + 4
_UPPER, _LOWER, _TWIST = 0x80000000, 0x7FFFFFFF, 0x9908B0DF
_WORDS = "chainrule.words"


def words(f: Function, state: Value, out: Value, count: Value) -> None:
    """Write the next `count` words, at least one, to memory, and move the state on."""
    if not f.module.has(_WORDS):
        _write_words(f.module)
    f.call(_WORDS, state, out, count)


def _write_words(module: Module) -> None:
    """Blocks of what is left of the state, until there are enough."""
    f = module.function(_WORDS, ("ptr", "ptr", "i64"))
    state, out, count = f.parameters
    place = f.offset(state, 4 * WORDS)
    head, renew, ready, again, done = map(f.label, ("more", "renew", "ready", "again", "enough"))
    f.jump(head)
    f.begin(head)
    drawn, after = Value(f"%{head}.d", "i64"), Value(f"%{head}.n", "i64")
    f.line(f"{drawn.text} = phi i64 [ 0, %entry ], [ {after.text}, %{again} ]")
    at = f.cast("sext", f.load("i32", place), "i64")
    f.branch(f.compare("sge", at, i64(WORDS)), renew, ready)
    f.begin(renew)
    _renew(f, state)
    last = f.block
    f.jump(ready)
    f.begin(ready)
    start = f.phi("i64", [(at, head), (i64(0), last)])
    take = f.intrinsic("smin", f.binary("sub", count, drawn), f.binary("sub", i64(WORDS), start))
    _temper_block(f, f.offset(state, start, "i32"), f.offset(out, drawn, "i32"), take)
    f.store(f.cast("trunc", f.binary("add", start, take), "i32"), place)
    f.jump(again)
    f.begin(again)
    f.line(f"{after.text} = add i64 {drawn.text}, {take.text}")
    f.branch(f.compare("slt", after, count), head, done)
    f.begin(done)
    f.ret()


def _temper_block(f: Function, source: Value, out: Value, count: Value) -> None:
    """Vectors, then the rest one by one: nothing behind the state is read."""
    lanes = f.target.lanes("i32")

    def one(index: Value, width: int) -> None:
        x = f.load(vector("i32", width), f.offset(source, index, "i32"))
        f.store(_tempered(f, x), f.offset(out, index, "i32"))

    _in_vectors(f, count, lanes, one)


def _in_vectors(f: Function, count: Value, lanes: int, one: Callable[[Value, int], None]) -> None:
    """one(index, width) for whole vectors of `count` elements, then for each that is left."""
    whole = f.binary("and", count, i64(-lanes))
    with f.when(f.compare("sgt", whole, i64(0))), f.loop(0, whole, lanes) as loop:
        one(loop.index, lanes)
    with f.when(f.compare("slt", whole, count)), f.loop(whole, count) as loop:
        one(loop.index, 1)


def _tempered(f: Function, x: Value) -> Value:
    for opcode, shift, mask in (
        ("lshr", 11, None),
        ("shl", 7, 0x9D2C5680),
        ("shl", 15, 0xEFC60000),
        ("lshr", 18, None),
    ):
        moved = f.binary(opcode, x, number(shift, x.type))
        if mask is not None:
            moved = f.binary("and", moved, number(mask, x.type))
        x = f.binary("xor", x, moved)
    return x


def _renew(f: Function, state: Value) -> None:
    """The next 624 words, in place of the old ones."""
    lanes = f.target.lanes("i32")

    def twisted(k: Value, width: int, far: int) -> None:
        kind = vector("i32", width)
        here = f.offset(state, k, "i32")
        fresh = _twist(
            f,
            f.load(kind, here),
            f.load(kind, f.offset(here, 1, "i32")),
            f.load(kind, f.offset(here, far, "i32")),
        )
        f.store(fresh, here)

    split = WORDS - MIDDLE
    _in_vectors(f, i64(split), lanes, lambda k, width: twisted(k, width, MIDDLE))
    _in_vectors(
        f, i64(MIDDLE - 1), lanes,
        lambda k, width: twisted(f.binary("add", k, i64(split)), width, -split),
    )  # fmt: skip
    last = f.offset(state, WORDS - 1, "i32")
    f.store(
        _twist(
            f, f.load("i32", last), f.load("i32", state), f.load("i32", f.offset(state, MIDDLE - 1, "i32"))
        ),
        last,
    )


def _twist(f: Function, x: Value, following: Value, far: Value) -> Value:
    """far ⊕ (the upper bit of x with the others of the next word, times the twist matrix)."""
    kind = x.type
    y = f.binary(
        "or", f.binary("and", x, number(_UPPER, kind)), f.binary("and", following, number(_LOWER, kind))
    )
    odd = f.cast("trunc", y, like(kind, "i1"))
    twist = f.select(odd, number(_TWIST, kind), number(0, kind))
    return f.binary("xor", f.binary("xor", far, f.binary("lshr", y, number(1, kind))), twist)

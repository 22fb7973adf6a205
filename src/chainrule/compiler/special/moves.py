"""Elements moved between arrays: to or from places that index arrays name, whole rows in vectors.

NOTE [Moves] A move walks over a domain. At each point the value lies at a place that strides give; the
table's place also depends on index arrays, each of which moves it by index · step elements. What an index
says is read, wrapped and checked as soon as the loops fix its place: rows behind it are copied in vectors.
Nothing is touched where an index is out of bounds: it is noted, and the step stops (checks.py). Points are
visited in C order along all dimensions that an index depends on: sums add up in the order of NumPy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..builder import FLOATS, Function, Value, element, i64, number, vector
from ..checks import Check, note
from ..domain import Access, Nest, ends, merged
from ..nest import share_of
from ..tiles import widths
from ..values import in_memory

READ, SET, ADD = "read", "set", "add"
UNROLL = 4  # vectors of a row in one turn of its loop


class Stream(NamedTuple):
    """An index array: an access, and what its values mean.

    step   by how many elements of the table one index counts
    limit  indices are below it
    wraps  whether negative ones count from the end
    """

    access: int
    step: int
    limit: int
    wraps: bool
    check: Check


class Move(NamedTuple):
    """READ value = table[…], SET table[…] = value or ADD table[…] += value over a domain: see NOTE [Moves].

    table, value  accesses with strides over the domain; a value may be a number
    shared        the dimension of the domain that threads may share, if there is one
    """

    mode: str
    sizes: tuple[int, ...]
    table: int
    value: int | None
    number: Any
    streams: tuple[Stream, ...]
    shared: int | None

    @property
    def used(self) -> list[int]:
        """Its accesses: of the table, of the value, of the indices."""
        own = [self.table] if self.value is None else [self.table, self.value]
        return own + [s.access for s in self.streams]


def can_share(moves: Sequence[Move], threads: int) -> bool:
    """Whether every move has a dimension that this many threads divide, the innermost without a rest."""
    for m in moves:
        if m.shared is None or m.sizes[m.shared] < threads:
            return False
        innermost = all(n == 1 for n in m.sizes[m.shared + 1 :])
        if innermost and m.sizes[m.shared] % threads:
            return False
    return True


def reach(
    move: Move, accesses: Sequence[Access], share: int, threads: int, divided: bool
) -> list[tuple[int, int, int]]:
    """(access, low, high) of what a thread may touch."""
    bounds = [(0, n) for n in move.sizes]
    if divided and move.shared is not None:
        n = move.sizes[move.shared]
        bounds[move.shared] = (share * n // threads, (share + 1) * n // threads)
    found = [(i, *ends(accesses[i].offset, accesses[i].strides, bounds)) for i in move.used]
    table, low, high = found[0]
    for s in move.streams:
        far = (s.limit - 1) * s.step
        low, high = low + min(far, 0), high + max(far, 0)
    return [(table, low, high), *found[1:]]


class Mover:
    """Writes one move into a function; `share` is (thread, threads) if it is divided."""

    def __init__(
        self, f: Function, move: Move, accesses: Sequence[Access], starts: Sequence[Value], share: Any
    ) -> None:
        self.f, self.move, self.share = f, move, share
        used = move.used
        folded = [move.shared] if share is not None and move.shared is not None else []
        self.nest: Nest = merged(move.sizes, folded, [accesses[i] for i in used])
        self.starts = [starts[i] for i in used]
        self.first_stream = len(used) - len(move.streams)
        self.kind = in_memory(accesses[move.table].dtype)
        self.lanes = f.target.lanes(self.kind)

    def emit(self) -> None:
        if 0 not in self.move.sizes:
            self._resolve(0, list(self.starts), list(range(len(self.move.streams))))

    # ----- indices

    def _resolve(self, d: int, at: list[Value], pending: list[int]) -> None:
        """Move the table by the indices that no dimension from d on moves, then go on with the dimensions."""
        for k in pending:
            if not any(self.nest.accesses[self.first_stream + k].strides[d:]):
                self._indexed(k, d, at, [p for p in pending if p != k])
                return
        self._dimension(d, at, pending)

    def _indexed(self, k: int, d: int, at: list[Value], pending: list[int]) -> None:
        f, stream = self.f, self.move.streams[k]
        place = self.first_stream + k
        kind = in_memory(self.nest.accesses[place].dtype)
        found = f.load(kind, at[place])
        if kind != "i64":
            found = f.cast("sext", found, "i64")
        index = found
        if stream.wraps:
            negative = f.compare("slt", found, i64(0))
            index = f.select(negative, f.binary("add", found, i64(stream.limit)), found)
        bad, good, after = f.label("outside"), f.label("inside"), f.label("moved")
        f.branch(f.compare("ult", index, i64(stream.limit)), good, bad)
        f.begin(bad)
        note(f, stream.check, found)
        f.jump(after)
        f.begin(good)
        step = index if stream.step == 1 else f.binary("mul", index, i64(stream.step))
        self._resolve(d, [f.offset(at[0], step, self.kind), *at[1:]], pending)
        f.jump(after)
        f.begin(after)

    # ----- dimensions

    def _dimension(self, d: int, at: list[Value], pending: list[int]) -> None:
        sizes = self.nest.sizes
        if d == len(sizes):
            self._row(at, 1, [0, 0])
            return
        divided = self.share is not None and self.nest.folded[d]
        steps = [a.strides[d] for a in self.nest.accesses]
        last = d == len(sizes) - 1
        if last and divided:
            part = sizes[d] // self.share[1]
            moved = self._moved(at, steps, self.f.binary("mul", self.share[0], i64(part)))
            self._last(moved, part, steps, pending)
        elif last:
            self._last(at, sizes[d], steps, pending)
        else:
            low, high = share_of(self.f, sizes[d], *self.share) if divided else (i64(0), i64(sizes[d]))
            with self.f.loop(low, high) as loop:
                self._resolve(d + 1, self._moved(at, steps, loop.index), pending)

    def _last(self, at: list[Value], n: int, steps: list[int], pending: list[int]) -> None:
        """The innermost dimension: in vectors where table and value lie in order, else one by one."""
        allowed = (1,) if self.move.mode == READ else (0, 1)
        if not pending and steps[0] == 1 and (self.move.value is None or steps[1] in allowed):
            self._row(at, n, steps)
            return
        with self.f.loop(0, n) as loop:
            self._resolve(len(self.nest.sizes), self._moved(at, steps, loop.index), pending)

    def _moved(self, at: list[Value], steps: list[int], index: Value) -> list[Value]:
        f, out = self.f, []
        for p, step, a in zip(at, steps, self.nest.accesses):
            by = index if step == 1 else f.binary("mul", index, i64(step)) if step else i64(0)
            out.append(f.offset(p, by, in_memory(a.dtype)))
        return out

    # ----- rows

    def _row(self, at: list[Value], n: int, steps: list[int]) -> None:
        """n elements that lie in order; the value may be one for all."""
        f, lanes = self.f, 1 if n == 1 else self.lanes
        block = lanes * UNROLL
        fixed = self._fixed(at, lanes, steps)
        whole = n // block * block if n > 2 * block else 0
        if whole:
            with f.loop(0, whole, block) as loop:
                here = [f.offset(p, loop.index, self.kind) for p in at[: self.first_stream]]
                self._vectors(here, [lanes] * UNROLL, lanes, fixed)
        if n > whole:
            here = [f.offset(p, whole, self.kind) for p in at[: self.first_stream]]
            self._vectors(here, widths(n - whole, lanes), lanes, fixed)

    def _fixed(self, at: list[Value], lanes: int, steps: list[int]) -> Value | None:
        """The value in all lanes, if it is the same along the row."""
        if self.move.value is None:
            return number(self.move.number, vector(self.kind, lanes))
        if self.move.mode != READ and steps[1] == 0:
            return self.f.splat(self.f.load(self.kind, at[1]), lanes)
        return None

    def _vectors(self, at: list[Value], counts: Sequence[int], lanes: int, fixed: Value | None) -> None:
        f, mode = self.f, self.move.mode
        kind = vector(self.kind, lanes)
        places = [f.offset(at[0], u * lanes, self.kind) for u in range(len(counts))]
        if mode == READ:
            found = [f.load_part(kind, p, c) for p, c in zip(places, counts)]
            places = [f.offset(at[1], u * lanes, self.kind) for u in range(len(counts))]
        elif fixed is not None:
            found = [fixed] * len(counts)
        else:
            values = [f.offset(at[1], u * lanes, self.kind) for u in range(len(counts))]
            found = [f.load_part(kind, p, c) for p, c in zip(values, counts)]
        if mode == ADD:
            opcode = "fadd" if element(kind) in FLOATS else "add"
            old = [f.load_part(kind, p, c) for p, c in zip(places, counts)]
            found = [f.binary(opcode, a, b) for a, b in zip(old, found)]
        for x, p, c in zip(found, places, counts):
            f.store_part(x, p, c)


__all__ = ["ADD", "READ", "SET", "Move", "Mover", "Stream", "can_share", "reach"]

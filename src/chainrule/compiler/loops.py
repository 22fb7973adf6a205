"""Kernels of loops: elementwise chains with their reductions, over one domain.

NOTE [Rows and columns] If the folded dimensions are the last ones, the kernel walks row by row: each row is
passed over as often as its reductions need (softmax: maximum, sum, quotient), and short rows stay in
registers. If the last dimension is kept (the gradient of a bias), vectors of columns are summed down the
rows.
NOTE [Spilled] What one pass over a row computes and a later one reads, and nothing else does, is kept for one
row only, in the thread's scratch memory: it stays in the first cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from ..program.ir import Var
from .builder import Function, Value, i64
from .domain import Access, ends, merged, over_domain
from .groups import FULL, OUTER, REDUCE, Group, Node, Register
from .layout import Buffer, Layout, Layouts, contiguous_strides
from .memory import aligned
from .target import Target
from .values import in_memory, lanes_for, load

SHORT_ROW = 8  # vectors of a row that may stay in registers
BLOCK = 512  # elements that one accumulator takes before it is added to the next: sums stay exact


class State(NamedTuple):
    """What is known at a point of the nest: the accesses' pointers, values that no longer change, results so
    far.
    """

    pointers: tuple[Value, ...]
    entered: frozenset[int]
    scalars: dict[int, Value]
    outer: dict[Var, Value]


class LoopKernel:
    """A group of loops, ready to be written: its nest, its accesses, the buffers they are on."""

    def __init__(self, group: Group, layouts: Layouts, stored: set[Var]) -> None:
        self.group, self.layouts = group, layouts
        self.nodes = group.nodes
        self.stored = [v for v in group.place if v in stored]
        self.rows: dict[Var, Buffer] = {}
        self._collect()
        if not self.short_rows:
            self.rows = {v: self._row(v) for v in self._spilled() if v not in stored}
            if self.rows:
                self._collect()

    def _collect(self) -> None:
        self.loads: dict[Layout, int] = {}
        self.stores: dict[Var, int] = {}
        self.accesses: list[Access] = []
        group, rank = self.group, len(self.group.domain)
        for node in self.nodes:
            for x, v in zip(node.operands, node.equation.operands):
                if isinstance(x, Layout) and x not in self.loads:
                    strides = x.strides if node.level != OUTER else over_domain(x, group.kept, rank)
                    self.loads[x] = len(self.accesses)
                    self.accesses.append(Access(x.buffer, x.offset, strides, v.dtype))
        for v in self.stored:
            made: Any = group.place[v]
            layout = self.layouts.of[v]
            shape = group.domain if made.level == FULL else group.outer_shape
            layout = _with_shape(layout, shape)
            strides = layout.strides if made.level == FULL else over_domain(layout, group.kept, rank)
            self.stores[v] = len(self.accesses)
            self.accesses.append(Access(layout.buffer, layout.offset, strides, v.dtype))
        self.buffers: list[Buffer] = list(dict.fromkeys(a.buffer for a in self.accesses))
        row = contiguous_strides([n if d in group.reduced else 1 for d, n in enumerate(group.domain)])
        strides = tuple(s if d in group.reduced else 0 for d, s in enumerate(row))
        for v, buffer in self.rows.items():
            self.stores[v] = len(self.accesses)
            self.accesses.append(Access(buffer, 0, strides, v.dtype))
        self.nest = merged(group.domain, group.reduced, self.accesses)

    def _row(self, v: Var) -> Buffer:
        """Memory for one row of a variable."""
        sizes = [self.group.domain[d] for d in self.group.reduced]
        return Buffer(prod(sizes) * v.dtype.itemsize, None, v.name)

    def scratch(self, target: Target, threads: int) -> int:
        """The scratch bytes of a thread: see NOTE [Spilled]."""
        return sum(aligned(buffer.nbytes) for buffer in self.rows.values())

    def scratch_pointers(self, f: Function, scratch: Value) -> dict[Buffer, Value]:
        """Where the rows of spilled variables are."""
        places, start = {}, 0
        for buffer in self.rows.values():
            places[buffer] = f.offset(scratch, start)
            start += aligned(buffer.nbytes)
        return places

    @property
    def short_rows(self) -> bool:
        """Whether the folded dimensions are one short row, whose values stay in registers."""
        nest = self.nest
        return len(nest.reduced) <= 1 and all(nest.sizes[d] <= SHORT_ROW * 4 for d in nest.reduced)

    def _spilled(self) -> list[Var]:
        """Values of one pass over a row that a later pass reads."""
        found: dict[Var, None] = {}
        for node in self.nodes:
            now = node.turn if node.level == FULL else node.turn - 1
            for x in node.operands:
                if isinstance(x, Register) and node.level != OUTER:
                    made: Any = self.group.place[x.var]
                    if made.level == FULL and made.turn < now:
                        found[x.var] = None
        return list(found)

    @property
    def passes(self) -> int:
        return max([n.turn + 1 for n in self.nodes if n.level == FULL] + [n.turn for n in self.nodes] + [1])

    def divided(self, threads: int, target: Target) -> int | None:
        """The dimension that threads share: the outermost kept one, or equal parts of the last; None: one
        does all.
        """
        nest = self.nest
        if not nest.sizes:
            return None
        last = len(nest.sizes) - 1
        outer = [d for d in nest.kept if d != last]
        if outer:
            return outer[0] if nest.sizes[outer[0]] >= threads else None
        if nest.folded[last] or nest.sizes[last] % (threads * target.lanes("float")):
            return None
        return last

    def part(self, share: int, threads: int, target: Target) -> dict[int, tuple[int, int]] | None:
        """The indices that a thread takes of the dimension that is shared; None if it does nothing."""
        d = self.divided(threads, target)
        if d is None:
            return {} if share == 0 else None
        n = self.nest.sizes[d]
        return {d: (share * n // threads, (share + 1) * n // threads)}

    def reach(self, share: int, threads: int, target: Target) -> list[tuple[int, int, int]]:
        """Per access the elements [low, high) that a thread touches; nothing if it takes no part."""
        part = self.part(share, threads, target)
        if part is None:
            return []
        bounds = [part.get(d, (0, n)) for d, n in enumerate(self.nest.sizes)]
        own = set(self.rows.values())
        accesses = [(i, a) for i, a in enumerate(self.nest.accesses) if a.buffer not in own]
        return [(i, *ends(a.offset, a.strides, bounds)) for i, a in accesses]

    def at(self, level: str, turn: int) -> list[Node]:
        return [n for n in self.nodes if n.level == level and n.turn == turn]

    def in_pass(self, turn: int) -> list[Node]:
        """The nodes that a pass computes, in order."""
        return [n for n in self.nodes if (n.level, n.turn) in ((FULL, turn), (REDUCE, turn + 1))]

    def lanes(self, f: Function) -> int:
        return lanes_for(f, [v.dtype for n in self.nodes for v in (*n.equation.inputs, *n.equation.outputs)])


def _with_shape(layout: Layout, shape: Sequence[int]) -> Layout:
    """A stored variable's layout seen in the nest's shape; it may differ by dimensions of size 1, or be
    merged.
    """
    from .groups import relaid

    found = relaid(layout, shape)
    if found is None:
        raise ValueError(f"{layout} cannot be written as {list(shape)}")
    return found


class Walker:
    """The loops around a kernel's vectors: pointers moved, loads done as early as they can be."""

    def __init__(self, f: Function, kernel: LoopKernel, pointers: dict[Buffer, Value]) -> None:
        self.f, self.kernel, self.nest = f, kernel, kernel.nest
        first = [f.offset(pointers[a.buffer], a.offset * a.dtype.itemsize) for a in self.nest.accesses]
        self.is_load = [i in set(kernel.loads.values()) for i in range(len(first))]
        self.start = self.hoisted(State(tuple(first), frozenset(), {}, {}))

    def hoisted(self, state: State) -> State:
        """The state with the loads that no dimension left to enter moves."""
        scalars = dict(state.scalars)
        for i, a in enumerate(self.nest.accesses):
            free = [d for d, s in enumerate(a.strides) if s and d not in state.entered]
            if self.is_load[i] and not free and i not in scalars:
                scalars[i] = load(self.f, a.dtype, state.pointers[i], 1, 1)
        return state._replace(scalars=scalars)

    def enter(self, state: State, d: int, index: Value) -> State:
        """The state at one index of a dimension."""
        return self.hoisted(self.moved(state, d, index)._replace(entered=state.entered | {d}))

    def moved(self, state: State, d: int, index: Value) -> State:
        """The state with its pointers at an index of a dimension, of which more is to come."""
        f, moved = self.f, []
        for a, p in zip(self.nest.accesses, state.pointers):
            if a.strides[d]:
                step = index if a.strides[d] == 1 else f.binary("mul", index, i64(a.strides[d]))
                p = f.offset(p, step, in_memory(a.dtype))
            moved.append(p)
        return state._replace(pointers=tuple(moved))

    def loops(
        self, dims: Sequence[int], state: State, inner: Callable[[State], None], bounds: Any = None
    ) -> None:
        """`inner` at every index of the dimensions; `bounds` of the first one if threads share it."""
        if not dims:
            inner(state)
            return
        low, high = bounds or (0, self.nest.sizes[dims[0]])
        with self.f.loop(low, high) as loop:
            self.loops(dims[1:], self.enter(state, dims[0], loop.index), inner)

    def folding(
        self, dims: Sequence[int], state: State, carry: list[Value],
        inner: Callable[[State, list[Value]], list[Value]],
        fresh: Callable[[], list[Value]], join: Callable[[list[Value], list[Value]], list[Value]],
    ) -> list[Value]:  # fmt: skip
        """Accumulators carried through loops; long ones in blocks, whose sums are joined."""
        if not dims:
            return inner(state, carry)
        d, n = dims[0], self.nest.sizes[dims[0]]
        if n <= BLOCK or len(dims) > 1:
            with self.f.loop(0, n, carry=carry) as loop:
                entered = self.enter(state, d, loop.index)
                loop.next = self.folding(dims[1:], entered, loop.carried, inner, fresh, join)
            return loop.results
        whole = n // BLOCK * BLOCK
        with self.f.loop(0, whole, BLOCK, carry=carry) as outer:
            stop = self.f.binary("add", outer.index, i64(BLOCK))
            with self.f.loop(outer.index, stop, carry=fresh()) as loop:
                loop.next = inner(self.enter(state, d, loop.index), loop.carried)
            outer.next = join(outer.carried, loop.results)
        if whole == n:
            return outer.results
        with self.f.loop(whole, n, carry=fresh()) as loop:
            loop.next = inner(self.enter(state, d, loop.index), loop.carried)
        return join(outer.results, loop.results)

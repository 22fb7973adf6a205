"""Writing a kernel of loops: rows, columns, and plain elementwise walks (see NOTE [Rows and columns])."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .body import Block, start_value
from .builder import Function, Value, i64
from .groups import FULL, OUTER, REDUCE, Node
from .joins import JOINS, across
from .kinds import REDUCTIONS
from .layout import Buffer
from .loops import LoopKernel, State, Walker


class NestEmitter:
    """Writes one kernel into a function; `share` is (thread, threads) if it is split among threads."""

    def __init__(self, f: Function, kernel: LoopKernel, pointers: dict[Buffer, Value], share: Any) -> None:
        self.f, self.kernel, self.nest = f, kernel, kernel.nest
        self.walker = Walker(f, kernel, pointers)
        self.share = share
        self.columns = self.nest.sizes[-1] if self.nest.sizes else 1  # of the last dimension, for this thread
        self.lanes = kernel.lanes(f)
        count = len(kernel.nodes)
        self.unroll = 4 if count <= 6 else 2 if count <= 16 else 1

    def emit(self) -> None:
        """Write it."""
        nest = self.nest
        if not nest.sizes:
            self._point()
            return
        last = len(nest.sizes) - 1
        outer = [d for d in nest.kept if d != last]
        inner = self._rows if nest.folded[last] else self._columns if nest.reduced else self._line
        self._shared(outer, inner)

    # ----- threads

    def _shared(self, outer: Sequence[int], inner: Any) -> None:
        """The outer loops: each thread takes its part of one dimension, or one thread takes all."""
        f, walker = self.f, self.walker
        if self.share is None:
            walker.loops(outer, walker.start, inner)
            return
        thread, threads = self.share
        d = self.kernel.divided(threads, f.target)
        if d is None:
            with f.when(f.compare("eq", thread, i64(0))):
                walker.loops(outer, walker.start, inner)
        elif d in outer:
            walker.loops(outer, walker.start, inner, share_of(f, self.nest.sizes[d], thread, threads))
        else:
            part = self.nest.sizes[d] // threads
            self.columns = part
            start = walker.moved(walker.start, d, f.binary("mul", thread, i64(part)))
            walker.loops(outer, start, inner)

    # ----- no dimensions

    def _point(self) -> None:
        """Scalars: everything once."""
        self.lanes = 1
        block = Block(self.walker, self.walker.start, None, 0, [1], 1)
        if self.share is not None:
            with self.f.when(self.f.compare("eq", self.share[0], i64(0))):
                self._elements(block, self.kernel.nodes)
        else:
            self._elements(block, self.kernel.nodes)

    # ----- elementwise

    def _line(self, state: State) -> None:
        last = len(self.nest.sizes) - 1
        self._blocks(state, last, self.columns, lambda block: self._elements(block, self.kernel.nodes))

    def _blocks(self, state: State, d: int, n: int, body: Any) -> None:
        """`body` on blocks of vectors along a dimension: a loop of whole ones, then the rest."""
        width, unroll = self.lanes, self.unroll
        whole = n // (width * unroll) * width * unroll
        if whole > width * unroll:
            with self.f.loop(0, whole, width * unroll) as loop:
                body(Block(self.walker, state, d, loop.index, [width] * unroll, width))
        else:
            whole = 0
        rest = n - whole
        if rest:
            widths = [width] * (rest // width) + ([rest % width] if rest % width else [])
            body(Block(self.walker, state, d, whole, widths, width))

    def _elements(self, block: Block, nodes: Sequence[Node]) -> None:
        for u in range(len(block.widths)):
            for node in nodes:
                if node.level == REDUCE:  # of one element
                    value = self._as_result(node, block.splat(block.operand(node.operands[0], u)))
                    block.keep(node.equation.output, value, u)
                else:
                    block.run(node.equation, node.operands, u)

    # ----- rows

    def _rows(self, state: State) -> None:
        kernel, last = self.kernel, len(self.nest.sizes) - 1
        inner = [d for d in self.nest.reduced if d != last]
        state = self._outer_nodes(state, 0)
        kept: dict[Any, Value] = {}
        for turn in range(kernel.passes):
            nodes = kernel.in_pass(turn)
            found = self._row_pass(state, inner, last, nodes, kept)
            outer = dict(state.outer)
            for node, value in found:
                outer[node.equation.output] = value
                self._store_outer(state, node, value)
            state = self._outer_nodes(state._replace(outer=outer), turn + 1)

    def _outer_nodes(self, state: State, turn: int) -> State:
        """The scalars of a row that are known after `turn` passes."""
        for node in self.kernel.at(OUTER, turn):
            block = Block(self.walker, state, None, 0, [1], 1)
            value = block.run(node.equation, node.operands, 0)
            state = state._replace(outer={**state.outer, node.equation.output: value})
        return state

    def _store_outer(self, state: State, node: Node, value: Value) -> None:
        Block(self.walker, state, None, 0, [1], 1).keep(node.equation.output, value, 0)

    def _row_pass(
        self, state: State, inner: Sequence[int], last: int, nodes: Sequence[Node], kept: dict[Any, Value]
    ) -> list[tuple[Node, Value]]:
        """One pass over a row: elementwise nodes, and the vectors that its reductions accumulate."""
        folds = [n for n in nodes if n.level == REDUCE]
        n, width = self.nest.sizes[last], self.lanes
        if self.kernel.short_rows and not inner:
            widths = [width] * (n // width) + ([n % width] if n % width else [])
            block = Block(self.walker, state, last, 0, widths, width)
            block.known.update(kept)
            carry = self._fold_block(block, nodes, folds, None)
            kept.update(block.known)
        else:
            fresh = self._fresh(folds, 1)
            carry = self.walker.folding(
                inner, state, fresh, lambda s, c: self._fold_line(s, last, n, nodes, folds, c),
                lambda: self._fresh(folds, 1), lambda a, b: self._joined(folds, a, b),
            )  # fmt: skip
        dtypes = [n.equation.output.dtype for n in folds]
        joins = [JOINS[REDUCTIONS[n.equation.op].joins] for n in folds]
        return [(f, across(self.f, j, v, t)) for f, j, v, t in zip(folds, joins, carry, dtypes)]

    def _fresh(self, folds: Sequence[Node], copies: int) -> list[Value]:
        starts = [(v := n.equation.output, REDUCTIONS[n.equation.op].start(v.dtype)) for n in folds]
        return [start_value(self.f, v, x, self.lanes) for v, x in starts for _ in range(copies)]

    def _joined(self, folds: Sequence[Node], a: Sequence[Value], b: Sequence[Value]) -> list[Value]:
        return [
            JOINS[REDUCTIONS[n.equation.op].joins](self.f, x, y, n.equation.output.dtype)
            for n, x, y in zip(folds, a, b)
        ]

    def _fold_line(
        self,
        state: State,
        last: int,
        n: int,
        nodes: Sequence[Node],
        folds: Sequence[Node],
        carry: list[Value],
    ) -> list[Value]:
        """Along the last dimension: `unroll` accumulators per reduction, joined at the end with the carried
        one.
        """
        width, unroll = self.lanes, max(self.unroll, 2)
        whole = n // (width * unroll) * width * unroll
        results = carry
        if whole:
            with self.f.loop(0, whole, width * unroll, carry=self._fresh(folds, unroll)) as loop:
                block = Block(self.walker, state, last, loop.index, [width] * unroll, width)
                loop.next = self._fold_vectors(block, nodes, folds, loop.carried, unroll)
            parts = loop.results
            for u in range(unroll):
                results = self._joined(folds, results, [parts[i * unroll + u] for i in range(len(folds))])
        if whole != n:
            rest = n - whole
            widths = [width] * (rest // width) + ([rest % width] if rest % width else [])
            block = Block(self.walker, state, last, whole, widths, width)
            results = self._joined(folds, results, self._fold_block(block, nodes, folds, None))
        return results

    def _fold_block(
        self, block: Block, nodes: Sequence[Node], folds: Sequence[Node], carry: list[Value] | None
    ) -> list[Value]:
        """A block without a loop: one accumulator per reduction."""
        found = carry
        for u in range(len(block.widths)):
            terms = self._terms(block, nodes, folds, u)
            found = terms if found is None else self._joined(folds, found, terms)
        return found or []

    def _fold_vectors(
        self,
        block: Block,
        nodes: Sequence[Node],
        folds: Sequence[Node],
        carried: Sequence[Value],
        unroll: int,
    ) -> list[Value]:
        """A block in a loop: vector u goes to accumulator u."""
        out = list(carried)
        for u in range(unroll):
            terms = self._terms(block, nodes, folds, u)
            held = [carried[i * unroll + u] for i in range(len(folds))]
            for i, value in enumerate(self._joined(folds, held, terms)):
                out[i * unroll + u] = value
        return out

    def _terms(self, block: Block, nodes: Sequence[Node], folds: Sequence[Node], u: int) -> list[Value]:
        """Compute the nodes at a vector; what the reductions add, the start value in unused lanes."""
        for node in nodes:
            if node.level == FULL and (node.equation.output, u) not in block.known:
                block.run(node.equation, node.operands, u)
        terms = []
        for node, start in zip(folds, self._fresh(folds, 1)):
            value = self._as_result(node, block.splat(block.operand(node.operands[0], u)))
            width = block.widths[u]
            terms.append(value if width == self.lanes else self._masked(value, start, width))
        return terms

    def _as_result(self, node: Node, value: Value) -> Value:
        """A reduction's operand in the dtype in which it accumulates."""
        from . import scalar

        equation = node.equation
        return scalar.convert(self.f, value, equation.inputs[0].dtype, equation.output.dtype)

    def _masked(self, value: Value, start: Value, width: int) -> Value:
        bits = ", ".join("i1 " + ("true" if i < width else "false") for i in range(self.lanes))
        return self.f.select(Value(f"<{bits}>", f"<{self.lanes} x i1>"), value, start)

    # ----- columns

    def _columns(self, state: State) -> None:
        last = len(self.nest.sizes) - 1
        self._blocks(state, last, self.columns, lambda block: self._column_block(block, last))

    def _column_block(self, block: Block, last: int) -> None:
        """Vectors of columns, summed down the folded dimensions, then what follows from the sums."""
        folds = [n for n in self.kernel.nodes if n.level == REDUCE]
        inside = [n for n in self.kernel.nodes if n.level != OUTER]
        vectors = len(block.widths)
        for node in self.kernel.at(OUTER, 0):
            for u in range(vectors):
                block.run(node.equation, node.operands, u)

        def body(state: State, carried: list[Value]) -> list[Value]:
            here = Block(self.walker, state, last, block.index, block.widths, self.lanes)
            here.known.update(block.known)
            out = list(carried)
            for u in range(vectors):
                for node in inside:
                    if node.level == FULL:
                        here.run(node.equation, node.operands, u)
                for i, node in enumerate(folds):
                    term = self._as_result(node, here.splat(here.operand(node.operands[0], u)))
                    join = JOINS[REDUCTIONS[node.equation.op].joins]
                    place = i * vectors + u
                    out[place] = join(self.f, carried[place], term, node.equation.output.dtype)
            return out

        wide = [n for n in folds for _ in range(vectors)]
        sums = self.walker.folding(
            self.nest.reduced, block.state, self._fresh(folds, vectors), body,
            lambda: self._fresh(folds, vectors), lambda a, b: self._joined(wide, a, b),
        )  # fmt: skip
        for i, node in enumerate(folds):
            for u in range(vectors):
                block.keep(node.equation.output, sums[i * vectors + u], u)
        for node in self.kernel.nodes:
            if node.level == OUTER and node.turn:
                for u in range(vectors):
                    block.run(node.equation, node.operands, u)


def share_of(f: Function, n: int, thread: Value, threads: int) -> tuple[Value, Value]:
    """The part of n that a thread takes: from thread·n/threads to (thread+1)·n/threads."""
    after = f.binary("add", thread, i64(1))
    if n % threads == 0:
        return f.binary("mul", thread, i64(n // threads)), f.binary("mul", after, i64(n // threads))
    ends = [f.binary("udiv", f.binary("mul", t, i64(n)), i64(threads)) for t in (thread, after)]
    return ends[0], ends[1]

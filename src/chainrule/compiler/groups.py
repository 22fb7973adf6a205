"""Groups of equations that one kernel computes, and when an equation may join one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..program.ir import Equation, Var
from .layout import Buffer, Layout, Layouts, contiguous_strides, same_place

FULL, OUTER, REDUCE = "full", "outer", "reduce"


class Register(NamedTuple):
    """An operand that another node of the group has just computed at the same place."""

    var: Var


class Node(NamedTuple):
    """An equation in a group.

    level     FULL: at every point of the domain; OUTER: once per point of the kept dimensions; REDUCE: it
    folds
              the reduced dimensions, its result is OUTER
    turn      which pass over the reduced dimensions computes it, or after which pass it is known
    operands  Register, a Layout over the domain (FULL, REDUCE) or the kept dimensions (OUTER), a number or
    None
    """

    equation: Equation
    level: str
    turn: int
    operands: tuple[Any, ...]


class Group:
    """Equations over one domain, in order.

    kind     "loop", "product" (the first equation is a matrix product, the others its epilogue), "special",
    "call"
    fuses    whether elementwise equations over the domain may join
    reduced  the dimensions of the domain that its reductions fold
    stored   its results that must be in memory, known when all groups are
    """

    def __init__(
        self, kind: str, domain: tuple[int, ...], first: Equation | None = None, fuses: bool = True
    ) -> None:
        self.kind, self.domain, self.fuses = kind, domain, fuses
        self.reduced: tuple[int, ...] = ()
        self.nodes: list[Node] = []
        self.first = first
        self.place: dict[Var, Node | None] = {} if first is None else dict.fromkeys(first.outputs)
        self.partial: set[Var] = set()  # results of which it writes a part: nothing in it may read them
        self.stored: frozenset[Var] = frozenset()
        self.index = -1

    @property
    def kept(self) -> tuple[int, ...]:
        return tuple(i for i in range(len(self.domain)) if i not in self.reduced)

    @property
    def outer_shape(self) -> tuple[int, ...]:
        return tuple(self.domain[i] for i in self.kept)

    def equations(self) -> list[Equation]:
        return ([self.first] if self.first is not None else []) + [n.equation for n in self.nodes]

    def add(self, node: Node) -> None:
        self.nodes.append(node)
        for v in node.equation.outputs:
            self.place[v] = node

    def __repr__(self) -> str:
        names = ", ".join(e.op.name for e in self.equations())
        return f"<{self.kind} {list(self.domain)} reduces {list(self.reduced)}: {names}>"


def relaid(layout: Layout, shape: Sequence[int]) -> Layout | None:
    """The layout with another shape of as many elements; None if the strides do not allow it."""
    shape = tuple(shape)
    if layout.shape == shape:
        return layout
    kept = [(n, s) for n, s in zip(layout.shape, layout.strides) if n != 1]
    here = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), [n for n, _ in kept], [s for _, s in kept])
    out = here.view()
    try:
        out.shape = shape
    except (AttributeError, ValueError):
        return None
    return Layout(layout.buffer, shape, out.strides, layout.offset)


def may_join(group: Group, equation: Equation, reduction: bool) -> bool:
    """Whether the equation's size is one that the group computes."""
    if not group.fuses or 0 in group.domain:
        return False
    if reduction:
        return equation.inputs[0].shape == group.domain
    shape = equation.output.shape
    outer = bool(group.reduced) and _squeezed(shape) == _squeezed(group.outer_shape)
    return outer or _size(shape) == _size(group.domain)


def joined(group: Group, equation: Equation, layouts: Layouts, reduction: bool) -> Node | None:
    """The node that the equation becomes in the group; None if it does not fit."""
    if not group.fuses or 0 in group.domain:
        return None
    if reduction:
        return _reduction(group, equation, layouts)
    shape = equation.output.shape
    if _size(shape) == _size(group.domain):
        node = _full(group, equation, layouts)
        if node is not None:
            return node
    if group.reduced and _squeezed(shape) == _squeezed(group.outer_shape):
        return _outer(group, equation, layouts)
    return None


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _squeezed(shape: Sequence[int]) -> list[int]:
    return [n for n in shape if n != 1]


def _operands(
    group: Group,
    equation: Equation,
    layouts: Layouts,
    shape: tuple[int, ...],
    target: tuple[int, ...],
    level: str,
) -> tuple[list[Any], int] | None:
    """Operands seen from the target shape, and the first pass in which all of them are known."""
    found: list[Any] = []
    turn = 0
    for x in equation.operands:
        if not isinstance(x, Var):
            found.append(x)
            continue
        layout = relaid(layouts.of[x].broadcast(shape), target)
        if layout is None:
            return None
        maker = layouts.maker[layout.buffer]
        if maker in group.partial:
            return None
        if maker not in group.place:
            if group.first is not None and target and layout.strides[-1] not in (0, 1):
                return None
            found.append(layout)
            continue
        node = group.place[maker]
        if not _same_point(group, node, layout, level):
            return None
        turn = max(turn, node.turn if node is not None else 0)
        found.append(Register(maker))
    return found, turn


def _same_point(group: Group, node: Node | None, layout: Layout, level: str) -> bool:
    """Whether the layout reads, at each point, what the node has computed at that point."""
    if layout.offset:
        return False
    if node is None or node.level == FULL:
        return level != OUTER and same_place(layout, group.domain, contiguous_strides(group.domain))
    strides = contiguous_strides(group.outer_shape)
    if level == OUTER:
        return same_place(layout, group.outer_shape, strides)
    wanted = [0] * len(group.domain)
    for d, s in zip(group.kept, strides):
        wanted[d] = s
    return same_place(layout, group.domain, wanted)


def _full(group: Group, equation: Equation, layouts: Layouts) -> Node | None:
    found = _operands(group, equation, layouts, equation.output.shape, group.domain, FULL)
    if found is None or relaid(layouts.of[equation.output], group.domain) is None:
        return None
    operands, turn = found
    if turn and not trailing(group):
        return None
    return Node(equation, FULL, turn, tuple(operands))


def _outer(group: Group, equation: Equation, layouts: Layouts) -> Node | None:
    found = _operands(group, equation, layouts, equation.output.shape, group.outer_shape, OUTER)
    if found is None:
        return None
    return Node(equation, OUTER, found[1], tuple(found[0]))


def _reduction(group: Group, equation: Equation, layouts: Layouts) -> Node | None:
    source = equation.inputs[0]
    dims = tuple(sorted(equation.attributes[0]))
    if group.kind != "loop" or source.shape != group.domain or not dims:
        return None
    if group.reduced and group.reduced != dims:
        return None
    if not group.reduced and any(n.level != FULL for n in group.nodes):
        return None
    before = group.reduced
    group.reduced = dims
    found = _operands(group, equation, layouts, source.shape, group.domain, REDUCE)
    if found is None or (found[1] and not trailing(group)):
        group.reduced = before
        return None
    operands, turn = found
    return Node(equation, REDUCE, turn + 1, tuple(operands))


def trailing(group: Group) -> bool:
    """Whether the reduced dimensions are the last ones: a row is walked again while it is in the cache."""
    n = len(group.domain)
    return group.reduced == tuple(range(n - len(group.reduced), n))


def buffers_read(group: Group, layouts: Layouts) -> list[tuple[Buffer, Layout]]:
    """The memory that the kernel reads, with the layouts through which it does."""
    found = [(o.buffer, o) for n in group.nodes for o in n.operands if isinstance(o, Layout)]
    if group.first is not None:
        found += [(layouts.of[v].buffer, layouts.of[v]) for v in group.first.inputs]
    return found

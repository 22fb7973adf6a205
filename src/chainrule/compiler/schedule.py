"""From equations to groups: what is computed together, in which order.

NOTE [Pending] An elementwise equation that reads nothing of the last kernel waits for its first reader and
joins that reader's kernel: the decayed momentum is multiplied where the update is applied. What no kernel
can hold, such as the scalars of an optimizer, is computed in groups at the front.
"""

from __future__ import annotations

from typing import Any

from ..ops.rearrange import clone
from ..program.ir import Equation, Program, Var
from .groups import Group, joined, may_join
from .kinds import SPECIAL, is_elementwise, is_product, is_reduction, lowered_types
from .layout import Layouts
from .parts import PARTS


class Schedule:
    """Groups in order of execution, with the layouts of all variables."""

    def __init__(self, program: Program, layouts: Layouts) -> None:
        self.program, self.layouts = program, layouts
        self.front: list[Group] = []
        self.body: list[Group] = []
        self.group_of: dict[Var, Group] = {}
        self.pending: dict[Var, Equation] = {}
        self.parts: set[Var] = set()  # copies into parts of results
        for equation in program.equations:
            self._place(equation)
        for v in program.outputs:
            self._settle(self._maker(v), None)
        self.groups = [*self.front, *self.body]
        for i, group in enumerate(self.groups):
            group.index = i

    def _maker(self, v: Var) -> Var:
        return self.layouts.maker[self.layouts.of[v].buffer]

    # ----- placing

    def _place(self, equation: Equation) -> None:
        if _is_view(equation):
            if not self.layouts.view(equation):
                self._copy(equation.inputs[0], equation)
                self.layouts.view(equation)
            return
        for v in equation.outputs:
            self.layouts.new(v)
        if equation.op in PARTS and lowered_types(equation) and self._in_parts(equation):
            return
        if is_elementwise(equation):
            self._elementwise(equation)
        elif is_reduction(equation):
            self._join_or_begin(equation, equation.inputs[0].shape, True)
        else:
            self._alone(equation)

    def _in_parts(self, equation: Equation) -> bool:
        """Copies into views of the result, in order; False if a part cannot be seen as a view."""
        out = self.layouts.of[equation.output]
        parts = PARTS[equation.op](equation, out)
        if any(place is None for _, place in parts) or not equation.output.size:
            return False
        groups: list[Group] = []
        place: Any
        for operand, place in parts:
            copy = Var(place.shape, equation.output.dtype)
            self.layouts.of[copy] = place
            self.parts.add(copy)
            writing = Equation(clone, (operand,), (copy,), equation.where, equation)
            for m in map(self._maker, writing.inputs):
                self._settle(m, None)
            groups.append(self._write_part(writing, groups))
            groups[-1].partial.add(equation.output)
        self.group_of[equation.output] = max(groups, key=self.body.index)
        return True

    def _write_part(self, equation: Equation, before: list[Group]) -> Group:
        """Add a copy into a part, behind the copies that it may overwrite."""
        latest = self._latest(equation)
        behind = not before or (
            latest is not None and self.body.index(latest) >= max(map(self.body.index, before))
        )
        if latest is None or not behind or latest in before or not self._join(latest, equation, False):
            latest = Group("loop", equation.output.shape)
            self.body.append(latest)
            self._join(latest, equation, False)
        return latest

    def _copy(self, source: Var, equation: Equation) -> None:
        """Lay an operand whose strides the equation cannot do with onto a contiguous copy."""
        old, copy = Var(source.shape, source.dtype), Var(source.shape, source.dtype, source.name)
        self.layouts.of[old] = self.layouts.of[source]
        self._place(Equation(clone, (old,), (copy,), equation.where, equation))
        self.layouts.of[source] = self.layouts.of[copy]

    def _elementwise(self, equation: Equation) -> None:
        latest = self._latest(equation)
        if latest is None or latest is not self.body[-1]:
            self.pending[equation.output] = equation
        else:
            self._join_or_begin(equation, equation.output.shape, False)

    def _latest(self, equation: Equation) -> Group | None:
        """The last group of the body that makes one of the operands."""
        index = max((self._made_at(m) for m in map(self._maker, equation.inputs)), default=-1)
        return self.body[index] if index >= 0 else None

    def _made_at(self, v: Var) -> int:
        """The place in the body of the group that makes a variable, or that has to come first; -1: none."""
        if v in self.pending:
            return max((self._made_at(m) for m in map(self._maker, self.pending[v].inputs)), default=-1)
        group = self.group_of.get(v)
        return -1 if group is None or group in self.front else self.body.index(group)

    def _join_or_begin(self, equation: Equation, domain: tuple[int, ...], reduction: bool) -> None:
        latest, tried = self._latest(equation), None
        while latest is not None and latest is not tried:  # operands that waited may have come behind it
            if self._join(latest, equation, reduction):
                return
            latest, tried = self._latest(equation), latest
        group = Group("loop", domain)
        self.body.append(group)
        if self._join(group, equation, reduction):
            return
        if group.nodes:  # operands that waited have joined it, in an order in which they cannot be read here
            self._join_or_begin(equation, domain, reduction)
            return
        self.body.remove(group)
        self._alone(equation)

    def _join(self, group: Group, equation: Equation, reduction: bool) -> bool:
        """Add the equation to the group, with the pending ones that it reads."""
        if not may_join(group, equation, reduction):
            return False
        for m in map(self._maker, equation.inputs):
            self._settle(m, group)
        latest = self._latest(equation)
        if latest is not None and group in self.body and self.body.index(latest) > self.body.index(group):
            return False  # an operand that waited could not be computed in time
        node = joined(group, equation, self.layouts, reduction)
        if node is None:
            return False
        group.add(node)
        for v in equation.outputs:
            self.group_of[v] = group
        return True

    def _settle(self, v: Var, group: Group | None) -> None:
        """Compute a pending variable: in the group if it fits there, else in one at the front."""
        equation = self.pending.pop(v, None)
        if equation is None:
            return
        if group is not None and group not in self.front and self._join(group, equation, False):
            return
        if self._latest(equation) is not None:
            self._join_or_begin(equation, equation.output.shape, False)
            return
        for m in map(self._maker, equation.inputs):
            self._settle(m, None)
        domain = equation.output.shape
        for front in self.front:
            fits = front.domain == domain and self._after_its_operands(front, equation)
            if fits and self._join(front, equation, False):
                return
        front = Group("loop", domain)
        self.front.append(front)
        if not self._join(front, equation, False):
            self.front.remove(front)
            self._alone(equation, self.front)

    def _after_its_operands(self, group: Group, equation: Equation) -> bool:
        last = self.front.index(group)
        makers = [self.group_of.get(m) for m in map(self._maker, equation.inputs)]
        return all(g is None or self.front.index(g) <= last for g in makers)

    def _alone(self, equation: Equation, groups: list[Group] | None = None) -> None:
        """A kernel of its own: a matrix product, a special emitter, or a call of the NumPy forward."""
        lowering = SPECIAL[equation.op] if is_special(equation) else None
        for v in equation.inputs if lowering is not None and lowering.contiguous else ():
            if not self.layouts.of[v].contiguous:
                self._copy(v, equation)
        for m in map(self._maker, equation.inputs):
            self._settle(m, None)
        kind = "product" if is_product(equation) else "special" if lowering is not None else "call"
        domain: tuple[int, ...] = equation.output.shape
        fuses = kind == "product"
        if lowering is not None and lowering.domain is not None:
            domain, fuses = lowering.domain(equation), True
        group = Group(kind, domain, equation, fuses)
        (self.body if groups is None else groups).append(group)
        for v in equation.outputs:
            self.group_of[v] = group


def _is_view(equation: Equation) -> bool:
    """Whether the result is another layout of the operand's elements."""
    return (
        equation.op.view
        and equation.op.dtype == "same"
        and equation.op.outputs == 1
        and lowered_types(equation)
    )


def is_special(equation: Equation) -> bool:
    """Whether the record has an emitter of its own that takes this equation."""
    lowering = SPECIAL.get(equation.op)
    return lowering is not None and lowered_types(equation) and bool(lowering.takes(equation))

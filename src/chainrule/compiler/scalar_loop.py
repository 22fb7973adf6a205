"""Loops over steps without arrays: parameters and optimizer state stay in registers from one step to the
next.

A point-by-point fit is bound by the latency of a few additions; writing each parameter to memory and
reading it back would double that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..program.ir import Program, Var
from .assemble import FIRST, Assembled
from .body import compute
from .builder import NULL, Function, Module, Value, i64
from .checks import CHECKS
from .groups import REDUCE, Register
from .layout import Layout
from .runner import Role
from .train_loop import COUNT, DONE, HEAD, INDICES, LOSSES, PART, PERIOD, ROW_BYTES, ROWS, START, TABLE
from .values import in_memory, load, store


def fits(source: Program, assembled: Callable[[], Assembled]) -> bool:
    """Whether every value is one number, computed by loops alone: the kernels are asked for last."""
    if any(v.size != 1 for v in (*source.inputs, *source.outputs)):
        return False
    groups = assembled().schedule.groups
    plain = all(g.kind == "loop" and not any(n.equation.op in CHECKS for n in g.nodes) for g in groups)
    return plain and all(v.size == 1 for g in groups for n in g.nodes for v in n.equation.outputs)


def write(module: Module, program: Program, assembled: Assembled, roles: list[Role], arguments: int) -> str:
    """i64 scalars(ptr job): all steps of a job of train_loop; the name of the function."""
    return _Writer(module, program, assembled, roles, arguments).write()


class _Writer:
    def __init__(
        self, module: Module, program: Program, assembled: Assembled, roles: list[Role], arguments: int
    ) -> None:
        self.f: Function = module.function("scalars", ("ptr",), "i64", internal=False)
        self.program, self.assembled, self.roles, self.arguments = program, assembled, roles, arguments
        self.layouts = assembled.schedule.layouts
        self.outputs = assembled.outputs

    def write(self) -> str:
        f = self.f
        (job,) = f.parameters
        table = f.load("ptr", f.offset(job, 8 * TABLE))
        count = f.load("i64", f.offset(job, 8 * COUNT))
        losses = f.load("ptr", f.offset(job, 8 * LOSSES))
        fixed: dict[Var, Value] = {}
        for i, v in enumerate((*self.program.inputs, *self.program.constants)):
            if i >= self.arguments:
                fixed[v] = load(f, v.dtype, self._slot(table, i), 1, 1)
        state = [(v, r.place) for v, r in zip(self.outputs, self.roles) if r.kind == "update"]
        carry = [fixed[self.program.inputs[i]] for _, i in state]
        parts = [f.offset(job, 8 * (HEAD + PART * i)) for i in range(self.arguments)]
        starts = [f.load("i64", f.offset(p, 8 * START)) for p in parts]
        with f.loop(0, count, carry=[*carry, *starts]) as loop:
            known = dict(fixed)
            for (_, i), value in zip(state, loop.carried):
                known[self.program.inputs[i]] = value
            rows = loop.carried[len(state) :]
            for v, part, row in zip(self.program.inputs, parts, rows):
                known[v] = load(f, v.dtype, self._row(part, row, loop.index), 1, 1)
            self._step(known)
            for v, role in zip(self.outputs, self.roles):
                if role.kind == "result" and role.place == 0:
                    place = f.offset(losses, loop.index, in_memory(v.dtype))
                    store(f, v.dtype, known[v], place, 1)
            after = [self._following(part, row) for part, row in zip(parts, rows)]
            loop.next = [*(known[v] for v, _ in state), *after]
        for (v, i), value in zip(state, loop.results):
            store(f, v.dtype, value, self._slot(table, i), 1)
        f.store(count, f.offset(job, 8 * DONE))
        f.ret(i64(0))
        return f.name

    def _slot(self, table: Value, i: int) -> Value:
        return self.f.load("ptr", self.f.offset(table, 8 * (FIRST + i)))

    def _following(self, part: Value, row: Value) -> Value:
        """The row behind, or the first one again."""
        f = self.f
        after = f.binary("add", row, i64(1))
        last = f.compare("eq", after, f.load("i64", f.offset(part, 8 * PERIOD)))
        return f.select(last, i64(0), after)

    def _row(self, part: Value, here: Value, step: Value) -> Value:
        """Where an argument of this step lies: in the row that is due, or the one that the indices name."""
        f = self.f
        rows, size, indices = (
            f.load(t, f.offset(part, 8 * w)) for t, w in (("ptr", ROWS), ("i64", ROW_BYTES), ("ptr", INDICES))
        )
        chosen, after, before = f.label("chosen"), f.label("row"), f.block
        f.branch(f.compare("ne", indices, NULL), chosen, after)
        f.begin(chosen)
        index = f.load("i64", f.offset(indices, step, "i64"))
        f.jump(after)
        f.begin(after)
        row = f.phi("i64", [(here, before), (index, chosen)])
        return f.offset(rows, f.binary("mul", row, size))

    def _step(self, known: dict[Var, Value]) -> None:
        """All equations, in order."""
        for group in self.assembled.schedule.groups:
            for node in group.nodes:
                operands = [self._operand(x, known) for x in node.operands]
                equation = node.equation
                if node.level == REDUCE:
                    from .scalar import convert

                    value = convert(self.f, operands[0], equation.inputs[0].dtype, equation.output.dtype)
                else:
                    value = compute(self.f, equation, operands, 1)
                known[equation.output] = value

    def _operand(self, x: Any, known: dict[Var, Value]) -> Any:
        if isinstance(x, Register):
            return known[x.var]
        return known[self.layouts.maker[x.buffer]] if isinstance(x, Layout) else x

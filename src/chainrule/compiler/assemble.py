"""From a program to one function: kernels, the memory between them, and the step that runs them in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ops.rearrange import clone
from ..program.ir import Equation, Program, Var
from . import special as special
from .builder import Function, Module, Value, i64
from .checks import FAULT, Check
from .groups import FULL, Group, Node, buffers_read
from .layout import Buffer, Layout, Layouts
from .loops import LoopKernel
from .memory import Life, aligned, plan
from .nest import NestEmitter
from .order import Order
from .product import ProductKernel
from .rendezvous import THREADS, barrier
from .schedule import Schedule
from .target import Target

ARENA, CALLBACK = FAULT + 1, FAULT + 2
FIRST = FAULT + 3  # the slot of the first input
UPDATE, RESULT = "update", "result"
NAME = "step"  # of the function
_PART = 400  # lines of IR, about, in one object file: several are made side by side


@dataclass
class Assembled:
    """A step as IR text, and what its table must hold.

    table: HEADER words of the run time, the fault, the arena, the callback, then inputs, constants, results
    and memory of other objects in order.
    """

    parts: list[str]
    inputs: int
    constants: list[np.ndarray[Any, Any]]
    results: list[Var]
    outputs: tuple[Var, ...]  # of the program, with copies where an output needed one
    arena_bytes: int
    calls: list[tuple[Equation, list[Layout | Any], list[Layout]]]
    checks: list[Check]
    schedule: Schedule
    kernels: list[Any] = field(default_factory=list)
    held: list[np.ndarray[Any, Any]] = field(default_factory=list)  # memory of other objects

    @property
    def text(self) -> str:
        """All IR."""
        return "\n".join(self.parts)

    @property
    def slots(self) -> int:
        return FIRST + self.inputs + len(self.constants) + len(self.results) + len(self.held)


class Assembler:
    """Builds one step."""

    def __init__(
        self, program: Program, strides: Sequence[tuple[int, ...]], roles: Sequence[tuple[str, int]],
        target: Target, threads: int,
    ) -> None:  # fmt: skip
        self.program, self.roles = _with_own_outputs(program), roles
        self.target, self.threads = target, threads
        self.layouts = Layouts()
        slot = FIRST
        for v, s in zip(program.inputs, strides):
            self.layouts.external(v, slot, s)
            slot += 1
        for v in program.constants:
            self.layouts.external(v, slot)
            slot += 1
        self.first_result = slot
        self.schedule = Schedule(self.program, self.layouts)
        self.groups = self.schedule.groups
        self.outputs = self.program.outputs
        self._results()
        self._find_stored()
        self.kernels = [self._kernel(g) for g in self.groups]
        for i, (buffer, _) in enumerate(self.layouts.held.values(), slot + len(self.results)):
            buffer.slot = i
        self.calls: list[Any] = []

    # ----- memory

    def _results(self) -> None:
        """Put results where they are wanted: in fresh memory, or over state that nothing reads later."""
        self.results: list[Var] = []
        for v, (role, index) in zip(self.program.outputs, self.roles):
            layout = self.layouts.of[v]
            if role == RESULT:
                layout.buffer.slot = self.first_result + len(self.results)
                self.results.append(v)
                continue
            old = self.layouts.of[self.program.inputs[index]]
            if old.contiguous and not old.offset and self._may_overwrite(v, old.buffer):
                layout.buffer.slot = old.buffer.slot
            else:
                self._copy_back(v, old)

    def _may_overwrite(self, v: Var, state: Buffer) -> bool:
        """Whether no kernel behind the one that makes `v` reads the state, and that one only at the same
        place.
        """
        group = self.schedule.group_of[v]
        if not group.fuses or v not in group.place:
            return False
        for other in self.groups[group.index :]:
            for buffer, layout in buffers_read(other, self.layouts):
                if buffer is state and other is not group:
                    return False
                if buffer is state and not self._same_place(group, v, layout):
                    return False
        return (
            not any(state is self.layouts.of[x].buffer for x in group.first.inputs) if group.first else True
        )

    def _same_place(self, group: Group, v: Var, layout: Layout) -> bool:
        node = group.place[v]
        shape = group.domain if node is None or node.level == FULL else group.outer_shape
        return layout.shape == shape and layout.contiguous and not layout.offset

    def _copy_back(self, v: Var, old: Layout) -> None:
        """Copy a new value into the state's memory at the end."""
        copy = Var(v.shape, v.dtype, v.name)
        equation = Equation(clone, (v,), (copy,))
        self.layouts.of[copy] = Layout(old.buffer, v.shape, old.strides, old.offset)
        group = Group("loop", v.shape)
        group.add(Node(equation, FULL, 0, (self.layouts.of[v],)))
        group.index = len(self.groups)
        self.groups.append(group)
        self.schedule.group_of[copy] = group
        self.program = self.program.replaced(outputs=(*self.program.outputs, copy))

    def _find_stored(self) -> None:
        """The variables that must be in memory: results, and what another kernel reads."""
        maker, of = self.layouts.maker, self.layouts.of
        stored = {maker.get(of[v].buffer, v) for v in self.program.outputs} | set(self.program.outputs)
        for group in self.groups:
            for buffer, _ in buffers_read(group, self.layouts):
                stored.add(maker[buffer])
        self.stored = stored | self.schedule.parts
        for group in self.groups:
            group.stored = frozenset(group.place) & self.stored

    def _kernel(self, group: Group) -> Any:
        if group.kind == "loop":
            return LoopKernel(group, self.layouts, self.stored)
        if group.kind == "product":
            return ProductKernel(group, self.layouts)
        if group.kind == "special":
            from .kinds import SPECIAL

            first: Any = group.first
            return SPECIAL[first.op].kernel(group, self.layouts)
        return None

    def _plan(self) -> int:
        """Offsets of what is kept between kernels; the arena's size, scratch memory included."""
        lives: dict[Buffer, Life] = {}
        for group, kernel in zip(self.groups, self.kernels):
            touched = kernel.buffers if kernel is not None else self._of_call(group)
            for buffer in touched:
                if buffer.slot is None:
                    life = lives.setdefault(buffer, Life(buffer, group.index, group.index))
                    life.last = group.index
        total = plan(lives.values())
        self.scratch_at = total
        each = [k.scratch(self.target, self.threads) for k in self.kernels if hasattr(k, "scratch")]
        self.scratch_each = aligned(max(each, default=0))
        return total + self.scratch_each * self.threads

    def _of_call(self, group: Group) -> list[Buffer]:
        first: Any = group.first
        return [self.layouts.of[v].buffer for v in (*first.inputs, *first.outputs)]

    # ----- code

    def build(self, written: Callable[[str], None]) -> Assembled:
        """Write everything, in modules of a few kernels each."""
        arena = self._plan()
        parts: list[str] = []
        names = []
        self.noting: set[int] = set()  # the kernels that may stop the step
        module = Module(self.target)
        for i, kernel in enumerate(self.kernels):
            before = len(module.checks)
            names.append(self._write(module, i) if kernel is not None else "")
            if len(module.checks) > before:
                self.noting.add(i)
            if module.lines() > _PART:
                parts.append(str(module))
                written(parts[-1])
                module = module.another()
        f = module.function(NAME, ["ptr", "i64"], "i64", internal=False)
        self._step(f, names)
        parts.append(str(module))
        written(parts[-1])
        constants = [np.ascontiguousarray(c) for c in self.program.constants.values()]
        return Assembled(
            parts, len(self.program.inputs), constants, self.results, self.outputs, arena,
            self.calls, module.checks, self.schedule, self.kernels,
            [a for _, a in self.layouts.held.values()],
        )  # fmt: skip

    def _write(self, module: Module, i: int) -> str:
        """One kernel as a function of its buffers, its share of the work and scratch memory."""
        kernel = self.kernels[i]
        f = module.function(
            f"kernel{i}", ["ptr"] * len(kernel.buffers) + ["i64", "ptr", "ptr"], internal=False
        )
        *places, share, scratch, _ = f.parameters
        pointers = dict(zip(kernel.buffers, places))
        split = (share, self.threads) if self.threads > 1 else None
        if isinstance(kernel, LoopKernel):
            NestEmitter(f, kernel, pointers | kernel.scratch_pointers(f, scratch), split).emit()
        else:
            kernel.emit(f, pointers, split, scratch)
        f.ret()
        return module.merge(f)

    def _step(self, f: Function, names: Sequence[str]) -> None:
        """The kernels in order, with barriers where a thread needs what another has written."""
        table, thread = f.parameters
        arena = f.load("ptr", f.offset(table, 8 * ARENA))
        at: dict[Buffer, Value] = {}
        passed = 0
        order = Order(self.threads, self.target)
        for i, (group, kernel) in enumerate(zip(self.groups, self.kernels)):
            if self.threads > 1 and (kernel is None or order.must_meet(kernel)):
                passed += 1
                barrier(f, table, thread, passed)
            if kernel is None:
                self._call(f, table, thread, group)
                passed += self._stop(f, table, thread, passed + 1)
                order.meet()
                continue
            pointers = [self._pointer(f, table, arena, b, at) for b in kernel.buffers]
            if self.threads == 1:
                scratch = f.offset(arena, self.scratch_at)
                f.call(names[i], *pointers, i64(0), scratch, table)
            else:
                self._shares(f, names[i], pointers, arena, table, thread)
            if i in self.noting:
                passed += self._stop(f, table, thread, passed + 1)
        if self.threads > 1:
            barrier(f, table, thread, passed + 1)
        f.ret(i64(0))

    def _stop(self, f: Function, table: Value, thread: Value, number: int) -> int:
        """Return from the step if a check or a call has failed; how many barriers that took."""
        if self.threads > 1:
            barrier(f, table, thread, number)
        failed, fine = f.label("failed"), f.label("fine")
        fault = f.load("i64", f.offset(table, 8 * FAULT))
        f.branch(f.compare("ne", fault, i64(0)), failed, fine)
        f.begin(failed)
        f.ret(fault)
        f.begin(fine)
        return int(self.threads > 1)

    def _shares(
        self, f: Function, name: str, pointers: list[Value], arena: Value, table: Value, thread: Value
    ) -> None:
        """This thread's shares of a kernel: one, or all if it runs alone."""
        count = f.load("i64", f.offset(table, 8 * THREADS))
        for s in range(self.threads):
            mine = f.compare("eq", f.binary("urem", i64(s), count), thread)
            with f.when(mine):
                f.call(
                    name, *pointers, i64(s), f.offset(arena, self.scratch_at + s * self.scratch_each), table
                )

    def _pointer(
        self, f: Function, table: Value, arena: Value, buffer: Buffer, at: dict[Buffer, Value]
    ) -> Value:
        if buffer not in at:
            if buffer.slot is not None:
                at[buffer] = f.load("ptr", f.offset(table, 8 * buffer.slot))
            else:
                at[buffer] = f.offset(arena, buffer.offset)
        return at[buffer]

    def _call(self, f: Function, table: Value, thread: Value, group: Group) -> None:
        """An equation that is computed by its NumPy forward, in thread 0: the callback is told its number."""
        equation: Any = group.first
        number = len(self.calls)
        operands = [self.layouts.of[x] if isinstance(x, Var) else x for x in equation.operands]
        self.calls.append((equation, operands, [self.layouts.of[v] for v in equation.outputs]))
        with f.when(f.compare("eq", thread, i64(0))):
            pointer = f.load("ptr", f.offset(table, 8 * CALLBACK))
            status = f.call_pointer(pointer, table, i64(number), result="i64")
            f.store(status, f.offset(table, 8 * FAULT))


def _with_own_outputs(program: Program) -> Program:
    """The program with a copy for each output that is not the result of its own equation, or is a view."""
    made = {v: e for e in program.equations for v in e.outputs}
    equations, outputs = list(program.equations), []
    seen: set[Var] = set()
    for v in program.outputs:
        equation = made.get(v)
        if equation is None or equation.op.view or v in seen:
            copy = Var(v.shape, v.dtype, v.name)
            equations.append(Equation(clone, (v,), (copy,)))
            v = copy
        seen.add(v)
        outputs.append(v)
    return program.replaced(equations=tuple(equations), outputs=tuple(outputs))


def assemble(
    program: Program, strides: Sequence[tuple[int, ...]], roles: Sequence[tuple[str, int]], target: Target,
    threads: int = 1, written: Callable[[str], None] = lambda text: None,
) -> Assembled:  # fmt: skip
    """The step that computes a program's outputs into their places.

    strides  of each input, in elements
    roles    of each output: ("result", its number), or ("update", the number of the input it replaces)
    written  is called with the text of each module, while the next one is being written
    """
    return Assembler(program, strides, roles, target, threads).build(written)

"""Running an optimised program on arrays: as machine code, or by NumPy where there is no LLVM."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..program.interpret import evaluate, interpret
from ..program.ir import Program, Var
from .assemble import ARENA, CALLBACK, FIRST, Assembled, assemble
from .builder import Module
from .checks import FAULT
from .engine import Library, load
from .layout import Layout
from .memory import ALIGN
from .rendezvous import DETAIL, THREADS
from .target import Target, host

Array = np.ndarray[Any, Any]


class Role(NamedTuple):
    """What becomes of an output: a new array ("result"), or input number `place` made anew ("update")."""

    kind: str
    place: int


class NumPyRunner:
    """Runs the program by the records' forwards."""

    def __init__(self, program: Program, roles: Sequence[Role]) -> None:
        self.program, self.roles = program, roles

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        outputs = interpret(self.program, inputs)
        results = []
        for role, value in zip(self.roles, outputs):
            if role.kind == "result":
                results.append(np.array(value))
        for role, value in zip(self.roles, outputs):
            if role.kind == "update":
                inputs[role.place][...] = value
        return results


class NativeRunner:
    """Runs the program as machine code; raises what a NumPy forward inside the step raises."""

    def __init__(
        self, program: Program, strides: Sequence[tuple[int, ...]], roles: Sequence[Role],
        target: Target | None = None, threads: int = 1,
    ) -> None:  # fmt: skip
        self.program, self.roles = program, list(roles)
        began = perf_counter()
        self.assembled: Assembled = assemble(program, strides, roles, target or host(), threads)
        written = perf_counter()
        self.library: Library = load(self.assembled.text, (self.assembled.name,), target, cache=True)
        self.seconds = {"writing": written - began, "compiling": perf_counter() - written}
        self.results: list[Var] = self.assembled.results
        a = self.assembled
        self.arena = np.empty(a.arena_bytes + ALIGN, np.uint8)
        self.table = np.zeros(a.slots, np.int64)
        start = self.arena.ctypes.data
        self.table[ARENA] = -(-start // ALIGN) * ALIGN
        self.table[THREADS] = 1
        self.error: BaseException | None = None
        self._callback = _CALLBACK(self._call)
        self.table[CALLBACK] = ctypes.cast(self._callback, ctypes.c_void_p).value or 0
        for i, c in enumerate(a.constants, FIRST + a.inputs):
            self.table[i] = c.ctypes.data
        for i, held in enumerate(a.held, a.slots - len(a.held)):
            self.table[i] = held.ctypes.data
        self.entry = self.library.address(a.name)
        self.step: Callable[[int, int], int] = _STEP(self.entry)
        self.address = self.table.ctypes.data
        self.threads = threads

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        table = self.table
        for i, array in enumerate(inputs, FIRST):
            table[i] = array.ctypes.data
        results = [np.empty(v.shape, v.dtype.np) for v in self.results]
        first = FIRST + self.assembled.inputs + len(self.assembled.constants)
        for i, array in enumerate(results, first):
            table[i] = array.ctypes.data
        fault = self._step()
        if fault:
            self.failed(fault, int(table[DETAIL]))
        return results

    def bind(self, inputs: Sequence[Array], first: int) -> None:
        """Put the pointers of inputs, from number `first` on, into the table."""
        for i, array in enumerate(inputs, FIRST + first):
            self.table[i] = array.ctypes.data

    def scalars(self, arguments: int) -> Callable[[int], int] | None:
        """The loop of train() for a step of single numbers (see scalar_loop); None for others."""
        from . import scalar_loop

        if self.threads > 1 or not scalar_loop.fits(self.program, self.assembled):
            return None
        module = Module(host())
        name = scalar_loop.write(module, self.program, self.assembled, self.roles, arguments)
        self.looping = load(str(module), (name,))
        found: Any = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(self.looping.address(name))
        return found

    def _step(self) -> int:
        """Run the code; 0, or what went wrong."""
        if self.threads == 1:
            return self.step(self.address, 0)
        from .threads import pool

        return pool().run(self.entry, self.address, self.threads)

    def failed(self, fault: int, detail: int) -> None:
        """Raise what went wrong inside the step: a forward's own error, or that of check fault - 1."""
        self.table[FAULT] = 0
        error, self.error = self.error, None
        if error is not None:
            raise error
        check = self.assembled.checks[fault - 1]
        word = ctypes.c_int64(detail)
        value = ctypes.c_double.from_buffer(word).value if check.floats else detail
        check.raises(check.equation, value)
        raise RuntimeError(f"a compiled step was stopped by {check.equation.op}, but {value} is fine")

    def _call(self, table: int, number: int) -> int:
        """One equation by its NumPy forward, on the step's own memory."""
        try:
            equation, operands, outputs = self.assembled.calls[number]
            values: dict[Var, Any] = {}
            for v, layout in zip(equation.operands, operands):
                if isinstance(v, Var):
                    values[v] = self._array(layout, v)
            with np.errstate(all="ignore"):
                for v, layout, out in zip(equation.outputs, outputs, evaluate(equation, values)):
                    self._array(layout, v)[...] = out
        except BaseException as error:
            self.error = error
            return -1
        return 0

    def _array(self, layout: Layout, v: Var) -> Array:
        """The array on a layout's memory."""
        item = v.dtype.itemsize
        buffer = layout.buffer
        if buffer.slot is not None:
            base = int(self.table[buffer.slot])
        else:
            base = int(self.table[ARENA]) + buffer.offset
        low, high = layout.span()
        memory = (ctypes.c_char * max((high - low) * item, 1)).from_address(base + low * item)
        strides = [s * item for s in layout.strides]
        return np.ndarray(layout.shape, v.dtype.np, memory, (layout.offset - low) * item, strides)


_STEP = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)

"""Running an optimised program on arrays: as machine code, or by NumPy where there is no LLVM."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..program.interpret import evaluate, interpret
from ..program.ir import Program, Var
from .assemble import ARENA, CALLBACK, FIRST, NAME, Assembled, assemble
from .builder import Module
from .checks import FAULT
from .engine import Library, load
from .image import Identity, Image, identity, keep, kept
from .layout import Layout
from .memory import ALIGN, aligned
from .objects import Objects
from .pipeline import Passes
from .rendezvous import DETAIL, THREADS
from .target import Target, host

Array = np.ndarray[Any, Any]


class Role(NamedTuple):
    """What becomes of an output: a new array ("result"), or input number `place` made anew ("update")."""

    kind: str
    place: int


@contextmanager
def spent(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Note how long the block took."""
    began = perf_counter()
    yield
    seconds[what] = perf_counter() - began


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
        target: Target | None = None, threads: int = 1, prepare: Passes | None = None,
    ) -> None:  # fmt: skip
        """`prepare` are the passes that the program still needs; with them, the step is looked for in the
        cache by the program as it is.
        """
        self.source, self.strides, self.roles = program, strides, list(roles)
        self.target, self.threads, self.prepare = target or host(), threads, prepare
        self._spent: dict[str, float] = {}
        image, objects = self._found() if prepare is not None else self._made(None)
        with spent(self._spent, "loading"):
            self.library = Library(objects, (NAME,))
        self.seconds = dict(self._spent)
        self.results: list[Var] = image.results
        self.first_result = FIRST + len(program.inputs) + len(image.constants)
        self._constants, self._held = image.constants, image.held
        self.arena = np.empty(image.arena_bytes + ALIGN, np.uint8)
        after = self.first_result + len(image.results)
        self.table = np.zeros(after + len(image.held), np.int64)
        start = self.arena.ctypes.data
        self.table[ARENA] = aligned(start)
        self.table[THREADS] = 1
        self.error: BaseException | None = None
        self._callback = _CALLBACK(self._call)
        self.table[CALLBACK] = ctypes.cast(self._callback, ctypes.c_void_p).value or 0
        for i, c in enumerate(image.constants, FIRST + len(program.inputs)):
            self.table[i] = c.ctypes.data
        for i, held in enumerate(image.held, after):
            self.table[i] = held.ctypes.data
        self.entry = self.library.address(NAME)
        self.step: Callable[[int, int], int] = _STEP(self.entry)
        self.address = self.table.ctypes.data

    # ----- what it is made from: at once without an image in the cache, else when somebody asks

    @cached_property
    def program(self) -> Program:
        """The program in terms of what kernels compute."""
        with spent(self._spent, "passes"):
            return self.source if self.prepare is None else self.prepare(self.source)

    @cached_property
    def assembled(self) -> Assembled:
        """Its kernels."""
        return self._assembled(lambda text: None)

    def _assembled(self, written: Callable[[str], None]) -> Assembled:
        program = self.program
        with spent(self._spent, "writing"):
            return assemble(program, self.strides, self.roles, self.target, self.threads, written)

    def _found(self) -> tuple[Image, list[bytes]]:
        """The step from the cache, or made and put there."""
        known = identity(self.source, self.strides, self.roles, self.target, self.threads, self.prepare)
        return kept(known) or self._made(known)

    def _made(self, known: Identity | None) -> tuple[Image, list[bytes]]:
        objects = Objects(self.target)
        self.assembled = made = self._assembled(objects.add)
        with spent(self._spent, "compiling"):
            codes = objects.finish()
        keep(known, made, self.target)
        return Image(made.arena_bytes, made.results, made.constants, made.held), codes

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        table = self.table
        for i, array in enumerate(inputs, FIRST):
            table[i] = array.ctypes.data
        results = [np.empty(v.shape, v.dtype.np) for v in self.results]
        for i, array in enumerate(results, self.first_result):
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

        if self.threads > 1 or not scalar_loop.fits(self.source, lambda: self.assembled):
            return None
        module = Module(self.target)
        name = scalar_loop.write(module, self.program, self.assembled, self.roles, arguments)
        self.looping = load(str(module), (name,), cache=True)
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

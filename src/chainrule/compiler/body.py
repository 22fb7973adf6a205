"""The body of a kernel: equations computed on vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops import movement
from ..program.build import promoted
from ..program.ir import Equation, Var
from . import scalar
from .builder import Function, Value, i64, lanes, number, vector
from .checks import CHECKS
from .groups import Register
from .kinds import COPIES
from .layout import Layout
from .loops import State, Walker
from .values import constant, gather, in_memory, in_register, load, scatter, store


def compute(f: Function, equation: Equation, operands: Sequence[Any], width: int) -> Value:
    """The value of an elementwise equation, for operands in registers (or Python numbers).

    `width` of its lanes count; a check looks at those alone.
    """
    op, result = equation.op, equation.output.dtype
    if op in CHECKS:
        return CHECKS[op](f, equation, operands[0], width)
    if op in COPIES:
        if not isinstance(operands[0], Value):
            return constant(operands[0], result, 1)
        source = equation.inputs[0].dtype
        return scalar.convert(f, operands[0], source, result) if op is movement.to else operands[0]
    dtype = promoted(op, equation.args)
    return scalar.emit(f, op, operands, equation.attributes, dtype, result)


class Block:
    """Some vectors along one dimension of a nest, at one place: loads, values so far, stores.

    index   where it starts along the dimension (the pointers of `state` do not know it yet)
    widths  the valid lanes of each vector
    """

    def __init__(
        self,
        walker: Walker,
        state: State,
        d: int | None,
        index: Value | int,
        widths: Sequence[int],
        full: int,
    ) -> None:
        self.walker, self.f, self.kernel = walker, walker.f, walker.kernel
        self.state, self.d, self.index, self.widths, self.lanes = state, d, index, widths, full
        self.known: dict[tuple[Var, int], Value] = {}
        self._loaded: dict[tuple[int, int], Value] = {}
        self._splats: dict[str, Value] = {}
        self._bases: dict[int, Value] = {}

    def _step(self, access: int) -> int:
        """By how many elements the access moves along the block's dimension."""
        return self.walker.nest.accesses[access].strides[self.d] if self.d is not None else 0

    def _pointer(self, access: int, u: int) -> Value:
        """Where the access's u-th vector starts."""
        a, f, step = self.walker.nest.accesses[access], self.f, self._step(access)
        if access not in self._bases:
            index: Any = self.index
            if isinstance(index, int):
                index = index * step
            elif step != 1:
                index = f.binary("mul", index, i64(step))
            self._bases[access] = f.offset(self.state.pointers[access], index, in_memory(a.dtype))
        return f.offset(self._bases[access], u * self.lanes * step, in_memory(a.dtype))

    def splat(self, value: Value) -> Value:
        """The value in all lanes of the block."""
        if lanes(value.type) == self.lanes:
            return value
        if value.text not in self._splats:
            self._splats[value.text] = self.f.splat(value, self.lanes)
        return self._splats[value.text]

    def fetch(self, access: int, u: int) -> Value:
        """The access's u-th vector; what does not move along the dimension is the same in all lanes."""
        if access in self.state.scalars:
            return self.splat(self.state.scalars[access])
        a, step = self.walker.nest.accesses[access], self._step(access)
        key = (access, u if step else 0)
        if key not in self._loaded:
            p, count = self._pointer(access, u), self.widths[u]
            if step == 1 or self.lanes == 1:
                found = load(self.f, a.dtype, p, self.lanes, count)
            elif step == 0:
                found = self.splat(load(self.f, a.dtype, p, 1, 1))
            else:
                found = gather(self.f, a.dtype, p, step, self.lanes, count)
            self._loaded[key] = found
        return self._loaded[key]

    def operand(self, x: Any, u: int) -> Any:
        """A node's operand at the u-th vector."""
        if isinstance(x, Layout):
            return self.fetch(self.kernel.loads[x], u)
        if not isinstance(x, Register):
            return x
        if (x.var, u) in self.known:
            return self.known[x.var, u]
        if x.var in self.state.outer:
            return self.splat(self.state.outer[x.var])
        return self.fetch(self.kernel.stores[x.var], u)

    def run(self, equation: Equation, operands: Sequence[Any], u: int) -> Value:
        """Compute a node's equation at the u-th vector, and store it if it is wanted in memory."""
        value = compute(self.f, equation, [self.operand(x, u) for x in operands], self.widths[u])
        value = self.splat(value)
        self.keep(equation.output, value, u)
        return value

    def keep(self, var: Var, value: Value, u: int) -> None:
        """Note a value, and store it if it is wanted in memory."""
        self.known[var, u] = value
        access = self.kernel.stores.get(var)
        if access is None:
            return
        a = self.walker.nest.accesses[access]
        p = self._pointer(access, u)
        if self._step(access) == 1 or self.lanes == 1:
            store(self.f, a.dtype, value, p, self.widths[u])
        else:
            scatter(self.f, a.dtype, value, p, self._step(access), self.widths[u])


def start_value(f: Function, var: Var, value: Any, count: int) -> Value:
    """The number that a reduction starts from, in every lane."""
    return number(value, vector(in_register(var.dtype), count))

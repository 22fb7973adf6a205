"""Loops over elements of run-time length, from what a record or a rule computes for one element.

NOTE [Bits] Results must be those of NumPy, bit for bit. So nothing is contracted, and an expression is taken
only if it is put together from operations that IEEE 754 rounds correctly; all others are left to NumPy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ...ops.record import Op, same
from ...program.build import Builder, Symbol
from ...types import DType
from .. import scalar
from ..builder import Function, Module, Value, i64, vector
from ..target import Target
from .native import Native

Item = Value | float | int
Write = Callable[[Function, Sequence[Value], DType], Value]
"""What is computed for one element (or register) of each operand."""

_EXACT = re.compile(
    r"(fadd|fsub|fmul|fdiv|fneg|fcmp|select|uitofp <?[\dx ]*i1|xor|and|or|extractelement|insertelement"
    r"|shufflevector|call \S+( x \S+)? @llvm\.(sqrt|fabs|floor|ceil|trunc|rint|roundeven|copysign)\.)"
)


def exact(write: Write, count: int, dtype: DType, target: Target) -> bool:
    """Whether it can be written for the dtype, from correctly rounded operations alone: NOTE [Bits]."""
    module = Module(target, contract=False)
    kind = scalar.REGISTER[dtype]
    f = module.function("probe", [kind] * count, kind)
    try:
        result = write(f, f.parameters, dtype)
    except (ValueError, TypeError, KeyError, NotImplementedError):
        return False
    lines = [line.split(" = ", 1)[-1].strip() for line in str(f).splitlines()[2:-1]]
    return result.type == kind and all(map(_EXACT.match, lines))


def of_record(op: Op, number: float | int | None = None) -> Write:
    """The record itself; with `number`, its last argument is that constant."""

    def write(f: Function, values: Sequence[Value], dtype: DType) -> Value:
        operands: list[Item] = list(values)
        if number is not None:
            operands = [*operands[: op.nargs - 1], number]
        return scalar.emit(f, op, operands, (), dtype, dtype)

    return write


def of_rule(op: Op, which: int, number: float | int | None = None) -> Write | None:
    """g · ∂y/∂x of argument `which`, of operands (g, y, *arguments): the record's `d`, traced."""
    partial: Any = op.d[which]
    if not callable(partial):
        return _times_constant(partial) if partial else None

    def write(f: Function, values: Sequence[Value], dtype: DType) -> Value:
        builder = Builder()
        symbols: list[Any] = [builder.input((), dtype) for _ in range(1 + op.nargs)]
        given = [*symbols[:-1], number] if number is not None else symbols
        found = partial(*given)
        known: dict[Any, Value] = {s.var: v for s, v in zip(symbols, values[1:])}
        for equation in builder.program(()).equations:
            operands = [known.get(a, a) for a in equation.args[: equation.op.nargs]]
            out = equation.outputs[0]
            if any(v.shape for v in equation.outputs) or out.dtype is not dtype:
                raise ValueError(f"{equation.op.name} is not one number of the computing dtype")
            known[out] = scalar.emit(
                f, equation.op, operands, equation.args[equation.op.nargs :], dtype, dtype
            )
        factor: Item = known[found.var] if isinstance(found, Symbol) else found
        return scalar.emit(f, _MUL, (values[0], factor), (), dtype, dtype)

    return write


def _times_constant(partial: float) -> Write | None:
    if partial == 1:
        return None  # `same`: nothing to compute

    def write(f: Function, values: Sequence[Value], dtype: DType) -> Value:
        if partial == -1:
            return f.fneg(values[0])
        return scalar.emit(f, _MUL, (values[0], partial), (), dtype, dtype)

    return write


def _product() -> Op:
    from ...ops.arithmetic import mul

    return mul


_MUL = _product()


def loop(n: Native, name: str, write: Write, count: int, dtype: DType) -> str:
    """A function (out, length, data₀, step₀, data₁, step₁, …): step 0 for an operand of one element."""
    full = f"{name}.{dtype.name}"
    f = n.helper(full, ("ptr", "i64", *("ptr", "i64") * count), "void")
    if f is not None:
        _write_loop(f, write, count, dtype)
    return full


def _write_loop(f: Function, write: Write, count: int, dtype: DType) -> None:
    kind = scalar.REGISTER[dtype]
    width = f.target.lanes(kind)
    wide = vector(kind, width)
    out, length = f.parameters[:2]
    data, steps = f.parameters[2::2], f.parameters[3::2]
    buffers = [f.emit(f"alloca {wide}, align 64", "ptr") for _ in range(count)]
    broad, narrow, rest, done = map(f.label, ("broad", "narrow", "rest", "done"))
    before = f.block
    f.branch(f.compare("sge", length, i64(width)), broad, narrow)
    f.begin(broad)
    places = []
    for at, step, buffer in zip(data, steps, buffers):
        f.store(f.splat(f.load(kind, at), width), buffer)
        places.append(f.select(f.compare("eq", step, i64(0)), buffer, at))
    whole = f.binary("and", length, i64(-width))
    with f.loop(0, whole, width) as each:
        offsets = [f.binary("mul", each.index, step) for step in steps]
        values = [f.load(wide, f.offset(p, o, kind)) for p, o in zip(places, offsets)]
        f.store(write(f, values, dtype), f.offset(out, each.index, kind))
    after = f.block
    f.jump(narrow)
    f.begin(narrow)
    start = f.phi("i64", [(i64(0), before), (whole, after)])
    f.branch(f.compare("slt", start, length), rest, done)
    f.begin(rest)
    with f.loop(start, length) as each:
        offsets = [f.binary("mul", each.index, step) for step in steps]
        values = [f.load(kind, f.offset(p, o, kind)) for p, o in zip(data, offsets)]
        f.store(write(f, values, dtype), f.offset(out, each.index, kind))
    f.jump(done)
    f.begin(done)
    f.ret()


def is_same(pull: Any) -> bool:
    """Whether a vjp hands the cotangent on as it is."""
    return pull is same

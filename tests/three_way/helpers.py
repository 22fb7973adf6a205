"""The same program three ways: by the forwards, by the interpreter after all passes, as machine code."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.registry.helpers import RECORDS, samples

from chainrule.compiler.pipeline import optimised
from chainrule.compiler.runner import NativeRunner, Role
from chainrule.compiler.target import Target
from chainrule.ops.record import REGISTRY, Op
from chainrule.program import Builder, Program, interpret, verify
from chainrule.types import FLOAT, FROM_NUMPY

__all__ = ["RECORDS", "REGISTRY", "compiled", "of_record", "run_compiled", "samples", "three_ways"]


def of_record(op: Op, args: tuple[Any, ...], floats: Any) -> tuple[Program, list[Any]]:
    """A program of one equation, and its inputs, with floating arrays in the given dtype."""
    builder = Builder()
    inputs: list[Any] = []

    def symbol(x: Any) -> Any:
        if not isinstance(x, (np.ndarray, np.generic)):
            return x
        x = np.asarray(x)
        if FROM_NUMPY[x.dtype].category == FLOAT:
            x = x.astype(floats)
        inputs.append(np.ascontiguousarray(x).reshape(x.shape))
        return builder.input(x.shape, FROM_NUMPY[x.dtype])

    n = op.nargs
    bound = ([symbol(x) for x in args[0]], *args[1:]) if n < 0 else (*map(symbol, args[:n]), *args[n:])
    out = builder.add(op, bound)
    return builder.program(out if isinstance(out, list) else [out]), inputs


def compiled(
    program: Program, inputs: list[Any], target: Target | None = None, threads: int = 1
) -> NativeRunner:
    """The machine code of a program whose outputs are all results."""
    strides = [tuple(s // a.itemsize for s in a.strides) for a in inputs]
    roles = [Role("result", i) for i in range(len(program.outputs))]
    return NativeRunner(program, strides, roles, target, threads)


def run_compiled(program: Program, inputs: list[Any], **options: Any) -> list[Any]:
    """The outputs of the optimised program as machine code."""
    return compiled(verify(optimised(program)), inputs, **options)(inputs)


def three_ways(program: Program, inputs: list[Any], rtol: float, atol: float = 0.0) -> None:
    """Raise AssertionError unless forwards, interpreter and machine code agree."""
    plain = interpret(verify(program), inputs)
    passed = interpret(verify(optimised(program)), inputs)
    native = run_compiled(program, inputs)
    for a, b, c in zip(plain, passed, native):
        assert a.shape == b.shape == c.shape
        assert a.dtype == b.dtype == c.dtype
        scale = np.abs(a[np.isfinite(a)]).max(initial=1.0) if a.dtype.kind == "f" else 1.0
        np.testing.assert_allclose(b, a, rtol=rtol, atol=max(atol, rtol * float(scale)))
        np.testing.assert_allclose(c, a, rtol=rtol, atol=max(atol, rtol * float(scale)))

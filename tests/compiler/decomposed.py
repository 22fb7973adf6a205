"""What the tests of decompositions share: programs of one operation, and the comparison with its record."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from tests.registry.helpers import results, tensors_of, with_tensors

from chainrule.compiler.decompose import decompose, is_core
from chainrule.program import Builder, interpret, verify
from chainrule.types import dtype_of


def is_array(x):
    return isinstance(x, (np.ndarray, np.generic))


def as_dtype(x, dtype):
    return x.astype(dtype) if is_array(x) and x.dtype.kind == "f" else x


def cast(op, args, dtype):
    """The arguments with their floating arrays in another dtype."""
    return with_tensors(
        op, args, [as_dtype(np.asarray(t) if is_array(t) else t, dtype) for t in tensors_of(op, args)]
    )


def program_of(op, args):
    """The program of one operation, and its inputs."""
    builder = Builder()
    arrays = [t for t in tensors_of(op, args) if is_array(t)]
    symbols = [builder.input(a.shape, dtype_of(a)) for a in arrays]
    it = iter(symbols)
    bound = [next(it) if is_array(t) else t for t in tensors_of(op, args)]
    out = builder.add(op, with_tensors(op, args, bound))
    return verify(builder.program(out if isinstance(out, list) else [out])), arrays


def left_over(program):
    """The records that no rule has broken up, elementwise ones and kernels aside."""
    return {e.op for e in program.equations if not is_core(e.op)}


def same_numbers(got, want, rtol, atol):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        w = np.asarray(w)
        assert g.shape == w.shape and g.dtype == w.dtype
        if g.dtype == ml_dtypes.bfloat16:
            g, w = g.astype(np.float32), w.astype(np.float32)
        np.testing.assert_allclose(g, w, rtol=rtol, atol=atol)


def check(op, args, rtol, atol):
    program, inputs = program_of(op, args)
    small = verify(decompose(program))
    with np.errstate(all="ignore"):
        want = results(op, args)
    same_numbers(interpret(small, inputs), want, rtol, atol)
    return small

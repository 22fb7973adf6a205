"""What the tests of passes share: writing small programs, special inputs, equality to the bit."""

from __future__ import annotations

import numpy as np

from chainrule.program import Builder, verify

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, np.inf, -np.inf, np.nan, 1e-40, 3e38]


def same_bits(got, want):
    """Equal values, NaN equal to NaN, 0 not to -0."""
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.dtype == w.dtype and g.shape == w.shape
        if g.dtype.kind in "fV":
            g, w = g.astype(np.float64), w.astype(np.float64)
            number = ~np.isnan(w)
            np.testing.assert_array_equal(np.signbit(g)[number], np.signbit(w)[number])
        np.testing.assert_array_equal(g, w)


def names(program):
    return [e.op.name for e in program.equations]


def written(f, *inputs):
    """The program of f on inputs of these types."""
    builder = Builder()
    symbols = [builder.input(shape, dtype, f"x{i}") for i, (shape, dtype) in enumerate(inputs)]
    out = f(*symbols)
    return verify(builder.program(out if isinstance(out, (list, tuple)) else [out]))


def inputs_of(program, seed):
    source = np.random.default_rng(seed)
    out = []
    for v in program.inputs:
        values = (
            source.choice(SPECIAL, size=v.shape)
            if v.dtype.category >= 2
            else source.integers(0, 5, size=v.shape)
        )
        with np.errstate(all="ignore"):
            out.append(np.asarray(values).astype(v.dtype.np))
    return out

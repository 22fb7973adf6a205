"""Each algebraic identity: where it applies, and that it keeps the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.program.programs import inputs_of, names, same_bits, written

from chainrule.ops import (
    compare,
    exponential,
    extreme,
    index,
    join,
    movement,
    rearrange,
    reduce,
    select,
    view,
)
from chainrule.ops.arithmetic import neg, rsub
from chainrule.program import interpret, verify
from chainrule.program.passes import dce, simplify
from chainrule.types import bfloat16, bool_, complex64, float16, float32, float64, int32, int64

F, D, I, B, H = ((2, 3), float32), ((2, 3), float64), ((2, 3), int32), ((2, 3), bool_), ((2, 3), float16)
C = np.full((3,), 1.0, np.float32)
SAFE = [
    (lambda x: x + -0.0, [F], []),
    (lambda x: -0.0 + x, [F], []),
    (lambda x: x + 0, [I], []),
    (lambda x: x - 0.0, [F], []),
    (lambda x: -0.0 - x, [F], ["neg"]),
    (lambda x: 0 - x, [I], ["neg"]),
    (lambda x, y: x - (-y), [F, F], ["add"]),
    (lambda x, y: x + (-y), [F, F], ["sub"]),
    (lambda x, y: -x + y, [F, F], ["sub"]),
    (lambda x: rsub(x, 2.0), [F], ["sub"]),
    (lambda x: x - x, [I], ["expand"]),
    (lambda x: x * 1, [F], []),
    (lambda x: 1.0 * x, [F], []),
    (lambda x: x * C, [F], []),
    (lambda x: x * -1, [F], ["neg"]),
    (lambda x: x * 0, [I], ["expand"]),
    (lambda x, y: -x * -y, [F, F], ["mul"]),
    (lambda x: x / 1, [F], []),
    (lambda x: x / -1, [F], ["neg"]),
    (lambda x: movement.to(x, bfloat16) / -1, [F], ["to", "neg"]),
    (lambda x: x / 8, [F], ["mul"]),
    (lambda x: x / 2.0**-130, [F], ["div"]),
    (lambda x: x / 2.0**-130, [D], ["mul"]),
    (lambda x: x / 2.0**14, [H], ["div"]),
    (lambda x: neg(neg(x)), [F], []),
    (lambda x: abs(-x), [F], ["abs"]),
    (lambda x: abs(abs(x)), [F], ["abs"]),
    (lambda x: abs(-x), [I], ["neg", "abs"]),
    (lambda x: x**1, [F], []),
    (lambda x: x**2, [F], ["mul"]),
    (lambda x: x**2, [I], ["pow"]),
    (lambda c, x: select.where(c, x, x), [B, F], []),
    (lambda x: select.where(np.array(True), x, 0.0), [F], []),
    (lambda c: compare.logical_not(~c), [B], []),
    (lambda x: movement.to(x, float32), [F], []),
    (lambda x: movement.to(movement.to(x, float64), float32), [F], []),
    (lambda x: movement.to(movement.to(x, float64), float16), [F], ["to"]),
    (lambda x: movement.to(movement.to(x, float32), float64), [D], ["to", "to"]),
    (lambda x: movement.to(movement.to(x, float64), int32), [((2, 3), int64)], ["to", "to"]),
    (lambda x: movement.to(movement.to(x, float32), bool_), [B], []),
    (lambda x: rearrange.clone(rearrange.contiguous(x)), [F], []),
    (lambda x: x.mT.mT, [F], []),
    (lambda x: view.t(view.t(x)), [F], []),
    (lambda x: movement.permute(x.mT, (1, 2, 0)), [((2, 3, 4), float32)], ["transpose"]),
    (
        lambda x: movement.permute(movement.permute(x, (1, 2, 0)), (1, 2, 0)),
        [((2, 3, 4), float32)],
        ["permute"],
    ),
    (
        lambda x: movement.permute(movement.permute(x, (1, 2, 0)), (2, 0, 1)),
        [((2, 3, 4), float32)],
        [],
    ),
    (lambda x: movement.reshape(x, (2, 3)), [F], []),
    (lambda x: view.squeeze_dim(view.unsqueeze(x, 1), (1,)), [F], []),
    (lambda x: movement.reshape(movement.reshape(x, (6,)), (3, 2)), [F], ["reshape"]),
    (lambda x: movement.expand(x, (2, 3)), [F], []),
    (
        lambda x: movement.expand(movement.expand(x, (2, 3)), (4, 2, 3)),
        [((3,), float32)],
        ["expand"],
    ),
    (lambda x, y: x + movement.expand(y, (2, 3)), [F, ((3,), float32)], ["add"]),
    (lambda y: movement.expand(y, (2, 3)) * 2, [((3,), float32)], ["expand", "mul"]),
    (lambda x: index.part(x, (slice(None), ...)), [F], []),
    (lambda x: index.part(x, (slice(1),)), [F], ["part"]),
    (lambda x: join.cat((x,), 0, (2,)), [F], []),
    (lambda x: movement.stack((x,), 0), [F], ["unsqueeze"]),
    (lambda x: reduce.sum(x, (), False), [F], ["add"]),
    (lambda x: extreme.amax(x, (0,), False), [((1, 3), float32)], ["reshape"]),
]


@pytest.mark.parametrize("case", range(len(SAFE)))
def test_safe_identities(case):
    f, types, want = SAFE[case]
    program = written(f, *types)
    after = verify(dce(simplify(program)))
    assert names(after) == want
    for seed in range(5):
        inputs = inputs_of(program, seed)
        same_bits(interpret(after, inputs), interpret(program, inputs))


FAST = [
    (lambda x: x + 0.0, [F], []),
    (lambda x: 0 - x, [F], ["neg"]),
    (lambda x: x - -0.0, [F], []),
    (lambda x: x - x, [F], ["expand"]),
    (lambda x: x * 0, [F], ["expand"]),
    (lambda x: x / 3, [F], ["mul"]),
    (lambda x, y: (x * y) / y, [F, F], []),
    (lambda x, y: (y * x) / y, [F, F], []),
    (lambda x, y: (x / y) * y, [F, F], []),
    (lambda x: x / x, [F], ["expand"]),
    (lambda c, x: c * x, [B, F], ["where"]),
    (lambda c, x: x * c, [B, I], ["where"]),
    (lambda x: x**0.5, [F], ["sqrt"]),
    (lambda x: x**-0.5, [F], ["rsqrt"]),
    (lambda x: x**-1, [F], ["reciprocal"]),
    (lambda x: x**3, [F], ["mul", "mul"]),
    (lambda x: x**4, [F], ["square", "square"]),
    (lambda x: x**0, [F], ["expand"]),
    (lambda x: exponential.log(exponential.exp(x)), [F], []),
    (lambda x: reduce.sum(x, (0,), False), [((1, 3), float32)], ["reshape"]),
    (lambda x: reduce.sum(x, (), False), [F], []),
]


@pytest.mark.parametrize("case", range(len(FAST)))
def test_fast_identities_only_where_asked_for(case):
    f, types, want = FAST[case]
    program = written(f, *types)
    inputs = [np.linspace(0.5, 2, v.size).astype(v.dtype.np).reshape(v.shape) for v in program.inputs]
    after = verify(dce(simplify(program, fast=True)))
    assert names(after) == want
    assert names(dce(simplify(program))) != want
    for g, w in zip(interpret(after, inputs), interpret(program, inputs)):
        np.testing.assert_allclose(g, w, rtol=1e-6)


KEPT = [
    (lambda x: x + 0.0, [F]),
    (lambda x: x * 0, [F]),
    (lambda x: abs(-x), [I]),
    (lambda c: compare.logical_not(compare.logical_not(c)), [F]),
    (lambda x: movement.to(movement.to(x, float32), float64), [D]),
    (lambda y: movement.expand(y, (2, 3)) * 2, [((3,), float32)]),
    (lambda y: y * np.ones((2, 3), np.float32), [((3,), float32)]),
    (lambda x: index.part(x, (slice(None, None, -1),)), [F]),
    (lambda x: extreme.amax(x, (0,), False), [F]),
]


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("case", range(len(KEPT)))
def test_what_only_looks_like_an_identity_is_kept(case, fast):
    f, types = KEPT[case]
    program = written(f, *types)
    if case > 1 or not fast:
        assert names(simplify(program, fast=fast)) == names(program)


def test_the_logarithm_of_a_complex_exponential_wraps_its_phase():
    program = written(lambda z: exponential.log(exponential.exp(z)), ((2,), complex64))
    assert names(simplify(program, fast=True)) == ["exp", "log"]

"""Recurrent layers as kernels: forward and back, for sequences of any lengths, sizes and processors."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.guarded_steps import by_kernels, program_by_kernels
from tests.three_way.helpers import of_record, samples

import chainrule as cr
from chainrule.compiler import engine, target
from chainrule.compiler.assemble import assemble
from chainrule.compiler.pipeline import optimised
from chainrule.ops import recurrent, recurrent_pull
from chainrule.program import Builder
from chainrule.types import float32

LAYERS = {recurrent.rnn_layer: 1, recurrent.lstm_layer: 4, recurrent.gru_layer: 3}
PULLS = [recurrent_pull.rnn_pull, recurrent_pull.lstm_pull, recurrent_pull.gru_pull]
NAMED = {op.name: op for op in (*LAYERS, *PULLS)}
COUNTS = [(5, 5, 5), (7, 4, 4, 1), (1,), (13, 2)]
RTOL = {np.float32: 4e-6, np.float64: 1e-13}


def _close(got, want, floats):
    assert len(got) == len(want)
    for a, b in zip(got, want):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=RTOL[floats], atol=RTOL[floats] * max(np.nanmax(np.abs(b)), 1))


def _arguments(op, counts, reverse, units, relu=False):
    """Arguments of a layer or of its walk back."""
    rng = np.random.default_rng(4)
    rows, batch = sum(counts), counts[0]
    r, s = (rows, units), (batch, units)
    shapes = {
        "rnn_layer": [r, (units, units), s],
        "lstm_layer": [(rows, 4 * units), (4 * units, units), s, s],
        "gru_layer": [(rows, 3 * units), (3 * units, units), (3 * units,), s],
        "rnn_pull": [r, r, s, r, (units, units)],
        "lstm_pull": [r, s, s, r, (4, *r), r, (4, *r), (4 * units, units), s],
        "gru_pull": [r, s, (rows, 5, units), (rows, 5, units), (3 * units, units)],
    }[op.name]
    options = (relu,) if "rnn" in op.name else ()
    return (*[rng.normal(size=shape) / 2 for shape in shapes], counts, reverse, *options)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("floats", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMED)
def test_samples(name, floats, threads):
    for args in samples(NAMED[name]):
        for side in ("end", "start"):
            _close(*by_kernels(NAMED[name], args, floats, side, threads=threads), floats)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("units", [1, 8, 13, 40])
@pytest.mark.parametrize("name", NAMED)
def test_lengths_and_sizes(name, units, threads):
    for counts in COUNTS:
        for reverse in (False, True):
            args = _arguments(NAMED[name], counts, reverse, units)
            _close(*by_kernels(NAMED[name], args, np.float32, threads=threads), np.float32)


def test_relu_keeps_what_is_not_a_number():
    args = list(_arguments(recurrent.rnn_layer, (3, 2), False, 9, relu=True))
    args[0][1, 3] = np.nan
    got, want = by_kernels(recurrent.rnn_layer, tuple(args), np.float32)
    assert np.isnan(got[0]).any()
    _close(got, want, np.float32)
    args = _arguments(recurrent_pull.rnn_pull, (3, 2), False, 9, relu=True)
    _close(*by_kernels(recurrent_pull.rnn_pull, args, np.float32), np.float32)


@pytest.mark.parametrize("pull", PULLS, ids=lambda op: op.name)
def test_cotangents_that_are_zero_are_left_out(pull):
    count = {"rnn_pull": 3, "lstm_pull": 5, "gru_pull": 3}[pull.name]
    args = _arguments(pull, (6, 3), True, 11)
    for there in range(-1, count):
        b = Builder()
        arrays = [a.astype(np.float32) for a in args[: pull.nargs]]
        kept = [i for i in range(pull.nargs) if i >= count or i == there]
        symbols = {i: b.input(arrays[i].shape, float32) for i in kept}
        bound = [symbols[i] if i in kept else b.constant(np.zeros_like(arrays[i])) for i in range(pull.nargs)]
        program = b.program(b.add(pull, (*bound, *args[pull.nargs :])))
        (equation,) = [e for e in optimised(program).equations if e.op is pull]
        assert [a is None for a in equation.operands[:count]] == [i != there for i in range(count)]
        _close(*program_by_kernels(program, [arrays[i] for i in kept]), np.float32)


def test_a_layer_without_bias_and_weights_that_lie_in_columns():
    b = Builder()
    rows, units, counts = 9, 10, (4, 3, 2)
    x, w, h = (
        b.input((rows, 3 * units), float32),
        b.input((units, 3 * units), float32),
        b.input((4, units), float32),
    )
    program = b.program(b.add(recurrent.gru_layer, (x, w.mT, None, h, counts, True)))
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=v.shape).astype(np.float32) / 3 for v in program.inputs]
    _close(*program_by_kernels(program, inputs), np.float32)
    g, t = b.input((rows, units), float32), b.input((rows, 5, units), float32)
    program = b.program(b.add(recurrent_pull.gru_pull, (g, None, None, t, w.mT, counts, True)))
    inputs = [rng.normal(size=v.shape).astype(np.float32) for v in program.inputs]
    _close(*program_by_kernels(program, inputs), np.float32)


@pytest.mark.parametrize("name", ["avx512", "x86-64", "aarch64"])
@pytest.mark.parametrize("op", NAMED.values(), ids=list(NAMED))
def test_other_processors(op, name):
    args = _arguments(op, (5, 3), False, 19)
    if name == "x86-64":
        _close(*by_kernels(op, args, np.float32, target=target.named(name)), np.float32)
        return
    program, inputs = of_record(op, args, np.dtype("float32"))
    strides = [tuple(s // a.itemsize for s in a.strides) for a in inputs]
    roles = [("result", i) for i in range(len(program.outputs))]
    for text in assemble(optimised(program), strides, roles, target.named(name)).parts:
        assert engine.object_code(text, target.named(name), verify=True)


# ----- whole models


def _training(kind, packed):
    cr.manual_seed(3)
    cells = getattr(cr.nn, kind)(3, 5, num_layers=2, bidirectional=True)
    optimizer = cr.optim.SGD(cells.parameters(), lr=0.1)
    x = cr.randn(6, 4, 3)
    lengths = [6, 4, 4, 1] if packed else [6, 6, 6, 6]

    def step(x):
        optimizer.zero_grad()
        rows = cr.nn.utils.rnn.pack_padded_sequence(x, lengths) if packed else x
        y, state = cells(rows)
        y = y.data if packed else y
        state = state if isinstance(state, tuple) else (state,)
        loss = (y**2).sum() + sum((s**3).sum() for s in state)
        loss.backward()
        optimizer.step()
        return loss

    return cells, step, x


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_training_is_what_it_is_without_a_compiler(kind, packed):
    cells, step, x = _training(kind, packed)
    twin, eager, _ = _training(kind, packed)
    quick = cr.compile(step)
    for _ in range(3):
        np.testing.assert_allclose(quick(x).item(), eager(x).item(), rtol=1e-5)
    runner = quick._any().runner
    assert not runner.assembled.calls
    assert sum(e.op in (*LAYERS, *PULLS) for e in quick.optimized.equations) == 8
    for a, b in zip(cells.parameters(), twin.parameters()):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)

"""Recurrent layers: one direction of one layer over whole sequences, as one operation.

See steps.py for how sequences lie in memory. The walks back over the steps are records of their own
(recurrent_pull.py). Of the results a rule reads only those that layers keep to themselves: the others are the
user's to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import Shape
from .index import part
from .record import Bad, Op, Spec, structured
from .recurrent_pull import CASES, gru_pull, lstm_pull, rnn_pull
from .reduce import sum
from .steps import Counts, before, spans
from .trigonometric import tanh


def _check(gates: int, x: Spec, w: Spec, states: Sequence[Spec], counts: Counts) -> list[Shape]:
    """The shapes of the outputs and of the last states."""
    hidden = w.shape[-1]
    if w.shape != (gates * hidden, hidden) or x.ndim != 2 or x.shape[1] != gates * hidden:
        raise RuntimeError(
            f"the projected input {list(x.shape)} and the recurrent weight {list(w.shape)} must have sizes "
            f"(rows, {gates}·hidden) and ({gates}·hidden, hidden)"
        )
    for s in states:
        if s.shape != (counts[0], hidden):
            raise RuntimeError(f"Expected hidden size {(counts[0], hidden)}, got {list(s.shape)}")
    return [(x.shape[0], hidden), *[s.shape for s in states]]


# ----- tanh and ReLU


def _rnn(x: Any, w: Any, h0: Any, counts: Counts, reverse: bool, relu: bool) -> list[Any]:
    wt, h = np.ascontiguousarray(w.T), h0.copy()
    y = np.empty((x.shape[0], w.shape[1]), x.dtype)
    for a, b, n in spans(counts, reverse):
        z = y[a:b]
        np.matmul(h[:n], wt, out=z)
        z += x[a:b]
        if relu:
            np.maximum(z, 0, out=z)
        else:
            np.tanh(z, out=z)
        h[:n] = z
    return [y, h, y.copy()]


def _rnn_rule(
    g: Any, y: Any, x: Any, w: Any, h0: Any, counts: Counts, reverse: bool, relu: bool, *, needs: Any
) -> list[Any]:
    dx, dh = rnn_pull(g[0], g[2], g[1], y[2], w, counts, reverse, relu)
    return [dx, dx.mT @ before(y[2], h0, counts, reverse) if needs[1] else None, dh]


# ----- long short-term memory


def _lstm(x: Any, w: Any, h0: Any, c0: Any, counts: Counts, reverse: bool) -> list[Any]:
    """σ(a) = (1 + tanh(a/2))/2, so that one tanh does all four gates; each gate's values lie together."""
    hidden = w.shape[1]
    kind, size = x.dtype, (x.shape[0], hidden)
    half = np.full((4, hidden), 0.5, kind)
    half[2] = 1
    shift, flat = 1 - half, half.reshape(-1)
    wt, x = np.multiply(w.T, flat, order="C"), x * flat
    h, c = h0.copy(), c0.copy()
    y, cells, gates = np.empty(size, kind), np.empty(size, kind), np.empty((4, *size), kind)
    by_row = gates.transpose(1, 0, 2)
    product, term = np.empty((len(h), 4 * hidden), kind), np.empty(h.shape, kind)
    for a, b, n in spans(counts, reverse):
        z, t, state, cell = product[:n], term[:n], h[:n], c[:n]
        np.matmul(state, wt, out=z)
        z += x[a:b]
        np.tanh(z, out=z)
        z *= flat
        np.add(z.reshape(n, 4, hidden), shift, out=by_row[a:b])
        i, f, u, o = gates[:, a:b]
        cell *= f
        cell += np.multiply(i, u, out=t)
        np.multiply(o, np.tanh(cell, out=t), out=state)
        cells[a:b], y[a:b] = cell, state
    return [y, h, c, cells, gates]


def _lstm_rule(
    g: Any, y: Any, x: Any, w: Any, h0: Any, c0: Any, counts: Counts, reverse: bool, *, needs: Any
) -> list[Any]:
    dx, dh, dc = lstm_pull(g[0], g[1], g[2], g[3], g[4], y[3], y[4], w, c0, counts, reverse)
    if not needs[1]:
        return [dx, None, dh, dc]
    h = part(y[4], (3,)) * tanh(y[3])
    return [dx, dx.mT @ before(h, h0, counts, reverse), dh, dc]


# ----- gated recurrent unit


def _gru(x: Any, w: Any, b: Any, h0: Any, counts: Counts, reverse: bool) -> list[Any]:
    hidden = w.shape[1]
    two, three = 2 * hidden, 3 * hidden
    kind, size = x.dtype, (x.shape[0], hidden)
    scale = np.full(three, 0.5, kind)
    scale[two:] = 1
    wt = np.multiply(w.T, scale, order="C")
    x = x * scale
    bias = None if b is None else b * scale
    y, trace, h = np.empty(size, kind), np.empty((x.shape[0], 5, hidden), kind), h0.copy()
    product = np.empty((len(h), three), kind)
    for start, stop, n in spans(counts, reverse):
        m, new, blocks, old = product[:n], y[start:stop], trace[start:stop], h[:n]
        np.matmul(old, wt, out=m)
        if bias is not None:
            m += bias
        z = m[:, :two]
        z += x[start:stop, :two]
        np.tanh(z, out=z)
        z *= 0.5
        z += 0.5
        np.multiply(m[:, :hidden], m[:, two:], out=new)
        new += x[start:stop, two:]
        np.tanh(new, out=new)
        blocks[:, :3], blocks[:, 3], blocks[:, 4] = m.reshape(n, 3, hidden), new, old
        old -= new
        old *= m[:, hidden:two]
        old += new
        new[...] = old
    return [y, h, trace]


def _gru_rule(
    g: Any, y: Any, x: Any, w: Any, b: Any, h0: Any, counts: Counts, reverse: bool, *, needs: Any
) -> list[Any]:
    dx, dh, back = gru_pull(g[0], g[1], g[2], y[2], w, counts, reverse)
    dw = back.mT @ part(y[2], (slice(None), 4)) if needs[1] else None
    return [dx, dw, sum(back, (0,), False) if needs[2] else None, dh]


# ----- the records


def _arguments(rng: Any, gates: int, counts: Counts, states: int) -> list[Any]:
    rows, hidden = int(np.add.reduce(counts)), 2
    shapes = [(rows, gates * hidden), (gates * hidden, hidden), *[(counts[0], hidden)] * states]
    return [rng.normal(size=s) for s in shapes]


_REFUSED = Bad(
    lambda: (np.zeros((4, 3)), np.zeros((2, 2)), np.zeros((2, 2)), (2, 2), False, False), RuntimeError,
    "the projected input [4, 3] and the recurrent weight [2, 2]",
)  # fmt: skip

rnn_layer: Op = structured(
    "rnn_layer", _rnn, nargs=3, outputs=3, vjp=_rnn_rule, tex=r"\operatorname{{RNN}}({0}, {1}, {2})",
    shape=lambda x, w, h0, counts, reverse, relu: [*_check(1, x, w, [h0], counts), (x.shape[0], w.shape[1])],
    samples=lambda rng: [
        (*_arguments(rng, 1, counts, 1), counts, back, relu)
        for (counts, back), relu in zip(CASES, (False, False, True))
    ],
    singular="ReLU at 0: 0", bad=[_REFUSED],
)  # fmt: skip

lstm_layer: Op = structured(
    "lstm_layer", _lstm, nargs=4, outputs=5, vjp=_lstm_rule, tex=r"\operatorname{{LSTM}}({0}, {1}, {2}, {3})",
    shape=lambda x, w, h0, c0, counts, reverse: [
        *_check(4, x, w, [h0, c0], counts), (x.shape[0], w.shape[1]), (4, x.shape[0], w.shape[1]),
    ],
    samples=lambda rng: [(*_arguments(rng, 4, case[0], 2), *case) for case in CASES],
)  # fmt: skip

gru_layer: Op = structured(
    "gru_layer", _gru, nargs=4, outputs=3, vjp=_gru_rule, tex=r"\operatorname{{GRU}}({0}, {1}, {2}, {3})",
    shape=lambda x, w, b, h0, counts, reverse: [
        *_check(3, x, w, [h0], counts), (x.shape[0], 5, w.shape[1]),
    ],
    samples=lambda rng: [_with_bias(rng, *case) for case in CASES],
)  # fmt: skip


def _with_bias(rng: Any, counts: Counts, reverse: bool) -> tuple[Any, ...]:
    x, w, h0 = _arguments(rng, 3, counts, 1)
    return x, w, None if reverse else rng.normal(size=6), h0, counts, reverse

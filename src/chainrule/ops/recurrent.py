"""Recurrent layers: one direction of one layer over whole sequences, as one operation.

NOTE [Steps] The rows of all steps lie below each other, as in a packed sequence: `counts` says how many
sequences take part in each step, never more than in the step before. The state has one row per sequence; a
step reads and writes its first rows, so that those of shorter sequences stay as they are, or wait for their
turn in reverse.

NOTE [Rules] Steps depend on each other through the state alone. So a rule first finds, for all steps at once,
the factors by which a step multiplies the cotangents of its state, and then walks back with few operations.
It is written in the traced language: on tensors the same walk is recorded, which is the second order. Of the
results it reads only those that layers keep to themselves: the others are the user's to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..types import Shape
from .index import part
from .join import cat, split
from .movement import reshape, stack, unbind
from .record import Bad, Op, Spec, structured
from .reduce import sum
from .trigonometric import tanh

Counts = tuple[int, ...]

# ----- steps


@lru_cache(64)
def spans(counts: Counts, reverse: bool) -> tuple[tuple[int, int, int], ...]:
    """Start and end of each step's rows and their number, in the order of computation: see NOTE [Steps]."""
    out, start = [], 0
    for n in counts:
        out.append((start, start + n, n))
        start += n
    return tuple(out[::-1] if reverse else out)


def _joined(parts: Sequence[Any]) -> Any:
    return cat(parts, 0, tuple([p.shape[0] for p in parts])) if len(parts) > 1 else parts[0]


def _top(state: Any, n: int) -> Any:
    return state if state.shape[0] == n else part(state, (slice(0, n),))


def _renewed(state: Any, top: Any) -> Any:
    """The state with other first rows."""
    n = top.shape[0]
    return top if state.shape[0] == n else _joined((top, part(state, (slice(n, None),))))


def _before(after: Any, start: Any, counts: Counts, reverse: bool) -> Any:
    """The state's rows before each step, from those after it and the initial state."""
    if counts[0] == counts[-1]:
        n = counts[0]
        if reverse:
            return _joined((part(after, (slice(n, None),)), start))
        return _joined((start, part(after, (slice(0, after.shape[0] - n),))))
    pieces = []
    have, rows = 0, start
    for a, b, n in spans(counts, reverse):
        m = min(n, have)
        pieces.append(_joined((part(rows, (slice(0, m),)), part(start, (slice(m, n),)))))
        have, rows = n, part(after, (slice(a, b),))
    return _joined(pieces[::-1] if reverse else pieces)


def _backwards(counts: Counts, reverse: bool, *of_rows: Any) -> list[tuple[Any, ...]]:
    """Each step's number of rows and its share of `of_rows`, the step computed last first."""
    steps = list(zip(counts, *[split(a, counts, 0) for a in of_rows]))
    return steps if reverse else steps[::-1]


def _in_order(parts: list[Any], reverse: bool) -> Any:
    """What the walk back has collected, by row."""
    return _joined(parts if reverse else parts[::-1])


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


def _rnn_pull(
    g: Any, y: Any, x: Any, w: Any, h0: Any, counts: Counts, reverse: bool, relu: bool, *, needs: Any
) -> list[Any]:
    h = y[2]
    slope = h > 0 if relu else 1 - h * h
    dh, collected = g[1], []
    for n, emitted, factor in _backwards(counts, reverse, g[0] + g[2], slope):
        d = (_top(dh, n) + emitted) * factor
        collected.append(d)
        dh = _renewed(dh, d @ w)
    dx = _in_order(collected, reverse)
    return [dx, dx.mT @ _before(h, h0, counts, reverse) if needs[1] else None, dh]


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


def _lstm_pull(
    g: Any, y: Any, x: Any, w: Any, h0: Any, c0: Any, counts: Counts, reverse: bool, *, needs: Any
) -> list[Any]:
    """With the factors by which a step multiplies δc (for i, f and the candidate u) and δh (for o and c)."""
    hidden = w.shape[1]
    i, f, u, o = unbind(y[4], 0)
    th = tanh(y[3])
    slopes = [i * (1 - i), f * (1 - f), 1 - u * u, o * (1 - o)]
    factors = [slopes[0] * u, slopes[1] * _before(y[3], c0, counts, reverse), slopes[2] * i, slopes[3] * th]
    extra = reshape(stack([s * e for s, e in zip(slopes, unbind(g[4], 0))], 1), (-1, 4 * hidden))
    dh, dc, collected = g[1], g[2], []
    for n, gh, gc, e, to_c, forget, ki, kf, ku, ko in _backwards(
        counts, reverse, g[0], g[3], extra, o * (1 - th * th), f, *factors
    ):
        now = _top(dh, n) + gh
        cell = _top(dc, n) + gc + now * to_c
        d = cat((cell * ki, cell * kf, cell * ku, now * ko), 1, (hidden,) * 4) + e
        collected.append(d)
        dh, dc = _renewed(dh, d @ w), _renewed(dc, cell * forget)
    dx = _in_order(collected, reverse)
    return [dx, dx.mT @ _before(o * th, h0, counts, reverse) if needs[1] else None, dh, dc]


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


def _gru_pull(
    g: Any, y: Any, x: Any, w: Any, b: Any, h0: Any, counts: Counts, reverse: bool, *, needs: Any
) -> list[Any]:
    """A step takes δh to δh·by_h: the shares of r, z, h Wₙᵀ + b, n's input, and of the state before."""
    hidden = w.shape[1]
    r, z, m, n, old = unbind(y[2], 1)
    gr, gz, gm, gn, g_old = unbind(g[2], 1)
    slope_r, slope_z, slope_n = r * (1 - r), z * (1 - z), 1 - n * n
    to_r, to_n = m * slope_r, (1 - z) * slope_n
    by_h = stack([to_n * to_r, (old - n) * slope_z, to_n * r, to_n, z], 1)
    en = gn * slope_n
    extra = stack([gr * slope_r + en * to_r, gz * slope_z, gm + en * r, en, g_old], 1)
    dh, collected, recurrent = g[1], [], []
    for rows, gh, p, e in _backwards(counts, reverse, g[0], by_h, extra):
        d = reshape(_top(dh, rows) + gh, (-1, 1, hidden)) * p + e
        back = reshape(part(d, (slice(None), slice(0, 3))), (rows, 3 * hidden))
        collected.append(d)
        recurrent.append(back)
        dh = _renewed(dh, back @ w + part(d, (slice(None), 4)))
    d, back = _in_order(collected, reverse), _in_order(recurrent, reverse)
    gates = [part(d, (slice(None), slice(0, 2))), part(d, (slice(None), slice(3, 4)))]
    dx = reshape(cat(gates, 1, (2, 1)), x.shape)
    return [dx, back.mT @ old if needs[1] else None, sum(back, (0,), False) if needs[2] else None, dh]


# ----- the records


def _arguments(rng: Any, gates: int, counts: Counts, states: int) -> list[Any]:
    rows, hidden = int(np.add.reduce(counts)), 2
    shapes = [(rows, gates * hidden), (gates * hidden, hidden), *[(counts[0], hidden)] * states]
    return [rng.normal(size=s) for s in shapes]


_CASES: list[tuple[Counts, bool]] = [((3, 3), False), ((3, 1, 1), True), ((2, 2, 1), False)]
_REFUSED = Bad(
    lambda: (np.zeros((4, 3)), np.zeros((2, 2)), np.zeros((2, 2)), (2, 2), False, False), RuntimeError,
    "the projected input [4, 3] and the recurrent weight [2, 2]",
)  # fmt: skip

rnn_layer: Op = structured(
    "rnn_layer", _rnn, nargs=3, outputs=3, vjp=_rnn_pull, tex=r"\operatorname{{RNN}}({0}, {1}, {2})",
    shape=lambda x, w, h0, counts, reverse, relu: [*_check(1, x, w, [h0], counts), (x.shape[0], w.shape[1])],
    samples=lambda rng: [
        (*_arguments(rng, 1, counts, 1), counts, back, relu)
        for (counts, back), relu in zip(_CASES, (False, False, True))
    ],
    singular="ReLU at 0: 0", bad=[_REFUSED],
)  # fmt: skip

lstm_layer: Op = structured(
    "lstm_layer", _lstm, nargs=4, outputs=5, vjp=_lstm_pull, tex=r"\operatorname{{LSTM}}({0}, {1}, {2}, {3})",
    shape=lambda x, w, h0, c0, counts, reverse: [
        *_check(4, x, w, [h0, c0], counts), (x.shape[0], w.shape[1]), (4, x.shape[0], w.shape[1]),
    ],
    samples=lambda rng: [(*_arguments(rng, 4, case[0], 2), *case) for case in _CASES],
)  # fmt: skip

gru_layer: Op = structured(
    "gru_layer", _gru, nargs=4, outputs=3, vjp=_gru_pull, tex=r"\operatorname{{GRU}}({0}, {1}, {2}, {3})",
    shape=lambda x, w, b, h0, counts, reverse: [
        *_check(3, x, w, [h0], counts), (x.shape[0], 5, w.shape[1]),
    ],
    samples=lambda rng: [_with_bias(rng, *case) for case in _CASES],
)  # fmt: skip


def _with_bias(rng: Any, counts: Counts, reverse: bool) -> tuple[Any, ...]:
    x, w, h0 = _arguments(rng, 3, counts, 1)
    return x, w, None if reverse else rng.normal(size=6), h0, counts, reverse

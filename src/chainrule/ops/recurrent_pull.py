"""The walks back over the steps of recurrent layers: what their cotangents come from, as operations.

NOTE [Walk] Steps depend on each other through the state alone. So the factors by which a step multiplies the
cotangents of its state are found for all steps at once, and the walk back takes few operations a step. The
walk is linear in the cotangents; its own pullback walks forward again. Cotangents may be None: none arrived.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Shape
from .join import split
from .movement import stack, unbind
from .record import Op, Spec, structured
from .steps import Counts, after, backwards, before, in_order, joined, renewed, spans, top
from .trigonometric import tanh

# ----- long short-term memory


def _lstm_pull(
    gy: Any, gh: Any, gc: Any, g_cells: Any, g_gates: Any, cells: Any, gates: Any, w: Any, c0: Any,
    counts: Counts, reverse: bool,
) -> list[Any]:  # fmt: skip
    """δc is multiplied for the gates i and f and the candidate u, δh for the gate o and for c."""
    i, f, u, o = gates
    rows, hidden = cells.shape
    th = np.tanh(cells)
    slopes = gates * (1 - gates)
    slopes[2] = 1 - u * u
    factors = np.empty((rows, 4, hidden), cells.dtype)
    for k, other in enumerate((u, before(cells, c0, counts, reverse), i, th)):
        np.multiply(slopes[k], other, out=factors[:, k])
    to_c = o * (1 - th * th)
    extra = None if g_gates is None else (slopes * g_gates).transpose(1, 0, 2)
    d = np.empty((rows, 4, hidden), cells.dtype)
    dh = np.zeros(c0.shape, cells.dtype) if gh is None else gh.copy()
    dc = np.zeros(c0.shape, cells.dtype) if gc is None else gc.copy()
    for a, b, n in spans(counts, reverse)[::-1]:
        now, cell, out = dh[:n], dc[:n], d[a:b]
        if gy is not None:
            now += gy[a:b]
        if g_cells is not None:
            cell += g_cells[a:b]
        cell += now * to_c[a:b]
        np.multiply(factors[a:b, :3], cell[:, None], out=out[:, :3])
        np.multiply(factors[a:b, 3], now, out=out[:, 3])
        if extra is not None:
            out += extra[a:b]
        cell *= f[a:b]
        np.matmul(out.reshape(n, 4 * hidden), w, out=now)
    return [d.reshape(rows, 4 * hidden), dh, dc]


def _lstm_pull_shape(
    gy: Any, gh: Any, gc: Any, g_cells: Any, g_gates: Any, cells: Spec, gates: Spec, w: Spec, c0: Spec,
    counts: Counts, reverse: bool,
) -> list[Shape]:  # fmt: skip
    rows, hidden = cells.shape
    return [(rows, 4 * hidden), c0.shape, c0.shape]


def _lstm_pull_rule(
    g: Any, y: Any, gy: Any, gh: Any, gc: Any, g_cells: Any, g_gates: Any, cells: Any, gates: Any, w: Any,
    c0: Any, counts: Counts, reverse: bool, *, needs: Any,
) -> list[Any]:  # fmt: skip
    """The walk once more for δh and δc of every step, then forward with the cotangents of its results."""
    i, f, u, o = unbind(gates, 0)
    th, old = tanh(cells), before(cells, c0, counts, reverse)
    slopes = [i * (1 - i), f * (1 - f), 1 - u * u, o * (1 - o)]
    factors = [slopes[0] * u, slopes[1] * old, slopes[2] * i, slopes[3] * th]
    to_c = o * (1 - th * th)
    now, cell = _lstm_states(gy, gh, gc, g_cells, y[0], w, to_c, f, counts, reverse)
    sizes = (w.shape[1],) * 4
    bh, bc, walked = g[1], g[2], []
    steps = zip(counts, *[split(a, counts, 0) for a in (g[0], to_c, f, *factors)])
    for n, gd, into_c, forget, ki, kf, ku, ko in list(steps)[:: -1 if reverse else 1]:
        h, c = top(bh, n), top(bc, n)
        d = gd + h @ w.mT
        di, df, du, do = split(d, sizes, 1)
        to_cell = di * ki + df * kf + du * ku + c * forget
        to_now = do * ko + to_cell * into_c
        walked.append((d, h, c, to_now, to_cell))
        bh, bc = renewed(bh, to_now), renewed(bc, to_cell)
    d, h, c, to_now, to_cell = [joined(p[::-1] if reverse else p) for p in map(list, zip(*walked))]
    by_gate = split(d, sizes, 1)
    bk = [by_gate[0] * cell, by_gate[1] * cell, by_gate[2] * cell, by_gate[3] * now]
    b_to_c = to_cell * now
    bs = [bk[0] * u, bk[1] * old, bk[2] * i, bk[3] * th]
    if g_gates is not None:
        bs = [b + p * e for b, p, e in zip(bs, by_gate, unbind(g_gates, 0))]
    b_gates = stack(
        [
            bs[0] * (1 - 2 * i) + bk[2] * slopes[2],
            bs[1] * (1 - 2 * f) + c * cell,
            bk[0] * slopes[0] - 2 * bs[2] * u,
            bs[3] * (1 - 2 * o) + b_to_c * (1 - th * th),
        ],
        0,
    )
    b_cells, b_c0 = after(bk[1] * slopes[1], counts, reverse)
    b_cells = b_cells + (bk[3] * slopes[3] - 2 * b_to_c * o * th) * (1 - th * th)
    b_extra = stack([p * s for p, s in zip(by_gate, slopes)], 0)
    return [to_now, bh, bc, to_cell, b_extra, b_cells, b_gates, y[0].mT @ h if needs[7] else None, b_c0]


def _lstm_states(
    gy: Any, gh: Any, gc: Any, g_cells: Any, d: Any, w: Any, to_c: Any, f: Any, counts: Counts, reverse: bool
) -> tuple[Any, Any]:
    """δh and δc as each step of the walk meets them, from what it has found for the gates."""
    dh, dc, found = gh, gc, []
    for n, emitted, g_cell, into_c, forget, back in backwards(counts, reverse, gy, g_cells, to_c, f, d @ w):
        now = top(dh, n) + emitted
        cell = top(dc, n) + g_cell + now * into_c
        found.append((now, cell))
        dh, dc = renewed(dh, back), renewed(dc, cell * forget)
    return in_order([p for p, _ in found], reverse), in_order([p for _, p in found], reverse)


# ----- tanh and ReLU


def _rnn_pull(
    gy: Any, g_kept: Any, gh: Any, h: Any, w: Any, counts: Counts, reverse: bool, relu: bool
) -> list[Any]:
    slope = h > 0 if relu else 1 - h * h
    d = np.empty(h.shape, h.dtype)
    dh = np.zeros((counts[0], h.shape[1]), h.dtype) if gh is None else gh.copy()
    for a, b, n in spans(counts, reverse)[::-1]:
        now = dh[:n]
        for g in (gy, g_kept):
            if g is not None:
                now += g[a:b]
        np.multiply(now, slope[a:b], out=d[a:b])
        np.matmul(d[a:b], w, out=now)
    return [d, dh]


def _rnn_pull_rule(
    g: Any, y: Any, gy: Any, g_kept: Any, gh: Any, h: Any, w: Any, counts: Counts, reverse: bool, relu: bool,
    *, needs: Any,
) -> list[Any]:  # fmt: skip
    """Forward with the cotangents of its results; δh of every step for the slopes."""
    slope = h > 0 if relu else 1 - h * h
    bh, walked = g[1], []
    steps = zip(counts, *[split(a, counts, 0) for a in (g[0], slope)])
    for n, gd, factor in list(steps)[:: -1 if reverse else 1]:
        state = top(bh, n)
        d = gd + state @ w.mT
        e = d * factor
        walked.append((d, state, e))
        bh = renewed(bh, e)
    d, state, e = [joined(p[::-1] if reverse else p) for p in map(list, zip(*walked))]
    b_h = None
    if needs[3] and not relu:
        now = _states(gy + g_kept, gh, y[0] @ w, counts, reverse)
        b_h = -2 * d * now * h
    return [e, e, bh, b_h, y[0].mT @ state if needs[4] else None]


def _states(gy: Any, gh: Any, back: Any, counts: Counts, reverse: bool) -> Any:
    """δh as each step of a walk meets it, from what the step says of the state before it."""
    dh, found = gh, []
    for n, emitted, rows in backwards(counts, reverse, gy, back):
        found.append(top(dh, n) + emitted)
        dh = renewed(dh, rows)
    return in_order(found, reverse)


# ----- gated recurrent unit


def _gru_pull(gy: Any, gh: Any, g_trace: Any, trace: Any, w: Any, counts: Counts, reverse: bool) -> list[Any]:
    """A step takes δh to the shares of r, z, n's input, h Wₙᵀ + b, and of the state before it."""
    rows, _, hidden = trace.shape
    r, z, m, n, old = trace.transpose(1, 0, 2)
    slope_r, slope_z, slope_n = r * (1 - r), z * (1 - z), 1 - n * n
    to_r, to_n, to_z = m * slope_r, (1 - z) * slope_n, (old - n) * slope_z
    dx, back = np.empty((rows, 3, hidden), trace.dtype), np.empty((rows, 3, hidden), trace.dtype)
    dh = np.zeros((counts[0], hidden), trace.dtype) if gh is None else gh.copy()
    for a, b, k in spans(counts, reverse)[::-1]:
        now = dh[:k]
        if gy is not None:
            now += gy[a:b]
        from_n, by_r = now * to_n[a:b], now * z[a:b]
        from_z = now * to_z[a:b]
        from_m = from_n * r[a:b]
        if g_trace is not None:
            gr, gz, gm, gn, g_old = g_trace[a:b].transpose(1, 0, 2)
            en = gn * slope_n[a:b]
            from_n += en
            from_m += en * r[a:b] + gm
            from_z += gz * slope_z[a:b]
            by_r += g_old
        from_r = from_n * to_r[a:b]
        if g_trace is not None:
            from_r += gr * slope_r[a:b]
        dx[a:b, 0], dx[a:b, 1], dx[a:b, 2] = from_r, from_z, from_n
        back[a:b, 0], back[a:b, 1], back[a:b, 2] = from_r, from_z, from_m
        np.matmul(back[a:b].reshape(k, 3 * hidden), w, out=now)
        now += by_r
    return [dx.reshape(rows, -1), dh, back.reshape(rows, -1)]


def _gru_pull_rule(
    g: Any, y: Any, gy: Any, gh: Any, g_trace: Any, trace: Any, w: Any, counts: Counts, reverse: bool,
    *, needs: Any,
) -> list[Any]:  # fmt: skip
    r, z, m, n, old = unbind(trace, 1)
    gr, gz, _, gn, g_old = unbind(g_trace, 1)
    slope_r, slope_z, slope_n = r * (1 - r), z * (1 - z), 1 - n * n
    to_r, to_n, to_z = m * slope_r, (1 - z) * slope_n, (old - n) * slope_z
    bh, walked, sizes = g[1], [], (w.shape[1],) * 3
    steps = zip(counts, *[split(a, counts, 0) for a in (g[0], g[2], r, z, to_r, to_n, to_z)])
    for k, gx, g_back, r_k, z_k, r_by, n_by, z_by in list(steps)[:: -1 if reverse else 1]:
        state = top(bh, k)
        xr, xz, xn = split(gx, sizes, 1)
        br, bz, cm = split(g_back + state @ w.mT, sizes, 1)
        cr, cz = br + xr, bz + xz
        cn = xn + cr * r_by + cm * r_k
        e = cn * n_by + cz * z_by + state * z_k
        walked.append((cr, cz, cm, cn, state, e))
        bh = renewed(bh, e)
    cr, cz, cm, cn, state, e = [joined(p[::-1] if reverse else p) for p in map(list, zip(*walked))]
    before_z = y[2] @ w + g_old
    now = _gru_states(gy, gh, before_z, z, counts, reverse)
    an = split(y[0], sizes, 1)[2]
    b_slope_r, b_slope_n = cr * (an * m + gr), cn * (now * (1 - z) + gn)
    turned = cz * now * slope_z
    b_trace = stack(
        [
            b_slope_r * (1 - 2 * r) + cm * an,
            cz * (now * (old - n) + gz) * (1 - 2 * z) - cn * now * slope_n + state * now,
            cr * an * slope_r,
            -2 * n * b_slope_n - turned,
            turned,
        ],
        1,
    )
    b_extra = stack([cr * slope_r, cz * slope_z, cm, cn * slope_n, state], 1)
    return [e, bh, b_extra, b_trace, y[2].mT @ state if needs[4] else None]


def _gru_states(gy: Any, gh: Any, back: Any, z: Any, counts: Counts, reverse: bool) -> Any:
    dh, found = gh, []
    for n, emitted, rows, kept in backwards(counts, reverse, gy, back, z):
        now = top(dh, n) + emitted
        found.append(now)
        dh = renewed(dh, rows + now * kept)
    return in_order(found, reverse)


# ----- the records


def _sample(rng: Any, case: tuple[Counts, bool], shapes: str, gates: int) -> list[Any]:
    """Arrays of rows (r), states (s), planes (p), blocks (b) and a weight (w)."""
    counts, hidden = case[0], 2
    rows = int(np.add.reduce(counts))
    known = {
        "r": (rows, hidden),
        "s": (counts[0], hidden),
        "p": (4, rows, hidden),
        "b": (rows, 5, hidden),
        "w": (gates * hidden, hidden),
    }
    return [*[rng.normal(size=known[s]) for s in shapes], *case]


CASES: list[tuple[Counts, bool]] = [((3, 3), False), ((3, 1, 1), True), ((2, 2, 1), False)]

lstm_pull: Op = structured(
    "lstm_pull", _lstm_pull, nargs=9, outputs=3, vjp=_lstm_pull_rule, shape=_lstm_pull_shape,
    dtype=lambda gy, gh, gc, g_cells, g_gates, cells, *_: cells.dtype,
    tex=r"\operatorname{{LSTM}}^{{*}}({0}, {1}, {2})",
    samples=lambda rng: [tuple(_sample(rng, case, "rssrprpws", 4)) for case in CASES],
)  # fmt: skip

rnn_pull: Op = structured(
    "rnn_pull", _rnn_pull, nargs=5, outputs=2, vjp=_rnn_pull_rule,
    shape=lambda gy, g_kept, gh, h, w, counts, reverse, relu: [h.shape, (counts[0], h.shape[1])],
    dtype=lambda gy, g_kept, gh, h, *_: h.dtype,
    tex=r"\operatorname{{RNN}}^{{*}}({0}, {1}, {2})",
    samples=lambda rng: [
        (*_sample(rng, case, "rrsrw", 1), relu) for case, relu in zip(CASES, (False, False, True))
    ],
)  # fmt: skip

gru_pull: Op = structured(
    "gru_pull", _gru_pull, nargs=5, outputs=3, vjp=_gru_pull_rule,
    shape=lambda gy, gh, g_trace, trace, w, counts, reverse: [
        (trace.shape[0], 3 * trace.shape[2]), (counts[0], trace.shape[2]),
        (trace.shape[0], 3 * trace.shape[2]),
    ],
    dtype=lambda gy, gh, g_trace, trace, *_: trace.dtype,
    tex=r"\operatorname{{GRU}}^{{*}}({0}, {1})",
    samples=lambda rng: [tuple(_sample(rng, case, "rsbbw", 3)) for case in CASES],
)  # fmt: skip

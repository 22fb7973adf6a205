"""Charts as SVG: small, without scripts, in the colours of the page they stand in."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .charts import Bars, Chart, Heat

WIDE, HIGH = 480, 310
RIGHT, TOP, BOTTOM = 14, 24, 44
Scale = Callable[[Any], Any]


def _head(title: str, high: float = HIGH, wide: float = WIDE) -> str:
    limit = f' style="max-width:{1.25 * wide:.0f}px"' if wide < WIDE else ""
    return (
        f'<svg class="chart" viewBox="0 0 {wide:g} {high:g}" role="img" aria-label="{escape(title)}"{limit} '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
    )


def short(x: float) -> str:
    """A number for an axis."""
    text = f"{x:.6g}"
    if "e" in text:
        digits, _, power = text.partition("e")
        return f"{digits}e{int(power)}"
    return text


def ticks(low: float, high: float, many: int = 5) -> list[float]:
    """Round numbers between two others, about as many as wanted.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    step = 10 ** math.floor(math.log10((high - low) / many))
    step *= next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= many)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)) + 1)
    return [round(i * step, digits) + 0.0 for i in range(first, last + 1)]


def _axis(
    arrays: list[Any], log: bool, start: float, stop: float, margin: float
) -> tuple[Scale, list[tuple[float, str]]]:
    """From values to places, and the marks."""
    from .charts import limits

    low, high = limits([np.log10(a) for a in arrays] if log else arrays)
    gap = (high - low) * margin
    low, high = low - gap, high + gap
    span = high - low

    def place(v: Any) -> Any:
        return start + (np.asarray(np.log10(v) if log else v, float) - low) / span * (stop - start)

    if log:
        every = max(1, math.ceil((high - low) / 6))
        powers = [p for p in range(math.ceil(low), math.floor(high) + 1) if p % every == 0]
        marks = [10.0**p for p in powers]
        if len(marks) < 2:
            marks = [float(f"{10**v:.2g}") for v in np.linspace(low + gap, high - gap, 3)]
    else:
        marks = ticks(low, high)
    return place, [(float(place(m)), short(m)) for m in marks]


def chart(c: Chart) -> str:
    """A chart with axes, grid and legend."""
    from .charts import positive

    xs = [one.x for one in c.layers if len(one.x)]
    ys = [a for one in c.layers for a in (one.y, one.high) if a is not None and len(a)]
    if c.zero:
        ys.append(np.zeros(1))
    steps = any(one.kind == "steps" for one in c.layers)
    if steps:
        ys.append(np.zeros(1))
    if c.diagonal:
        xs = ys = xs + ys
    y, y_marks = _axis(ys, c.log_y and positive(c, "y"), HIGH - BOTTOM, TOP, 0.0 if steps else 0.05)
    left = 32 + 6.6 * max((len(text) for _, text in y_marks), default=1)
    x, x_marks = _axis(xs, c.log_x and positive(c, "x"), left, WIDE - RIGHT, 0.03)
    out = [_head(c.title), '<g class="grid">']
    for at, text in y_marks:
        out.append(f'<path d="M{left:.0f} {at:.1f}H{WIDE - RIGHT}"/>')
        out.append(f'<text x="{left - 6:.0f}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
    for at, text in x_marks:
        out.append(f'<path d="M{at:.1f} {TOP}V{HIGH - BOTTOM}"/>')
        out.append(f'<text x="{at:.1f}" y="{HIGH - BOTTOM + 16}" text-anchor="middle">{text}</text>')
    out.append("</g>")
    if c.zero:
        out.append(f'<path class="rule" d="M{left:.0f} {float(y(0)):.1f}H{WIDE - RIGHT}"/>')
    if c.diagonal:
        both = np.concatenate([np.ravel(a) for a in xs])
        low, high = both.min(), both.max()
        out.append(f'<path class="rule" d="{_path(x([low, high]), y([low, high]))}"/>')
    out += [_layer(one, x, y) for one in c.layers if len(one.x)]
    middle = (left + WIDE - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HIGH - 6}" text-anchor="middle">{escape(c.x_label)}</text>')
    across = (TOP + HIGH - BOTTOM) / 2
    out.append(
        f'<text x="12" y="{across}" text-anchor="middle" transform="rotate(-90 12 {across})">'
        f"{escape(c.y_label)}</text>"
    )
    return "".join([*out, _legend(c, left), "</svg>"])


def _path(x: Any, y: Any) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y))


def _layer(one: Any, x: Scale, y: Scale) -> str:
    kind, colour = one.kind, f"k{one.colour % 4}"
    if kind == "points":
        size = 1.6 if len(one.x) > 300 else 2.4
        dots = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x(one.x), y(one.y)))
        return f'<path class="points {colour}" stroke-width="{2 * size}" d="{dots}"/>'
    if kind == "line":
        return f'<path class="line {colour}" d="{_path(x(one.x), y(one.y))}"/>'
    if kind == "band":
        back = _path(x(one.x[::-1]), y(one.high[::-1]))[1:]
        return f'<path class="band {colour}" d="{_path(x(one.x), y(one.y))}L{back}Z"/>'
    at, floor = x(one.x), float(y(0))
    blocks = "".join(
        f"M{a + 0.5:.1f} {floor:.1f}V{b:.1f}H{c - 0.5:.1f}V{floor:.1f}Z"
        for a, c, b in zip(at[:-1], at[1:], y(one.y))
    )
    return f'<path class="steps {colour}" d="{blocks}"/>'


def _legend(c: Chart, at: float) -> str:
    """Names in a row above the axes."""
    out = []
    for one in c.layers:
        if one.name:
            mark = f"M{at + 6:.0f} 9h0" if one.kind == "points" else f"M{at:.0f} 9h12"
            out.append(f'<path class="mark {one.kind} k{one.colour % 4}" d="{mark}"/>')
            out.append(f'<text class="name" x="{at + 17:.0f}" y="13">{escape(one.name)}</text>')
            at += 34 + 6.6 * len(one.name)
    return "".join(out)


def bars(b: Bars) -> str:
    """A horizontal bar for each name."""
    values = np.asarray(b.values, float)
    errors = np.zeros_like(values) if b.errors is None else np.asarray(b.errors, float)
    names = [n if len(n) <= 22 else n[:21] + "…" for n in b.names]
    left = 16 + 7.2 * max(map(len, names), default=0)
    high = 22 * len(values) + 40
    ends = np.concatenate([[0.0], np.nan_to_num(values - errors), np.nan_to_num(values + errors)])
    x, marks = _axis([ends], False, left, WIDE - RIGHT - 6, 0.0)
    out = [_head(b.title, high), '<g class="grid">']
    for at, text in marks:
        out.append(f'<path d="M{at:.1f} 6V{high - 34}"/>')
        out.append(f'<text x="{at:.1f}" y="{high - 20}" text-anchor="middle">{text}</text>')
    out.append("</g>")
    for i, (name, value, error) in enumerate(zip(names, np.nan_to_num(values), errors)):
        y = 10 + 22 * i
        start, stop = sorted([float(x(0)), float(x(value))])
        out.append(f'<text class="name" x="{left - 6}" y="{y + 11}" text-anchor="end">{escape(name)}</text>')
        out.append(f'<path class="steps k0" d="M{start:.1f} {y}H{stop:.1f}V{y + 14}H{start:.1f}Z"/>')
        if error > 0:
            ends = x([value - error, value + error])
            out.append(f'<path class="rule" d="M{ends[0]:.1f} {y + 7}H{ends[1]:.1f}"/>')
    middle = (left + WIDE - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{high - 4}" text-anchor="middle">{escape(b.label)}</text></svg>')
    return "".join(out)


def heat(h: Heat) -> str:
    """A matrix of cells, each with its number."""
    a = np.asarray(h.values, float)
    rows, columns = a.shape
    left = 30 + 6.6 * max((len(str(n)) for n in h.rows), default=1)
    cell = min(64.0, max(26.0, (WIDE - left - 8) / columns))
    wide, tall = left + cell * columns + 8, min(cell, 40.0)
    high = 24 + tall * rows + 20
    top = float(np.nanmax(np.abs(a))) if a.size and np.isfinite(a).any() else 1.0
    out = [_head(h.title, high, max(wide, 220))]
    for j, name in enumerate(h.columns):
        at = left + cell * (j + 0.5)
        out.append(f'<text class="name" x="{at:.1f}" y="17" text-anchor="middle">{escape(str(name))}</text>')
    for i in range(rows):
        y = 24 + tall * i
        middle = y + tall / 2 + 4
        out.append(
            f'<text class="name" x="{left - 6:.1f}" y="{middle:.1f}" text-anchor="end">'
            f"{escape(str(h.rows[i]))}</text>"
        )
        for j in range(columns):
            share = abs(a[i, j]) / top if top > 0 and math.isfinite(a[i, j]) else 0.0
            out.append(
                f'<rect class="cell k{int(a[i, j] < 0)}" x="{left + cell * j + 1:.1f}" y="{y + 1:.1f}" '
                f'width="{cell - 2:.1f}" height="{tall - 2:.1f}" fill-opacity="{0.06 + 0.5 * share:.2f}"/>'
                f'<text class="name" x="{left + cell * (j + 0.5):.1f}" y="{middle:.1f}" '
                f'text-anchor="middle">{escape(h.shown(a[i, j]))}</text>'
            )
    across = 24 + tall * rows / 2
    out.append(
        f'<text x="{left + cell * columns / 2:.1f}" y="{high - 4:.1f}" text-anchor="middle">'
        f"{escape(h.x_label)}</text>"
        f'<text x="11" y="{across:.1f}" text-anchor="middle" transform="rotate(-90 11 {across:.1f})">'
        f"{escape(h.y_label)}</text></svg>"
    )
    return "".join(out)

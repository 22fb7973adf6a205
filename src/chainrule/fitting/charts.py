"""Charts as data, drawn twice: by matplotlib for files and notebooks, and as SVG for the page of a run.

`Chart` holds points, lines, bands and steps over two axes, `Bars` a value for each name, `Heat` a matrix.
Every one has `svg()` (text that follows the page's colours), `draw(ax)` (matplotlib) and a title.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..errors import message
from .problem import InputError

Kind = Literal["points", "line", "band", "steps"]
SHOWN = 2000  # points of a cloud that are drawn
COLOURS = ("#2f5cb3", "#b3471d", "#2e7d4f", "#7a4fa3")


@dataclass
class Layer:
    """One thing on a chart; `high` is the other edge of a band."""

    kind: Kind
    x: Any
    y: Any
    name: str = ""
    high: Any = None
    colour: int = 0


@dataclass
class Chart:
    """Layers over two axes.

    >>> chart = Chart("Loss", "epoch", "loss", log_y=True).line([1, 2, 3], [1.0, 0.1, 0.01], "training")
    >>> chart.svg().startswith("<svg")
    True
    """

    title: str
    x_label: str
    y_label: str
    log_y: bool = False
    log_x: bool = False
    zero: bool = False  # a thin line at y = 0
    diagonal: bool = False  # a thin line at y = x
    layers: list[Layer] = field(default_factory=list)
    note: str = ""

    def line(self, x: Any, y: Any, name: str = "", colour: int = 0) -> Chart:
        """A line through the points."""
        self.layers.append(Layer("line", *_finite(x, y), name, colour=colour))
        return self

    def points(self, x: Any, y: Any, name: str = "", colour: int = 0) -> Chart:
        """A cloud; of very many points every k-th is drawn, and `note` says so."""
        x, y = _finite(x, y)
        if len(x) > SHOWN:
            chosen = np.linspace(0, len(x) - 1, SHOWN).astype(int)
            self.note = f"{SHOWN:,} of {len(x):,} points"
            x, y = x[chosen], y[chosen]
        self.layers.append(Layer("points", x, y, name, colour=colour))
        return self

    def band(self, x: Any, low: Any, high: Any, name: str = "", colour: int = 0) -> Chart:
        """The area between two lines."""
        keep = np.isfinite(np.asarray(low, float)) & np.isfinite(np.asarray(high, float))
        x, low, high = (np.asarray(a, float)[keep] for a in (x, low, high))
        self.layers.append(Layer("band", x, low, name, high, colour))
        return self

    def histogram(self, values: Any, bins: int | None = None) -> Chart:
        """How often values lie in equal intervals."""
        a = np.asarray(values, float)
        a = a[np.isfinite(a)]
        bins = bins or int(np.clip(np.sqrt(len(a)), 5, 40))
        counts, edges = np.histogram(a, bins) if len(a) else (np.zeros(1), np.array([0.0, 1.0]))
        self.layers.append(Layer("steps", edges, counts))
        return self

    def svg(self) -> str:
        """The chart as SVG, in the page's colours."""
        from .svg import chart

        return chart(self)

    def draw(self, ax: Any = None) -> Any:
        """The chart on matplotlib axes, new ones by default; returns them."""
        ax = axes() if ax is None else ax
        for one in self.layers:
            style: dict[str, Any] = {"color": COLOURS[one.colour % len(COLOURS)], "label": one.name or None}
            if one.kind == "points":
                ax.plot(one.x, one.y, ".", markersize=4 if len(one.x) > 60 else 7, alpha=0.75, **style)
            elif one.kind == "line":
                ax.plot(one.x, one.y, linewidth=1.6, **style)
            elif one.kind == "band":
                ax.fill_between(one.x, one.y, one.high, alpha=0.18, linewidth=0, **style)
            else:
                ax.stairs(one.y, one.x, fill=True, alpha=0.75, **style)
        if self.zero:
            ax.axhline(0, color="0.5", linewidth=0.8)
        if self.diagonal:
            low, high = limits([a for one in self.layers for a in (one.x, one.y)])
            ax.plot([low, high], [low, high], color="0.5", linewidth=0.8)
        ax.set(title=self.title, xlabel=self.x_label, ylabel=self.y_label)
        if self.log_y and positive(self, "y"):
            ax.set_yscale("log")
        if self.log_x and positive(self, "x"):
            ax.set_xscale("log")
        if any(one.name for one in self.layers):
            ax.legend(frameon=False, fontsize="small")
        return ax


@dataclass
class Bars:
    """A value for each name, the largest first, perhaps with an error.

    >>> "importance" in Bars("What matters", ["age", "sex"], [0.3, 0.1], "importance").svg()
    True
    """

    title: str
    names: Sequence[str]
    values: Any
    label: str = ""
    errors: Any = None

    def svg(self) -> str:
        """The bars as SVG."""
        from .svg import bars

        return bars(self)

    def draw(self, ax: Any = None) -> Any:
        """The bars on matplotlib axes, new ones by default; returns them."""
        ax = axes() if ax is None else ax
        places = np.arange(len(self.names))[::-1]
        ax.barh(places, np.asarray(self.values, float), xerr=self.errors, color=COLOURS[0], alpha=0.85)
        ax.set_yticks(places, list(self.names))
        ax.set(title=self.title, xlabel=self.label)
        return ax


@dataclass
class Heat:
    """A matrix with its numbers, such as a confusion matrix (rows: truth) or correlations.

    >>> Heat("Confusion", ["no", "yes"], ["no", "yes"], [[5, 1], [0, 4]], "predicted", "true").svg()[:4]
    '<svg'
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Any
    x_label: str = ""
    y_label: str = ""
    format: str = "{:g}"

    def shown(self, value: float) -> str:
        """A number as its cell shows it; what rounds to zero has no sign."""
        text = self.format.format(value)
        return text.removeprefix("-") if float(text) == 0 else text

    def svg(self) -> str:
        """The matrix as SVG."""
        from .svg import heat

        return heat(self)

    def draw(self, ax: Any = None) -> Any:
        """The matrix on matplotlib axes, new ones by default; returns them."""
        ax = axes() if ax is None else ax
        a = np.asarray(self.values, float)
        top = float(np.nanmax(np.abs(a))) if a.size else 1.0
        signed = bool((a < 0).any())
        low = -(top or 1.0) if signed else 0.0
        ax.imshow(a, cmap="RdBu" if signed else "Blues", vmin=low, vmax=top or 1.0, aspect="auto")
        for i, j in np.ndindex(*a.shape):
            dark = abs(a[i, j]) > 0.6 * top
            ax.text(j, i, self.shown(float(a[i, j])), ha="center", va="center", color="w" if dark else "k")
        ax.set_xticks(range(len(self.columns)), list(self.columns))
        ax.set_yticks(range(len(self.rows)), list(self.rows))
        ax.set(title=self.title, xlabel=self.x_label, ylabel=self.y_label)
        return ax


Picture = Chart | Bars | Heat


def axes() -> Any:
    """New axes; in a notebook their figure is shown."""
    return _matplotlib("pyplot").subplots(figsize=(6.4, 4.0), layout="constrained")[1]


def figure(pictures: Sequence[Picture]) -> Any:
    """One matplotlib figure with all pictures, two in a row; not known to pyplot."""
    across = min(2, max(1, len(pictures)))
    down = max(1, -(-len(pictures) // across))
    found = _matplotlib("figure").Figure(figsize=(6.4 * across, 4.2 * down), layout="constrained")
    places = list(found.subplots(down, across, squeeze=False).flat)
    for picture, ax in zip(pictures, places):
        picture.draw(ax)
    for ax in places[len(pictures) :]:
        ax.set_axis_off()
    return found


def png(pictures: Sequence[Picture], dpi: int = 144) -> bytes:
    """All pictures as the bytes of one PNG file.

    >>> png([Chart("A line", "x", "y").line([0, 1], [0, 1])])[1:4]
    b'PNG'
    """
    out = io.BytesIO()
    found = figure(pictures)
    found.savefig(out, format="png", dpi=dpi)
    return out.getvalue()


def _matplotlib(part: str) -> Any:
    try:
        from importlib import import_module

        return import_module(f"matplotlib.{part}")
    except ImportError:
        raise InputError(
            message(
                "a chart needs matplotlib, which is not installed",
                fix='python -m pip install "chainrule[plot]", or leave the picture out',
            )
        ) from None


def _finite(x: Any, y: Any) -> tuple[Any, Any]:
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    keep = np.isfinite(x) & np.isfinite(y)
    return x[keep], y[keep]


def limits(arrays: Sequence[Any]) -> tuple[float, float]:
    """The smallest and the largest of all numbers; they are never equal."""
    filled = [a for a in (np.asarray(x, float) for x in arrays) if a.size]
    if not filled:
        return 0.0, 1.0
    low, high = min(float(a.min()) for a in filled), max(float(a.max()) for a in filled)
    if low == high:
        gap = abs(low) * 0.1 or 1.0
        return low - gap, high + gap
    return low, high


def positive(chart: Chart, axis: str) -> bool:
    """Whether a logarithmic axis is possible, and worth it: a factor of ten at least."""
    arrays = [np.asarray(getattr(one, axis), float) for one in chart.layers]
    filled = [a for a in arrays if a.size]
    return bool(filled) and all((a > 0).all() for a in filled) and _spread(filled) >= 10


def _spread(arrays: Sequence[Any]) -> float:
    return max(float(a.max()) for a in arrays) / min(float(a.min()) for a in arrays)

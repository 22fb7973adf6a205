"""A computation graph as SVG: values flow from left to right, gradients from right to left."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple
from unicodedata import combining

from ..program.ir import Var
from .graph import Graph, Item, Node, Scope
from .layout import Box, Link, Point, curve, layout
from .words import word

_LONG = 21  # characters of a formula in a node
_PAD, _HEAD = 9.0, 22.0  # of a module's frame
_APART = 3.0  # of an edge from its gradient's edge
_NARROW = frozenset("ijl.,·:;|()[]'′ᵀ⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾₀₁₂₃₄₅₆₇₈₉ᵢⱼ/1rft ")

Open = Callable[[Scope], bool]


class Placed(NamedTuple):
    """What has been laid out: its box around it, how to write it, and where values enter and leave."""

    box: Box
    svg: list[str]
    ins: dict[Var, float]
    outs: dict[Var, float]
    solid: bool = True  # arrows end at it


def width_of(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif font."""
    narrow = sum(c in _NARROW for c in text)
    wide = sum(ord(c) >= 0x2E80 for c in text)
    marks = sum(combining(c) != 0 for c in text)
    return size * (0.36 * narrow + 1.0 * wide + 0.6 * (len(text) - narrow - wide - marks))


def style() -> str:
    """The style sheet of a graph."""
    return files(__package__).joinpath("report", "graph.css").read_text(encoding="utf8")


def svg_of(graph: Graph, *, depth: int | None = None, lang: str = "en", alone: bool = True) -> str:
    """The graph with modules open down to a depth; by default as deep as some forty nodes allow.

    `alone`: with the style sheet, to stand in a file of its own.
    """
    depth = graph.fitting(40) if depth is None else depth
    closed = set(graph.closed(depth))
    return _Drawer(graph, lambda s: s not in closed, lang).picture(graph.root, alone=alone)


def svg_of_scope(graph: Graph, scope: Scope, lang: str, closed: Container[Scope] = ()) -> str:
    """The inside of one module, for a page that has the style sheet; modules in it are open but for some."""
    return _Drawer(graph, lambda s: s not in closed, lang).picture(scope, alone=False)


class _Drawer:
    def __init__(self, graph: Graph, opened: Open, lang: str) -> None:
        self.graph, self.opened, self.lang = graph, opened, lang

    def picture(self, scope: Scope, *, alone: bool) -> str:
        placed = self.scope(scope, named_ports=True)
        box = placed.box
        size = (round(box.width + 4), round(box.above + box.below + 4))
        kinds = "cr-graph cr-alone" if alone else "cr-graph"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{kinds}" role="img" width="{size[0]}" '
            f'height="{size[1]}" viewBox="-2 {-box.above - 2:.1f} {size[0]} {size[1]}">'
        )
        loss = self.graph.derivation.loss.text
        title = word("graph_of", self.lang).format(scope.name if scope.parent is not None else loss)
        about = f"<title>{escape(title)}</title><desc>{escape(self.described(scope))}</desc>"
        return head + about + (f"<style>{style()}</style>" if alone else "") + "".join(placed.svg) + "</svg>"

    def described(self, scope: Scope) -> str:
        """The graph in words."""
        steps = list(scope.steps())
        parts = []
        for v in steps[:40]:
            node = self.graph.nodes[v]
            sources = [self.graph.nodes[u].label for u in self.graph.reads[v]]
            sources += [c.label for c in node.chips]
            parts.append(f"{', '.join(sources)} → {node.label}")
        return "; ".join(parts) + (" …" if len(steps) > 40 else "")

    def scope(self, scope: Scope, *, named_ports: bool = False) -> Placed:
        """Lay out the inside of a scope; ports stand at its borders for what comes from outside."""
        placed: dict[Item, Placed] = {v: self.node(self.graph.nodes[v]) for v in scope.leaves}
        for item in scope.items:
            placed[item] = self.item(item)
        ins = {v: self.port(v, -1, named_ports) for v in dict.fromkeys(v for v, _ in scope.ins)}
        outs = {v: self.port(v, 1, named_ports) for v in dict.fromkeys(v for v, _ in scope.outs)}
        links = [(self.between(ins[v], placed[i], v), r) for (v, i), r in scope.ins.items()]
        links += [(self.between(placed[a], placed[b], v), r) for (a, b, v), r in scope.links.items()]
        links += [(self.between(placed[i], outs[v], v), r) for (v, i), r in scope.outs.items()]
        for p in placed.values():
            p.box.key = p.solid
        everything = [*ins.values(), *placed.values(), *outs.values()]
        width, top, bottom = layout([p.box for p in everything], [k for k, _ in links])
        frames = [p for p in everything if not p.solid]
        nodes = [p for p in everything if p.solid]
        svg = [*map(_moved, frames), *self.edges(links), *map(_moved, nodes)]
        lines = [ins[v].box.y for v in ins] or [next((p.box.y for p in placed.values()), 0.0)]
        line = sum(lines) / len(lines)
        box = Box(width, line - top, bottom - line)
        moved = [f'<g transform="translate(0 {-line:.1f})">', *svg, "</g>"]
        return Placed(
            box,
            moved,
            {v: p.box.y - line for v, p in ins.items()},
            {v: p.box.y - line for v, p in outs.items()},
        )

    def item(self, item: Item) -> Placed:
        if not isinstance(item, Scope):
            return self.node(self.graph.nodes[item])
        return self.framed(item) if self.opened(item) else self.closed(item)

    def port(self, v: Var, side: int, named: bool) -> Placed:
        """Where a value crosses a border."""
        if not named:
            return Placed(Box(0.0, 2.0, 2.0, side=side), [], {}, {}, False)
        label = self.graph.nodes[v].label
        width = width_of(label, 12) + 12
        svg = [
            f'<g class="cr-port" data-v="{self.number(v)}"><rect x="0" y="-10" width="{width:.1f}" '
            f'height="20" rx="10"/><text x="{width / 2:.1f}" y="4">{escape(label)}</text></g>'
        ]
        return Placed(Box(width, 10.0, 10.0, side=side, key=True), svg, {}, {})

    def framed(self, scope: Scope) -> Placed:
        """A module that is open: a frame with its name around what is in it."""
        inner = self.scope(scope)
        width = max(inner.box.width, width_of(scope.short, 11)) + 2 * _PAD
        shift = (width - inner.box.width) / 2
        above, below = inner.box.above + _HEAD, inner.box.below + _PAD
        svg = [
            f'<g class="cr-box"><rect y="{-above:.1f}" width="{width:.1f}" height="{above + below:.1f}" '
            f'rx="8"/><text x="{_PAD:g}" y="{14 - above:.1f}">{escape(scope.short)}</text></g>',
            *self.borders(scope, inner, width, shift),
            f'<g transform="translate({shift:.1f} 0)">', *inner.svg, "</g>",
        ]  # fmt: skip
        return Placed(Box(width, above, below), svg, inner.ins, inner.outs, False)

    def borders(self, scope: Scope, inner: Placed, width: float, shift: float) -> Iterator[str]:
        """The edges' pieces between the frame and the layout in it."""
        ins: dict[Var, list[Var]] = {}
        outs: dict[Var, list[Var]] = {}
        for (v, _), readers in scope.ins.items():
            ins.setdefault(v, []).extend(readers)
        for (v, _), readers in scope.outs.items():
            outs.setdefault(v, []).extend(readers)
        for v, readers in ins.items():
            yield from self.edge(
                [(0.0, inner.ins[v]), (shift, inner.ins[v])], {v}, set(readers), False, False
            )
        for v, readers in outs.items():
            y = inner.outs[v]
            yield from self.edge([(width - shift, y), (width, y)], {v}, set(readers), False, False)

    def closed(self, scope: Scope) -> Placed:
        """A module as one node."""
        steps = list(scope.steps())
        chips = [c.var for v in steps for c in self.graph.nodes[v].chips]
        numbers = " ".join(str(self.number(v)) for v in (*steps, *scope_leaves(scope), *chips))
        count = word("steps_in", self.lang).format(len(steps))
        width = max(width_of(scope.short, 12) + 20, width_of(count, 10) + 20, 64.0)
        svg = [
            f'<g class="cr-node cr-module" data-v="{numbers}" data-m="{scope.number}">'
            f"<title>{escape(scope.name)}: {escape(count)}</title>"
            f'<rect class="back" x="3" y="-19" width="{width:.1f}" height="44" rx="7"/>'
            f'<rect y="-22" width="{width:.1f}" height="44" rx="7"/>'
            f'<text class="m" x="{width / 2:.1f}" y="-2">{escape(scope.short)}</text>'
            f'<text class="f" x="{width / 2:.1f}" y="13">{escape(count)}</text></g>'
        ]
        return Placed(Box(width, 22.0, 25.0), svg, {}, {})

    def node(self, node: Node) -> Placed:
        """A value: symbol, formula, and the gradient that arrives; below it the parameters it reads."""
        formula = node.formula if len(node.formula) <= _LONG else node.formula[: _LONG - 1].rstrip() + "…"
        gradient = "" if node.gradient is None else node.gradient.symbol.text
        lines = [("s", node.label, 14.0), ("f", formula, 10.0), ("g", gradient, 10.0)]
        lines = [k for k in lines if k[1]]
        chips = [self.chip(c) for c in node.chips]
        rows = (
            [chips[i : i + 3] for i in range(0, len(chips), 3)] if len(chips) != 4 else [chips[:2], chips[2:]]
        )
        widths = [
            44.0,
            *(width_of(t, s) for _, t, s in lines),
            *(sum(w + 6 for w, _ in r) - 22 for r in rows),
        ]
        width = max(widths) + 16
        half = 7.0 + sum(s for _, _, s in lines) / 2 + 1.5 * len(lines)
        kind = "loss" if node.var is self.graph.derivation.program.outputs[0] else node.step.kind
        svg = [
            f'<g class="cr-node cr-{kind}" data-v="{node.number}"><title>{escape(node.title)}</title>'
            f'<rect y="{-half:.1f}" width="{width:.1f}" height="{2 * half:.1f}" rx="7"/>'
        ]
        y = 4 - half
        for kind, line, size in lines:
            y += size + 3
            svg.append(f'<text class="{kind}" x="{width / 2:.1f}" y="{y - 2:.1f}">{escape(line)}</text>')
        svg.append("</g>")
        y = half + 14
        for row in rows:
            x = (width - sum(w + 6 for w, _ in row) + 6) / 2
            for w, chip in row:
                svg += self.hung(chip, x, y, w, half, node)
                x += w + 6
            y += 50
        below = half + (50 * len(rows) if chips else 0)
        return Placed(Box(width, half, below), svg, {}, {})

    def chip(self, node: Node) -> tuple[float, Node]:
        gradient = "" if node.gradient is None else node.gradient.symbol.text
        return max(30.0, width_of(node.label, 12), width_of(gradient, 9)) + 8, node

    def hung(self, node: Node, x: float, y: float, width: float, half: float, reader: Node) -> Iterator[str]:
        """A parameter below its reader, with the edge up and its gradient's edge down."""
        middle = x + width / 2
        both = (reader.var, node.var) in self.graph.arrives
        ends = f'data-a="{node.number}" data-b="{reader.number}"'
        up = middle - (_APART if both else 0)
        yield f'<path class="cr-fw" {ends} d="M{up:.1f} {y:.1f}V{half:.1f}m-3 4l3 -4l3 4"/>'
        if both:
            yield f'<path class="cr-bw" {ends} d="M{middle + _APART:.1f} {half:.1f}V{y:.1f}m-3 -4l3 4l3 -4"/>'
        gradient = "" if node.gradient is None else node.gradient.symbol.text
        lift = 0 if gradient else 6
        yield (
            f'<g class="cr-node cr-parameter" data-v="{node.number}"><title>{escape(node.title)}</title>'
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="34" rx="6"/>'
            f'<text class="p" x="{middle:.1f}" y="{y + 15 + lift:.1f}">{escape(node.label)}</text>'
            + (
                f'<text class="g" x="{middle:.1f}" y="{y + 28:.1f}">{escape(gradient)}</text>'
                if gradient
                else ""
            )
            + "</g>"
        )

    def between(self, a: Placed, b: Placed, v: Var) -> Link:
        return Link(a.box, b.box, a.outs.get(v, 0.0), b.ins.get(v, 0.0), key=v)

    def edges(self, links: Iterable[tuple[Link, list[Var]]]) -> Iterator[str]:
        """The paths of a layout; those on the same way are one."""
        ways: dict[tuple[Point, ...], tuple[Link, set[Var], set[Var]]] = {}
        for link, readers in links:
            way = ways.setdefault(tuple(link.route), (link, set(), set()))
            way[1].add(link.key)
            way[2].update(readers)
        for route, (link, sources, ends) in ways.items():
            arrow, back = bool(link.target.key), bool(link.source.key)
            yield from self.edge(list(route), sources, ends, arrow, back)

    def edge(
        self, route: list[Point], sources: set[Var], readers: set[Var], arrow: bool, back: bool
    ) -> Iterator[str]:
        """One way: values forward, and beside it the gradient, if one flows back."""
        both = any((r, s) in self.graph.arrives for r in readers for s in sources)
        numbers = [" ".join(map(str, sorted(map(self.number, side)))) for side in (sources, readers)]
        ends = f'data-a="{numbers[0]}" data-b="{numbers[1]}"'
        apart = _APART if both else 0.0
        head = "m-4 -3l4 3l-4 3" if arrow else ""
        yield f'<path class="cr-fw" {ends} d="{curve(route, 0, -apart)}{head}"/>'
        if both:
            (x, y) = route[0]
            tail = f"M{x + 4:.1f} {y + apart - 3:.1f}l-4 3l4 3" if back else ""
            yield f'<path class="cr-bw" {ends} d="{curve(route, 0, apart)}{tail}"/>'

    def number(self, v: Var) -> int:
        return self.graph.nodes[v].number


def _moved(p: Placed) -> str:
    if not p.svg:
        return ""
    return f'<g transform="translate({p.box.x:.1f} {p.box.y:.1f})">{"".join(p.svg)}</g>'


def scope_leaves(scope: Scope) -> list[Any]:
    """The leaves of a scope and of all in it."""
    return [v for s in scope.inner() for v in s.leaves]

"""The HTML file: everything can be read without scripts; with them, the stepper walks through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...program.ir import Var
from ..derivation import Step
from ..drawing import style, svg_of, svg_of_scope
from ..expr import symbols_in
from ..graph import Graph, Scope
from ..notation import sizes
from ..pages import equation, legend, several, sides
from ..words import word
from .heat import picture
from .listing import Listing
from .mathml import math

if TYPE_CHECKING:
    from ..explanation import Explanation

_SEEN = 40  # steps and boxes in the overview
_MANY = 12  # entries of the legend, before it is folded
_PICTURES = 1500  # steps, before the pictures of values are left out


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf8")


def page(e: Explanation) -> str:
    """The whole file, without any address outside it.

    >>> import chainrule as cr
    >>> w = cr.tensor(3.0, requires_grad=True)
    >>> page(cr.explain(w * w)).startswith("<!doctype html>")
    True
    """
    with sizes(e.counts, e.limits):
        return "\n".join(_Page(e).html())


def fragment(e: Explanation) -> str:
    """For notebooks: the file in a frame of its own, so that neither styles nor scripts leave it."""
    inside = page(e).replace("&", "&amp;").replace("'", "&#39;")
    title = escape(word("title", e.lang).format(e.derivation.loss.text))
    frame = 'sandbox="allow-scripts allow-modals" style="width:100%;height:720px;border:0;border-radius:8px"'
    return f"<iframe title=\"{title}\" {frame} srcdoc='{inside}'></iframe>"


def written(text: str, path: Any) -> None:
    """Write the file."""
    Path(path).write_text(text, encoding="utf8")


class _Page:
    def __init__(self, e: Explanation) -> None:
        self.e, self.lang = e, e.lang
        self.graph = Graph(e.derivation, e.paths)
        self.depth = self.graph.fitting(_SEEN)
        self.whole = self.graph.visible(self.graph.depth) <= _SEEN
        self.listing = Listing(s.where for s in e.steps)
        self.pictures = e.values and len(e.steps) <= _PICTURES
        walked = [s for s in e.steps if s.kind != "input"]
        self.place = {id(s): i for i, s in enumerate(walked, 1)}

    def word(self, key: str, *filled: object) -> str:
        return escape(word(key, self.lang).format(*filled))

    def html(self) -> Iterator[str]:
        language = {"zh": "zh-Hans"}.get(self.lang, self.lang)
        title = self.word("title", self.e.derivation.loss.text)
        yield (
            f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{style()}{_asset('report.css')}</style>\n</head>\n<body>\n<main>"
        )
        d = self.e.derivation
        made = [s for s in d.forward if s.kind == "forward"]
        leaves = {s.symbol.var for s in d.backward}.intersection(d.program.inputs)
        facts = self.word("facts", len(leaves), len(made), len(d.backward))
        yield f'<header><h1>{title}</h1><p class="facts">{facts}</p></header>'
        yield from self.stage()
        yield f'<p class="rule">{self.word("chain_rule")}</p>'
        yield from self.notes()
        yield from self.steps("forward", "forward", made)
        yield from self.steps("backward", "backward", d.backward)
        yield from self.inputs([s for s in d.forward if s.kind == "input"])
        yield from self.legend()
        yield f"</main>\n<script>{_asset('report.js')}</script>\n</body>\n</html>"

    def stage(self) -> Iterator[str]:
        """Graph, stepper and source, which the stepper moves together."""
        total = self.word("step_of", "{0}", len(self.place))
        yield f'<section class="stage"><h2>{self.word("graph")}</h2>'
        yield (
            f'<div class="bar" hidden data-step="{total}">'
            f'<button type="button" aria-label="{self.word("previous")}">←</button>'
            f'<button type="button" aria-label="{self.word("next")}">→</button>'
            f'<span class="count"></span><span class="keys">{self.word("keys")}</span></div>'
        )
        yield from self.graphs()
        yield f'<p class="key">{self.word("graph_key")}</p>'
        said = f'<p class="phase"></p><p class="say">{self.word("press")}</p>'
        yield '<div class="desk"><div class="now" hidden><div class="live" aria-live="polite" '
        yield f'aria-atomic="true">{said}</div><div class="show"></div></div>'
        if self.listing.files:
            yield f'<div class="source"><h3>{self.word("source")}</h3>{self.listing.html()}</div>'
        yield "</div>"
        if inside := list(self.insides()):
            yield f'<div class="insides">{"".join(inside)}</div>'
        yield "</section>"

    def graphs(self) -> Iterator[str]:
        """The whole, with modules open and closed; if there are many steps, closed."""
        graph = self.graph
        if self.whole and graph.closed(0):
            yield "".join(
                f'<input type="radio" name="modules" id="m-{key}"{checked}>'
                f'<label for="m-{key}">{self.word(key)}</label>'
                for key, checked in (("opened", " checked"), ("closed", ""))
            )
            yield self.framed(svg_of(graph, depth=graph.depth, lang=self.lang, alone=False), "opened")
            yield self.framed(svg_of(graph, depth=0, lang=self.lang, alone=False), "closed")
            return
        yield self.framed(svg_of(graph, depth=self.depth, lang=self.lang, alone=False))

    def insides(self) -> Iterator[str]:
        """The modules that are closed in the picture."""
        if not self.whole:
            for scope in self.graph.closed(self.depth):
                yield from self.inside(scope)

    def inside(self, scope: Scope) -> Iterator[str]:
        count = self.word("steps_in", scope.size)
        numbers = " ".join(str(self.graph.nodes[v].number) for v in scope.steps())
        yield f'<details class="inside" data-m="{scope.number}" data-v="{numbers}">'
        yield f"<summary>{self.word('inside', scope.name)} <small>{count}</small></summary>"
        large = [s for s in scope.inner() if s is not scope and s.size > _SEEN]
        yield self.framed(svg_of_scope(self.graph, scope, self.lang, closed=large))
        for s in large:
            if s.parent is scope:
                yield from self.inside(s)
        yield "</details>"

    def framed(self, svg: str, kind: str = "") -> str:
        """A picture that shrinks a little to fit, and scrolls if that is not enough."""
        width = int(svg.partition('width="')[2].partition('"')[0])
        size = f'style="width:clamp({round(width * 0.75)}px,100%,{width}px)" '
        group = f'role="group" aria-label="{self.word("graph")}" tabindex="0"'
        return f'<div class="graph {kind}" {group}>{svg.replace("<svg ", "<svg " + size, 1)}</div>'

    def steps(self, kind: str, heading: str, steps: Iterable[Step]) -> Iterator[str]:
        yield f'<section class="{kind}"><h2>{self.word(heading)}</h2><ol class="steps">'
        before = ""
        for s in steps:
            line = self.listing.line(self.where(s))
            yield self.step(s, line, line != before)
            before = line or before
        yield "</ol></section>"

    def where(self, s: Step) -> Any:
        """The line of a step; of a parameter's gradient, the line that reads the parameter."""
        if s.where is not None or s.kind != "backward":
            return s.where
        return next((self.graph.nodes[r].step.where for r in self.graph.senders(_var(s))), None)

    def step(self, s: Step, line: str, fresh: bool) -> str:
        """A line of the derivation."""
        number = self.place[id(s)]
        source = ""
        if line and fresh:
            text = escape(self.listing.text(self.where(s)))
            at = f"{self.word('line')} {self.listing.number(self.where(s))}"
            source = f'<p class="from"><span>{at}</span> <code>{text}</code></p>'
        node = self.graph.nodes[_var(s)].number
        return (
            f'<li id="s{number}" value="{number}" data-v="{node}" data-l="{line}" '
            f'data-t="{escape(s.symbol.text)}">'
            f'<div class="text"><div class="eq">{math(equation(self.e, s))}</div>{self.terms(s)}'
            f'<p class="say">{self.said(s)}</p></div>{source}{self.value(s)}</li>'
        )

    def said(self, s: Step) -> str:
        """The step in words."""
        if s.kind == "backward":
            through = ", ".join(self.graph.nodes[r].label for r in self.graph.senders(_var(s)))
            return self.word("from_there", through) if through else ""
        sources = ", ".join(dict.fromkeys(x.text for x in symbols_in(s.formula)))
        return self.word("from_here", sources) if sources else ""

    def terms(self, s: Step) -> str:
        """The edges of a sum over several uses."""
        shown, more = several(s)
        if not shown:
            return ""
        parts = [(t.consumer.tex, sides(self.e, s.symbol, t.formula)[1]) for t in shown]
        rows = [f"<li>{self.word('through')} {math(to)}: {math(part)}</li>" for to, part in parts]
        rows += [f"<li>{self.word('more', more)}</li>"] if more else []
        return f'<ul class="terms">{"".join(rows)}</ul>'

    def value(self, s: Step) -> str:
        shape = "×".join(map(str, s.shape))
        size = f'<span class="shape">{shape}</span>' if shape else ""
        if not self.pictures or s.value is None:
            return f'<div class="value">{size}</div>'
        return f'<div class="value">{picture(self.e.shown(s), self.lang)}{size}</div>'

    def notes(self) -> Iterator[str]:
        """What is worth noticing, and where."""
        if self.e.notes:
            yield f'<section class="noticed"><h2>{self.word("observations")}</h2><ul>'
            for note in self.e.notes:
                at = [self.place[id(s)] for s in note.steps if id(s) in self.place]
                links = "".join(f' <a href="#s{n}">{n}</a>' for n in at)
                yield f"<li>{escape(note.text(self.lang))}{links}</li>"
            yield "</ul></section>"

    def inputs(self, steps: Iterable[Step]) -> Iterator[str]:
        yield f'<section class="inputs"><h2>{self.word("inputs")}</h2>'
        if self.pictures:
            yield f'<p class="key">{self.word("colours")}</p>'
        yield '<ul class="cards">'
        for s in steps:
            name = self.e.derivation.legend.get(s.symbol.tex, "")
            called = f"<code>{escape(name)}</code>" if name else ""
            number = self.graph.nodes[_var(s)].number
            symbol = f'<div class="eq">{math(s.symbol.tex)}</div>'
            yield f'<li data-v="{number}">{symbol}{called}{self.value(s)}</li>'
        yield "</ul></section>"

    def legend(self) -> Iterator[str]:
        """What the letters stand for."""
        names = legend(self.e)
        rows = "".join(
            f"<div><dt>{math(k)}</dt><dd><code>{escape(name)}</code></dd></div>" for k, name in names.items()
        )
        body = f'<dl class="legend">{rows}</dl>' if rows else ""
        if len(names) > _MANY:
            body = f"<details><summary>{self.word('letters', len(names))}</summary>{body}</details>"
        heading = f"<h2>{self.word('legend')}</h2>"
        yield f'<section class="notes">{heading}{body}<p>{self.word("layout")}</p></section>'


def _var(s: Step) -> Var:
    v: Any = s.symbol.var
    found: Var = v
    return found

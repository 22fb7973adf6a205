"""A derivation as text, LaTeX and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import source_line
from .derivation import Step, Term
from .expr import Symbol
from .notation import LISTED, MOST_TERMS, sizes, tex, without_middle
from .sums import Line
from .unicode import plain
from .words import word

if TYPE_CHECKING:
    from .explanation import Explanation

_FEW = 6  # numbers that are written out


def sections(e: Explanation) -> Iterator[tuple[str, list[Step]]]:
    """Inputs, forward and backward pass, each with its heading."""
    for kind, heading in (("input", "inputs"), ("forward", "forward"), ("backward", "backward")):
        steps = [s for s in e.steps if s.kind == kind]
        if steps:
            yield word(heading, e.lang), steps


def number(x: Any) -> str:
    """One number, short."""
    return f"{x:.4g}" if isinstance(x, (float, np.floating)) else str(x)


def value(array: Any, lang: str = "en") -> str:
    """An array in a few words: its numbers if they are few, else its shape, range and mean."""
    a = np.asarray(array)
    if not a.ndim:
        return number(a.item())
    if a.size <= _FEW:
        return np.array2string(a, formatter={"float_kind": number}, separator=", ").replace("\n", "")
    finite = a[np.isfinite(a)] if a.dtype.kind == "f" else a
    spread = f"{number(finite.min())} … {number(finite.max())}" if finite.size else ""
    return f"[{'×'.join(map(str, a.shape))}] {spread}"


def sides(e: Explanation, symbol: Symbol, formula: Any) -> tuple[str, str]:
    """The two sides of a line in LaTeX, in the notation that was asked for; an input has no right one."""
    if formula is None:
        return symbol.tex, ""
    formula = without_middle(formula)
    with sizes(e.counts, e.limits):
        if e.notation == "sum":
            line = Line(symbol, formula)
            return line.left_tex, line.right_tex
        return symbol.tex, tex(formula)


def equation(e: Explanation, s: Step) -> str:
    """A line in LaTeX."""
    return " = ".join(filter(None, sides(e, s.symbol, s.formula)))


def legend(e: Explanation) -> dict[str, str]:
    """What the letters of the page stand for: LaTeX and the user's name, or a number."""
    known = {**e.limits, **e.counts}
    counts = {} if e.derivation.sizes else {letter: str(n) for n, letter in known.items()}
    return {**e.derivation.legend, **counts}


def _meaning(e: Explanation, letter: str, name: str) -> str:
    """What one letter stands for."""
    return f"{letter} {'=' if name.isdigit() else word('is', e.lang)} {name}"


def _sentence(e: Explanation, letters: list[str]) -> str:
    """What the letters stand for, in the punctuation of the language."""
    colon, comma, stop = ("：", "，", "。") if e.lang == "zh" else (": ", ", ", ".")
    return word("legend", e.lang) + colon + comma.join(letters) + stop


def text_page(e: Explanation) -> str:
    """Plain text with Unicode formulas."""
    lines = [word("title", e.lang).format(e.derivation.loss.text), ""]
    for heading, steps in sections(e):
        lines.append(heading)
        rows = [(plain(equation(e, s)), s) for s in steps]
        width = min(max(len(text) for text, _ in rows), 60)
        for text, s in rows:
            shown = f"   = {value(e.shown(s), e.lang)}" if e.values and s.value is not None else ""
            lines.append(f"  {text:<{width}}{shown}")
            lines += _terms(e, s)
        lines.append("")
    if e.notes:
        lines += [word("observations", e.lang), *(f"  • {note.text(e.lang)}" for note in e.notes), ""]
    letters = [_meaning(e, plain(k), name) for k, name in legend(e).items()]
    if letters:
        lines.append(_sentence(e, letters))
    lines.append(word("layout", e.lang))
    return "\n".join(lines)


def _terms(e: Explanation, s: Step) -> Iterator[str]:
    """The edges of a sum over several uses."""
    shown, more = several(s)
    for t in shown:
        part = plain(sides(e, s.symbol, t.formula)[1])
        yield f"      {word('through', e.lang)} {t.consumer.text}: {part}"
    if more:
        yield f"      {word('more', e.lang).format(more)}"


def latex_page(e: Explanation) -> str:
    """An align* for each section."""
    blocks = []
    for heading, steps in sections(e):
        rows = ["  " + " &= ".join(sides(e, s.symbol, s.formula)) for s in steps if s.formula is not None]
        if rows:
            blocks.append("% " + heading + "\n\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}")
    return "\n".join(blocks)


def markdown_page(e: Explanation) -> str:
    """Headings, a table of inputs, and formulas between dollar signs."""
    out = [f"## {word('title', e.lang).format(f'${e.derivation.loss.tex}$')}", ""]
    for heading, steps in sections(e):
        out += [f"### {heading}", ""]
        for s in steps:
            shown = f" — {value(e.shown(s), e.lang)}" if e.values and s.value is not None else ""
            place = f"  `{source_line(s.where).rpartition(': ')[2]}`" if s.where is not None else ""
            out.append(f"- ${equation(e, s)}${shown}{place}")
            shown_terms, more = several(s)
            for t in shown_terms:
                part = sides(e, s.symbol, t.formula)[1]
                out.append(f"  - {word('through', e.lang)} ${t.consumer.tex}$: ${part}$")
            if more:
                out.append(f"  - {word('more', e.lang).format(more)}")
        out.append("")
    if e.notes:
        out += [f"### {word('observations', e.lang)}", "", *(f"- {n.text(e.lang)}" for n in e.notes), ""]
    letters = [
        _meaning(e, f"${k}$", name if name.isdigit() else f"`{name}`") for k, name in legend(e).items()
    ]
    if letters:
        out.append(_sentence(e, letters) + "\n")
    out.append(word("layout", e.lang))
    return "\n".join(out) + "\n"


def several(s: Step) -> tuple[list[Term], int]:
    """The terms of a gradient that is a sum, and how many more there are of a long one."""
    if len(s.terms) < 2:
        return [], 0
    shown = s.terms if len(s.terms) <= MOST_TERMS else s.terms[:LISTED]
    return shown, len(s.terms) - len(shown)

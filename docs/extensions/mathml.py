"""Formulas as MathML, which browsers typeset themselves: no script, no font and no picture is fetched."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes

from chainrule.explainer.report.mathml import math


def _display(tex: str) -> str:
    return math(tex).replace("<math>", '<math display="block">', 1)


def inline(self: Any, node: nodes.math) -> None:
    self.body.append(math(node.astext()))
    raise nodes.SkipNode


def block(self: Any, node: nodes.math_block) -> None:
    tex = node.astext().strip()
    self.body.append(f'<div class="formula" role="math" aria-label="{escape(tex)}">{_display(tex)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

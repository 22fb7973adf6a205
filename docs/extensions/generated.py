"""Directives whose text comes from the code of today: derivations, what operations refuse, measured figures.

derivation  FORMULA, :wrt: names, :lang:     cr.derive, typeset
report      a script, :height:               chainrule explain, as the page that a reader can step through
refusals                                     the inputs that each operation refuses, and its message for them
speed       the threads, then the workloads  bars from the tables of bench/RESULTS.md
"""

from __future__ import annotations

import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from speed import chart
from sphinx.util.docutils import SphinxDirective

import chainrule as cr
from chainrule.ops.record import REGISTRY, Op

ROOT = Path(__file__).resolve().parents[2]


class Derivation(SphinxDirective):
    """A formula's gradients, as math."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"wrt": directives.unchanged, "lang": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        wrt = [name.strip() for name in self.options.get("wrt", "").split(",") if name.strip()]
        found = cr.derive(self.arguments[0], wrt or None, lang=self.options.get("lang", "en"))
        lines = (line for line in found.markdown().splitlines() if line.startswith("- $") and "=" in line)
        return [
            nodes.math_block(tex, tex, nowrap=True, number=None) for tex in (line[3:-1] for line in lines)
        ]


class Report(SphinxDirective):
    """The report of a script's first backward pass, in a frame."""

    required_arguments = 1
    option_spec = {
        "height": directives.positive_int,
        "title": directives.unchanged,
        "lang": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        script, lang = ROOT / self.arguments[0], self.options.get("lang", "en")
        self.env.note_dependency(str(script))
        name = f"{script.stem}.{lang}.html"
        folder = Path(self.env.app.outdir) / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "chainrule", "explain", str(script), "--lang", lang]
        subprocess.run([*command, "--out", str(folder / name)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)  # fmt: skip
        up = "../" * self.env.docname.count("/")
        title, height = escape(self.options.get("title", script.stem)), self.options.get("height", 640)
        source = f'src="{up}reports/{name}" height="{height}" title="{title}"'
        frame = f'<iframe class="report" loading="lazy" {source}></iframe>'
        return [nodes.raw("", frame, format="html")]


class Refusals(SphinxDirective):
    """A table of the messages, each made by calling the operation."""

    def run(self) -> list[nodes.Node]:
        head = "<thead><tr><th>operation</th><th>error</th><th>message</th></tr></thead>"
        rows = "".join(
            f"<tr><td><code>{name}</code></td><td><code>{bad.error.__name__}</code></td>"
            f"<td>{escape(refusal(op, case))}</td></tr>"
            for name, op in sorted(REGISTRY.items())
            for case, bad in enumerate(op.bad)
        )
        table = f'<table class="docutils refusals">{head}<tbody>{rows}</tbody></table>'
        return [nodes.raw("", f'<div class="table-wrapper">{table}</div>', format="html")]


def refusal(op: Op, case: int) -> str:
    """What an operation says of one of the inputs that its record calls bad."""
    bad = op.bad[case]
    args = [_tensors(a) if op.nargs < 0 or i < op.nargs else a for i, a in enumerate(bad.args())]
    try:
        op(*args)
    except bad.error as error:
        return str(error)
    raise ValueError(f"{op.name} accepts the input {case} that its record says it refuses")


def _tensors(arg: Any) -> Any:
    if isinstance(arg, (list, tuple)):
        return type(arg)(_tensors(each) for each in arg)
    return cr.as_tensor(arg) if hasattr(arg, "shape") else arg


class Speed(SphinxDirective):
    """How many times as fast as the others, as bars; the lines of the content name workloads."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        results = ROOT / "bench" / "RESULTS.md"
        self.env.note_dependency(str(results))
        wanted = [tuple(part.strip() for part in line.split(" = ")) for line in self.content if line.strip()]
        svg = chart(results.read_text(encoding="utf-8"), int(self.arguments[0]), dict(wanted))
        return [nodes.raw("", f'<div class="speed">{svg}</div>', format="html")]


def setup(app: Any) -> dict[str, bool]:
    for name, directive in {
        "derivation": Derivation, "report": Report, "refusals": Refusals, "speed": Speed,
    }.items():  # fmt: skip
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

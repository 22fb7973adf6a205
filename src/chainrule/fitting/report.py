"""The page of a run: one HTML file without any address outside it, for light and dark, desk and phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from .charts import Chart, Picture

_LANGUAGES = {"zh": "zh-Hans"}


@cache
def _style() -> str:
    shared = files("chainrule.explainer.report").joinpath("report.css").read_text(encoding="utf8")
    return shared + files(__package__).joinpath("report.css").read_text(encoding="utf8")


def page(title: str, sections: Iterable[tuple[str, str]], lang: str = "en", *, facts: str = "") -> str:
    """The whole file: a title, a line of facts below it, and sections of (heading, HTML).

    Text of title, facts and headings is escaped; the HTML of a section is taken as it is.

    >>> page("A fit", [("Data", paragraph("3 rows"))]).startswith("<!doctype html>")
    True
    """
    out = [
        f'<!doctype html>\n<html lang="{escape(_LANGUAGES.get(lang, lang))}">\n<head>',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>{_style()}</style>\n</head>\n<body>\n<main>",
        f"<header><h1>{escape(title)}</h1>",
        f'<p class="facts">{escape(facts)}</p></header>' if facts else "</header>",
    ]
    out += [
        f"<section>\n<h2>{escape(heading)}</h2>\n{html}\n</section>" for heading, html in sections if html
    ]
    out.append("</main>\n</body>\n</html>\n")
    return "\n".join(out)


def fragment(whole: str, title: str, height: int = 640) -> str:
    """A page for notebooks: in a frame of its own, so that its style stays inside."""
    inside = whole.replace("&", "&amp;").replace("'", "&#39;")
    frame = f'sandbox style="width:100%;height:{height}px;border:0;border-radius:8px"'
    return f"<iframe title=\"{escape(title)}\" {frame} srcdoc='{inside}'></iframe>"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def remarks(texts: Sequence[str]) -> str:
    """A list of sentences; nothing if there are none."""
    items = "".join(f"<li>{escape(t)}</li>" for t in texts)
    return f'<ul class="remarks">{items}</ul>' if items else ""


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, words: bool = False) -> str:
    """A table of text: the first column to the left, the others to the right, or all to the left (`words`).

    >>> table(["name", "value"], [["w", 2.5]])[:19]
    '<div class="table">'
    """
    top = "".join(f"<th>{escape(str(h))}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    kind = ' class="words"' if words else ""
    first = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    return f'<div class="table"><table{kind}>{first}<tbody>{body}</tbody></table></div>'


def charts(pictures: Sequence[Picture]) -> str:
    """Pictures side by side where there is room, each with its title."""
    out = []
    for p in pictures:
        note = f"<small>{escape(p.note)}</small>" if isinstance(p, Chart) and p.note else ""
        out.append(f"<figure><figcaption>{escape(p.title)}{note}</figcaption>{p.svg()}</figure>")
    return f'<div class="charts">{"".join(out)}</div>' if out else ""

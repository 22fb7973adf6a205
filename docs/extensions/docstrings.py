"""Docstrings are plain text with `names`, lists and examples; here they become reStructuredText."""

from __future__ import annotations

import re
from typing import Any

# What is marked up already and stays: roles, links, literals; then a `name`.
_MARKED = re.compile(r"(:\w+:`[^`]+`|`[^`<]+<[^>`]+>`_|``.+?``|`[^`]+`)")
_SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")
_TWO_COLUMNS = re.compile(r"(\S+(?: \S+)*?) {2,}(\S.*)")


def restructured(lines: list[str]) -> list[str]:
    """The same text, with `names` as literals, columns as a list, and examples apart from the text.

    >>> restructured(["y = |x|: `x_` is `*x`.", ">>> f(*x)", "2"])
    ['y = \\\\|x\\\\|: ``x_`` is ``*x``.', '', '>>> f(*x)', '2']
    >>> restructured(["loss    what is", "        minimised", "", "Raises nothing."])
    ['- ``loss``: what is', '  minimised', '', 'Raises nothing.']
    """
    out: list[str] = []
    for paragraph in _paragraphs(lines):
        out += _restructured(paragraph)
        out.append("")
    return out[:-1]


def _paragraphs(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph] or [[]]


def _restructured(paragraph: list[str]) -> list[str]:
    if paragraph and paragraph[0].lstrip().startswith(".. "):
        return paragraph
    if len(paragraph) > 1 and _TWO_COLUMNS.fullmatch(paragraph[0]) and "..." not in paragraph[0]:
        return [_item(line) for line in paragraph]
    example = next(
        (i for i, line in enumerate(paragraph) if line.lstrip().startswith(">>> ")), len(paragraph)
    )
    text = [_text(line) for line in paragraph[:example]]
    apart = [""] if text and example < len(paragraph) else []
    return text + apart + paragraph[example:]


def _item(line: str) -> str:
    """A line of a list in two columns; its text goes on in lines that are indented."""
    parts = _TWO_COLUMNS.fullmatch(line)
    return f"- ``{parts[1]}``: {_text(parts[2])}" if parts else f"  {_text(line.strip())}"


def _text(line: str) -> str:
    parts = _MARKED.split(line)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = _SPECIAL.sub(r"\\\1", part)
        elif part.startswith("`") and not part.startswith("``") and not part.endswith("_"):
            parts[i] = f"`{part}`"
    return "".join(parts)


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = restructured(lines)


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process, priority=100)  # before napoleon reads the sections
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The user's lines that an explanation comes from, with a little of what stands around them."""

from __future__ import annotations

import linecache
from collections.abc import Iterable
from html import escape
from pathlib import PurePath
from typing import Any

from ...errors import place

_AROUND = 2  # lines before and after


class Listing:
    """Which lines of which files; each gets an identifier."""

    def __init__(self, wheres: Iterable[Any]) -> None:
        self.files: dict[str, set[int]] = {}
        for where in wheres:
            name, number = _spot(where)
            if number and linecache.getline(name, number).strip():
                self.files.setdefault(name, set()).add(number)
        self._index = {name: i for i, name in enumerate(self.files)}

    def line(self, where: Any) -> str:
        """The identifier of a line; "" if it cannot be read."""
        name, number = _spot(where)
        return f"l{self._index[name]}-{number}" if number in self.files.get(name, ()) else ""

    def text(self, where: Any) -> str:
        """The line itself."""
        name, number = _spot(where)
        return linecache.getline(name, number).strip() if number else ""

    def number(self, where: Any) -> int:
        return _spot(where)[1]

    def html(self) -> str:
        """All of them, with line numbers."""
        return "".join(self._file(name, lines) for name, lines in self.files.items())

    def _file(self, name: str, lines: set[int]) -> str:
        text = linecache.getlines(name)
        near = {k for n in lines for k in range(n - _AROUND, n + _AROUND + 1) if 0 < k <= len(text)}
        shown = sorted(k for k in near if k in lines or text[k - 1].strip())
        margin = min(len(t) - len(t.lstrip()) for t in (text[k - 1] for k in shown) if t.strip())
        rows, last = [], 0
        for k in shown:
            if last and any(text[i].strip() for i in range(last, k - 1)):
                rows.append('<li class="gap" aria-hidden="true">⋯</li>')
            used = f' class="used" id="l{self._index[name]}-{k}"' if k in lines else ""
            rows.append(
                f'<li value="{k}"{used}><span class="n">{k}</span>'
                f"<code>{escape(text[k - 1].rstrip()[margin:])}</code></li>"
            )
            last = k
        short = PurePath(name).name
        return (
            f'<figure class="code"><figcaption>{escape(short)}</figcaption><ol>{"".join(rows)}</ol></figure>'
        )


def _spot(where: Any) -> tuple[str, int]:
    if where is None:
        return "", 0
    name, _, number = place(where).rpartition(":")
    return (name, int(number)) if number.isdigit() else ("", 0)

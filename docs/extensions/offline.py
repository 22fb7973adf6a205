"""Nothing of a built page may come from the network: scripts, styles, fonts and pictures lie beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.util import logging

_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=["']?(?:https?:)?//[^"'\s>]*"""
    r"""|<link\b(?![^>]*rel=["']?(?:canonical|author|search))[^>]*?\bhref=["']?(?:https?:)?//[^"'\s>]*"""
    r"""|url\(\s*["']?(?:https?:)?//[^)]*|@import\s+["'](?:https?:)?//[^"']*"""
)


def fetched(text: str) -> list[str]:
    """What a page or a style sheet would fetch from elsewhere.

    >>> fetched('<a href="https://a.org">a</a><img src="b.png"><script src="https://c.org/d.js"></script>')
    ['<script src="https://c.org/d.js']
    """
    return _FETCHED.findall(text)


def check(app: Any, exception: Exception | None) -> None:
    """Warn of every file that would fetch something; `-W` makes an error of it."""
    if exception is not None or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in (".html", ".css"):
            for found in fetched(path.read_text(encoding="utf-8")):
                logging.getLogger(__name__).warning("%s fetches %s", path.name, found)


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

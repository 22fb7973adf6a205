"""LaTeX as MathML, by latex2mathml if it is installed; else, and where it fails, as text."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape

from ..unicode import plain

_HEAD = re.compile(r'^<math xmlns="[^"]*" display="inline">')
_CODE = re.compile(r"&#x[0-9A-Fa-f]+;")
_WORD = re.compile(r'(?:<mi mathvariant="italic">\w</mi>){2,}')
_NAME = re.compile(r"<mo>([A-Za-z][\w ]+)</mo>")
_INDEX = re.compile(r"(?<=[_^]\{)(\(?)(\d+)(\)?)(?=\})")
_FIRST = 700001  # stands for an index that is filled in later
_LITERAL = re.compile(r"70\d{4}")
_STAND_IN = re.compile(r"(?<=[>(])70\d{4}(?=[<)])")
_LAYER = re.compile(  # (12), as one element: pages have thousands
    r'<mrow><mo stretchy="false">\(</mo><mn>(\d+)</mn><mo stretchy="false">\)</mo></mrow>'
)
_ALONE = re.compile(r"<mrow>(<(mn|mi|mtext)>[^<]*</\2>)</mrow>")
_LETTER = re.compile(r"<[^>]*>")


def math(tex: str) -> str:
    """A formula to stand in HTML; of those that differ in the numbers of letters only one is converted.

    >>> math("x + 1")
    '<math><mrow><mi>x</mi><mo>+</mo><mn>1</mn></mrow></math>'
    >>> math("z_{12}")
    '<math><mrow><msub><mi>z</mi><mn>12</mn></msub></mrow></math>'
    """
    if _LITERAL.search(tex):  # a number of the user's that looks like a stand-in
        return _converted(tex) or _text(tex)
    numbers: list[str] = []

    def take(found: re.Match[str]) -> str:
        numbers.append(found[2])
        return f"{found[1]}{_FIRST + len(numbers) - 1}{found[3]}"

    form = _converted(_INDEX.sub(take, tex))
    if form is None:
        return _text(tex)
    return _STAND_IN.sub(lambda m: numbers[int(m[0]) - _FIRST], form)


@lru_cache(maxsize=4096)
def _converted(tex: str) -> str | None:
    """MathML, if it can be had."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return None
    try:
        found = convert(tex)
    except Exception:  # its errors have no base of their own, and a report must not fail for a formula
        return None
    return _shorter(found)


def _text(tex: str) -> str:
    return f'<span class="formula">{escape(plain(tex))}</span>'


def _shorter(found: str) -> str:
    """Without what is the default, characters as themselves, names as one identifier."""
    found = _HEAD.sub("<math>", found)
    found = _CODE.sub(lambda m: escape(unescape(m[0]), quote=False), found)
    found = _ALONE.sub(r"\1", _LAYER.sub(r"<mn>(\1)</mn>", found))
    found = _WORD.sub(lambda m: f'<mi class="word">{_LETTER.sub("", m[0])}</mi>', found)
    return _NAME.sub(r"<mi>\1</mi>", found)

"""A reader of the printed formulas, written apart from the printer: arithmetic, fractions, powers, functions.

It follows what a person does: products reach over \\, and \\odot, a sum sign over the product behind it, a
fraction is one thing, a superscript belongs to the thing before it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]|\S")
_FUNCTIONS: dict[str, Any] = {
    r"\sin": np.sin, r"\cos": np.cos, r"\tan": np.tan, r"\tanh": np.tanh, r"\ln": np.log, r"\sinh": np.sinh,
    r"\cosh": np.cosh, r"\sigma": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0), "sgn": np.sign,
}  # fmt: skip
_IGNORED = {r"\left", r"\right", r"\displaystyle"}


class Reader:
    """The value of a LaTeX formula, given the values of its symbols by their LaTeX."""

    def __init__(self, text: str, symbols: dict[str, Any]) -> None:
        self.symbols = symbols
        self.names: dict[str, str] = {}
        for k, name in enumerate(sorted(symbols, key=len, reverse=True)):
            mark = chr(0xE000 + k)
            self.names[mark] = name
            text = text.replace(name, mark)
        self.tokens = [t for t in _TOKEN.findall(text) if t not in _IGNORED]
        self.at = 0

    def value(self) -> Any:
        found = self._sum()
        assert self.at == len(self.tokens), f"unread: {self.tokens[self.at :]}"
        return found

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, expected: str = "") -> str:
        token = self._peek()
        assert token and expected in ("", token), f"{expected!r} expected at {self.tokens[self.at :]}"
        self.at += 1
        return token

    def _sum(self) -> Any:
        negative = self._peek() == "-"
        if negative:
            self._take()
        total = -self._product() if negative else self._product()
        while self._peek() in ("+", "-"):
            sign = self._take()
            term = self._product()
            total = total + term if sign == "+" else total - term
        return total

    def _product(self) -> Any:
        """Factors side by side: numbers and arrays one by one, matrices as matrices."""
        found, elementwise = self._factor(), False
        while self._peek() and self._peek() not in ("+", "-", ")", "}", "]", ",", ">", r"\ne"):
            elementwise = self._peek() in (r"\,", r"\odot", r"\cdot")
            if elementwise:
                self._take()
            factor = self._product() if self._peek() == r"\sum" else self._factor()
            found = (
                found * factor if elementwise or not (np.ndim(found) and np.ndim(factor)) else found @ factor
            )
        return found

    def _factor(self) -> Any:
        if self._peek() == r"\sum":
            return self._whole_sum()
        composed = self._peek() in (r"\frac", r"\sum", "e")
        found = self._atom()
        while self._peek() == "^":
            assert not composed or self.tokens[self.at - 1] == "e", "a power of what?"
            composed = True
            self._take()
            power = self._group()
            found = np.swapaxes(found, -1, -2) if power is None else found**power
        return found

    def _whole_sum(self) -> Any:
        self._take(r"\sum")
        if self._peek() == "_":
            self._take()
            self._take("{")
            while self._take() != "}":
                pass
        return np.sum(self._product())

    def _group(self) -> Any:
        """One token or {…}; None for the transpose."""
        if self._peek() == r"\top":
            self._take()
            return None
        if self._peek() != "{":
            return self._atom()
        self._take("{")
        found = self._sum()
        self._take("}")
        return found

    def _atom(self) -> Any:
        token = self._take()
        if token in self.names:
            return self.symbols[self.names[token]]
        if token[0].isdigit():
            return float(token)
        if token == "e":
            return np.e
        if token == r"\frac":
            above = self._group()
            return above / self._group()
        if token == r"\sqrt":
            return np.sqrt(self._group())
        if token == r"\operatorname":
            self._take("{")
            name = ""
            while (letter := self._take()) != "}":
                name += letter
            return self._called(name)
        if token in _FUNCTIONS:
            return self._called(token)
        if token == "{":
            self.at -= 1
            return self._group()
        if token == "(":
            found = self._sum()
            self._take(")")
            return found
        raise AssertionError(f"{token!r} is not arithmetic")

    def _called(self, name: str) -> Any:
        self._take("(")
        found = self._sum()
        self._take(")")
        return _FUNCTIONS[name](found)


def read(text: str, symbols: dict[str, Any]) -> Any:
    """The value of a formula of this small language."""
    return Reader(text, symbols).value()

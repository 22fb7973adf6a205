"""LaTeX as plain text: the part of it that the records' notations and symbols use."""

from __future__ import annotations

import re
from unicodedata import normalize

_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ",
    "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    "sum": "Σ", "prod": "Π", "partial": "∂", "odot": "⊙", "cdot": "·", "times": "×", "infty": "∞", "ge": "≥",
    "le": "≤", "ne": "≠", "in": "∈", "land": "∧", "lor": "∨", "lnot": "¬", "oplus": "⊕", "approx": "≈",
    "bigwedge": "⋀", "bigvee": "⋁", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "lVert": "‖",
    "rVert": "‖", "mid": "|", "to": "→", "ldots": "…", "top": "ᵀ", "nabla": "∇", "ell": "ℓ", "bmod": "mod",
    "star": "⋆",
    "left": "", "right": "", "displaystyle": "", "quad": "  ", "#": "#", "%": "%", "_": "_", "&": "&",
}  # fmt: skip
_SPACES = {",": "·", " ": " ", ";": " ", "!": "", "\\": "\n", "{": "{", "}": "}"}
_ABOVE = str.maketrans("0123456789+-=()TijklmnxyzNKab", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵀⁱʲᵏˡᵐⁿˣʸᶻᴺᴷᵃᵇ")
_BELOW = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|[^\\{}^_]", re.S)
_OPENING, _CLOSING = (r"\lVert", r"\lfloor", r"\lceil"), (r"\rVert", r"\rfloor", r"\rceil")
_MARKS = {"hat": "\u0302", "bar": "\u0304", "overline": "\u0304", "tilde": "\u0303", "dot": "\u0307"}


def plain(tex: str) -> str:
    r"""The text of a formula.

    >>> plain(r"\frac{\partial L}{\partial w_{1}} = 2 \, (\hat{y} - y) \, x^{2}")
    '∂L/∂w₁ = 2 · (ŷ - y) · x²'
    """
    return normalize("NFC", re.sub(r"(?<=\S) {2,}", " ", _Reader(tex).read_all()).strip())


class _Reader:
    def __init__(self, tex: str) -> None:
        self.tokens = _TOKEN.findall(tex)
        self.at = 0

    def read_all(self) -> str:
        out = ""
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            out = self._one(out)
        return out

    def _one(self, out: str) -> str:
        """The next token, behind what is there."""
        token = self._next()
        if token == "{":
            out += self._rest()
        elif token == "^":
            out += _script(self._argument(), _ABOVE, "^")
        elif token == "_":
            below, big = self._argument(), out[-1:] in "ΣΠ⋀⋁"
            element = out[-1:] in "₀₁₂₃₄₅₆₇₈₉]" or re.search(r"[,:]", below) and not _small(below, _BELOW)
            out += f"[{below}]" if element and not big else _script(below, _BELOW, "_")
        elif token.startswith("\\"):
            out = out.rstrip() if token in _CLOSING else out
            out += self._command(token[1:], out)
            if token in _OPENING and self.tokens[self.at : self.at + 1] == [" "]:
                self.at += 1
        else:
            out += token
        return out

    def _next(self) -> str:
        token = self.tokens[self.at]
        self.at += 1
        return str(token)

    def _rest(self) -> str:
        """Up to the brace that closes."""
        found = self.read_all()
        self.at += 1
        return found

    def _argument(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at] == " ":
            self.at += 1
        if self.at == len(self.tokens):
            return ""
        return self._one("")

    def _command(self, name: str, out: str) -> str:
        if name == "frac":
            above, below = self._argument(), self._argument()
            text = f"{_grouped(above)}/{_grouped(below, below=True)}"
            # beside a matrix: Xᵀ (a ⊙ y/b), as Xᵀ a ⊙ y/b would be read from the left
            beside = out.endswith(" ") and out.rstrip()[-1:] not in ("", *"=+-·⊙(,[|")
            return f"({text})" if beside and "⊙" in _outside(above) else text
        if name == "sqrt":
            return "√" + _grouped(self._argument())
        if name in _MARKS:
            inner = self._argument()
            return inner + _MARKS[name] if len(inner) == 1 else inner
        if name in ("operatorname", "text", "mathrm", "mathbf", "mathit", "mathsf", "boldsymbol"):
            return self._argument()
        if name in _SPACES:
            return _SPACES[name]
        found = _LETTERS.get(name, name)
        if found and self.at < len(self.tokens) and self.tokens[self.at] == " " and name in ("partial",):
            self.at += 1
        return found


def _script(text: str, table: dict[int, int], sign: str) -> str:
    if text.startswith("ᵀ"):
        return text
    moved = text.translate(table)
    if _small(text, table) and text and not (" " in text and sign == "_"):
        return moved
    loose = sign == "^" or " " in text
    return f"{sign}{text}" if len(text) == 1 or not loose else f"{sign}({text})"


def _small(text: str, table: dict[int, int]) -> bool:
    """Whether all of it can be written above or below the line."""
    return all(ord(c) in table or c in " ,'′*" for c in text)


def _grouped(text: str, *, below: bool = False) -> str:
    """In parentheses, if a line alone would not hold it together."""
    outside = _outside(text.strip())
    if below:  # 1/(x·y), 1/√x
        return f"({text})" if re.search(r"[+\- ·/⊙]", outside) else text
    return f"({text})" if re.search(r"[+\- ]", outside[1:].replace(" · ", "·").replace(" ⊙ ", "⊙")) else text


def _outside(text: str) -> str:
    """What stands in no parentheses."""
    depth, outside = 0, ""
    for c in text:
        depth += (c in "([") - (c in ")]")
        outside += "" if depth or c in ")]" else c
    return outside

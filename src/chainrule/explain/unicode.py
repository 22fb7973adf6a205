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
    "left": "", "right": "", "displaystyle": "", "quad": "  ", "#": "#", "%": "%", "_": "_", "&": "&",
}  # fmt: skip
_SPACES = {",": "·", " ": " ", ";": " ", "!": "", "\\": "\n", "{": "{", "}": "}"}
_ABOVE = str.maketrans("0123456789+-()TijklmnxyzNKab", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀⁱʲᵏˡᵐⁿˣʸᶻᴺᴷᵃᵇ")
_BELOW = str.maketrans("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|[^\\{}^_]", re.S)
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
            out += _script(self._argument(), _BELOW, "_")
        elif token.startswith("\\"):
            out += self._command(token[1:], out)
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
            return f"{_grouped(above)}/{_grouped(below, below=True)}"
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
    moved = text.translate(table)
    changed = all(ord(c) in table or c in " ,'′*" for c in text)
    if changed and text:
        return moved
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})" if sign == "^" else f"_{text}"


def _grouped(text: str, *, below: bool = False) -> str:
    """In parentheses, if a line alone would not hold it together."""
    body = re.sub(r"\([^()]*\)", "", text)
    loose = re.search(r"[+\- ·/⊙]" if below else r"[+\- /]", body.strip()) is not None
    return f"({text})" if loose and not (text.startswith("(") and text.endswith(")")) else text

"""Letters for the values of a pass: the user's names as a mathematician writes them, others in order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..program.ir import Equation, Program, Var
from .data_names import code_of, latex_of
from .expr import Symbol
from .names import Names
from .unicode import plain

GREEK = frozenset(
    ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu",
     "xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"]
)  # fmt: skip
_HATTED = re.compile(r"^([A-Za-z])_?(hat|pred|predicted)$")
_LOSS = frozenset({"loss", "l", "L", "cost", "error", "objective"})
_PRIMES = 2
_LONG = 24  # characters of data as the source writes it, before it gets a letter
_PARTS = {"weight": "W", "bias": "b", "in_proj_weight": "W", "in_proj_bias": "b"}
_OF_KIND = {"Norm": {"weight": r"\gamma", "bias": r"\beta"}, "Embedding": {"weight": "E"}}


def letter(name: str) -> str:
    r"""LaTeX of a Python name.

    >>> letter("w_1"), letter("y_pred"), letter("theta"), letter("hidden2"), letter("x_data")
    ('w_{1}', '\\hat{y}', '\\theta', '\\mathit{hidden}_{2}', 'x_{\\text{data}}')
    """
    hatted = _HATTED.match(name)
    if hatted:
        return rf"\hat{{{hatted[1]}}}"
    stem, below = _split(name)
    if stem in GREEK:
        stem = "\\" + stem
    elif len(stem) > 1:
        stem = rf"\mathit{{{stem}}}".replace("_", r"\_")
    if not below:
        return stem
    short = below.isdigit() or len(below) == 1
    return stem + (f"_{{{below}}}" if short else rf"_{{\text{{{below}}}}}")


def _split(name: str) -> tuple[str, str]:
    """A name's stem and its index."""
    bare = name.strip("_") or name
    numbered = re.match(r"^([A-Za-z]+?)_?(\d+)$", bare)
    if numbered:
        return numbered[1], numbered[2]
    stem, _, below = bare.partition("_")
    if below and (len(stem) == 1 or stem in GREEK) and "_" not in below:
        return stem, below
    return bare, ""


class Letters:
    """Symbols of a program's variables, each letter once; the legend says what they stand for."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.legend: dict[str, str] = {}  # LaTeX: the Python name, where it is another one
        self._taken: set[str] = set()
        self._repeats: dict[str, int] = {}
        self._layers: dict[str, int] = {}
        self._of_layer: dict[Var, int] = {}
        self._counts: dict[str, int] = {}

    def symbol(self, v: Var, maker: Equation | None = None) -> Symbol:
        """The symbol of a variable that has a name or belongs to a module; else z or a of a layer, or u."""
        name = self.names.of.get(v, "")
        if name and not name.isidentifier():
            name = name.rpartition(".")[2]
        if v in self.names.modules and not name:
            return self._parameter(v)
        if name:
            return self._made(v, letter(name), name)
        if v in self.names.sources:
            found = self._from_source(v)
            if found is not None:
                return found
        kind, k = self._place(maker)
        if not k or f"{kind}^{{({k})}}" in self._taken:
            return self.numbered(v, "u" if not v.ndim else "U")
        self._of_layer[v] = k
        return self._made(v, f"{kind}^{{({k})}}", f"{kind}{k}")

    def _from_source(self, v: Var) -> Symbol | None:
        """Data as the source writes it, if that is short and nothing else is written so."""
        node = self.names.sources[v]
        tex = latex_of(node, letter)
        if not tex or tex in self._taken or len(plain(tex)) > _LONG:
            return None
        return self._made(v, tex, code_of(node))

    def _place(self, maker: Equation | None) -> tuple[str, int]:
        """("z", k) for what layer k makes with its parameters, ("a", k) for what is made of that alone."""
        inputs = maker.inputs if maker is not None else []
        for x in inputs:
            if x in self.names.modules:
                return "z", self.layer(self.names.modules[x][0])
        return "a", self._of_layer.get(inputs[0], 0) if len(inputs) == 1 else 0

    def loss(self, v: Var) -> Symbol:
        """The symbol of the result: L if that is what it is."""
        name = self.names.of.get(v, "loss")
        return self._made(v, "L" if name in _LOSS else letter(name), name)

    def numbered(self, v: Var, base: str) -> Symbol:
        """The next letter of a kind: z₁, z₂ …"""
        self._counts[base] = self._counts.get(base, 0) + 1
        return self._made(v, f"{base}_{{{self._counts[base]}}}", f"{base}{self._counts[base]}")

    def layer(self, module: str) -> int:
        """The number of a module with parameters, in the order of first use."""
        return self._layers.setdefault(module, len(self._layers) + 1)

    def _parameter(self, v: Var) -> Symbol:
        module, own = self.names.modules[v]
        k = self.layer(module)
        stem, _, below = own.partition("_")
        kind = self.names.kinds.get(v, "")
        parts = next((p for k, p in _OF_KIND.items() if k in kind), {})
        base = (
            parts.get(own)
            or _PARTS.get(own)
            or (_PARTS[stem] + rf"_{{{below}}}" if stem in _PARTS else letter(own))
        )
        base = base.replace("_l0}", "}")  # of a recurrent net's only layer
        code = parts.get(own, "").removeprefix("\\") or _PARTS.get(own, own)
        symbol = self._made(v, f"{base.replace('_l', '_')}^{{({k})}}", f"{code}{k}")
        self.legend[symbol.tex] = f"{module}.{own}"
        return symbol

    def _made(self, v: Var, tex: str, code: str) -> Symbol:
        tex = self._unique(tex)
        if v in self.names.of and plain(tex) != code and tex not in self.legend:
            self.legend[tex] = code
        return Symbol(tex, plain(tex), re.sub(r"\W", "_", code), v.spec, v)

    def _unique(self, tex: str) -> str:
        """The letter, with one or two primes or a number if it is taken."""
        if tex not in self._taken:
            found = tex
        else:
            k = self._repeats[tex] = self._repeats.get(tex, 0) + 1
            lower = tex[:-1] + f",{k + 1}}}" if re.search(r"_\{[^{}]*\}$", tex) else f"{tex}_{{({k + 1})}}"
            found = tex + "'" * k if k <= _PRIMES else lower
        self._taken.add(found)
        return found


def gradient(of: Symbol, by: Symbol) -> Symbol:
    """∂L/∂v."""
    tex = rf"\frac{{\partial {of.tex}}}{{\partial {by.tex}}}"
    return Symbol(tex, f"∂{of.text}/∂{by.text}", f"d_{by.code}", by.spec, by.var)


def symbols_of(program: Program, cuts: Iterable[Var], letters: Letters) -> dict[Var, Symbol]:
    """A symbol for each variable that is shown; the result's is its own."""
    result = program.outputs[0]
    maker = {v: e for e in program.equations for v in e.outputs}
    for e in program.equations:
        for v in e.inputs:
            if v in letters.names.modules:
                letters.layer(letters.names.modules[v][0])
    return {v: letters.loss(v) if v is result else letters.symbol(v, maker.get(v)) for v in cuts}

"""explain(): a pass that has run, as something to read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import message
from ..program.interpret import values_of
from ..program.ir import Var
from ..tensor import Tensor
from .counts import letters_of
from .derivation import Derivation, Step, derive
from .lift import Forward, lift
from .modules import collapsed, paths_of, theta_words
from .names import names_of, scope_of
from .notation import sizes
from .notes import Note, Pass, grads_of, has_run, notes_of
from .pages import latex_page, markdown_page, text_page
from .symbols import Letters
from .words import checked

NOTATIONS = ("matrix", "sum")


class Explanation:
    """The chain rule of one pass: print it, or ask for `.latex()`, `.markdown()`, `.to_html(path)`.

    steps       all lines, in the order in which they are computed, each with its value
    derivation  the programs behind them, and the letters
    paths       the module that made each variable of the program, if the pass was recorded
    notes       what a teacher would point out, each with the evidence from this run
    """

    def __init__(
        self, derivation: Derivation, *, lang: str, values: bool, sample: int | None,
        paths: Mapping[Var, str] | None = None, notation: str = "matrix", seen: Pass | None = None,
        unfolded: Callable[[], Derivation] | None = None,
    ) -> None:  # fmt: skip
        self.unfolded = unfolded if unfolded is not None else lambda: derivation
        self.seen = seen
        self._notes: list[Note] | None = None
        self.notation = notation
        self.derivation, self.lang, self.values, self.sample = derivation, lang, values, sample
        self.paths = dict(paths or {})

    @property
    def steps(self) -> list[Step]:
        return self.derivation.steps

    @property
    def backward(self) -> list[Step]:
        """The gradients, the last computed first."""
        return self.derivation.backward

    @property
    def notes(self) -> list[Note]:
        """What is worth noticing about the pass, each with its evidence."""
        if self._notes is None:
            self._notes = notes_of(self.seen) if self.seen is not None else []
        return self._notes

    def shown(self, step: Step) -> Any:
        """The value of a step as it is shown: of one sample, if one is followed."""
        value = step.value
        if value is None or self.sample is None or not self._has_samples(step):
            return value
        return value[self.sample]

    @cached_property
    def counts(self) -> dict[int, str]:
        """Letters for the numbers of elements that means are over; n is the number of samples."""
        if self.derivation.sizes:
            return self.derivation.sizes
        taken = {s.tex for s in self.derivation.symbols.values()}
        batch = self.derivation.batch
        found = letters_of(self.derivation.program.equations, batch, taken)
        if self.limits and batch not in found:  # n is the number of samples
            others = letters_of(self.derivation.program.equations, batch, {*taken, "n"})
            return {**others, **self.limits}
        return found

    @cached_property
    def limits(self) -> dict[int, str]:
        """Letters for the limits of Σ, where formulas are written out: n samples, if only they are n."""
        if self.derivation.sizes:
            return self.derivation.sizes
        batch = self.derivation.batch
        if self.notation != "sum" or batch is None or batch < 2:
            return {}
        taken = {s.tex for s in self.derivation.symbols.values()}
        others = [n for v in self.derivation.program.inputs for n in v.shape]
        return {} if batch in others or "n" in taken else {batch: "n"}

    def _has_samples(self, step: Step) -> bool:
        batch = self.derivation.batch
        return batch is not None and step.shape[:1] == (batch,) and step.symbol.var not in self._leaves

    @property
    def _leaves(self) -> set[Var]:
        return set(self.derivation.program.inputs)

    def __str__(self) -> str:
        return text_page(self)

    __repr__ = __str__

    def latex(self) -> str:
        """The derivation as LaTeX: an `align` for each pass."""
        return latex_page(self)

    def markdown(self) -> str:
        """The derivation as Markdown with formulas between dollar signs."""
        return markdown_page(self)

    def as_code(self) -> str:
        """The derivation as a NumPy function `gradients(…)`: the inputs in, a dictionary of gradients out.

        All modules are written out, those that `depth=` shows as single steps, too.
        """
        from .code import source

        return source(self.unfolded())

    def graph(self, depth: int | None = None) -> str:
        """The computation graph as SVG, with modules open down to a depth."""
        from .drawing import svg_of
        from .graph import Graph

        with sizes(self.counts, self.limits):
            return svg_of(Graph(self.derivation, self.paths), depth=depth, lang=self.lang)

    def to_html(self, path: Any = None) -> str | None:
        """The report as one HTML file, written to `path`; without one, its text."""
        from .report import page, written

        if path is None:
            return page(self)
        written(page(self), path)
        return None

    def _repr_html_(self) -> str:
        from .report import fragment

        return fragment(self)

    def _repr_markdown_(self) -> str:
        return self.markdown()


def explain(
    loss: Tensor, wrt: Any = None, *, notation: str = "matrix", lang: str = "en", values: bool = True,
    sample: int | None = None, names: Mapping[str, Any] | None = None, depth: int | None = None,
) -> Explanation:  # fmt: skip
    """The forward pass that ended in `loss`, and its gradients, each as the chain rule that made it.

    Call it before backward() or after it. `wrt` are the tensors whose gradients are explained, all leaves by
    default. `names` are variables that name tensors and modules; by default those of the caller.

    notation  "matrix": whole arrays; "sum": written out over their elements
    lang      "en" or "zh"
    values    show the numbers
    sample    follow one sample of the batch
    depth     into how many levels of modules to look, all by default: with 0 the model is a single step, with
              1 its layers are; needs a pass that ran inside `with record():`

    Raises RuntimeError for a tensor without a recorded pass, or one that has been freed.

    >>> import chainrule as cr
    >>> w = cr.tensor(3.0, requires_grad=True)
    >>> x, y = cr.tensor(2.0), cr.tensor(5.0)
    >>> loss = (w * x - y) ** 2
    >>> for step in cr.explain(loss).backward:
    ...     print(step, step.value)
    ∂L/∂w = 2 · (w · x - y) · x 4.0
    """
    checked(lang)
    if notation not in NOTATIONS:
        raise ValueError(f"notation must be one of {', '.join(NOTATIONS)}, not {notation!r}")
    if loss._a.size != 1:
        raise RuntimeError(
            message(
                "only the gradient of one number can be explained",
                came=f"a tensor of shape {tuple(loss.shape)}",
                expected="a loss: a tensor of one element",
                fix="explain(loss.mean()) or explain(loss.sum())",
            )
        )
    scope = scope_of(sys._getframe(1)) if names is None else names
    return explained(
        loss, wrt, scope, notation=notation, lang=lang, depth=depth, values=values, sample=sample, ran=None
    )  # fmt: skip


def explained(
    loss: Tensor, wrt: Any, scope: Mapping[str, Any], *, notation: str = "matrix", lang: str = "en",
    depth: int | None = None, values: bool = True, sample: int | None = None, ran: bool | None = None,
) -> Explanation:  # fmt: skip
    """explain() for variables that are known; `ran`: whether backward() has been through the pass."""
    forward = whole = lift(loss)
    found = names_of(forward, scope)
    wanted = _wanted(forward, wrt)
    thetas: dict[Var, str] = {}
    if depth is not None:
        forward, thetas = collapsed(forward, found, depth, wanted or ())
    derivation = derive(forward.program, Letters(found), wanted)
    for v, module in thetas.items():
        derivation.legend[derivation.symbols[v].tex] = theta_words(module, lang)
    known = fill(derivation, [forward.values[v] for v in forward.program.inputs])
    if depth is not None:
        known = values_of(whole.program, [whole.values[v] for v in whole.program.inputs])
    gradients = {s.symbol.var: s.value for s in derivation.backward if s.symbol.var is not None}
    ran = has_run(whole) if ran is None else ran
    seen = Pass(whole.program, known, gradients, whole, derivation, found, grads_of(whole), loss._a, ran)
    return Explanation(
        derivation, lang=lang, values=values, sample=sample, paths=paths_of(whole), seen=seen,
        notation=notation,
        unfolded=lambda: derivation if depth is None else derive(whole.program, Letters(found), wanted),
    )  # fmt: skip


def _wanted(forward: Forward, wrt: Any) -> list[Var] | None:
    """The inputs of the program behind the tensors of `wrt`."""
    if wrt is None:
        return None
    tensors = [wrt] if isinstance(wrt, Tensor) else list(wrt)
    by_tensor = {id(t): v for v, t in forward.tensors.items() if v in forward.program.inputs}
    missing = [t for t in tensors if id(t) not in by_tensor]
    if missing:
        raise RuntimeError(
            message(
                "a tensor of wrt= has no gradient here",
                came=f"a tensor of shape {tuple(missing[0].shape)}",
                expected="leaves that the loss was computed from, with requires_grad=True",
                fix="leave wrt= out to see all of them",
            )
        )
    return [by_tensor[id(t)] for t in tensors]


def fill(derivation: Derivation, inputs: Sequence[Any]) -> dict[Var, Any]:
    """Compute the value of every step, by the program that is shown; the values of all its variables."""
    seed = [np.ones(v.shape, v.dtype.np) for v in derivation.joint.inputs[len(inputs) :]]
    values = values_of(derivation.joint, [*inputs, *seed])
    gradients = dict(zip(derivation.gradients, derivation.joint.outputs))
    for step in derivation.steps:
        v: Any = step.symbol.var
        step.value = values[gradients[v]] if step.kind == "backward" else values[v]
    return values

"""derive(): the gradient of a formula, or of a network, without data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import message
from ..program.differentiate import differentiate
from ..program.interpret import interpret
from ..program.ir import Program, Var
from .algebra import collected
from .derivation import Derivation, Step
from .explanation import NOTATIONS, Explanation
from .expr import Composer, Formula, Symbol, value_of
from .formula import Formula as Parsed
from .formula import formula as parsed
from .formula_text import FormulaError
from .names import Names
from .symbols import Letters, gradient
from .words import checked

_RANGES = ((0.2, 1.8), (-2.0, 2.0), (1.5, 6.0), (-0.9, 0.9), (0.05, 0.2))  # where points are drawn
_POINTS = 2


def derive(
    what: Any, wrt: str | Sequence[str] | None = None, *, loss: Any = None,
    shapes: Mapping[str, Any] | None = None, lang: str = "en", notation: str = "matrix",
) -> Explanation:  # fmt: skip
    """The gradient of a formula by some of its symbols (`wrt`, all by default), as formulas without data.

    Each is one formula in the symbols of the first, simplified, and compared with central differences in
    float64 at random points before it is shown. `shapes` says which symbols are vectors or matrices, as
    {"X": ("n", "d"), "w": ("d",)}; without it capital letters are matrices, and what stands beside @ is a
    vector.

    For a network, derive(model, loss=nn.CrossEntropyLoss()) gives the equations of the layers, the error δ of
    each, and the gradient of each parameter, the batch included; `wrt` are names of parameters.

    Raises FormulaError for a formula that cannot be read, with the column.

    >>> import chainrule as cr
    >>> for step in cr.derive("(w*x + b - y)**2", wrt=["w", "b"]).backward:
    ...     print(step)
    ∂L/∂w = 2 · (w · x + b - y) · x
    ∂L/∂b = 2 · (w · x + b - y)
    """
    checked(lang)
    if notation not in NOTATIONS:
        raise ValueError(f"notation must be one of {', '.join(NOTATIONS)}, not {notation!r}")
    if isinstance(what, str):
        found = resolved(parsed(what, shapes), wrt, what)
    else:
        from .networks import network

        found = network(what, loss, wrt, shapes)
    return Explanation(found, lang=lang, values=False, sample=None, notation=notation)


def resolved(source: Parsed, wrt: str | Sequence[str] | None, text: str) -> Derivation:
    """The derivation of a formula in three steps: inputs, the formula, one formula for each gradient."""
    program = source.program
    (result,) = program.outputs
    if result.shape:
        raise FormulaError(
            message(
                "only the gradient of one number can be derived",
                came=f"{text}, which has the shape {_letters(result.shape, source)}",
                expected="a formula whose value is a number",
                fix=f"sum({text}) or norm({text})**2",
            )
        )
    wanted = _wanted(source, wrt)
    names = Names()
    names.of.update(source.names)
    letters = Letters(names)
    symbols = {v: letters.symbol(v) for v in (*program.inputs, *program.constants) if v in names.of}
    symbols[result] = letters.loss(result)
    joint = differentiate(program, wanted)
    seed = joint.inputs[-1]
    numbers = {v: a.item() for v, a in joint.constants.items() if not a.ndim and v not in symbols}
    forward = Composer(program.equations, {**symbols, **numbers}).formula(result)
    reverse = Composer(joint.equations, {**symbols, **numbers, result: forward, seed: 1})
    gradients = {v: gradient(symbols[result], symbols[v]) for v in wanted}
    steps = [Step("input", symbols[v], None, v.shape) for v in program.inputs]
    steps.append(Step("forward", symbols[result], forward, result.shape))
    for v, g in zip(wanted, joint.outputs):
        plain: Formula = reverse.formula(g) if g in reverse.made else float(g is seed)  # 1, or nothing
        steps.append(Step("backward", gradients[v], collected(plain), v.shape))
    check(program, steps[len(program.inputs) + 1 :], symbols)
    legend = {**letters.legend}
    for v in program.inputs:
        if names.of[v] in source.letters:
            legend[symbols[v].tex] = "×".join(source.letters[names.of[v]])
    sizes = {n: c for v in program.inputs for n, c in zip(v.shape, source.letters.get(names.of[v], ()))}
    return Derivation(program, joint, steps, symbols, gradients, legend, symbols[result], sizes)


def _letters(shape: tuple[int, ...], source: Parsed) -> str:
    known = {
        n: letter
        for v in source.program.inputs
        for n, letter in zip(v.shape, source.letters.get(source.names[v], ()))
    }
    return "×".join(known.get(n, str(n)) for n in shape)


def _wanted(source: Parsed, wrt: str | Sequence[str] | None) -> list[Var]:
    """The inputs behind the names of `wrt`; sizes are not differentiated by unless they are named."""
    inputs = {source.names[v]: v for v in source.program.inputs}
    if wrt is None:
        return [v for v in inputs.values() if v not in source.sizes]
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    for name in names:
        if name not in inputs:
            raise FormulaError(
                message(
                    "a name of wrt= is not in the formula",
                    came=f"wrt={name!r}",
                    expected="one or more of " + ", ".join(inputs),
                )
            )
    return [inputs[name] for name in names]


# ----- the proof


def check(program: Program, steps: Sequence[Step], symbols: Mapping[Var, Symbol]) -> None:
    """Compare gradients with central differences at random points.

    Raises RuntimeError with the numbers if they differ, or if the formula has no value anywhere.
    """
    tried = 0
    for point in _points(program):
        values = {symbols[v]: a for v, a in point.items() if v in symbols}
        values |= {symbols[v]: a for v, a in program.constants.items() if v in symbols}
        for step in steps:
            v: Any = step.symbol.var
            formula: Any = step.formula
            found = np.broadcast_to(np.asarray(value_of(formula, values.__getitem__)), v.shape)
            numeric, error = _difference(program, point, v)
            if not np.allclose(found, numeric, rtol=1e-5, atol=1e-7 + 10 * error):
                raise RuntimeError(
                    message(
                        f"the derived gradient {step} does not agree with central differences",
                        came=f"{found.ravel()[:4]} at {_shown(point, symbols)}",
                        expected=f"{np.ravel(numeric)[:4]}",
                        fix="please report the formula: this is an error of the library",
                    )
                )
        tried += 1
        if tried == _POINTS:
            return
    if not tried:
        raise RuntimeError(
            message(
                "the gradient could not be checked: the formula has no finite value at any point tried",
                came=", ".join(f"points in [{low}, {high}]" for low, high in _RANGES),
                expected="a formula that is defined for ordinary numbers",
            )
        )


def _points(program: Program) -> Iterator[dict[Var, Any]]:
    """Random inputs at which the formula has a value nearby, too."""
    rng = np.random.default_rng(0)
    for low, high in _RANGES:
        for _ in range(_POINTS):
            point = {v: rng.uniform(low, high, v.shape) for v in program.inputs}
            near = [{v: a * s for v, a in point.items()} for s in (1, 1 + 1e-3, 1 - 1e-3)]
            if all(np.isfinite(interpret(program, list(p.values()))[0]).all() for p in near):
                yield point


def _difference(program: Program, point: Mapping[Var, Any], v: Var) -> tuple[Any, float]:
    """The central difference by each element of an input, and how far two step sizes are apart."""

    def at(step: float) -> Any:
        out = np.zeros(v.shape)
        for place in np.ndindex(*v.shape):
            sides = []
            for sign in (1, -1):
                moved = np.array(point[v])
                moved[place] += sign * step
                args = [moved if u is v else a for u, a in point.items()]
                sides.append(float(interpret(program, args)[0]))
            out[place] = (sides[0] - sides[1]) / (2 * step)
        return out

    fine, coarse = at(1e-5), at(2e-5)
    return (4 * fine - coarse) / 3, float(np.max(np.abs(fine - coarse), initial=0.0))


def _shown(point: Mapping[Var, Any], symbols: Mapping[Var, Symbol]) -> str:
    return ", ".join(
        f"{symbols[v]} = {np.array2string(np.asarray(a), precision=6)}" for v, a in point.items()
    )

"""A network without data: the equations of its layers, the errors δ of each, the gradient of each parameter.

The network runs once on random samples, in float64, on a copy; what is shown are the formulas. A mean over
samples is written with its count as a symbol. δ⁽ᵏ⁾ is the gradient of what layer k makes of its parameters,
before the activation; the gradient of an activation that is needed once is put into the δ that needs it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..errors import message
from ..ops import arithmetic
from ..program.interpret import interpret
from ..program.ir import Equation, Program, Var
from ..types import DType, float64, int64
from .algebra import collected
from .derivation import Derivation, Step, derive
from .explanation import fill
from .expr import Expr, Symbol, symbols_in, value_of
from .lift import lift
from .names import Names, names_of
from .symbols import Letters
from .unicode import plain

_BATCH, _SPATIAL = (5, 6, 7, 4, 3, 2), (6, 8, 12, 16, 24, 32, 64, 128, 224)


def network(model: Any, loss: Any, wrt: Any = None, shapes: Mapping[str, Any] | None = None) -> Derivation:
    """The derivation of a module and a loss; `wrt` are names of parameters, as in named_parameters().

    The batch and spatial sizes are samples, unless `shapes` gives that of the input: {"x": (5, 3, 32, 32)}.

    >>> from chainrule import nn
    >>> d = network(nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)), nn.MSELoss())
    >>> print(*[s for s in d.backward if s.symbol.code.startswith("delta")], sep="\\n")
    δ⁽²⁾ = 2/N · (ŷ - y)
    δ⁽¹⁾ = (δ⁽²⁾ W⁽²⁾) ⊙ (1 - a⁽¹⁾²)
    """
    if not callable(model) or not hasattr(model, "named_parameters") or not callable(loss):
        raise TypeError(
            message(
                "derive() got neither a formula nor a network with a loss",
                came=f"{type(model).__name__} and loss={loss!r}",
                expected="a formula as text, or a module and a loss such as nn.MSELoss()",
                fix="derive(model, loss=nn.CrossEntropyLoss())",
            )
        )
    model = _as_formula(model)
    x, y_hat = _run(model, shapes or {})
    y = _target(loss, y_hat)
    total = loss(y_hat, y)
    forward = lift(total.sum() if total.ndim else total)
    names = names_of(forward, {"x": x, "y": y, "y_hat": y_hat, "model": model})
    program, counts, totals = _with_counts(forward.program, names)
    letters = Letters(names)
    inputs = [forward.tensors[v]._array() for v in forward.program.inputs]
    found = derive(program, letters, _wanted(model, wrt, forward, program))
    _name_errors(found, names, letters)
    for step in found.backward:
        step.formula = collected(step.formula)  # type: ignore[arg-type]
    found.steps[:] = _without_single_uses(found, totals)
    _prove(found, [*inputs, *(np.asarray(n, v.dtype.np) for v, n in counts.items())])
    _describe(found, x.shape[0], counts)
    return found


# ----- the run


def _as_formula(model: Any) -> Any:
    """A copy in float64 that draws nothing: dropout is left out."""
    model = copy.deepcopy(model).double()
    for m in model.modules():
        if "dropout" in type(m).__name__.lower():
            m.eval()
        if isinstance(getattr(m, "dropout", None), float):
            m.dropout = 0.0
    return model.requires_grad_()


def _run(model: Any, shapes: Mapping[str, Any]) -> tuple[Any, Any]:
    """A random input that the model takes, and what it makes of it."""
    refused: Exception | None = None
    for shape, dtype, high in _inputs(model, shapes):
        x = _drawn(shape, dtype, high)
        try:
            out = model(x)
        except (RuntimeError, ValueError, IndexError) as e:
            refused = refused or e
            continue
        if hasattr(out, "_node"):
            return x, out
        refused = TypeError(f"the model returns {type(out).__name__}")
    raise RuntimeError(
        message(
            "no input was found that the model takes",
            came=str(refused).splitlines()[0] if refused else "a model without layers that say a size",
            expected="a model of one tensor that returns one",
            fix='say the shape of the input: derive(model, loss=loss, shapes={"x": (5, 3, 32, 32)})',
        )
    ) from refused


def _drawn(shape: Sequence[int], dtype: DType, high: int = 2) -> Any:
    from ..functional.create import tensor

    rng = np.random.default_rng(0)
    if dtype is int64:
        return tensor(rng.integers(0, high, shape), dtype=dtype)
    return tensor(rng.normal(size=shape), dtype=dtype, requires_grad=True)


def _inputs(model: Any, shapes: Mapping[str, Any]) -> list[tuple[tuple[int, ...], DType, int]]:
    """Shapes and dtypes to try: those that the first layer with a size asks for."""
    taken = {n for p in model.parameters() for n in p.shape}
    n = next((b for b in _BATCH if b not in taken), _BATCH[0])
    first = next((m for m in model.modules() if _channels(m)), None)
    if "x" in shapes:
        high = getattr(first, "num_embeddings", 0)
        return [(tuple(shapes["x"]), int64 if high else float64, high or 2)]
    if first is None:
        return []
    if hasattr(first, "num_embeddings"):
        return [((n, 4), int64, first.num_embeddings), ((n,), int64, first.num_embeddings)]
    channels = _channels(first)
    dims = len(getattr(first, "kernel_size", ())) if hasattr(first, "in_channels") else 0
    if dims:
        return [((n, channels, *(s,) * dims), float64, 2) for s in _SPATIAL]
    return [((n, channels, *rest), float64, 2) for rest in ((), (4,), (6, 6))] + [
        ((n, 4, channels), float64, 2)
    ]


def _channels(m: Any) -> int:
    for name in ("in_features", "in_channels", "num_embeddings", "num_features", "input_size", "embed_dim"):
        found = getattr(m, name, None)
        if isinstance(found, int):
            return found
    normalized = getattr(m, "normalized_shape", None)
    return int(normalized[-1]) if normalized else 0


def _target(loss: Any, y_hat: Any) -> Any:
    """Class indices for a loss that takes them, else values like the output."""
    from ..nn import functional
    from ..nn import loss as losses

    classes = (losses.CrossEntropyLoss, losses.NLLLoss, losses.MultiMarginLoss)
    if isinstance(loss, classes) or loss in (functional.cross_entropy, functional.nll_loss):
        shape = (*y_hat.shape[:1], *y_hat.shape[2:]) if y_hat.ndim > 1 else ()
        return _drawn(shape, int64, y_hat.shape[min(1, y_hat.ndim - 1)])
    return _drawn(y_hat.shape, float64).sigmoid().detach()


def _wanted(model: Any, wrt: Any, forward: Any, program: Program) -> list[Var]:
    parameters = {id(p): name for name, p in model.named_parameters()}
    named = {parameters[id(t)]: v for v, t in forward.tensors.items() if id(t) in parameters}
    if wrt is None:
        return [v for v in named.values() if v in program.inputs]
    wanted = [wrt] if isinstance(wrt, str) else list(wrt)
    missing = [name for name in wanted if name not in named]
    if missing:
        raise ValueError(
            message(
                "a name of wrt= is no parameter of the model",
                came=f"wrt={missing[0]!r}",
                expected="one or more of " + ", ".join(named),
            )
        )
    return [named[name] for name in wanted]


def _with_counts(program: Program, names: Names) -> tuple[Program, dict[Var, int], set[Var]]:
    """The program with each mean of a loss as a sum over its count, which is a symbol; counts and sums."""
    counts: dict[Var, int] = {}
    totals: set[Var] = set()
    equations: list[Equation] = []
    for e in program.equations:
        attributes = list(e.attributes)
        place = e.op.attrs.index("reduction") if "reduction" in e.op.attrs else -1
        others = [a for a in e.operands[2:] if a is not None]
        if place < 0 or attributes[place] != "mean" or others:
            equations.append(e)
            continue
        specs = [a.spec if isinstance(a, Var) else a for a in e.operands]
        attributes[place] = "none"
        terms = prod(e.op.shape(*specs, *attributes))
        attributes[place] = "sum"
        total, count = Var((), e.output.dtype), Var((), e.output.dtype, "n")
        names.of[count], counts[count] = "N" if terms == e.inputs[0].shape[0] else "n", terms
        totals.add(total)
        equations.append(Equation(e.op, (*e.operands, *attributes), [total], e.where, e.origin))
        equations.append(Equation(arithmetic.div, (total, count), e.outputs, e.where, e.origin))
    inputs = (*program.inputs, *counts)
    return program.replaced(inputs=inputs, equations=tuple(equations)), counts, totals


# ----- how it is written


def _name_errors(d: Derivation, names: Names, letters: Letters) -> None:
    """δ⁽ᵏ⁾ for the gradient of what layer k makes of its parameters."""
    for e in d.program.equations:
        modules = [names.modules[v][0] for v in e.inputs if v in names.modules]
        g = d.gradients.get(e.output)
        if not modules or g is None:
            continue
        k = letters.layer(modules[0])
        tex = rf"\delta^{{({k})}}"
        if tex not in d.legend:
            d.legend[tex] = g.text
            g.tex, g.text, g.code = tex, plain(tex), f"delta{k}"


def _without_single_uses(d: Derivation, totals: set[Var]) -> list[Step]:
    """The steps, sums of means and gradients of activations put in where they are needed once."""
    for step in [s for s in d.forward if s.symbol.var in totals]:
        for user in d.forward:
            user.formula = _replaced(user.formula, step.symbol, step.formula)
        d.steps.remove(step)
    parameters = {d.gradients[v] for v in d.gradients if v in d.program.inputs}
    steps = list(d.steps)
    for step in d.backward:
        g = step.symbol
        if g in parameters or g.tex in d.legend or len(step.terms) > 1:
            continue
        users = [s for s in steps if s.kind == "backward" and g in symbols_in(s.formula)]
        if len(users) == 1 and users[0].symbol.tex in d.legend and len(users[0].terms) < 2:
            (user,) = users
            user.formula = collected(_replaced(user.formula, g, step.formula))
            user.terms = [t._replace(formula=_replaced(t.formula, g, step.formula)) for t in user.terms]
            steps.remove(step)
    return steps


def _replaced(x: Any, symbol: Symbol, by: Any) -> Any:
    if x is symbol:
        return by
    if isinstance(x, Expr):
        return x.with_operands(tuple(_replaced(a, symbol, by) for a in x.operands))
    return x


def _describe(d: Derivation, batch: int, counts: Mapping[Var, int]) -> None:
    """The legend: the shapes of input and target, what is counted; names that derive() gave are left out."""
    symbols = {s.symbol.code: s for s in d.steps if s.kind != "backward"}
    for code in ("x", "y", "y_hat"):
        if code in symbols:
            shape = ["N" if i == 0 and n == batch else str(n) for i, n in enumerate(symbols[code].shape)]
            d.legend[symbols[code].symbol.tex] = "×".join(shape)
    others = {n for s in d.steps for n in s.shape[s.symbol.var not in d.gradients or len(s.shape) > 1 :]}
    d.sizes = {} if batch in others else {batch: "N"}  # N samples
    for v, n in counts.items():
        rest, left = divmod(n, batch)
        d.legend[d.symbols[v].tex] = f"{n}" if left else "N" + (f"·{rest}" if rest > 1 else "")
        if rest == 1 and not left:
            del d.legend[d.symbols[v].tex]
    for step in d.steps:
        step.value = None


# ----- the proof


def _prove(d: Derivation, inputs: list[Any]) -> None:
    """Each formula gives the value of its variable; the gradients agree with a central difference.

    Raises RuntimeError if not.
    """
    fill(d, inputs)
    values = {s.symbol: s.value for s in d.steps}
    for step in d.steps:
        if step.formula is not None:
            found = np.broadcast_to(value_of(step.formula, values.__getitem__), step.shape)
            if not np.allclose(found, step.value, rtol=1e-7, atol=1e-10):
                raise _wrong(str(step), found, step.value)
    rng = np.random.default_rng(1)
    moves = {v: rng.normal(size=v.shape) for v in d.gradients if v in d.program.inputs}
    by_var = {s.symbol.var: s.value for s in d.backward}
    expected = sum(float(np.sum(by_var[v] * m)) for v, m in moves.items())
    sides = []
    for h in (1e-6, -1e-6):
        args = [a + h * moves[v] if v in moves else a for v, a in zip(d.program.inputs, inputs)]
        sides.append(float(interpret(d.program, args)[0]))
    numeric = (sides[0] - sides[1]) / 2e-6
    if not np.isclose(expected, numeric, rtol=1e-4, atol=1e-7):
        raise _wrong("the gradient along a random direction", expected, numeric)


def _wrong(what: str, found: Any, expected: Any) -> RuntimeError:
    return RuntimeError(
        message(
            f"{what} does not have the value that was computed",
            came=f"{np.ravel(found)[:4]}",
            expected=f"{np.ravel(expected)[:4]}",
            fix="please report the model: this is an error of the library",
        )
    )

"""What a teacher would point out about a pass, each with the evidence from this run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd import recent
from ..errors import place
from ..program.ir import Program, Var, uses
from .derivation import Derivation, Step
from .expr import Symbol
from .lift import Forward
from .names import Names
from .note_words import sentence
from .pages import number, value
from .pointwise import TINY, dead_units, kink, saturated_share
from .stacks import Stack, stacks

_SHARE = 0.5  # of an activation's entries that are saturated
_LAYERS = 3  # from which on the sizes of their gradients are compared
_RATIO = 1e3  # between the first and the last layer's gradients


@dataclass
class Note:
    """Something worth noticing.

    kind      "collapse", "sum", "accumulation", "dead", "saturated", "kink", "vanishing", "exploding" or
              "changed"
    evidence  the numbers behind it, by name
    steps     the steps that it is about
    """

    kind: str
    text_en: str
    text_zh: str
    evidence: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def text(self, lang: str) -> str:
        """In one of the languages of explanations."""
        return self.text_zh if lang == "zh" else self.text_en


def _note(kind: str, key: str, evidence: dict[str, Any], steps: list[Step], **fields: Any) -> Note:
    """A note whose sentence has these fields."""
    return Note(kind, sentence(key, "en", **fields), sentence(key, "zh", **fields), evidence, steps)


@dataclass
class Pass:
    """A pass as the notes look at it.

    gradients  of the variables that the derivation has them of
    grads      what the leaves' `.grad` held when the explanation was asked for
    """

    program: Program
    values: Mapping[Var, Any]
    gradients: Mapping[Var, Any]
    forward: Forward
    derivation: Derivation
    names: Names
    grads: Mapping[Var, Any]
    was: Any  # the result that the pass has given
    ran: bool | None  # whether backward() has been through it; None if that is not known

    def label(self, v: Var) -> str:
        """The letter of a variable, else its name, else what it is a part of, and the line that made it."""
        symbol = self.derivation.symbols.get(v)
        if symbol is not None:
            return symbol.text
        if v in self.names.modules:
            return ".".join(self.names.modules[v])
        if v in self.names.of:
            return str(self.names.of[v])
        maker = next((e for e in self.program.equations if v in e.outputs), None)
        line = place(maker.where).rpartition("/")[2] if maker is not None and maker.where else ""
        shown = self._part_of(v)
        return f"{shown.text} ({line})" if shown and line else shown.text if shown else line or "?"

    def _part_of(self, v: Var) -> Symbol | None:
        """The shown variable in whose formula a variable is hidden."""
        readers = uses(self.derivation.program)
        while v not in self.derivation.symbols:
            if not readers.get(v):
                return None
            v = readers[v][0].outputs[0]
        return self.derivation.symbols[v]

    def steps(self, *of: Var) -> list[Step]:
        """The steps that compute these variables."""
        return [s for s in self.derivation.steps if s.symbol.var in of and s.kind != "backward"]


def notes_of(p: Pass) -> list[Note]:
    """All that is worth noticing."""
    looks = (_changed, _accumulation, _collapse, _sums, _dead, _saturated, _kinks, _sizes)
    return [note for look in looks for note in look(p)]


# ----- the forward pass


def _collapse(p: Pass) -> Iterator[Note]:
    for stack in stacks(p.program, p.values):
        w, b = _collapsed_formulas(stack, p.label)
        layers = [p.label(layer.weight) for layer in stack.layers]
        rule = f"W = {w} = {value(stack.weight)}"
        if np.ndim(stack.bias) or stack.bias:
            rule += f", b = {b} = {value(stack.bias)}"
        evidence = {"W": stack.weight, "b": stack.bias, "formula_W": w, "formula_b": b}
        steps = p.steps(*(layer.y for layer in stack.layers))
        yield _note("collapse", "collapse", evidence, steps, count=len(layers), layers=layers, rule=rule)


def _collapsed_formulas(stack: Stack, label: Callable[[Var], str]) -> tuple[str, str]:
    """W = W₂ W₁ and b = b₁ W₂ᵀ + b₂, as they are multiplied here."""
    first = stack.layers[0]
    turned = not first.columns and all(c.transposed for c in stack.layers)
    matrices = [label(c.weight) + ("ᵀ" if c.transposed else "") for c in stack.layers]
    bare = [label(c.weight) for c in stack.layers] if turned else matrices
    after = first.scalar or first.columns
    dot = " · " if first.scalar else " "
    w = dot.join(bare[::-1] if after or turned else bare)
    b = label(first.shift) if first.shift is not None else ""
    for c, m in zip(stack.layers[1:], matrices[1:]):
        if b:
            b = f"({b})" if " + " in b else b
            b = f"{m}{dot}{b}" if after else f"{b} {m}"
        if c.shift is not None:
            b = f"{b} + {label(c.shift)}" if b else label(c.shift)
    return w, b


def _changed(p: Pass) -> Iterator[Note]:
    changed = p.forward.changed
    if changed:
        names = [p.label(v) for v in changed]
        line = next((place(w) for w in changed.values() if w is not None), "")
        shown = f" ({line})" if line else ""
        yield _note(
            "changed", "changed", {"names": names, "line": line}, p.steps(*changed), names=names, line=shown
        )  # fmt: skip
        return
    result = p.program.outputs[0]
    was, now = np.asarray(p.was).item(), np.asarray(p.values[result]).item()
    if not np.isclose(was, now, rtol=1e-3, atol=1e-6, equal_nan=True):
        fields = {"name": p.label(result), "was": number(was), "now": number(now)}
        yield _note("changed", "differs", {"was": was, "now": now}, p.steps(result), **fields)


def _dead(p: Pass) -> Iterator[Note]:
    for e in p.program.equations:
        found = dead_units(e, p.values)
        if found is not None:
            units, total = found
            name = p.label(e.output)
            yield _note(
                "dead", "dead" if len(units) > 1 else "dead_one",
                {"units": units, "total": total, "of": name}, p.steps(e.output),
                dead=len(units), total=total, name=name, units=[str(k) for k in units],
            )  # fmt: skip


def _saturated(p: Pass) -> Iterator[Note]:
    for e in p.program.equations:
        share = saturated_share(e, p.values)
        if share >= _SHARE:
            name = p.label(e.output)
            evidence = {"share": share, "of": name}
            yield _note(
                "saturated", "saturated", evidence, p.steps(e.output), name=name, share=share, tiny=TINY
            )


def _kinks(p: Pass) -> Iterator[Note]:
    rng = np.random.default_rng(0)
    for e in p.program.equations:
        found = kink(e, p.values, rng)
        if found is not None:
            fields = {"count": found.entries, "total": found.total, "rule": e.op.singular}
            name = p.label(e.output)
            yield _note("kink", "kink", {**fields, "of": name}, p.steps(e.output), name=name, **fields)


# ----- the backward pass


def _sums(p: Pass) -> Iterator[Note]:
    readers = uses(p.derivation.program)
    leaves = set(p.derivation.program.inputs)
    inner: list[Step] = []
    for step in p.derivation.backward:
        v = step.symbol.var
        consumers = list(dict.fromkeys(t.consumer.text for t in step.terms))
        if v is None or len(step.terms) < 2 or len(readers.get(v, ())) < 2:
            continue
        if v not in leaves:
            inner.append(step)
            continue
        name, count = p.label(v), len(step.terms)
        evidence = {"of": name, "uses": consumers, "count": count}
        yield _note("sum", "sum", evidence, [step], name=name, count=count, uses=consumers)
    if inner:
        key = "sum_inner" if len(inner) > 1 else "sum_inner_one"
        names = [p.label(s.symbol.var) for s in inner if s.symbol.var is not None]
        yield _note("sum", key, {"of": names}, inner, names=names)


def _sizes(p: Pass) -> Iterator[Note]:
    """How large the gradients are at the results of the first and of the last layer."""
    layers = [
        v
        for e in p.derivation.program.equations
        if any(x in p.names.modules and x.ndim > 1 for x in e.inputs)
        for v in e.outputs
        if v in p.gradients
    ]
    if len(layers) < _LAYERS:
        return
    sizes = [float(np.linalg.norm(np.ravel(p.gradients[v]).astype(np.float64))) for v in layers]
    first, last = sizes[0], sizes[-1]
    if not first or not last or not np.isfinite(sizes).all():
        return
    kind = "vanishing" if last / first >= _RATIO else "exploding" if first / last >= _RATIO else ""
    if kind:
        a, b = p.label(layers[0]), p.label(layers[-1])
        sides = {"from_": f"‖∂L/∂{b}‖ = {number(last)}", "to": f"‖∂L/∂{a}‖ = {number(first)}"}
        evidence = {"first": first, "last": last, "sizes": dict(zip(map(p.label, layers), sizes))}
        steps = [s for s in p.derivation.backward if s.symbol.var in (layers[0], layers[-1])]
        yield _note(kind, kind, evidence, steps, **sides)


def grads_of(forward: Forward) -> dict[Var, Any]:
    """A copy of what is in the leaves' `.grad`."""
    found = {}
    for v in forward.program.inputs:
        tensor = forward.tensors.get(v)
        if tensor is not None and tensor._grad is not None:
            found[v] = np.array(tensor._grad._array())
    return found


def has_run(forward: Forward) -> bool | None:
    """Whether backward() has been through this pass: True, or None where the tape does not show it."""
    ran = {id(n) for n in (r() for r in recent.nodes) if n is not None}
    return True if any(id(n) in ran for n in forward.nodes.values()) else None


def _accumulation(p: Pass) -> Iterator[Note]:
    """`.grad` that holds more than this pass's gradient, or will."""
    if any(True for _ in _changed(p)):
        return  # this pass's gradient is not known any more
    held = {v: g for v, g in p.grads.items() if g.any() and v in p.gradients}
    if not held:
        return
    own = {v: np.asarray(p.gradients[v]) for v in held}
    ran = bool(p.ran)
    if ran and _in_proportion(held, own):
        return
    added = {v: g for v, g in held.items() if p.ran is False or not _close(g, own[v])}
    if not added:
        return
    names = [p.label(v) for v in added]
    first = next(iter(added))
    fields = {"name": names[0], "grad": value(added[first]), "own": value(own[first])}
    evidence = {
        "names": names, "grad": {p.label(v): g for v, g in added.items()},
        "own": {p.label(v): own[v] for v in added}, "ran": ran,
    }  # fmt: skip
    steps = [s for s in p.derivation.backward if s.symbol.var in added]
    note = _note("accumulation", "accumulated" if ran else "accumulates", evidence, steps, **fields)
    if len(names) > 1:
        note.text_en += sentence("likewise", "en", names=names[1:])
        note.text_zh += sentence("likewise", "zh", names=names[1:])
    yield note


def _close(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=1e-3, atol=1e-7))


def _in_proportion(held: Mapping[Var, Any], own: Mapping[Var, Any]) -> bool:
    """Whether `.grad` is this pass's gradient made shorter by one factor: it was clipped, not added to."""
    a = np.concatenate([np.ravel(g) for g in held.values()]).astype(np.float64)
    b = np.concatenate([np.ravel(own[v]) for v in held]).astype(np.float64)
    length = float(b @ b)
    factor = float(a @ b) / length if length else 0.0
    return 0 < factor <= 1 + 1e-6 and _close(a, factor * b)


__all__ = ["Note", "Pass", "grads_of", "notes_of"]

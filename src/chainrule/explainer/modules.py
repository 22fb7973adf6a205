"""Modules as single steps: what `depth=` makes of a forward pass that was recorded with its modules.

A call of a module becomes one equation, `h₁ = block(h₀; θ)`, whose operation is a record made for it: its
forward runs the equations inside, its derivative is what `differentiate` makes of them. The parameters that
only this call reads are one vector θ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import message
from ..ops import join, movement, rearrange
from ..ops.record import _INFERRED, ADD, ATOM, DOT, Op
from ..program.differentiate import differentiate
from ..program.interpret import values_of
from ..program.ir import Equation, Program, Var, uses
from ..types import FLOAT
from .lift import Forward
from .names import Names
from .record import Call, call_at

_SET = ("name", "forward", "nargs", "attrs", "d", "vjp", "shape", "dtype", "outputs", "tex", "prec", "form")


class Collapsed(NamedTuple):
    """A forward pass with modules as single steps; for each θ, the module whose parameters it holds."""

    forward: Forward
    thetas: dict[Var, str]


def paths_of(forward: Forward) -> dict[Var, str]:
    """The module that made each variable, such as "model.0"; nothing for a pass that was not recorded."""
    found: dict[Var, str] = {}
    for equation, time in forward.times.items():
        call = call_at(time)
        if call is not None:
            found.update(dict.fromkeys(equation.outputs, ".".join(call.path)))
    return found


def collapsed(forward: Forward, names: Names, depth: int, shown: Sequence[Var] = ()) -> Collapsed:
    """The pass with every call of a module that lies `depth` calls deep as one step.

    The inputs `shown` stay visible. `names` learns what the vectors of parameters are called.

    Raises RuntimeError if record() was not on, ValueError for a negative depth.
    """
    if depth < 0:
        raise ValueError(f"depth must be 0 (modules are single steps) or more, not {depth}")
    if not any(call_at(t) is not None for t in forward.times.values()):
        raise RuntimeError(
            message(
                "depth= cannot be used: no module is known to have taken part in this pass",
                came="a pass without record(), or without modules",
                expected="which module made each value",
                fix="run the forward pass inside `with chainrule.record():`",
            )
        )
    return _Collapse(forward, names, depth, set(shown)).result()


def theta_words(module: str, lang: str) -> str:
    """What a vector θ stands for."""
    return f"all parameters of {module}" if lang == "en" else f"{module} 的全部参数"


class _Collapse:
    def __init__(self, forward: Forward, names: Names, depth: int, shown: set[Var]) -> None:
        self.forward, self.names, self.shown = forward, names, shown
        program = forward.program
        self.order = sorted(program.equations, key=lambda e: forward.times[e])
        self.region = {e: self._region(e, depth) for e in self.order}
        self.readers = uses(program)
        self.inputs = list(program.inputs)
        self.constants = dict(program.constants)
        self.values = dict(forward.values)
        self.times: dict[Equation, int] = {}
        self.thetas: dict[Var, str] = {}

    def _region(self, e: Equation, depth: int) -> Call | None:
        call = call_at(self.forward.times[e])
        while call is not None and call.depth > depth:
            call = call.parent
        return call if call is not None and call.depth == depth else None

    def result(self) -> Collapsed:
        """Equations outside of the calls as they are, each call as one."""
        groups: dict[Any, list[Equation]] = {}
        for e in self.order:
            groups.setdefault(self.region[e] or e, []).append(e)
        equations = []
        for key, inside in groups.items():
            e = inside[0] if isinstance(key, Equation) else self._one(key, inside)
            equations.append(e)
            self.times[e] = self.forward.times[inside[0]]
        read = {v for e in equations for v in e.inputs}
        constants = {v: a for v, a in self.constants.items() if v in read}
        program = Program(tuple(self.inputs), constants, tuple(equations), self.forward.program.outputs)
        forward = self.forward._replace(program=program, values=self.values, times=self.times)
        return Collapsed(forward, self.thetas)

    def _one(self, call: Call, inside: list[Equation]) -> Equation:
        """The equation that stands for a call."""
        made = dict.fromkeys(v for e in inside for v in e.outputs)
        read = list(dict.fromkeys(v for e in inside for v in e.inputs if v not in made))
        own = [v for v in read if self._is_own(v, call)]
        held = [v for v in own if v in self.constants]
        kind = next((v.dtype for v in own if v not in held and v.dtype.category >= FLOAT), None)
        parameters = [v for v in own if v not in held and v.dtype is kind]
        operands = [v for v in read if v not in held and v not in parameters]
        outputs = [v for v in made if self._leaves(v, call)]
        module = ".".join(call.path)
        constants = {v: self.constants[v] for v in held}
        body = list(inside)
        if parameters:
            operands.append(self._theta(parameters, module, kind))
            body[:0] = _taken_apart(operands[-1], parameters)
        sub = Program(tuple(operands), constants, tuple(body), tuple(outputs))
        return Equation(_record(sub, module, bool(parameters)), tuple(operands), outputs, inside[0].where)

    def _is_own(self, v: Var, call: Call) -> bool:
        """Whether only this call reads it, and nobody has asked for it."""
        if v in self.shown or (v not in self.constants and v not in self.values):
            return False
        if v in self.constants:  # what the call was not given, the module has: numbers, buffers
            return not any(r() is self.forward.sources[v] for r in call.given)
        return all(self.region[e] is call for e in self.readers.get(v, ()))

    def _leaves(self, v: Var, call: Call) -> bool:
        """Whether somebody outside of the call reads it."""
        outside = any(self.region[e] is not call for e in self.readers.get(v, ()))
        return outside or v in self.forward.program.outputs

    def _theta(self, parameters: list[Var], module: str, kind: Any) -> Var:
        theta = Var((sum(v.size for v in parameters),), kind)
        first = self.inputs.index(parameters[0])
        self.inputs[first] = theta
        self.inputs = [v for v in self.inputs if v not in parameters]
        self.values[theta] = np.concatenate([np.ravel(self.values.pop(v)) for v in parameters])
        self.names.modules[theta] = (module, "theta")
        self.thetas[theta] = module
        return theta


def _taken_apart(theta: Var, parameters: Sequence[Var]) -> list[Equation]:
    """The equations that make a module's parameters of its θ."""
    pieces = [Var((v.size,), v.dtype) for v in parameters]
    sizes = tuple(v.size for v in parameters)
    shaped = [Equation(movement.reshape, (p, v.shape), [v]) for p, v in zip(pieces, parameters)]
    return [Equation(join.split, (theta, sizes, 0), pieces), *shaped]


# ----- a program as an operation


def _record(sub: Program, module: str, parametric: bool) -> Op:
    """The operation that runs a program; its derivative runs the program's derivative."""
    n = len(sub.inputs)
    name = _named(module)
    places = [f"{{{i}}}" for i in range(n)]
    if parametric and n > 1:
        places[-2:] = [f"{places[-2]}; {places[-1]}"]

    def forward(*arrays: Any) -> Any:
        values = values_of(sub, arrays)
        found = [values[v] for v in sub.outputs]
        return found if len(found) > 1 else found[0]

    back: dict[int, Op] = {}

    def pull(g: Any, y: Any, *args: Any, needs: Sequence[bool]) -> list[Any]:
        gs = [x for x in g if x is not None] if isinstance(g, list) else [g]
        if not back:
            back.update(_derivatives(sub, name, [i for i, need in enumerate(needs) if need]))
        return [back[i](*gs, *args) if need else None for i, need in enumerate(needs)]

    return _made(module, forward, n, sub.outputs, rf"{name}({', '.join(places)})", ATOM, pull)


def _derivatives(sub: Program, name: str, needed: list[int]) -> dict[int, Op]:
    """For each needed operand the operation (cotangents, operands) -> its gradient; all run as one."""
    joint = differentiate(sub, [sub.inputs[i] for i in needed])
    count = len(joint.inputs) - len(sub.inputs)
    ran: list[Any] = [None, None]

    def run(arrays: tuple[Any, ...]) -> Any:
        if ran[0] is None or any(a is not b for a, b in zip(ran[0], arrays)):
            values = values_of(joint, (*arrays[count:], *arrays[:count]))
            ran[:] = arrays, [values[v] for v in joint.outputs]
        return ran[1]

    def one(place: int, i: int) -> Op:
        shown = [k for k, v in enumerate(sub.outputs) if v.dtype.category >= FLOAT]
        of = [name if len(sub.outputs) == 1 else f"{name}_{{{{{k + 1}}}}}" for k in shown]
        terms = [
            rf"\left(\frac{{{{\partial {o}}}}}{{{{\partial {{{count + i}}}}}}}\right)^{{{{\top}}}} {{{c}}}"
            for c, o in enumerate(of)
        ]
        power = DOT if count == 1 else ADD
        n = len(joint.inputs)
        output = (joint.outputs[place],)
        return _made(name, lambda *arrays: run(arrays)[place], n, output, " + ".join(terms), power, None)

    return {i: one(place, i) for place, i in enumerate(needed)}


def _named(module: str) -> str:
    return r"\operatorname{{" + module.replace("_", r"\_") + "}}"


def _made(
    name: str, forward: Callable[..., Any], nargs: int, outputs: Sequence[Var], tex: str, power: int, vjp: Any
) -> Op:
    """A record that is in no registry."""
    several = len(outputs) > 1
    shapes, dtypes = [v.shape for v in outputs], [v.dtype for v in outputs]
    facets = {k: getattr(rearrange.clone, k) for k in Op.__slots__ if k not in (*_SET, *_INFERRED)}
    facets.pop("differentiable")
    facets["view"] = False
    return Op(
        name, forward, nargs=nargs, attrs=(), d=None, vjp=vjp, outputs=len(outputs), tex=tex, prec=power,
        form=None, shape=lambda *specs: shapes if several else shapes[0],
        dtype=lambda *specs: dtypes if several else dtypes[0], **facets,
    )  # fmt: skip

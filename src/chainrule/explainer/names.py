"""What the values of a forward pass are called: the user's names where they can be known.

They come from the variables of the frames that ask, from the modules found there, and from the source of
each operation's line; what has no name gets a letter.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import groupby
from types import FrameType
from typing import Any

from ..program.ir import Equation, Var
from ..tensor import Tensor
from .lift import Forward
from .record import places_of
from .source import Spot, spot


class Names:
    """Names of variables, and for parameters of modules where they belong.

    of       the Python name of each variable that has one
    modules  of a parameter: the module's path and the parameter's own name, as ("model.0", "weight")
    kinds    of a parameter: the class of its module, as "LayerNorm"
    sources  of data without a name: the expression that made it, in the source's syntax tree
    """

    def __init__(self) -> None:
        self.of: dict[Var, str] = {}
        self.modules: dict[Var, tuple[str, str]] = {}
        self.kinds: dict[Var, str] = {}
        self.sources: dict[Var, ast.AST] = {}


def names_of(forward: Forward, scope: Mapping[str, Any]) -> Names:
    """The names of a forward pass; `scope` are the Python variables that may name its tensors."""
    names = Names()
    _from_scope(names, forward, scope)
    _from_recording(names, forward)
    _from_source(names, forward)
    return names


def scope_of(frame: FrameType | None) -> dict[str, Any]:
    """The variables seen from a frame of the user's: those of its callers and modules too, nearest first."""
    found: dict[str, Any] = {}
    while frame is not None:
        for values in (frame.f_locals, frame.f_globals):
            for name, value in values.items():
                if not name.startswith("__"):
                    found.setdefault(name, value)
        frame = frame.f_back
    return found


def _from_scope(names: Names, forward: Forward, scope: Mapping[str, Any]) -> None:
    from ..nn import Module

    by_tensor: dict[int, str] = {}
    by_node: dict[Any, str] = {}
    parameters: dict[int, tuple[str, str, str]] = {}
    for name, value in scope.items():
        if isinstance(value, Tensor):
            by_tensor.setdefault(id(value), name)
            if value._node is not None and not value.is_leaf:
                by_node.setdefault(value._node, name)
        elif isinstance(value, Module):
            for p, place in places_of(value, name):
                parameters.setdefault(id(p), place)
    for v, tensor in forward.tensors.items():
        if id(tensor) in by_tensor:
            names.of[v] = by_tensor[id(tensor)]
        if id(tensor) in parameters:
            names.modules[v], names.kinds[v] = parameters[id(tensor)][:2], parameters[id(tensor)][2]
    for equation, node in forward.nodes.items():
        if len(equation.outputs) == 1 and node in by_node:
            names.of[equation.output] = by_node[node]


def _from_recording(names: Names, forward: Forward) -> None:
    """What record() has noted: modules as the code that ran called them, names where the scope has none."""
    for v, parameter in forward.parameters.items():
        if v not in names.of:
            names.modules[v], names.kinds[v] = parameter[:2], parameter[2]
    for v, name in forward.named.items():
        if v not in names.modules and v not in forward.program.outputs:
            names.of.setdefault(v, name)


def _from_source(names: Names, forward: Forward) -> None:
    """Names that the lines give: of an operation alone on its spot, or of what a call works on."""
    for equations in _evaluations(forward.program.equations, names):
        here = spot(equations[0].where)
        if here is None:
            continue
        last = equations[-1].output
        if here.target and last not in names.of and last not in forward.program.outputs:
            names.of[last] = here.target
        _name_operands(names, here, _entering(equations, names), forward.program.constants)


def _evaluations(equations: Iterable[Equation], names: Names) -> Iterator[list[Equation]]:
    """The equations that one evaluation of an expression has made: a line in a loop is evaluated again.

    Layers on top of each other are one call, of the module around them.
    """
    for where, run in groupby(equations, lambda e: e.where):
        found = list(run)
        if where is None:
            continue
        layers = any(v in names.modules for e in found for v in e.inputs)
        # one operation over and over is a loop, not a call that makes several
        if len({e.op for e in found}) == 1 and not layers:
            yield from ([e] for e in found)
        else:
            yield found


def _entering(equations: Iterable[Equation], names: Names) -> list[Var]:
    """What a call works on: variables from outside that are no module's parameters."""
    made: set[Var] = set()
    found: dict[Var, None] = {}
    for e in equations:
        found.update((v, None) for v in e.inputs if v not in made and v not in names.modules)
        made.update(e.outputs)
    return list(found)


def _name_operands(names: Names, here: Spot, entering: list[Var], data: Container[Var]) -> None:
    distinct = list(dict.fromkeys(here.operands)) if len(entering) < len(here.operands) else here.operands
    if len(distinct) != len(entering):
        return
    for v, name in zip(entering, distinct):
        if name and v not in names.of:
            names.of[v] = name
    if len(entering) == len(here.parts):
        for v, part in zip(entering, here.parts):
            if v in data and v not in names.of:
                names.sources.setdefault(v, part)

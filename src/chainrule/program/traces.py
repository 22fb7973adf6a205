"""What a trace found: the program, what its inputs and outputs stand for, and what it takes for granted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..tensor import Tensor
from .ir import Equation, Program, Var


class Number(NamedTuple):
    """A hyper-parameter that is read at each call: table[key], or table[key][part]."""

    table: dict[Any, Any]
    key: Any
    part: int | None

    def value(self) -> Any:
        """Its present value."""
        found = self.table[self.key]
        return found if self.part is None else found[self.part]


class Backward(NamedTuple):
    """The derivative of a traced function's results, where the function does not take it itself.

    equations   those that follow the program's own
    cotangents  their inputs, one for each of the `roots` (numbers of results)
    targets     the arguments and captured tensors (places in `arguments + captured`) whose gradients follow
    gradients   the variables of these gradients
    """

    equations: tuple[Equation, ...]
    roots: list[int]
    cotangents: list[Var]
    targets: list[int]
    gradients: list[Var]


@dataclass
class Trace:
    """A traced function: the program and what its inputs and outputs stand for.

    The program's inputs are the arguments' tensors, the captured tensors and the numbers, in this order; its
    outputs the results' tensors, the new values of the `written` captured tensors, and the `gradients`.
    """

    program: Program
    arguments: list[Tensor]
    captured: list[Tensor]
    numbers: list[Number]
    written: list[int]  # places in `arguments + captured` of the tensors that are changed in place
    gradients: list[Tensor]  # the leaves whose .grad the function leaves behind
    cleared: list[Tensor]  # the leaves whose .grad it forgets
    result: Any  # what the function returned, with `Result` in the places of tensors
    value: Any  # the result of the traced run itself
    scalars: list[tuple[Any, ...]] = field(default_factory=list)  # the ways to floats that are inputs
    pinned: frozenset[Any] = frozenset()  # of those that were asked for their values: see numbers.py
    provisional: bool = False  # the run has made state that later runs will find: trace again
    settings: list[tuple[dict[Any, Any], Any, Any]] = field(default_factory=list)  # read as constants
    tables: list[tuple[dict[Any, Any], list[Any]]] = field(default_factory=list)  # with what they held
    guards: Any = None
    backward: Backward | None = None


def contents(table: dict[Any, Any]) -> list[Any]:
    """A table's objects by identity; its numbers, which may change, by type; tables by length."""
    found: list[Any] = []
    for key, value in table.items():
        if key == "_plans":
            continue
        if isinstance(value, (int, float)):
            found.append((key, type(value)))
        elif isinstance(value, (list, dict)):
            found.append((key, id(value), [id(v) for v in value] if isinstance(value, list) else len(value)))
        else:
            found.append((key, id(value) if not isinstance(value, tuple) else len(value)))
    return found

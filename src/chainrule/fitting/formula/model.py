"""A formula over rows with its exact derivatives.

NOTE [A copy for each row] The formula is computed row by row, so every parameter is given to the program as a
column: one copy for each row. A backward pass with ones then gives the derivative of each row's value by
each row's own copy, which is the whole Jacobian; one pass more for each parameter gives second derivatives.
Rows are taken in pieces that fit in the processor's cache, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ...explainer.formula import formula
from ...program.differentiate import differentiate
from ...program.interpret import interpret
from ...program.ir import Program, Var
from .reading import Parts

Array = np.ndarray[Any, Any]
ROWS = 8192  # of one piece


class Model:
    """The right side of a formula as a function of parameters and columns.

    >>> from .reading import read
    >>> model = Model(read("y = w*x**2", ["x", "y"]))
    >>> value, jacobian = model.jacobian(np.array([3.0]), {"x": np.array([1.0, 2.0])})
    >>> value, jacobian
    (array([ 3., 12.]), array([[1.],
           [4.]]))
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.columns, self.parameters = parts.columns, parts.parameters
        self._programs = lru_cache(4)(self._derived)
        self._seconds = lru_cache(4)(self._second_programs)

    # ----- programs

    def program(self, rows: int) -> tuple[Program, dict[str, Var]]:
        """The formula for so many rows, and its inputs by name."""
        names = [*self.columns, *self.parameters]
        found = formula(self.parts.right, {_written(n): rows for n in names})
        return found.program, {found.names[v]: v for v in found.program.inputs}

    def _derived(self, rows: int) -> tuple[Program, Program, list[str]]:
        """The formula, the formula with its derivatives, and the names of the inputs."""
        program, inputs = self.program(rows)
        joint = differentiate(program, [inputs[n] for n in self.parameters if n in inputs])
        return program, joint.replaced(outputs=(*program.outputs, *joint.outputs)), list(inputs)

    @cached_property
    def second(self) -> list[list[Program | None]]:
        """For each pair of parameters the program of the second derivative; None where it is always 0."""
        rows, p = 1, len(self.parameters)
        found: list[list[Program | None]] = [[None] * p for _ in range(p)]
        _, joint, _ = self._programs(rows)
        for i in range(p):
            one = joint.replaced(outputs=(joint.outputs[1 + i],))
            again = differentiate(one, [joint.inputs[self._inputs.index(n)] for n in self.parameters])
            for j, g in enumerate(again.outputs):
                zero = g in again.constants and not np.any(again.constants[g])
                found[i][j] = None if zero else again.replaced(outputs=(g,))
        return found

    @property
    def _inputs(self) -> list[str]:
        return self._programs(1)[2]

    def linear(self) -> list[bool]:
        """Which parameters form a set in which the formula is linear while the others are held."""
        chosen: list[int] = []
        for i in range(len(self.parameters)):
            if all(self.second[i][j] is None for j in (*chosen, i)):
                chosen.append(i)
        return [i in chosen for i in range(len(self.parameters))]

    # ----- values

    def pieces(self, data: Mapping[str, Array]) -> Iterator[slice]:
        """The rows in pieces."""
        n = len(next(iter(data.values())))
        for start in range(0, n, ROWS):
            yield slice(start, min(start + ROWS, n))

    def values(self, parameters: Array, data: Mapping[str, Array], rows: slice = slice(None)) -> Array:
        """The formula's value for each row."""
        found = [self._run(0, parameters, data, piece)[0] for piece in self._within(data, rows)]
        return np.concatenate(found)

    def jacobian(
        self, parameters: Array, data: Mapping[str, Array], rows: slice = slice(None)
    ) -> tuple[Array, Array]:
        """The values, and their derivatives: a row for each row, a column for each parameter."""
        found = [self._run(1, parameters, data, piece) for piece in self._within(data, rows)]
        joined = [np.concatenate(column) for column in zip(*found)]
        return joined[0], np.stack(joined[1:], 1)

    def curvature(self, parameters: Array, data: Mapping[str, Array], weights: Array) -> Array:
        """Σ weights[i] ∂²f(xᵢ)/∂p∂q: the part of the Hessian that the Jacobian does not have."""
        p = len(self.parameters)
        total = np.zeros((p, p))
        for rows in self.pieces(data):
            total += self._second(parameters, data, rows, weights[rows])
        return total

    def _second(self, parameters: Array, data: Mapping[str, Array], rows: slice, weights: Array) -> Array:
        p, n = len(self.parameters), rows.stop - rows.start
        inputs = self._arrays(self._programs(n)[2], parameters, data, rows)
        total = np.zeros((p, p))
        for i, (columns, again) in enumerate(self._seconds(n)):
            if columns:
                for j, values in zip(columns, interpret(again, [*inputs, np.ones(n), weights])):
                    total[i, j] = total[j, i] = values.sum()
        return total

    def _second_programs(self, rows: int) -> list[tuple[list[int], Program]]:
        """For each parameter the later ones with which it has a second derivative, and their program."""
        _, joint, names = self._programs(rows)
        by_name, found = dict(zip(names, joint.inputs)), []
        for i, row in enumerate(self.second):
            wanted = [j for j in range(i, len(row)) if row[j] is not None]
            one = joint.replaced(outputs=(joint.outputs[1 + i],))
            found.append((wanted, differentiate(one, [by_name[self.parameters[j]] for j in wanted])))
        return found

    def _within(self, data: Mapping[str, Array], rows: slice) -> Iterator[slice]:
        start, stop, _ = rows.indices(len(next(iter(data.values()))))
        for at in range(start, stop, ROWS):
            yield slice(at, min(at + ROWS, stop))

    def _run(self, which: int, parameters: Array, data: Mapping[str, Array], rows: slice) -> list[Array]:
        n = rows.stop - rows.start
        *programs, names = self._programs(n)
        inputs = self._arrays(names, parameters, data, rows)
        return interpret(programs[which], [*inputs, np.ones(n)] if which else inputs)

    def _arrays(
        self, names: Sequence[str], parameters: Array, data: Mapping[str, Array], rows: slice
    ) -> list[Array]:
        value = dict(zip(self.parameters, parameters))
        n = rows.stop - rows.start
        return [np.full(n, value[name]) if name in value else data[name][rows] for name in names]


def _written(name: str) -> str:
    """A name as the syntax tree has it."""
    return {"lambda": "lambd_"}.get(name, name)

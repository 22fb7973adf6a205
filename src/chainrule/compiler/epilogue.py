"""What follows from a kernel's results while a tile of them is in registers: its elementwise equations.

A tile is rows of vectors at a place of the group's domain; the vectors lie along the last dimension, the rows
along the one before, and dimensions in front of these are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..program.ir import Var
from .body import compute
from .builder import Function, Value, i64, lanes
from .domain import Access
from .groups import Group, Register, relaid
from .layout import Layout, Layouts
from .values import gather, in_memory, load, scatter, store

Rows = Sequence[Sequence[Value]]


class Epilogue:
    """The equations, and what they read and write: accesses behind those of the kernel's own operands."""

    def __init__(self, group: Group, layouts: Layouts, accesses: list[Access]) -> None:
        self.group, self.nodes, self.accesses = group, group.nodes, accesses
        self.loads: dict[Layout, int] = {}
        self.stores: dict[Var, int] = {}
        for node in self.nodes:
            for x, v in zip(node.operands, node.equation.operands):
                if isinstance(x, Layout) and x not in self.loads:
                    self.loads[x] = len(accesses)
                    accesses.append(Access(x.buffer, x.offset, x.strides, v.dtype))
        for v in group.place:
            if v not in group.stored:
                continue
            place = relaid(layouts.of[v], group.domain)
            if place is None:
                raise ValueError(f"{v} cannot be written as {list(group.domain)}")
            self.stores[v] = len(accesses)
            accesses.append(Access(place.buffer, place.offset, place.strides, v.dtype))


class TileWriter:
    """Writes the epilogue of one tile after the other.

    starts  where each access begins
    rank    how many dimensions of the domain a tile's place counts along, the last ones: two or more
    """

    def __init__(self, f: Function, epilogue: Epilogue, starts: Sequence[Value], rank: int) -> None:
        self.f, self.epilogue, self.starts = f, epilogue, starts
        self.strides = [a.strides[-rank:] for a in epilogue.accesses]
        self.constants = {
            i: load(f, epilogue.accesses[i].dtype, starts[i], 1, 1)
            for i in epilogue.loads.values()
            if not any(self.strides[i])
        }

    def write(self, values: Mapping[Var, Rows], place: Sequence[Value], widths: Sequence[int]) -> None:
        """Compute and store everything at a tile of the group's first results."""
        first = next(iter(values.values()))
        self.place, self.widths, self.lanes = place, widths, lanes(first[0][0].type)
        self.bases: dict[int, Value] = {}
        self.loaded: dict[tuple[int, int, int], Value] = {}
        self.splats: dict[str, Value] = {}
        for i in range(len(first)):
            for j in range(len(widths)):
                self.known: dict[Var, Value] = {}
                for v, rows in values.items():
                    self._keep(v, rows[i][j], i, j)
                for node in self.epilogue.nodes:
                    operands = [self._operand(x, i, j) for x in node.operands]
                    value = self._splat(compute(self.f, node.equation, operands, widths[j]))
                    self._keep(node.equation.output, value, i, j)

    def _at(self, access: int, i: int, j: int) -> Value:
        """Where the access's part of row i, vector j of the tile starts."""
        f, strides = self.f, self.strides[access]
        kind = in_memory(self.epilogue.accesses[access].dtype)
        if access not in self.bases:
            base = self.starts[access]
            for index, step in zip(self.place, strides):
                if step:
                    base = f.offset(base, index if step == 1 else f.binary("mul", index, i64(step)), kind)
            self.bases[access] = base
        return f.offset(self.bases[access], i * strides[-2] + j * self.lanes * strides[-1], kind)

    def _splat(self, value: Value) -> Value:
        if lanes(value.type) == self.lanes:
            return value
        if value.text not in self.splats:
            self.splats[value.text] = self.f.splat(value, self.lanes)
        return self.splats[value.text]

    def _operand(self, x: Any, i: int, j: int) -> Any:
        if isinstance(x, Register):
            return self.known[x.var]
        if not isinstance(x, Layout):
            return x
        access = self.epilogue.loads[x]
        if access in self.constants:
            return self._splat(self.constants[access])
        *_, row, column = self.strides[access]
        key = (access, i if row else 0, j if column else 0)
        if key not in self.loaded:
            dtype, count = self.epilogue.accesses[access].dtype, self.widths[j]
            place = self._at(access, key[1], key[2])
            if column == 0:
                found = self._splat(load(self.f, dtype, place, 1, 1))
            elif column == 1 or self.lanes == 1:
                found = load(self.f, dtype, place, self.lanes, count)
            else:
                found = gather(self.f, dtype, place, column, self.lanes, count)
            self.loaded[key] = found
        return self.loaded[key]

    def _keep(self, var: Var, value: Value, i: int, j: int) -> None:
        self.known[var] = value
        access = self.epilogue.stores.get(var)
        if access is None:
            return
        dtype, column = self.epilogue.accesses[access].dtype, self.strides[access][-1]
        place = self._at(access, i, j)
        if column == 1 or self.lanes == 1:
            store(self.f, dtype, value, place, self.widths[j])
        else:
            scatter(self.f, dtype, value, place, column, self.widths[j])

"""Rows in memory, and a matrix in the order in which the tiles of products read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..builder import BITS, Function, Value, i64
from ..gemm_pack import pack
from ..target import Target
from ..tiles import Index, Matrix, Panel, column_panels, multiplied, repeat


class Rows(NamedTuple):
    """An array of rows in memory: element (i, j) lies i·row + j·column elements behind the pointer.

    Of three dimensions the first is the plane.
    """

    pointer: Value
    row: int
    column: int
    plane: int = 0

    def of_plane(self, f: Function, element: str, k: int) -> Rows:
        """The rows of one plane."""
        return self._replace(pointer=f.offset(self.pointer, k * self.plane, element))

    def of_block(self, f: Function, element: str, k: int) -> Rows:
        """Of an array (rows, blocks, columns) the rows of one block."""
        return Rows(f.offset(self.pointer, k * self.row, element), self.plane, self.column)

    def beside(self, f: Function, element: str, j: int) -> Rows:
        """The rows from column j on."""
        return self._replace(pointer=f.offset(self.pointer, j * self.column, element))

    def at(self, f: Function, element: str, i: Index, j: Index = 0) -> Value:
        """The address of element (i, j)."""
        p = self.pointer
        for index, step in ((i, self.row), (j, self.column)):
            if isinstance(index, int):
                p = f.offset(p, index * step, element)
            elif step:
                p = f.offset(p, index if step == 1 else f.binary("mul", index, i64(step)), element)
        return p


class Packed:
    """A matrix of `depth` rows as the right factor of products, in panels of columns that tiles run along."""

    def __init__(self, target: Target, element: str, depth: int, columns: int, most: int) -> None:
        self.element, self.depth, self.lanes = element, depth, target.lanes(element)
        self.panels = column_panels(columns, most, self.lanes)

    @property
    def elements(self) -> int:
        return self.depth * sum(p.times * p.columns(self.lanes) for p in self.panels)

    def fill(self, f: Function, out: Value, source: Rows) -> None:
        """Copy the matrix."""
        for p in self.panels:
            pitch = p.columns(self.lanes)

            def strip(column: Index, p: Panel = p, pitch: int = pitch) -> None:
                matrix = Matrix(source.at(f, self.element, 0, column), source.row, source.column)
                to = self.panel(f, out, column)
                pack(f, self.element, to, matrix, self.depth, sum(p.widths), pitch)

            repeat(f, p.start, p.start + p.times * pitch, pitch, strip)

    def panel(self, f: Function, out: Value, column: Index) -> Value:
        """Where the panel from this column on begins."""
        return f.offset(out, multiplied(f, column, self.depth), self.element)

    def each(self, f: Function, body: Callable[[Index, list[int]], None]) -> None:
        """body(column, widths) for each panel."""
        for p in self.panels:
            pitch = p.columns(self.lanes)

            def one(column: Index, p: Panel = p) -> None:
                body(column, p.widths)

            repeat(f, p.start, p.start + p.times * pitch, pitch, one)


def scratch_bytes(elements: int, element: str) -> int:
    """Of a packed matrix, with a vector's slack."""
    return -(-(elements * BITS[element] // 8 + 64) // 64) * 64

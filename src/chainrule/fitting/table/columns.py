"""A table: its columns by name, each one array, and the lines of the file that its rows came from."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..problem import InputError, problem

Array = np.ndarray[Any, Any]
Kind = Literal["number", "integer", "boolean", "date", "category", "text"]


@dataclass
class Column:
    """One column: floats with nan where missing, or codes into `categories` with -1 where missing."""

    name: str
    kind: Kind
    values: Array
    categories: tuple[str, ...] = ()
    problem: InputError | None = None  # why the column cannot be used; raised where it is

    @property
    def missing(self) -> Array:
        """True where the row has no value."""
        return np.isnan(self.values) if self.values.dtype.kind == "f" else self.values == -1


class Lines:
    """Which line of the file each row came from, kept as the places where the two stop going in step."""

    def __init__(self) -> None:
        self._rows, self._lines = array("q"), array("q")
        self.rows = 0
        self._next = -1

    def extend(self, lines: Sequence[int]) -> None:
        """Add the lines of the next rows."""
        if not lines:
            return
        pieces = [lines] if isinstance(lines, range) else [range(line, line + 1) for line in lines]
        for piece in pieces:
            if piece[0] != self._next:
                self._rows.append(self.rows)
                self._lines.append(piece[0])
            self.rows += len(piece)
            self._next = piece[-1] + 1

    def __getitem__(self, row: int) -> int:
        at = bisect_right(self._rows, row) - 1
        return self._lines[at] + row - self._rows[at]


@dataclass
class Table:
    """Columns by name, with the lines that their rows came from.

    `source` is the file's name, `word` what a row of it is called in messages ("line" or "row").
    """

    source: str
    columns: dict[str, Column]
    rows: int
    lines: Lines
    word: str = "line"
    remarks: list[str] = field(default_factory=list)
    texts: dict[str, Sequence[str]] = field(default_factory=dict)  # columns as they are written

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        return list(self.columns)

    def __getitem__(self, name: str) -> Column:
        column = self.columns.get(name)
        if column is None:
            raise unknown_column(name, self.names, self.source)
        return column

    def numbers(self, name: str) -> Array:
        """The column as floats (a boolean as 0 and 1, a date in days since 1970), nan where missing.

        Raises InputError for an unknown column and for one of texts.
        """
        column = self[name]
        if column.problem is not None:
            raise column.problem
        if column.kind == "boolean":
            return np.where(column.values < 0, np.nan, column.values).astype(np.float64)
        if column.kind in ("category", "text"):
            row = int(np.argmax(column.values >= 0))
            text = column.categories[int(column.values[row])] if column.categories else "a text"
            raise problem(
                f"{self.place(row, name)}: a column of texts where numbers are needed",
                came=repr(text),
                expected="a number in every row",
                fix="leave the column out, or write its values as numbers",
                file=self.source,
                row=self.lines[row],
                column=name,
            )
        return column.values

    def place(self, row: int, column: str | None = None) -> str:
        """`points.csv, line 12, column 'x'` for a row counted from 0."""
        return place(self.source, self.word, self.lines[row], column)


def place(source: str, word: str, line: int, column: str | None = None) -> str:
    """`points.csv, line 12, column 'x'`."""
    return f"{source}, {word} {line}" + (f", column {column!r}" if column is not None else "")


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """The names that are most like one, at most three."""
    from difflib import get_close_matches

    lower = {n.lower(): n for n in reversed(names)}
    return [lower[n] for n in get_close_matches(name.lower(), list(lower), n=3, cutoff=0.5)]


def unknown_column(name: str, names: Sequence[str], source: str, role: str = "column") -> InputError:
    """The error for a name that no column has, with the nearest ones."""
    alike = nearest(name, names)
    shown = ", ".join(map(repr, names[:12])) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return problem(
        f"{source} has no column {name!r}",
        came=f"{role} {name!r}",
        expected=f"one of {shown}",
        fix=f"did you mean {' or '.join(map(repr, alike))}?" if alike else "choose one of the columns",
        file=source,
        column=name,
    )

"""The columns of a formula out of any table, checked: numbers without gaps, and as many rows as it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...explainer.formula import formula
from ...explainer.formula_text import Text
from ...program.interpret import interpret
from ..problem import problem
from ..table.columns import Table
from ..table.read import read_table
from ..table.sources import source_of
from .reading import Parts, frozen, names_of, read
from .singular import no_value

Array = np.ndarray[Any, Any]


class Data(NamedTuple):
    """A formula with its data.

    parts   the formula; what stood for all rows is a number in it
    written the formula as it was given
    columns the columns of both sides, as float64
    target  the left side's value for each row
    table   where the columns came from
    unused  the columns that the formula does not name
    """

    parts: Parts
    written: str
    columns: dict[str, Array]
    target: Array
    table: Table
    unused: list[str]


def data_for(written: str, data: Any) -> Data:
    """Read the formula and its columns.

    Raises InputError for what cannot be read, text or gaps in a column (with file, row and column), and a
    left side without a value.
    """
    names = list(source_of(data).names)
    parts = read(written, names)
    used = list(dict.fromkeys([*names_of(parts.left, names), *parts.columns]))
    table = read_table(data, only=used)
    columns = {name: _checked(table, name) for name in used}
    parts = frozen(parts, columns)
    with np.errstate(all="ignore"):
        target = left_side(parts.left, columns)
    bad = np.flatnonzero(~np.isfinite(target))
    if len(bad):
        row = int(bad[0])
        here = {n: float(columns[n][row]) for n in names_of(parts.left, columns)}
        raise no_value(parts.left, here, table, row, "the left side has no value")
    return Data(parts, written, columns, target, table, [n for n in names if n not in used])


def left_side(left: Text, columns: Mapping[str, Array]) -> Array:
    """The values of the left side."""
    rows = len(next(iter(columns.values())))
    used = names_of(left, columns)
    found = formula(left, dict.fromkeys(used, rows))
    values = interpret(found.program, [columns[found.names[v]] for v in found.program.inputs])[0]
    return np.array(np.broadcast_to(values, (rows,)))


def _checked(table: Table, name: str) -> Array:
    values = np.asarray(table.numbers(name), np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(bad[0])
        found = "no value" if np.isnan(values[row]) else f"{values[row]}"
        rows = f"{len(bad):,} rows have none" if len(bad) > 1 else "the only such row"
        raise problem(
            f"{table.place(row, name)}: {found}",
            came=rows,
            expected="a finite number in every row of a column that the formula uses",
            fix="remove these rows, or fill them",
            file=table.source,
            row=table.lines[row],
            column=name,
        )
    return values

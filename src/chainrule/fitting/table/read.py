"""Tables from files and from Python: `read_table` and, in pieces of bounded size, `read_chunks`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..problem import InputError, problem
from .builder import Builder, texts_of
from .columns import Array, Kind, Lines, Table, unknown_column
from .sources import Source, source_of
from .text import Chunk


def read_table(
    data: Any, *, only: Collection[str] | None = None, skip: Collection[str] = (),
    categories: Collection[str] = (), dtype: Any = np.float64, delimiter: str | None = None,
    decimal: str | None = None,
) -> Table:  # fmt: skip
    """A table from a CSV, TSV, Parquet, .npy or .npz file, a DataFrame, a dict of columns or an array.

    Delimiter (`,` `;` tab `|` or spaces), encoding and decimal comma are found in the file; the kind of each
    column in its values. Numbers are held as `dtype` (float32, float64 or longdouble), missing ones as nan.
    `only` and `skip` choose columns, `categories` names columns of numbers that are categories.

    Memory grows with the numbers, not with the text: a file is read in chunks of a fixed size. A column
    that cannot be used (a text among its numbers) raises its error when it is used.

    Raises InputError naming file, line and column for a file that is no table.

    >>> table = read_table({"x": [1.0, 2.0], "kind": ["a", "b"]})
    >>> table.names, table.rows, table["kind"].categories
    (['x', 'kind'], 2, ('a', 'b'))
    >>> table.numbers("x")
    array([1., 2.])
    """
    source = source_of(data, delimiter=delimiter, decimal=decimal)
    names = _chosen(source, only, skip)
    for name in categories:
        if name not in source.names:
            raise unknown_column(name, source.names, source.source, "category")
    builders = [
        Builder(
            name, source.source, source.word, kind="category" if name in categories else None,
            dtype=dtype, decimal=source.decimal, room=source.about,
        )
        for name in names
    ]  # fmt: skip
    lines = Lines()
    for chunk in _chunks(source, names, builders):
        lines.extend(chunk.lines)
    if not lines.rows:
        raise _no_rows(source)
    columns = {b.name: b.finish() for b in builders}
    return Table(source.source, columns, lines.rows, lines, source.word, source.remarks)


def read_chunks(
    source: Source, known: Mapping[str, Kind | Sequence[str]], keep: Collection[str] = ()
) -> Iterator[Table]:
    """The rows of `source_of(data)` in tables of bounded size, with the known columns only.

    A column is known by its kind ("number", "date") or by its levels; a text that is none of them has the
    code -2. The columns to `keep` come as they are written, in `texts`.
    """
    names = [n for n in source.names if n in known]

    def builder(name: str) -> Builder:
        expected = known[name]
        kind: Any = expected if isinstance(expected, str) else "category"
        levels = None if isinstance(expected, str) else expected
        return Builder(
            name, source.source, source.word, kind=kind, levels=levels, decimal=source.decimal
        )  # fmt: skip

    builders = [builder(n) for n in names]
    rows = 0
    for chunk in _chunks(source, names, builders, keep):
        lines = Lines()
        lines.extend(chunk.lines)
        rows += lines.rows
        texts = {name: _texts(chunk.columns[source.names.index(name)]) for name in keep}
        columns = {b.name: b.finish() for b in builders}
        yield Table(source.source, columns, lines.rows, lines, source.word, texts=texts)
        builders[:] = [builder(n) for n in names]
    if not rows:
        raise _no_rows(source)


def _chosen(source: Source, only: Collection[str] | None, skip: Collection[str]) -> list[str]:
    for name in (*(only or ()), *skip):
        if name not in source.names:
            raise unknown_column(name, source.names, source.source)
    return [n for n in source.names if (only is None or n in only) and n not in skip]


def _texts(values: Sequence[str] | Array) -> Sequence[str]:
    return texts_of(values) if isinstance(values, np.ndarray) else values


def _chunks(
    source: Source, names: Sequence[str], builders: list[Builder], keep: Collection[str] = ()
) -> Iterator[Chunk]:
    """Give every chunk's columns to their builders, then the chunk."""
    wanted = [source.names.index(n) for n in names]
    also = [source.names.index(n) for n in keep]

    def kinds() -> dict[int, str] | None:
        if any(b.kind is None for b in builders):
            return None
        found = {i: "f8" if b.numeric else "O" for i, b in zip(wanted, builders)}
        return found | dict.fromkeys(also, "O")

    for chunk in source.chunks(kinds, {*wanted, *also}):
        for builder, i in zip(builders, wanted):
            values = chunk.columns[i]
            if isinstance(values, np.ndarray):
                builder.add_array(values, chunk.lines)
            else:
                builder.add(values, chunk.lines)
        yield chunk


def _no_rows(source: Source) -> InputError:
    return problem(
        f"{source.source} has names of columns, but no rows",
        came=f"{len(source.names)} names",
        expected="rows of values below them",
        file=source.source,
    )

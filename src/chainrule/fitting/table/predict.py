"""Predictions for a table of any size, row by row into a CSV file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from ...serialization.files import writing
from ..problem import InputError, problem, system_problem
from .columns import Array, Table, unknown_column
from .model import TableModel
from .network import proba_of
from .read import read_chunks
from .sources import Source, source_of


@dataclass
class Seen:
    """What the rows were like: how many, and how many values no model can know, by column."""

    rows: int = 0
    unknown: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def look(self, table: Table) -> None:
        """Count this piece."""
        self.rows += table.rows
        for name, column in table.columns.items():
            coded = column.values.dtype.kind != "f"
            for counts, mask in (
                (self.unknown, column.values == -2 if coded else None),
                (self.missing, column.missing),
            ):
                count = 0 if mask is None else int(np.count_nonzero(mask))
                if count:
                    counts[name] = counts.get(name, 0) + count

    def remarks(self) -> list[str]:
        """In sentences."""
        out = []
        if self.ignored:
            shown = ", ".join(map(repr, self.ignored[:8])) + (" …" if self.ignored[8:] else "")
            out.append(f"columns that the model does not use: {shown}")
        out += [f"column {n!r}: {c:,} texts that training did not have" for n, c in self.unknown.items()]
        out += [f"column {n!r}: {c:,} values are missing" for n, c in self.missing.items()]
        return out


def predict_file(
    model: Any, data: Any, out: str | os.PathLike[str] | TextIO, *, proba: bool = False,
    keep: Collection[str] = (), delimiter: str | None = None, decimal: str | None = None,
) -> Seen:  # fmt: skip
    """Write a line of predictions for each row of a table: the columns to `keep`, then what the model says.

    model  of `load_fit` or `fit_table`
    out    a path (written as a whole or not at all), or a stream

    A number, or a class, is in the column predicted_<target>; with `proba` a column probability_<class> for
    each class follows. Rows are read, predicted and written in pieces: memory does not grow with them.

    Raises InputError for columns that are missing, texts where numbers are needed, and a file that cannot be
    written.
    """
    source = source_of(data, delimiter=delimiter, decimal=decimal)
    for name in keep:
        if name not in source.names:
            raise unknown_column(name, source.names, source.source, "column to keep")
    if proba and not isinstance(model, TableModel):
        raise problem("there are no probabilities: the model is a formula", fix="leave --proba out")
    seen = Seen()
    pieces = _table_rows(model, source, proba, keep, seen)
    if hasattr(out, "write"):
        _write(pieces, out, ",")
        return seen
    path = os.fspath(out)
    if isinstance(data, (str, os.PathLike)) and os.path.exists(path) and os.path.samefile(path, data):
        raise problem(
            f"{path} would replace the data that it is predicted from", fix="write to another file", file=path
        )
    try:
        with writing(path) as binary:
            stream = io.TextIOWrapper(binary, encoding="utf-8", newline="")
            _write(pieces, stream, "\t" if path.lower().endswith((".tsv", ".tab")) else ",")
            stream.flush()
            stream.detach()
    except InputError:
        raise
    except OSError as error:
        raise system_problem(f"cannot write {path}", error, file=path) from None
    except RuntimeError:
        missing = FileNotFoundError(2, "the folder does not exist")
        raise system_problem(f"cannot write {path}", missing, file=path) from None
    return seen


def _table_rows(
    model: Any, source: Source, proba: bool, keep: Collection[str], seen: Seen
) -> Iterator[dict[str, Any]]:
    """Named columns of the output, piece by piece."""
    columns = _network_columns if isinstance(model, TableModel) else _formula_columns
    if isinstance(model, TableModel):
        model.needs(source)
        if proba:
            model.needs_classes()
        known = model.schema.known
    else:
        known = dict.fromkeys(model.needed, "number")
        for name in known:
            if name not in source.names:
                raise unknown_column(name, source.names, source.source, "needed by the formula: column")
    seen.ignored = [n for n in source.names if n not in known and n not in keep]
    for table in read_chunks(source, known, keep):
        seen.look(table)
        yield {**table.texts, **columns(model, table, proba)}


def _network_columns(model: TableModel, table: Table, proba: bool) -> dict[str, Any]:
    goal = model.schema.target
    outputs = model.outputs(table)
    found: dict[str, Any] = {f"predicted_{goal.name}": model.decided(outputs)}
    if proba:
        chances = proba_of(outputs, goal.task)
        found |= {f"probability_{c}": chances[:, i] for i, c in enumerate(goal.classes)}
    return {
        name: _short(values) if isinstance(values, np.ndarray) else values for name, values in found.items()
    }


def _formula_columns(model: Any, table: Table, proba: bool) -> dict[str, Any]:
    columns = {name: table.numbers(name) for name in model.needed}
    columns = columns or {"": np.zeros(table.rows)}
    return {f"predicted_{model.target}": model.predict(columns).tolist()}


def _short(values: Array) -> list[Any]:
    """Classes as they are, numbers with the digits that float32 has."""
    return [f"{v:.8g}" for v in values.tolist()] if values.dtype.kind == "f" else values.tolist()


def _write(pieces: Iterator[dict[str, Any]], stream: Any, delimiter: str) -> None:
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    first = True
    for piece in pieces:
        if first:
            writer.writerow(piece)
            first = False
        writer.writerows(zip(*piece.values()))

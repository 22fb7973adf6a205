"""What a table can come from besides text: Parquet, NumPy files, DataFrames, dicts and arrays."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from ..problem import InputError, problem, system_problem
from .columns import Array
from .text import Chunk, Kinds, TextFile, missing_file

_CELLS = 400_000  # of one chunk


class Source(Protocol):
    """A table before it is read: its names, and its rows in chunks."""

    source: str
    word: str
    names: list[str]
    decimal: str
    remarks: list[str]
    about: int  # rows, estimated

    def chunks(self, kinds: Kinds, wanted: Collection[int]) -> Iterator[Chunk]:
        """The rows, with the wanted columns."""


def source_of(data: Any, *, delimiter: str | None = None, decimal: str | None = None) -> Source:
    """The table in a file (by the end of its name) or in Python.

    Raises InputError for a file that cannot be read, TypeError for what is no table.
    """
    if isinstance(data, (str, os.PathLike)):
        path = os.fspath(data)
        end = os.path.splitext(path)[1].lower()
        if end in (".parquet", ".pq", ".npy", ".npz") and not os.path.isfile(path):
            raise missing_file(path)
        if end in (".parquet", ".pq"):
            return ParquetFile(path)
        if end in (".npy", ".npz"):
            return Columns(_numpy_file(path), path, 1)
        return TextFile(path, delimiter=delimiter, decimal=decimal)
    return Columns(_python_columns(data), "data", 0)


class Columns:
    """Columns that are in memory, or mapped into it."""

    decimal = "."
    word = "row"

    def __init__(self, columns: Mapping[str, Array], source: str, first: int) -> None:
        self.source, self.first = source, first
        self.remarks: list[str] = []
        self.names = list(columns)
        self.columns = list(columns.values())
        lengths = {name: len(c) for name, c in columns.items()}
        self.about = next(iter(lengths.values()), 0)
        if not lengths:
            raise problem(f"{source} has no columns", file=source)
        if len(set(lengths.values())) > 1:
            raise problem(
                f"{source}: the columns are not equally long",
                came=", ".join(f"{n}: {k}" for n, k in list(lengths.items())[:6]),
                expected="one value per row in each",
                file=source,
            )

    def chunks(self, kinds: Kinds, wanted: Collection[int]) -> Iterator[Chunk]:
        """The rows, as slices of the arrays."""
        rows, most = len(self.columns[0]), max(_CELLS // len(self.columns), 1)
        for start in range(0, rows, most):
            end = min(start + most, rows)
            lines = range(start + self.first, end + self.first)
            yield Chunk(lines, [c[start:end] if i in wanted else () for i, c in enumerate(self.columns)])


class ParquetFile:
    """A Parquet file, read with pyarrow in batches."""

    decimal = "."
    word = "row"

    def __init__(self, path: str) -> None:
        self.source = path
        self.remarks: list[str] = []
        try:
            parquet = import_module("pyarrow.parquet")
        except ImportError:
            raise problem(
                f"{path}: reading Parquet needs pyarrow, which is not installed",
                fix="pip install pyarrow, or save the table as CSV",
                file=path,
            ) from None
        try:
            self.file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise problem(f"{path} is no Parquet file", came=str(error).split("\n")[0], file=path) from None
        self.about = self.file.metadata.num_rows
        self.names = [str(name) for name in self.file.schema_arrow.names]
        _unique(self.names, path)

    def chunks(self, kinds: Kinds, wanted: Collection[int]) -> Iterator[Chunk]:
        """The rows, a batch at a time."""
        names = [n for i, n in enumerate(self.names) if i in wanted]
        line = 1
        most = max(_CELLS // max(len(names), 1), 1)
        try:
            for batch in self.file.iter_batches(batch_size=most, columns=names):
                columns: list[Sequence[str] | Array] = [()] * len(self.names)
                for i in wanted:
                    columns[i] = _arrow(batch.column(names.index(self.names[i])))
                yield Chunk(range(line, line + batch.num_rows), columns)
                line += batch.num_rows
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            came = str(error).split("\n")[0]
            raise problem(
                f"{self.source} is damaged after row {line - 1}", came=came, file=self.source
            ) from None


def _arrow(values: Any) -> Sequence[str] | Array:
    pa = import_module("pyarrow")

    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind):
        return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
    return ["" if v is None else str(v) for v in values.to_pylist()]


def _numpy_file(path: str) -> dict[str, Array]:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(found, np.ndarray):
            return _array_columns(found, path, "x")
        columns: dict[str, Array] = {}
        with found:
            for key in found.files:
                values = found[key]
                columns.update({key: values} if values.ndim == 1 else _array_columns(values, path, key))
        return columns
    except InputError:
        raise
    except OSError as error:
        raise system_problem(f"cannot read {path}", error, file=path) from None
    except Exception as error:  # zip, header and dtype errors of many classes: all say that the file is bad
        came = str(error).split("\n")[0][:100]
        fix = (
            "save arrays of numbers: objects are not read, since they could run code"
            if "pickle" in came
            else ""
        )
        raise problem(f"{path} is no NumPy file that can be read", came=came, fix=fix, file=path) from None


def _array_columns(array: Array, source: str, prefix: str) -> dict[str, Array]:
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.dtype.kind not in "biufUSO":
        raise problem(
            f"{source}: an array that is no table",
            came=f"{array.dtype} of shape {tuple(array.shape)}",
            expected="rows × columns of numbers",
            file=source,
        )
    return {f"{prefix}{i}": array[:, i] for i in range(array.shape[1])}


def _python_columns(data: Any) -> dict[str, Array]:
    if isinstance(data, np.ndarray):
        return _array_columns(data, "data", "x")
    if isinstance(data, Mapping):
        names, get = list(data), data.__getitem__
    elif hasattr(data, "columns") and hasattr(data, "__getitem__"):
        names, get = list(data.columns), data.__getitem__
    else:
        raise TypeError(
            f"data of type {type(data).__name__} is no table\n"
            "  expected: a path, a DataFrame, a dict of columns, a structured or two-dimensional array"
        )
    _unique([str(n) for n in names], "data")
    return {str(n): _column(get(n), str(n)) for n in names}


def _column(values: Any, name: str) -> Array:
    if hasattr(values, "detach"):
        values = values.detach()
    values = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if values.ndim != 1:
        shape = tuple(values.shape)
        raise problem(
            f"data: column {name!r} is no column",
            came=f"shape {shape}",
            expected="one dimension",
            column=name,
        )
    return values


def _unique(names: list[str], source: str) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise problem(f"{source}: two columns are named {name!r}", fix="rename one of them", file=source)

"""Tables in text files: which encoding, delimiter and decimal mark, and the rows in chunks."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TextIO

import numpy as np

from ..problem import InputError, problem, system_problem
from .sniff import BINARY, DELIMITERS, counted, delimiter_of, encodings, is_number, other_delimiter

Array = np.ndarray[Any, Any]

# What the columns are known to be, by number: "f8" or "O" (text); None as long as it is not known.
Kinds = Callable[[], Mapping[int, str] | None]

_SAMPLE = 1 << 16  # bytes
_CELLS = 400_000  # of one chunk: what Python objects there are at a time


class Chunk(NamedTuple):
    """Rows: their lines in the file, and every column as texts or as an array."""

    lines: Sequence[int]
    columns: Sequence[Sequence[str] | Array]


class TextFile:
    """A file of delimited text: its names, and its rows in chunks.

    Raises InputError for a file that is missing, empty, binary, or without a line of names.
    """

    word = "line"

    def __init__(
        self, path: str | os.PathLike[str], *, delimiter: str | None = None, decimal: str | None = None
    ) -> None:
        self.path = os.fspath(path)
        self.source = self.path
        self.remarks: list[str] = []
        sample = self._sample()
        self.encoding, text = self._encoding(sample)
        lines = text.splitlines(keepends=True)
        if len(sample) == _SAMPLE and len(lines) > 1:
            lines.pop()  # cut in the middle
        bytes_per_line = max(len(sample) / max(len(lines), 1), 1)
        self.about = int(1.05 * os.path.getsize(self.path) / bytes_per_line) + 1
        first = next((i for i, line in enumerate(lines) if line.strip()), None)
        if first is None:
            raise self._problem(
                "the file is empty", fix="give a file with a line of names and rows of values"
            )
        lines = lines[first : first + 200]
        self.delimiter = self._delimiter(lines, delimiter)
        rows = self._sample_rows(lines)
        self.header_line = first + 1
        self.names = self._names(rows[0])
        self.decimal = decimal or self._decimal(rows[1:])

    def _delimiter(self, lines: list[str], given: str | None) -> str:
        """The delimiter that was given, if it is one of this file, or else the likeliest."""
        likely = delimiter_of(lines, self.path)
        if given is None or given == likely:
            return likely
        if given not in DELIMITERS:
            raise problem("no delimiter", came=repr(given), expected=", ".join(map(repr, DELIMITERS)))
        if given not in lines[0] and likely in lines[0]:
            raise self._problem(
                f"the first line is not separated by {DELIMITERS[given]}",
                came=_shown([lines[0].strip()], ""),
                expected=f"fields separated by {DELIMITERS[given]}",
                fix=f"the delimiter seems to be {likely!r}",
            )
        return given

    def _problem(self, happened: str, *, line: int | None = None, **parts: str) -> InputError:
        where = self.source if line is None else f"{self.source}, line {line}"
        return problem(f"{where}: {happened}", file=self.source, row=line, **parts)

    def _sample(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                if not os.path.isfile(self.path):
                    raise self._problem("not a regular file", fix="write the data to a file first")
                sample = file.read(_SAMPLE)
        except FileNotFoundError:
            raise missing_file(self.path) from None
        except (OSError, ValueError) as error:
            if isinstance(error, InputError) or not isinstance(error, OSError):
                raise
            raise system_problem(f"cannot read {self.source}", error, file=self.path) from None
        for start, what in BINARY.items():
            if sample.startswith(start):
                raise self._problem("not a text file", came=what, expected="CSV, TSV, Parquet, .npy or .npz")
        return sample

    def _encoding(self, sample: bytes) -> tuple[str, str]:
        """The first likely encoding in which the whole file can be read, and the sample in it."""
        for encoding in encodings(sample):
            decoder = codecs.getincrementaldecoder(encoding)
            try:
                text = decoder().decode(sample)
                whole = decoder()
                with open(self.path, "rb") as file:
                    while block := file.read(1 << 20):
                        whole.decode(block)
                whole.decode(b"", final=True)
            except UnicodeDecodeError:
                continue
            if "\0" in text:
                break
            if encoding in ("cp1252", "latin-1"):
                self.remarks.append(f"{self.source} is not UTF-8: read as {encoding}")
            return encoding, text
        raise self._problem("not a text file", expected="CSV, TSV, Parquet, .npy or .npz")

    def _reader(self, lines: Iterable[str]) -> Any:
        # Strict: a quote that is never closed is an error, not one huge field.
        return csv.reader(
            _one_space(lines) if self.delimiter == " " else lines,
            delimiter=self.delimiter,
            strict=True,
            skipinitialspace=True,
        )

    def _sample_rows(self, lines: list[str]) -> list[list[str]]:
        rows: list[list[str]] = []
        try:
            for row in self._reader(lines):
                rows.append(row)
        except csv.Error as error:
            if not rows:
                raise self._quote_problem(1, error) from None
        return rows

    def _quote_problem(self, line: int, error: csv.Error) -> InputError:
        return self._problem(
            "the quotes do not match",
            line=line,
            came=str(error),
            expected='fields as "text", with "" for a quote within',
            fix="close the quote that begins in this line",
        )

    def _names(self, row: list[str]) -> list[str]:
        names = [name.strip() for name in row]
        names[0] = names[0].removeprefix("#").lstrip()
        line = self.header_line
        if counted(names):
            self.remarks.append(
                f"the first line of {self.source} is taken for names: {', '.join(names[:3])} …"
            )
        elif all(map(is_number, names)):
            raise self._problem(
                "the first line holds numbers, no names",
                line=line,
                came=self.delimiter.join(row)[:60],
                expected="the names of the columns",
                fix="put a line such as x,y above the data",
            )
        for i, name in enumerate(names):
            if not name:
                raise self._problem(
                    f"column {i + 1} has no name",
                    line=line,
                    came=_shown(names, self.delimiter),
                    fix="give every column a name (from pandas: to_csv(..., index=False))",
                )
            if name in names[:i]:
                raise self._problem(
                    f"columns {names.index(name) + 1} and {i + 1} are both named {name!r}",
                    line=line,
                    came=_shown(names, self.delimiter),
                    fix="rename one of them",
                )
        return names

    def _decimal(self, rows: list[list[str]]) -> str:
        """A comma, where fields are numbers only with it as decimal mark."""
        fields = [f.strip() for row in rows for f in row]
        commas = [f for f in fields if f.count(",") == 1 and is_number(f.replace(",", "."))]
        if self.delimiter == "," or not commas or any("." in f and is_number(f) for f in fields):
            return "."
        self.remarks.append(
            f"{self.source} has decimal commas: {commas[0]} is read as {commas[0].replace(',', '.')}"
        )
        return ","

    def chunks(self, kinds: Kinds, wanted: Collection[int]) -> Iterator[Chunk]:
        """The rows; columns that `kinds` calls numbers as arrays, where NumPy's parser can read them."""
        width = len(self.names)
        most = max(_CELLS // width, 1)
        with self._open() as file:
            stream: Iterator[str] = file
            for _ in range(self.header_line - 1):
                next(stream)
            header = self._reader(stream)
            next(header)
            line = self.header_line - 1 + header.line_num
            while lines := list(islice(stream, most)):
                found = kinds()
                if found and (columns := self._parsed(lines, found)) is not None:
                    yield Chunk(range(line + 1, line + 1 + len(lines)), columns)
                    line += len(lines)
                    continue
                chunk, used = self._rows(lines, stream, line)
                line += used
                if chunk.lines:
                    yield chunk

    def _open(self) -> TextIO:
        try:
            return open(self.path, encoding=self.encoding, newline="")
        except OSError as error:
            raise system_problem(f"cannot read {self.source}", error, file=self.path) from None

    def _parsed(self, lines: list[str], kinds: Mapping[int, str]) -> list[Array | list[str]] | None:
        """The columns by NumPy's parser, in a third of the time; None where it has doubts."""
        if "f8" not in kinds.values() or any('"' in line for line in lines):
            return None
        width = len(self.names)
        plain = len(kinds) == width and set(kinds.values()) == {"f8"}
        dtype = np.dtype(np.float64 if plain else [(f"{i}", kinds.get(i, "U1")) for i in range(width)])
        mark = None if self.delimiter == " " else self.delimiter
        try:
            block: Any = np.loadtxt(lines, dtype, delimiter=mark, comments=None, ndmin=2 if plain else 1)
        except ValueError:
            return None
        if len(block) != len(lines) or (plain and block.shape[1] != width):
            return None
        if plain:
            return list(block.T)
        return [block[f"{i}"] if kinds.get(i) == "f8" else block[f"{i}"].tolist() for i in range(width)]

    def _rows(self, lines: list[str], stream: Iterator[str], line: int) -> tuple[Chunk, int]:
        """The rows that begin in these lines; the last may go on in the stream."""
        reader = self._reader(chain(lines, stream))
        width, count = len(self.names), len(lines)
        rows: list[list[str]] = []
        numbers: list[int] = []
        begin = 0
        try:
            while begin < count:
                row = next(reader, None)
                if row is None:
                    break
                if len(row) == width:
                    rows.append(row)
                    numbers.append(line + 1 + begin)
                elif row and (len(row) > 1 or row[0].strip()):
                    raise self._ragged(row, line + 1 + begin)
                begin = reader.line_num
        except csv.Error as error:
            raise self._quote_problem(line + 1 + begin, error) from None
        whole = rows and numbers[-1] - numbers[0] + 1 == len(numbers)
        where: Sequence[int] = range(numbers[0], numbers[-1] + 1) if whole else numbers
        return Chunk(where, list(zip(*rows))), reader.line_num

    def _ragged(self, row: list[str], line: int) -> InputError:
        width, mark = len(self.names), DELIMITERS.get(self.delimiter, repr(self.delimiter))
        fix = f"write the missing fields (empty ones too), or quote a field that holds {self.delimiter!r}"
        if len(row) == 1 and (other := other_delimiter(row[0], self.delimiter, width)):
            fix = f"the row is delimited by {DELIMITERS[other]}: use one delimiter in the whole file"
        elif line == self.header_line + 1 and len(row) == width + 1:
            fix = "if the rows begin with names of their own, name that column in the first line too"
        fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
        return self._problem(
            f"{fields}, where the first line names {width} columns",
            line=line,
            came=_shown(row, self.delimiter),
            expected=f"{width} fields, separated by {mark}",
            fix=fix,
        )


def missing_file(path: str) -> InputError:
    """The error for a file that is not there, with names in its folder that are like it."""
    from .columns import nearest

    folder = os.path.dirname(path)
    try:
        alike = nearest(os.path.basename(path), os.listdir(folder or "."))
    except OSError:
        alike = []
    fix = (
        f"did you mean {' or '.join(os.path.join(folder, n) for n in alike)}?" if alike else "check the path"
    )
    return problem(f"there is no file {path}", came=path, expected="the path of a table", fix=fix, file=path)


def _one_space(lines: Iterable[str]) -> Iterator[str]:
    return (" ".join(line.split()) + "\n" for line in lines)


def _shown(fields: list[str], delimiter: str) -> str:
    text = delimiter.join(fields)
    return repr(text if len(text) <= 60 else text[:59] + "…")

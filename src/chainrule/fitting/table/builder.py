"""What kind a column of a file is, found while its rows come in, and its values as one array."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..problem import InputError, problem
from .columns import Array, Column, Kind, place

MOST_LEVELS = 100_000  # different texts of a column; beyond, it is no category
MISSING = frozenset(
    [
        "",
        "NA",
        "N/A",
        "n/a",
        "na",
        "NaN",
        "nan",
        "-nan",
        "-NaN",
        "NULL",
        "null",
        "None",
        "<NA>",
        "#N/A",
        "#NA",
    ]
    + ["?", "NAN", "#NUM!", "#DIV/0!", "#VALUE!", "NaT", "Null"]
)
_BOOLEANS = ({"false", "true"}, {"no", "yes"}, {"n", "y"}, {"f", "t"})
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?Z?")
_OTHER_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}( .*)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([,' ]\d{3})+([.]\d+)?")
_MOST_ROOM = 1 << 26  # rows; an estimate may be far too high
_FLOAT_DIGITS_LOST = 2.0**53


class Builder:
    """Takes the values of one column, chunk by chunk, and decides at the first ones what kind it is."""

    def __init__(
        self, name: str, source: str, word: str, *, kind: Kind | None = None,
        levels: Sequence[str] | None = None, dtype: Any = np.float64, decimal: str = ".",
        room: int = 0,
    ) -> None:  # fmt: skip
        self.name, self.source, self.word = name, source, word
        self.kind, self.dtype, self.decimal = kind, np.dtype(dtype), decimal
        self.fixed = levels is not None  # other texts than these get the code -2
        self.codes: dict[str, int] = {text: i for i, text in enumerate(levels or ())}
        lower = {text.lower(): i for text, i in self.codes.items()}
        self.folded = lower if lower and any(set(lower) <= pair for pair in _BOOLEANS) else {}
        self.rows, self.room = 0, room
        self.values: Array | None = None
        self.unseen = 0  # rows before the first value
        self.gaps = False  # whether some of its numbers were missing
        self.problem: InputError | None = None

    @property
    def numeric(self) -> bool:
        """Whether the next chunk may come as numbers parsed by NumPy: all that came were that."""
        plain = self.decimal == "." and self.dtype.itemsize <= 8 and not self.gaps
        return plain and self.kind in ("number", "integer")

    def add_array(self, values: Array, lines: Sequence[int]) -> None:
        """The next rows, as an array: numbers and times as they are, others by their texts."""
        kind = {"i": "number", "u": "number", "f": "number", "M": "date"}.get(values.dtype.kind)
        if kind is None or (self.kind or kind) != kind:
            self.add(texts_of(values), lines)
            return
        if self.kind is None:
            self._begin("date" if kind == "date" else "number")
        self._store((days(values) if kind == "date" else values).astype(self.dtype))

    def add(self, texts: Sequence[str], lines: Sequence[int]) -> None:
        """The next rows, as the texts of a file."""
        if self.kind is None:
            found = self._kind_of(texts, lines)
            if found is None:
                self.unseen += len(texts)
                return
            self._begin(found)
        if self.kind in ("number", "integer"):
            self._store(self._numbers(texts, lines))
        elif self.kind == "date":
            self._store(self._dates(texts, lines))
        else:
            self._store(self._codes(texts))

    def _begin(self, kind: Kind) -> None:
        self.kind = kind
        coded = kind in ("category", "boolean", "text")
        if self.unseen:
            self._store(np.full(self.unseen, -1 if coded else np.nan, np.int32 if coded else self.dtype))

    def _kind_of(self, texts: Sequence[str], lines: Sequence[int]) -> Kind | None:
        """What the texts of the first chunk are; None while all are missing."""
        try:
            if "_" not in "".join(texts):
                for _ in map(float, texts):
                    pass
                return "number"
        except ValueError:
            pass
        present = [(i, t) for i, text in enumerate(texts) if (t := text.strip()) not in MISSING]
        if not present:
            return None
        others = [(i, t) for i, t in present if _number(t, self.decimal) is None]
        if not others:
            return "number"
        distinct = {t for _, t in present}
        if all(_ISO_DATE.fullmatch(t) for t in distinct):
            return "date"
        if len(others) * 2 < len(present):
            self._not_a_number(*others[0], lines)
            return "number"
        if any({t.lower() for t in distinct} == pair for pair in _BOOLEANS):
            return "boolean"
        self._look_at_texts(present, distinct, lines)
        return "category"

    def _look_at_texts(
        self, present: Sequence[tuple[int, str]], distinct: set[str], lines: Sequence[int]
    ) -> None:
        """Texts that stand for numbers or dates in a form nobody can read for sure are a problem."""
        for pattern, what, fix in (
            (_THOUSANDS, "numbers with separators between thousands", "write 1234567.8 for 1,234,567.8"),
            (_OTHER_DATE, "dates whose day and month could be confused", "write dates as 2026-12-31"),
        ):
            if all(pattern.fullmatch(t) for t in distinct):
                row, text = present[0]
                self._set_problem(f"the column holds {what}", repr(text), fix, lines[row])

    def _not_a_number(self, row: int, text: str, lines: Sequence[int]) -> None:
        self._set_problem(
            f"{_short(text)} is not a number, as most of the column is",
            _short(text),
            "correct it (empty if missing), leave the column out, or name it as a category",
            lines[row],
        )

    def _set_problem(self, happened: str, came: str, fix: str, line: int) -> None:
        if self.problem is None:
            where = place(self.source, self.word, line, self.name)
            self.problem = problem(
                f"{where}: {happened}",
                came=came,
                expected="a number",
                fix=fix,
                file=self.source,
                row=line,
                column=self.name,
            )

    def _numbers(self, texts: Sequence[str], lines: Sequence[int]) -> Array:
        if self.dtype.itemsize <= 8 and self.decimal == ".":
            try:
                if "_" not in "".join(texts):
                    return np.fromiter(map(float, texts), self.dtype, len(texts))
            except ValueError:
                pass
        self.gaps = True
        found = np.empty(len(texts), self.dtype)
        for i, text in enumerate(texts):
            text = text.strip()
            value: Any = np.nan if text in MISSING else _number(text, self.decimal)
            if value is None:
                self._not_a_number(i, text, lines)
                value = np.nan
            elif self.dtype.itemsize > 8 and text not in MISSING:
                value = np.longdouble(text.replace(self.decimal, "."))
            found[i] = value
        return found

    def _dates(self, texts: Sequence[str], lines: Sequence[int]) -> Array:
        """Days since 1970 (fractions for times of the day)."""
        plain = []
        for i, text in enumerate(texts):
            text = text.strip()
            if text in MISSING:
                plain.append("NaT")
                continue
            try:
                if not _ISO_DATE.fullmatch(text):
                    raise ValueError
                np.datetime64(text.rstrip("Z"), "us")
                plain.append(text.rstrip("Z"))
            except ValueError:
                self._set_problem(
                    f"{_short(text)} is no date", _short(text), "write dates as 2026-12-31", lines[i]
                )
                plain.append("NaT")
        return days(np.array(plain, "datetime64[us]")).astype(self.dtype)

    def _codes(self, texts: Sequence[str]) -> Array:
        codes = self.codes
        quick = list(map(codes.get, texts))
        if None not in quick:
            return np.array(quick, np.int32)
        known = np.empty(len(texts), np.int32)
        for i, text in enumerate(texts):
            code = codes.get(text)
            if code is None:
                text = text.strip()
                if text in MISSING and text not in codes:
                    code = -1
                elif text in codes:
                    code = codes[text]
                elif self.fixed:
                    code = self.folded.get(text.lower(), -2)
                elif len(codes) >= MOST_LEVELS:
                    self.kind, code = "text", 0
                else:
                    code = codes[text] = len(codes)
            known[i] = code
        return known

    def _store(self, part: Array) -> None:
        """Append values, into room that was asked for at once: its pages cost nothing until they are used."""
        end = self.rows + len(part)
        if self.values is None:
            self.values = np.empty(max(min(self.room, _MOST_ROOM), end), part.dtype)
        elif end > len(self.values):
            more = np.empty(max(end, len(self.values) * 3 // 2), part.dtype)
            more[: self.rows] = self.values[: self.rows]
            self.values = more
        self.values[self.rows : end] = part
        self.rows = end

    def finish(self) -> Column:
        """The column of all rows that came."""
        if self.kind is None:
            self._begin("number")
        coded = self.kind in ("category", "boolean", "text")
        found = self.values
        values = np.empty(0, np.int32 if coded else self.dtype) if found is None else found[: self.rows]
        self.values = None
        if self.kind == "number" and values.size and _whole(values):
            self.kind = "integer"
        if not coded:
            return Column(self.name, self.kind or "number", values, (), self.problem)
        if self.kind == "text":
            return Column(self.name, "text", values, (), self.problem)
        levels = list(self.codes)
        if self.fixed:
            return Column(self.name, self.kind or "category", values, tuple(levels), self.problem)
        if self.kind == "boolean" and len({t.lower() for t in levels}) > 2:
            self.kind = "category"  # later rows held other texts
        order = sorted(range(len(levels)), key=lambda i: (levels[i].lower(), levels[i]))
        if self.kind == "boolean" and len(levels) > 2:  # True, TRUE and true are one level
            merged = sorted({t.lower() for t in levels})
            place_of = [merged.index(t.lower()) for t in levels]
            values = np.append(np.array(place_of, np.int32), np.int32(-1))[values]
            return Column(self.name, "boolean", values, tuple(merged), self.problem)
        moved = np.empty(len(levels) + 1, np.int32)
        moved[-1] = -1
        moved[order] = np.arange(len(levels), dtype=np.int32)
        names = tuple(levels[i] for i in order)
        return Column(self.name, self.kind or "category", moved[values], names, self.problem)


def texts_of(values: Array) -> list[str]:
    """Each value as a file would have it: 1 for 1.0, nothing where missing."""
    if values.dtype.kind == "f":
        return ["" if v != v else str(int(v)) if v.is_integer() else repr(v) for v in map(float, values)]
    if values.dtype.kind == "M":
        return ["" if v == "NaT" else v for v in values.astype("datetime64[s]").astype(str).tolist()]
    return ["" if v is None or v is not v and v != v else str(v) for v in values.tolist()]


def days(dates: Array) -> Array:
    """Days since 1970 of an array of datetime64, nan where it is not a time."""
    since = dates.astype("datetime64[us]")
    found = since.astype(np.int64) / 86_400e6
    found[np.isnat(since)] = np.nan
    return found


def _number(text: str, decimal: str) -> float | None:
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _whole(values: Array) -> bool:
    """Whether all values present are whole numbers, looked at in pieces."""
    for start in range(0, len(values), 1 << 18):
        piece = values[start : start + (1 << 18)]
        piece = piece[~np.isnan(piece)]
        if not np.all(np.isfinite(piece) & (np.abs(piece) < _FLOAT_DIGITS_LOST)) or np.any(piece % 1):
            return False
    return True


def _short(text: str, most: int = 40) -> str:
    return repr(text if len(text) <= most else text[: most - 1] + "…")

"""How the columns of a table become the inputs of a network, and its outputs the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..problem import problem
from .columns import Array, Column, Table

_PIECE = 1 << 18  # rows encoded at a time
Task = Literal["regression", "binary", "multiclass"]


@dataclass(frozen=True)
class Feature:
    """One column and its inputs.

    number, date  (x − mean) / scale, with `fill` (the median) for x where it is missing, and with `indicator`
                  one more input that says so
    category      a one for its level among zeros; `missing` and `other` (rare and unknown levels) are levels
                  of their own if the rows for training had such; else the level is all zeros
    """

    name: str
    kind: Literal["number", "date", "category"]
    fill: float = 0.0
    mean: float = 0.0
    scale: float = 1.0
    indicator: bool = False
    levels: tuple[str, ...] = ()
    missing: bool = False
    other: bool = False

    @property
    def width(self) -> int:
        """How many inputs."""
        return len(self.levels) + self.missing + self.other if self.kind == "category" else 1 + self.indicator

    def encode(self, column: Column, rows: Any, out: Array) -> None:
        """Write the rows' inputs into `out`, (rows, width)."""
        values = column.values[rows]
        if self.kind == "category":
            out[...] = 0
            place = self._places(column)[values]
            known = np.flatnonzero(place >= 0)
            out[known, place[known]] = 1
            return
        if column.kind == "boolean":
            values = np.where(values < 0, np.nan, values)
        absent = np.isnan(values)
        out[:, 0] = (np.where(absent, self.fill, values) - self.mean) / self.scale
        if self.indicator:
            out[:, 1] = absent

    def _places(self, column: Column) -> Array:
        """The input that each code of the column sets; unknown (-2) and missing (-1) ones are at the end."""
        index = {text: i for i, text in enumerate(self.levels)}
        other = len(self.levels) + self.missing if self.other else -1
        absent = len(self.levels) if self.missing else other
        found = [index.get(text, other) for text in column.categories]
        return np.array([*found, other, absent], np.int64)

    def facts(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "levels": list(self.levels)}


@dataclass(frozen=True)
class Target:
    """What is predicted: a number (mean + scale · output) or one of the classes."""

    name: str
    task: Task
    mean: float = 0.0
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    numbers: bool = False  # whether the classes are numbers

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.classes) if self.task == "multiclass" else 1

    @property
    def labels(self) -> Array:
        """The classes, as numbers where they are that."""
        if not self.numbers:
            return np.array(self.classes, dtype=str)
        found = np.array([float(c) for c in self.classes])
        return (
            found.astype(np.int64)
            if all(v.is_integer() and abs(v) < 2**53 for v in found.tolist())
            else found
        )

    def facts(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "classes": list(self.classes)}


@dataclass(frozen=True)
class Schema:
    """All inputs, and the target."""

    features: tuple[Feature, ...]
    target: Target

    @property
    def width(self) -> int:
        """How many inputs the network has."""
        return sum(f.width for f in self.features)

    @property
    def known(self) -> dict[str, Any]:
        """The columns as `read_chunks` wants them."""
        return {f.name: f.levels if f.kind == "category" else f.kind for f in self.features}

    def slices(self) -> dict[str, slice]:
        """Where the inputs of each column are."""
        ends = np.cumsum([f.width for f in self.features]).tolist()
        return {f.name: slice(end - f.width, end) for f, end in zip(self.features, ends)}

    def encode(self, table: Table, rows: Array | None = None) -> Array:
        """The inputs of these rows, or of all, (rows, width) in float32.

        Raises InputError for an infinite number and for a text where a number is needed.
        """
        chosen = np.arange(table.rows) if rows is None else rows
        out = np.empty((len(chosen), self.width), np.float32)
        for feature, place in zip(self.features, self.slices().values()):
            check_finite(table, feature.name)
            for start in range(0, len(chosen), _PIECE):
                piece = slice(start, start + _PIECE)
                feature.encode(table[feature.name], chosen[piece], out[piece, place])
        return out


def check_finite(table: Table, name: str) -> None:
    """InputError for the first infinite number of a column, or for a text among its numbers."""
    column = table[name]
    if column.problem is not None and column.kind != "category":
        raise column.problem
    if column.values.dtype.kind != "f" or not np.isinf(column.values).any():
        return
    row = int(np.argmax(np.isinf(column.values)))
    raise problem(
        f"{table.place(row, name)}: an infinite number",
        came=str(column.values[row]),
        expected="finite numbers; an empty field where the value is missing",
        file=table.source,
        row=table.lines[row],
        column=name,
    )


def target_values(table: Table, goal: Target) -> Array:
    """The truth of every row, as the network is measured by it: numbers, or codes of the classes.

    Raises InputError for a row without a target, or of a class that the model does not know.
    """
    column = table[goal.name]
    check_finite(table, goal.name)
    bad = column.missing if goal.task == "regression" else column.values < 0
    if bad.any():
        row = int(np.argmax(bad))
        known = ", ".join(map(repr, goal.classes[:12])) or "a number"
        raise problem(
            f"{table.place(row, goal.name)}: no target that the model knows",
            came="nothing" if column.missing[row] else "another text",
            expected=known,
            file=table.source,
            row=table.lines[row],
            column=goal.name,
        )
    return column.values.astype(np.float64 if goal.task == "regression" else np.int64)


def schema_from(facts: Any, name: str) -> Schema:
    """The schema of a model file; InputError for anything that is not one."""
    try:
        features = tuple(_feature(f) for f in _list(facts["features"]))
        target = _target(facts["target"])
        names = [f.name for f in features]
        if not features or len({*names, target.name}) != len(names) + 1:
            raise ValueError("names of columns that are not different")
        return Schema(features, target)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        came = f"{type(error).__name__}: {error}"[:100]
        raise problem(f"{name}: the columns that it describes make no sense", came=came, file=name) from None


def _feature(facts: Mapping[str, Any]) -> Feature:
    _keys(facts, Feature)
    kind = facts["kind"]
    if kind not in ("number", "date", "category"):
        raise ValueError(f"kind {kind!r}")
    levels = _texts(facts["levels"])
    checks: dict[str, Any] = dict.fromkeys(("fill", "mean", "scale"), _finite)
    checks |= dict.fromkeys(("indicator", "missing", "other"), _flag)
    rest = {key: check(facts[key]) for key, check in checks.items()}
    found = Feature(_text(facts["name"]), kind, levels=levels, **rest)
    if found.scale <= 0 or not found.width or (kind != "category" and levels):
        raise ValueError(f"column {found.name!r}")
    return found


def _target(facts: Mapping[str, Any]) -> Target:
    _keys(facts, Target)
    task, classes = facts["task"], _texts(facts["classes"])
    fits = {"regression": len(classes) == 0, "binary": len(classes) == 2, "multiclass": len(classes) > 2}
    if not fits.get(task, False):
        raise ValueError(f"task {task!r} with {len(classes)} classes")
    numbers = _flag(facts["numbers"])
    if numbers:
        [_finite(float(c)) for c in classes]
    found = Target(
        _text(facts["name"]), task, _finite(facts["mean"]), _finite(facts["scale"]), classes, numbers
    )
    if found.scale <= 0:
        raise ValueError("scale of the target")
    return found


def _keys(facts: Any, kind: Any) -> None:
    expected = set(kind.__dataclass_fields__)
    if not isinstance(facts, dict) or set(facts) != expected:
        raise ValueError("other fields than expected")


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    found = tuple(_text(v) for v in _list(value))
    if len(set(found)) != len(found):
        raise ValueError("a level twice")
    return found


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("no boolean")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < float("inf"):
        raise ValueError("no finite number")
    return float(value)

"""From a table to a schema: the task, the columns to learn from, and what is left out, each with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from ..problem import InputError, problem
from .columns import Array, Column, Table, unknown_column
from .options import Options
from .schema import Feature, Schema, Target, check_finite
from .split import Split, split

_FEWEST_ROWS = 10
_FEW_VALUES = 20  # whole numbers of so few values are classes
_MOST_CLASSES = 1000
_MOST_LEVELS = 100  # of a category; the rarest of more are pooled


class Prepared(NamedTuple):
    """What training needs to know of a table."""

    schema: Schema
    truth: Array  # the target of every row: numbers, or codes of classes
    rows: Split
    remarks: list[str]


def prepare(table: Table, target: str, options: Options) -> Prepared:
    """Decide the task, split the rows, and learn the schema from the rows for training.

    Raises InputError for a target that cannot be learned, and where no column is left to learn from.
    """
    remarks: list[str] = []
    if target not in table.columns:
        raise unknown_column(target, table.names, table.source, "target")
    if table.rows < _FEWEST_ROWS:
        raise problem(
            f"{table.source} has too few rows to learn from",
            came=f"{table.rows} rows",
            expected=f"{_FEWEST_ROWS} or more",
            file=table.source,
        )
    goal, truth = target_of(table, target, options.task, remarks)
    classes = None if goal.task == "regression" else truth
    rows = split(table.rows, options.test_size, options.validation_size, options.seed, classes)
    if goal.task == "regression":
        of_train = truth[rows.train]
        goal = Target(target, "regression", *_mean_and_scale(table, target, of_train))
    names = _useful(table, target, remarks)
    features = tuple(_feature(table, n, rows.train, remarks) for n in names)
    return Prepared(Schema(features, goal), truth, rows, remarks)


# ----- the target


def target_of(table: Table, name: str, task: str, remarks: list[str]) -> tuple[Target, Array]:
    """What kind of target a column is, and its values: numbers, or codes of classes."""
    column = table[name]
    if column.problem is not None:
        raise column.problem
    _no_gaps(table, column)
    check_finite(table, name)
    if task == "auto":
        task = _task_of(column, remarks)
    if task == "regression":
        numbers = table.numbers(name).astype(np.float64)
        if (numbers == numbers[0]).all():
            raise _one_value(table, name, f"{numbers[0]:g}")
        return Target(name, "regression"), numbers
    if column.kind == "text":
        _too_many_classes(table, name, "over 100,000")
    if column.values.dtype.kind == "f":
        values, codes = np.unique(column.values, return_inverse=True)
        labels = tuple(str(int(v)) if v.is_integer() else repr(v) for v in values.tolist())
    else:
        present, codes = np.unique(column.values, return_inverse=True)
        labels = tuple(column.categories[int(c)] for c in present)
    if len(labels) == 1:
        raise _one_value(table, name, labels[0])
    if len(labels) > _MOST_CLASSES or len(labels) * 2 > table.rows:
        _too_many_classes(table, name, str(len(labels)))
    kind: Any = "binary" if len(labels) == 2 else "multiclass"
    numeric = column.values.dtype.kind == "f"
    return Target(name, kind, classes=labels, numbers=numeric), codes.astype(np.int64)


def _task_of(column: Column, remarks: list[str]) -> str:
    if column.kind in ("category", "boolean", "text"):
        return "classification"
    if column.kind != "integer":
        return "regression"
    values = np.unique(column.values)
    if len(values) > 2 and (len(values) > _FEW_VALUES or len(column.values) < 10 * len(values)):
        return "regression"
    remarks.append(
        f"{column.name!r} has {len(values)} different whole numbers: classes (--task regression for a number)"
    )
    return "classification"


def _no_gaps(table: Table, column: Column) -> None:
    gaps = np.flatnonzero(column.missing)
    if gaps.size:
        row = int(gaps[0])
        more = f" and in {gaps.size - 1} more rows" if gaps.size > 1 else ""
        raise problem(
            f"{table.place(row, column.name)}: the target is missing",
            came=f"no value here{more}",
            expected="a value of the target in every row",
            fix="remove the rows without a target, or fill it in",
            file=table.source,
            row=table.lines[row],
            column=column.name,
        )


def _one_value(table: Table, name: str, value: str) -> InputError:
    return problem(
        f"{table.source}: the target {name!r} is the same in every row",
        came=repr(value),
        expected="two classes or more, or numbers that differ",
        fix="give rows with other values too, or choose another target",
        file=table.source,
        column=name,
    )


def _too_many_classes(table: Table, name: str, count: str) -> None:
    raise problem(
        f"{table.source}: the target {name!r} has too many different values for classes",
        came=f"{count} classes in {table.rows} rows",
        expected=f"at most {_MOST_CLASSES}, and two rows for each",
        fix="choose another target, or for numbers the task regression",
        file=table.source,
        column=name,
    )


# ----- the columns to learn from


def _useful(table: Table, target: str, remarks: list[str]) -> list[str]:
    """The columns that can tell something; a remark for each of the others."""
    kept: list[str] = []
    seen: dict[bytes, list[str]] = {}
    out: list[tuple[str, str]] = []
    for name in [target, *(n for n in table.names if n != target)]:
        column = table[name]
        if name != target:
            if column.problem is not None:
                raise column.problem
            check_finite(table, name)
            reason = _useless(column, table.rows)
            if reason:
                out.append((name, reason))
                continue
        key = blake2b(np.ascontiguousarray(column.values).data).digest()
        equal = [n for n in seen.get(key, []) if _equal(table[n], column)]
        if equal:
            out.append((name, f"the same as {equal[0]!r}"))
            continue
        seen.setdefault(key, []).append(name)
        if name != target:
            kept.append(name)
    remarks += [f"column {name!r} is left out: {reason}" for name, reason in out]
    if not kept:
        raise problem(
            f"{table.source} has no column to learn {target!r} from",
            came="; ".join(f"{n!r}: {reason}" for n, reason in out[:5]) or "no other column",
            expected="columns that differ from row to row",
            file=table.source,
        )
    return kept


def _equal(a: Column, b: Column) -> bool:
    return a.categories == b.categories and np.array_equal(
        a.values, b.values, equal_nan=a.values.dtype.kind == "f"
    )


def _useless(column: Column, rows: int) -> str:
    """Why a column can tell nothing, or "" if it may."""
    if column.kind == "text":
        return "texts with too many different values"
    present = column.values[~column.missing]
    if not present.size:
        return "no values"
    if (present == present[0]).all() and present.size == rows:
        return "the same value in every row"
    if column.kind == "category" and len(column.categories) > max(rows / 2, 10):
        return "nearly every row has a text of its own"
    if column.kind == "integer" and present.size == rows and rows > 2 and (np.diff(present) == 1).all():
        return "it numbers the rows"
    return ""


def _mean_and_scale(table: Table, name: str, values: Array) -> tuple[float, float]:
    """Mean and standard deviation; 1 for one that is nothing but rounding. InputError if they overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(values.mean()), float(values.std())
    if not np.isfinite(mean) or not np.isfinite(scale):
        raise problem(
            f"{table.source}: the numbers of column {name!r} are too large to average",
            came=f"numbers up to {np.abs(values).max():g}",
            expected="numbers whose squares can be summed",
            fix="give them in a larger unit, or leave the column out",
            file=table.source,
            column=name,
        )
    return mean, scale if scale > 1e-12 * abs(mean) else 1.0


def _feature(table: Table, name: str, train: Array, remarks: list[str]) -> Feature:
    """How a column is encoded, from the rows for training alone."""
    column = table[name]
    if column.kind in ("category", "boolean"):
        return _category(column, train, remarks)
    values = column.values[train].astype(np.float64)
    present = values[~np.isnan(values)]
    kind: Any = "date" if column.kind == "date" else "number"
    indicator = bool(np.isnan(column.values).any())
    if not present.size:
        return Feature(column.name, kind, indicator=indicator)
    mean, scale = _mean_and_scale(table, name, present)
    return Feature(column.name, kind, float(np.median(present)), mean, scale, indicator)


def _category(column: Column, train: Array, remarks: list[str]) -> Feature:
    codes = column.values[train]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.categories))
    least = 2 if len(train) < 200 else 5
    kept: Sequence[int] = [i for i in np.argsort(-counts, kind="stable")[:_MOST_LEVELS] if counts[i] >= least]
    if not kept:
        kept = [int(counts.argmax())]
    levels = tuple(column.categories[i] for i in sorted(kept))
    rare = int((counts > 0).sum()) - len(levels)
    if rare > 0:
        remarks.append(f"column {column.name!r}: {rare} rare texts are taken as one")
    return Feature(column.name, "category", levels=levels, missing=bool((codes == -1).any()), other=rare > 0)

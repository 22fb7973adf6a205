"""What a run went through: one row of figures per epoch."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import write_file
from .problem import InputError, problem, system_problem

__all__ = ["History"]

_SHOWN = 12  # rows that str() prints


class History:
    """One row per epoch (or iteration): loss, lr, time in seconds, and whatever else was measured.

    `history["loss"]` is an array over the epochs, NaN where an epoch lacks the figure; `rows` holds the rows
    as dicts, "epoch" first.

    >>> history = History()
    >>> history.add(1, loss=0.5, lr=0.1)
    >>> history.add(2, loss=0.25, lr=0.1)
    >>> history["loss"]
    array([0.5 , 0.25])
    >>> print(history)
    epoch  loss   lr
        1   0.5  0.1
        2  0.25  0.1
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, epoch: int, **figures: float) -> None:
        """Append the figures of one epoch."""
        self.rows.append({"epoch": int(epoch), **{name: float(value) for name, value in figures.items()}})

    @property
    def names(self) -> list[str]:
        """The names of all figures, in the order of their first appearance; "epoch" is the first."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> np.ndarray[Any, np.dtype[Any]]:
        if not any(name in row for row in self.rows):
            raise KeyError(f"no epoch has a figure {name!r}: there are {', '.join(self.names) or 'none'}")
        return np.array([row.get(name, math.nan) for row in self.rows])

    def best(self, name: str = "val_loss", smallest: bool = True) -> dict[str, float]:
        """The first row in which the figure is smallest (or largest); InputError if none has it.

        >>> history = History()
        >>> for epoch, loss in enumerate([0.5, 0.2, 0.3], 1):
        ...     history.add(epoch, loss=loss)
        >>> history.best("loss")
        {'epoch': 2, 'loss': 0.2}
        """
        rows = [row for row in self.rows if not math.isnan(row.get(name, math.nan))]
        if not rows:
            raise problem(
                "the history has no such figure", came=repr(name), expected=", ".join(self.names) or "any row"
            )
        return dict((min if smallest else max)(rows, key=lambda row: row[name]))

    def __str__(self) -> str:
        if not self.rows:
            return "no epochs"
        n, half = len(self.rows), _SHOWN // 2
        shown = list(range(n)) if n <= _SHOWN else [0, *_between(1, n - half, half - 1), *range(n - half, n)]
        cells = [self.names, *([_cell(self.rows[i].get(name)) for name in self.names] for i in shown)]
        widths = [max(map(len, column)) for column in zip(*cells)]
        return "\n".join("  ".join(text.rjust(width) for text, width in zip(row, widths)) for row in cells)

    def __repr__(self) -> str:
        return f"<History: {len(self)} epochs of {', '.join(self.names[1:]) or 'nothing'}>"

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses over the epochs with matplotlib, on a logarithmic axis if all are positive.

        The best epoch of the validation loss is marked. Returns the axes, `ax` or those of a new figure.
        Raises ImportError, with the command, where matplotlib is missing.
        """
        if ax is None:
            ax = _new_axes()
        names = [name for name in self.names if name == "loss" or name.endswith("_loss")] or self.names[1:]
        lines = ("-", "--", "-.", ":")
        for i, name in enumerate(names):
            ax.plot(self["epoch"], self[name], lines[i % 4], label=name, marker="." if len(self) == 1 else "")
        if "val_loss" in names and len(self) > 1:
            best = self.best()
            ax.plot(best["epoch"], best["val_loss"], "o", fillstyle="none", color="black", label="best epoch")
        values = np.concatenate([self[name] for name in names]) if names else np.zeros(1)
        if (values[np.isfinite(values)] > 0).all():
            ax.set_yscale("log")
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss" if all(name.endswith("loss") for name in names) else "")
        ax.grid(True, alpha=0.3)
        if names:
            ax.legend(frameon=False)
        return ax

    # ----- to other programs

    def to_pandas(self) -> Any:
        """A pandas DataFrame with a row per epoch, indexed by it; needs pandas."""
        import pandas  # type: ignore[import-untyped, unused-ignore]

        index = pandas.Index([int(row["epoch"]) for row in self.rows], name="epoch")
        return pandas.DataFrame({name: self[name] for name in self.names[1:]}, index=index)

    def to_csv(self, path: Any = None) -> str:
        """The rows as CSV, a column per figure; written to `path` if one is given. Missing figures are empty.

        >>> history = History()
        >>> history.add(1, loss=0.5)
        >>> print(history.to_csv(), end="")
        epoch,loss
        1,0.5
        """
        names = self.names
        lines = [names, *([repr(row[name]) if name in row else "" for name in names] for row in self.rows)]
        return _written("".join(",".join(map(_quoted, line)) + "\n" for line in lines), path)

    def to_json(self, path: Any = None) -> str:
        """The rows as JSON, {"epochs": [{"epoch": 1, "loss": …}, …]}, written to `path` if one is given.

        What JSON has no number for is text: "nan", "inf", "-inf".
        """
        rows = [{k: v if math.isfinite(v) else str(v) for k, v in row.items()} for row in self.rows]
        return _written(json.dumps({"epochs": rows}, allow_nan=False), path)

    @classmethod
    def from_json(cls, text_or_path: Any) -> History:
        """The history of what to_json wrote: its text, or the path of its file; else InputError.

        >>> history = History()
        >>> history.add(1, loss=0.5)
        >>> History.from_json(history.to_json()).rows == history.rows
        True
        """
        text, name = text_or_path, "this text"
        if not isinstance(text, str) or not text.lstrip().startswith("{"):
            name = os.fspath(text_or_path)
            try:
                text = Path(name).read_text(encoding="utf-8")
            except OSError as error:
                raise system_problem(f"cannot read {name}", error, file=name) from None
            except ValueError:
                raise _no_history(name) from None
        history = cls()
        try:
            for row in json.loads(text)["epochs"]:
                epoch = row.pop("epoch")
                if type(epoch) is not int:
                    raise ValueError
                history.add(epoch, **row)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _no_history(name) from None
        return history

    def to_tensorboard(self, folder: Any) -> Path:
        """Write an event file that `tensorboard --logdir FOLDER` shows; returns its path.

        Every figure becomes a scalar over the epochs. Raises InputError where the folder cannot be written.
        """
        from .tensorboard import write_events

        return write_events(folder, self.rows)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: the names, and a table with a row per epoch."""
        names = self.names
        table = [[row.get(name, math.nan) for name in names] for row in self.rows]
        return {"names": names, "table": np.array(table, np.float64).reshape(len(self), len(names))}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> History:
        """The history of what `state` returned; figures that were NaN are missing."""
        history = cls()
        for row in state["table"].tolist():
            figures = {name: value for name, value in zip(state["names"], row) if not math.isnan(value)}
            history.add(figures.pop("epoch"), **figures)
        return history


def _between(start: int, stop: int, count: int) -> list[int]:
    """So many numbers spread evenly over start … stop-1."""
    return [start + (stop - start) * (2 * i + 1) // (2 * count) for i in range(count)]


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else text


def _written(text: str, path: Any) -> str:
    if path is not None:
        write_file(path, text)
    return text


def _no_history(name: str) -> InputError:
    return problem(
        f"{name} is not a history of chainrule",
        expected='JSON as History.to_json() writes it: {"epochs": [{"epoch": 1, "loss": 0.5}]}',
    )


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plots need matplotlib\n  fix:      pip install 'chainrule[plot]'") from None
    return plt.subplots()[1]

"""What a run went through: one row of figures per epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import write_file
from .problem import problem

__all__ = ["History"]


class History:
    """One row per epoch (or iteration): loss, lr, time in seconds, and whatever else was measured.

    >>> history = History()
    >>> history.add(1, loss=0.5, lr=0.1)
    >>> history.add(2, loss=0.25, lr=0.1)
    >>> history["loss"]
    array([0.5 , 0.25])
    >>> history.best("loss")["epoch"]
    2
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, epoch: int, **figures: float) -> None:
        """Append the figures of one epoch."""
        self.rows.append({"epoch": epoch, **{name: float(value) for name, value in figures.items()}})

    @property
    def names(self) -> list[str]:
        """The names of all figures, in the order of their first appearance; "epoch" comes first."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> np.ndarray[Any, np.dtype[Any]]:
        if name not in self.names:
            raise KeyError(name)
        return np.array([row.get(name, math.nan) for row in self.rows])

    def best(self, name: str = "val_loss", smallest: bool = True) -> dict[str, float]:
        """The row in which the figure is smallest (or largest); the first of equals."""
        rows = [row for row in self.rows if not math.isnan(row.get(name, math.nan))]
        if not rows:
            raise problem(f"no epoch has a figure {name!r}", expected=", ".join(self.names))
        return dict((min if smallest else max)(rows, key=lambda row: row[name]))

    def plot(self, ax: Any = None) -> Any:
        """Draw losses over epochs with matplotlib; the axes are returned."""
        import matplotlib.pyplot as plt

        axes: Any = plt.subplots()[1] if ax is None else ax
        for name in [n for n in self.names if n.endswith("loss")]:
            axes.plot(self["epoch"], self[name], label=name)
        axes.legend()
        return axes

    def __str__(self) -> str:
        return "\n".join([",".join(self.names), *(str(row) for row in self.rows)])

    def to_pandas(self) -> Any:
        """A DataFrame with a row per epoch."""
        import pandas

        return pandas.DataFrame({name: self[name] for name in self.names})

    def to_csv(self, path: Any = None) -> str:
        """The rows as CSV text, written to `path` if one is given."""
        lines = [",".join(self.names)]
        lines += [",".join(repr(row[n]) if n in row else "" for n in self.names) for row in self.rows]
        text = "\n".join(lines) + "\n"
        if path is not None:
            write_file(path, text)
        return text

    def to_json(self, path: Any = None) -> str:
        """The rows as JSON text, written to `path` if one is given."""
        text = json.dumps({"rows": self.rows})
        if path is not None:
            write_file(path, text)
        return text

    @classmethod
    def from_json(cls, text_or_path: Any) -> History:
        """The history that to_json wrote, from its text or file."""
        text = str(text_or_path)
        if not text.lstrip().startswith("{"):
            text = Path(text_or_path).read_text(encoding="utf-8")
        return cls.from_state(json.loads(text))

    def to_tensorboard(self, folder: Any) -> Path:
        """Write an event file that TensorBoard shows; its path."""
        from .tensorboard import write_events

        return write_events(folder, self.rows)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"rows": [dict(row) for row in self.rows]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> History:
        """The history of a checkpoint."""
        history = cls()
        history.rows = [dict(row) for row in state["rows"]]
        return history

"""How a run shows where it is: a bar on a terminal, lines in a pipe, JSON lines, or nothing."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TextIO

from .problem import problem

__all__ = ["Progress"]

Mode = Literal["auto", "rich", "plain", "json", "quiet"]
_MODES = ("auto", "rich", "plain", "json", "quiet")
_ALWAYS = 20  # so many epochs get a line each
_EVERY = 2.0  # seconds between two lines of a longer run, growing
_MOST = 60.0  # … to this
_RATE = 0.1  # seconds between two pictures of the bar


class Progress:
    """Where a run is, epoch by epoch; a context manager.

    auto    "rich" where the stream is a terminal, else "plain"
    rich    a bar with the figures and the time that is left
    plain   a line for each epoch of a short run, every few seconds in a long one, and for the last
    json    a line of JSON for every epoch and every remark
    quiet   nothing

    The stream is stderr, for JSON stdout, unless another is given. A stream that can no longer be written
    (a pipe whose reader has gone) is given up: the run goes on.

    >>> import sys
    >>> with Progress("plain", title="fit", total=2, stream=sys.stdout) as progress:
    ...     progress.update(1, {"loss": 0.5})
    ...     progress.update(2, {"loss": 0.25})
    fit: epoch 1/2  loss 0.5
    fit: epoch 2/2  loss 0.25
    """

    def __init__(
        self, mode: Mode = "auto", *, title: str, total: int | None, stream: TextIO | None = None
    ) -> None:
        if mode not in _MODES:
            raise problem("no such way to show progress", came=repr(mode), expected=", ".join(_MODES))
        chosen = stream if stream is not None else (sys.stdout if mode == "json" else sys.stderr)
        terminal = chosen is not None and chosen.isatty()
        self.mode = ("rich" if terminal else "plain") if mode == "auto" else mode
        if chosen is None:  # pythonw and the like have no stderr
            self.mode = "quiet"
        self.stream, self.title, self.total = chosen, title, total
        self._bar: Any = None
        self._room = 0  # columns for figures beside the bar
        self._shown, self._pause, self._lines = time.monotonic(), _EVERY, 0
        self._last: tuple[int, Mapping[str, float]] | None = None  # an epoch that plain has not shown

    def __enter__(self) -> Progress:
        if self.mode == "rich":
            self._bar, self._room = _bar(self.stream, self.title, self.total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Show that this epoch is over, with these figures."""
        if self.mode == "json":
            self._json({"event": "epoch", "epoch": epoch, **figures})
        elif self.mode == "plain":
            self._last = (epoch, dict(figures))
            early = self._lines < (_ALWAYS if (self.total or _ALWAYS) <= _ALWAYS else 1)
            if early or epoch == self.total or time.monotonic() - self._shown >= self._pause:
                self._flush()
        elif self._bar is not None:
            self._show(epoch, _fitting(figures, self._room))

    def within(self, epoch: int, part: float) -> None:
        """Show that this part (0 to 1) of an epoch is done."""
        if self._bar is not None:
            self._show(epoch - 1 + part, None)
        elif self.mode == "plain" and time.monotonic() - self._shown >= max(self._pause, 10.0):
            self._line(f"{self.title}: epoch {epoch}{self._of()}  {part:.0%} done")
            self._shown = time.monotonic()

    def say(self, text: str, **fields: Any) -> None:
        """A remark between updates; in JSON {"event": "remark", "text": …} and the fields."""
        if self.mode == "json":
            self._json({"event": "remark", "text": text, **fields})
        elif self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif self.mode != "quiet":
            self._line(text)

    def close(self) -> None:
        """Show the last epoch, if it is not shown yet, and end the bar; a second call does nothing."""
        self._flush()
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.refresh()
            bar.stop()

    # ----- the ways to show

    def _of(self) -> str:
        return "" if self.total is None else f"/{self.total}"

    def _flush(self) -> None:
        if self._last is None:
            return
        (epoch, figures), self._last = self._last, None
        words = _words(figures)
        self._line(f"{self.title}: epoch {epoch}{self._of()}" + ("  " + words if words else ""))
        self._lines += 1
        self._shown, self._pause = time.monotonic(), min(self._pause * 1.2, _MOST)

    def _show(self, done: float, words: str | None) -> None:
        """Draw the bar anew, if the last picture is old enough; its state is always set."""
        task = self._bar.task_ids[0]
        fields = {} if words is None else {"figures": words}
        self._bar.update(task, completed=done, **fields)
        now = time.monotonic()
        if now - self._shown >= _RATE:
            self._bar.refresh()
            self._shown = now

    def _json(self, fields: Mapping[str, Any]) -> None:
        self._line(json_line(fields))

    def _line(self, text: str) -> None:
        try:
            print(text, file=self.stream, flush=True)
        except (OSError, ValueError):
            self.mode = "quiet"


def json_line(fields: Mapping[str, Any]) -> str:
    """A line of JSON; what it has no number for is null.

    >>> json_line({"loss": float("nan"), "interval": (1.0, float("inf"))})
    '{"loss": null, "interval": [1.0, null]}'
    """

    def finite(x: Any) -> Any:
        if isinstance(x, float):
            return x if math.isfinite(x) else None
        if isinstance(x, Mapping):
            return {k: finite(v) for k, v in x.items()}
        return [finite(v) for v in x] if isinstance(x, (list, tuple)) else x

    return json.dumps(finite(fields), allow_nan=False, default=str)


def _words(figures: Mapping[str, float]) -> str:
    """The figures for people: the time is what the bar and their own clock show."""
    return "  ".join(f"{name} {value:.6g}" for name, value in figures.items() if name != "time")


def _fitting(figures: Mapping[str, float], room: int) -> str:
    """As many figures as there is room for, the losses first."""
    order = sorted(figures, key=lambda name: 0 if name == "loss" else 1 if name == "val_loss" else 2)
    shown = ""
    for text in (f"{name} {figures[name]:.4g}" for name in order if name != "time"):
        longer = f"{shown}  {text}" if shown else text
        if len(longer) <= room:
            shown = longer
    return shown


def _bar(stream: TextIO, title: str, total: int | None) -> tuple[Any, int]:
    """A rich progress bar and the columns that it leaves for figures.

    It is drawn when we say so: a thread of its own would take time from the run.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(file=stream)
    narrow = console.width < 100
    epochs = "{task.completed:.0f}/{task.total:.0f}" if total is not None else "{task.completed:.0f}"
    times = ([] if narrow else [TimeElapsedColumn()]) + [TextColumn("left"), TimeRemainingColumn()]
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=12 if narrow else 24),
        TextColumn("epoch " + epochs),
        TextColumn("{task.fields[figures]}", markup=False),
        *times,
        console=console,
        auto_refresh=False,
    )
    bar.add_task(title, total=total, figures="")
    longest = len(title) + len(f"epoch {total}/{total}") + len("left 0:00:00") + (0 if narrow else 8)
    return bar, console.width - longest - (12 if narrow else 24) - 6

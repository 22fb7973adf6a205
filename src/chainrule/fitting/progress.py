"""How a run shows where it is: a bar on a terminal, lines in a pipe, JSON lines, or nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TextIO

__all__ = ["Progress"]

Mode = Literal["auto", "rich", "plain", "json", "quiet"]


class Progress:
    """Where a run is, epoch by epoch; a context manager.

    auto    "rich" where the stream (by default stderr; stdout for "json") is a terminal, else "plain"
    rich    a bar with the time that is left
    plain   a line now and then
    json    a line of JSON per epoch and per remark
    quiet   nothing

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
        self.stream = stream or (sys.stdout if mode == "json" else sys.stderr)
        self.mode = ("rich" if self.stream.isatty() else "plain") if mode == "auto" else mode
        self.title, self.total = title, total
        self._bar: Any = None
        self._printed = -1e9

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Show that this epoch is over, with these figures."""
        if self.mode == "json":
            self._line(json.dumps({"event": "epoch", "epoch": epoch, **figures}))
        elif self.mode in ("plain", "rich"):
            now = time.monotonic()
            if epoch == self.total or now - self._printed >= 1 or self.total is None or self.total <= 20:
                of = "" if self.total is None else f"/{self.total}"
                words = "".join(f"  {name} {value:.6g}" for name, value in figures.items())
                self._line(f"{self.title}: epoch {epoch}{of}{words}")
                self._printed = now

    def within(self, epoch: int, part: float) -> None:
        """Show that this part (0 to 1) of an epoch is done."""

    def say(self, text: str, **fields: Any) -> None:
        """A remark between updates; in JSON {"event": "remark", "text": …} with the fields."""
        if self.mode == "json":
            self._line(json.dumps({"event": "remark", "text": text, **fields}))
        elif self.mode != "quiet":
            self._line(text)

    def _line(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Take the bar off the terminal."""

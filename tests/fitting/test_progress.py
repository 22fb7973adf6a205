"""Progress: what a terminal, a pipe and a program see."""

from __future__ import annotations

import io
import json
import math
import re
import time
from typing import Any

import pytest

from chainrule.fitting.problem import InputError
from chainrule.fitting.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that runs when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def run(mode: Any, epochs: int, clock: Clock, seconds: float = 0.1, stream: Any = None) -> str:
    out = io.StringIO() if stream is None else stream
    with Progress(mode, title="fit [b]", total=epochs, stream=out) as progress:
        progress.say("rate [red]0.1[/red]", event="rate", lr=0.1)
        for epoch in range(1, epochs + 1):
            progress.within(epoch, 0.5)
            clock.now += seconds
            progress.update(epoch, {"loss": 1 / epoch, "time": 0.1})
    return str(out.getvalue())


def test_a_pipe_sees_every_epoch_of_a_short_run(clock: Clock) -> None:
    assert run("auto", 3, clock).splitlines() == [
        "rate [red]0.1[/red]",
        "fit [b]: epoch 1/3  loss 1",
        "fit [b]: epoch 2/3  loss 0.5",
        "fit [b]: epoch 3/3  loss 0.333333",
    ]


def test_a_pipe_sees_a_long_run_now_and_then_and_its_end(clock: Clock) -> None:
    lines = run("plain", 1000, clock).splitlines()[1:]
    shown = [int(line.split("epoch ")[1].split("/")[0]) for line in lines]
    assert shown[0] == 1
    assert shown[-1] == 1000
    assert 10 < len(shown) < 25  # 100 seconds: every two seconds at first, then seldomer
    gaps = [b - a for a, b in zip(shown, shown[1:-1])]
    assert gaps == sorted(gaps)


def test_a_run_that_ends_early_shows_its_last_epoch(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress("plain", title="fit", total=1000, stream=out)
    for epoch in (1, 2, 3):
        progress.update(epoch, {"loss": 1.0})
    progress.close()
    progress.close()
    assert out.getvalue().splitlines() == ["fit: epoch 1/1000  loss 1", "fit: epoch 3/1000  loss 1"]


def test_long_epochs_say_how_far_they_are(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress("plain", title="fit", total=None, stream=out)
    for i in range(1, 10):
        clock.now += 5
        progress.within(1, i / 10)
    assert out.getvalue().splitlines() == [f"fit: epoch 1  {p}% done" for p in (20, 40, 60, 80)]


def test_json_is_a_line_for_everything(clock: Clock) -> None:
    lines = [json.loads(line) for line in run("json", 2, clock).splitlines()]
    assert lines == [
        {"event": "rate", "text": "rate [red]0.1[/red]", "lr": 0.1},
        {"event": "epoch", "epoch": 1, "loss": 1.0, "time": 0.1},
        {"event": "epoch", "epoch": 2, "loss": 0.5, "time": 0.1},
    ]


def test_json_has_no_nan(clock: Clock) -> None:
    out = io.StringIO()
    progress = Progress("json", title="fit", total=1, stream=out)
    progress.update(1, {"loss": math.nan, "val_loss": math.inf})
    progress.say("no", file=print)
    first, second = (json.loads(line, parse_constant=pytest.fail) for line in out.getvalue().splitlines())
    assert first == {"event": "epoch", "epoch": 1, "loss": None, "val_loss": None}
    assert second["event"] == "remark"


def test_quiet_is_silent(clock: Clock) -> None:
    assert run("quiet", 3, clock) == ""
    assert run("quiet", 3, clock, stream=Terminal()) == ""


def test_a_terminal_sees_a_bar_with_the_figures_and_the_words_as_they_are(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = run("auto", 50, clock, stream=Terminal())
    assert "rate [red]0.1[/red]" in text
    assert "fit [b]" in text
    assert "epoch 50/50" in text
    assert "loss 0.02" in text
    assert "left" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back


@pytest.mark.parametrize(
    ("columns", "figures"),
    [
        (60, "loss 0.1235"),
        (80, "loss 0.1235  val_loss 0.2346"),
        (140, "loss 0.1235  val_loss 0.2346  lr 0.001  val_accuracy 0.9877"),
    ],
)
def test_a_narrow_terminal_sees_the_figures_that_fit(
    monkeypatch: pytest.MonkeyPatch, columns: int, figures: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    known = {"loss": 0.123456, "lr": 0.001, "val_loss": 0.234567, "val_accuracy": 0.987654, "time": 1.0}
    with Progress("auto", title="train", total=200, stream=stream) as progress:
        progress.update(200, known)
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).split("train ")[-1]
    assert f"epoch 200/200 {figures} " in last
    assert "…" not in last


def test_a_bar_is_drawn_ten_times_a_second_at_most(clock: Clock) -> None:
    quick, slow = Terminal(), Terminal()
    run("rich", 2000, clock, 0.001, quick)
    run("rich", 20, clock, 0.1, slow)
    assert quick.getvalue().count("epoch") < 2 * slow.getvalue().count("epoch")


def test_a_reader_that_has_gone_does_not_stop_the_run(clock: Clock) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    for mode in ("plain", "json"):
        run(mode, 5, clock, stream=Gone())
    closed = io.StringIO()
    progress = Progress("plain", title="fit", total=1, stream=closed)
    closed.close()
    progress.update(1, {})


def test_a_mode_that_is_none() -> None:
    with pytest.raises(InputError) as error:
        Progress("loud", title="fit", total=1)  # type: ignore[arg-type]
    assert str(error.value) == (
        "no such way to show progress\n  came:     'loud'\n  expected: auto, rich, plain, json, quiet"
    )

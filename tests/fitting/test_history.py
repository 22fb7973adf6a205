"""History: rows, printing, and the ways to other programs and back."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from chainrule.fitting.history import History
from chainrule.fitting.problem import InputError


@pytest.fixture
def history() -> History:
    made = History()
    made.add(1, loss=2.0, lr=0.1, time=0.5)
    made.add(2, loss=1.0, lr=0.1, time=1.0, val_loss=1.5)
    made.add(3, loss=0.5, lr=0.01, time=1.5, val_loss=1.25)
    return made


def test_a_figure_is_an_array_over_the_epochs(history: History) -> None:
    np.testing.assert_array_equal(history["loss"], [2.0, 1.0, 0.5])
    np.testing.assert_array_equal(history["val_loss"], [math.nan, 1.5, 1.25])
    np.testing.assert_array_equal(history["epoch"], [1, 2, 3])
    assert history.names == ["epoch", "loss", "lr", "time", "val_loss"]
    assert len(history) == 3
    assert [row["loss"] for row in history] == [2.0, 1.0, 0.5]


def test_an_unknown_figure_is_a_key_error_with_the_names(history: History) -> None:
    with pytest.raises(
        KeyError, match="no epoch has a figure 'acc': there are epoch, loss, lr, time, val_loss"
    ):
        history["acc"]


def test_the_best_row(history: History) -> None:
    assert history.best()["epoch"] == 3
    assert history.best("loss", smallest=False)["epoch"] == 1
    history.add(4, loss=0.5, val_loss=1.25)
    assert history.best()["epoch"] == 3  # the first of equals
    history.add(5, loss=0.5, val_loss=math.nan)
    assert history.best()["epoch"] == 3
    with pytest.raises(InputError) as error:
        history.best("accuracy")
    assert str(error.value) == (
        "the history has no such figure\n  came:     'accuracy'\n  expected: epoch, loss, lr, time, val_loss"
    )


def test_it_prints_a_short_table(history: History) -> None:
    assert str(history).splitlines() == [
        "epoch  loss    lr  time  val_loss",
        "    1     2   0.1   0.5         –",
        "    2     1   0.1     1       1.5",
        "    3   0.5  0.01   1.5      1.25",
    ]
    assert str(History()) == "no epochs"
    assert repr(history) == "<History: 3 epochs of loss, lr, time, val_loss>"


@pytest.mark.parametrize("count", [12, 13, 14, 100, 10_000])
def test_a_long_run_prints_its_first_some_and_last_rows(count: int) -> None:
    history = History()
    for epoch in range(1, count + 1):
        history.add(epoch, loss=1 / epoch)
    lines = str(history).splitlines()[1:]
    shown = [int(line.split()[0]) for line in lines]
    assert len(shown) == 12
    assert shown == sorted(set(shown))
    assert shown[0] == 1
    assert shown[-6:] == list(range(count - 5, count + 1))


def test_csv_is_read_back_exactly(history: History, tmp_path) -> None:
    history.add(4, loss=1 / 3, **{'a "quoted", name': math.inf})
    text = history.to_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == text
    names, *rows = csv.reader(text.splitlines())
    assert names == history.names
    for name, column in zip(names, zip(*rows)):
        np.testing.assert_array_equal([float(cell or "nan") for cell in column], history[name])


def test_pandas_has_a_row_per_epoch(history: History) -> None:
    pytest.importorskip("pandas")
    frame = history.to_pandas()
    assert list(frame.index) == [1, 2, 3]
    assert frame.index.name == "epoch"
    assert list(frame.columns) == ["loss", "lr", "time", "val_loss"]
    assert frame.loc[2, "val_loss"] == 1.5


def test_json_there_and_back_from_text_and_file(history: History, tmp_path) -> None:
    history.add(4, loss=math.inf, val_loss=math.nan)
    text = history.to_json(tmp_path / "history.json")
    json.loads(text, parse_constant=pytest.fail)  # strict JSON, which has no NaN
    for source in (text, tmp_path / "history.json", str(tmp_path / "history.json")):
        back = History.from_json(source)
        assert str(back.rows) == str(history.rows)


@pytest.mark.parametrize(
    "text",
    ["{}", '{"epochs": 1}', '{"epochs": [{"loss": 1}]}', '{"epochs": [{"epoch": "x"}]}', '{"epochs": [[]]}',
     '{"epochs": [{"epoch": 1, "loss": "low"}]}', '{"epochs"', '{"epochs":' + "[" * 100_000],
)  # fmt: skip
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="this text is not a history of chainrule"):
        History.from_json(text)


def test_a_missing_or_binary_file_is_named(tmp_path) -> None:
    with pytest.raises(InputError) as error:
        History.from_json(tmp_path / "none.json")
    assert str(error.value) == f"cannot read {tmp_path / 'none.json'}\n  came:     No such file or directory"
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="picture is not a history of chainrule"):
        History.from_json(tmp_path / "picture")


def test_a_checkpoint_keeps_it(history: History) -> None:
    back = History.from_state(history.state())
    assert back.rows == history.rows
    assert type(back.rows[0]["epoch"]) is int
    assert History.from_state(History().state()).rows == []


def test_the_losses_are_drawn(history: History) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    axes = history.plot()
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert set(drawn) == {"loss", "val_loss", "best epoch"}
    np.testing.assert_array_equal(drawn["loss"].get_ydata(), history["loss"])
    np.testing.assert_array_equal(drawn["best epoch"].get_xdata(), [3])
    assert axes.get_yscale() == "log"
    history.add(4, loss=-1.0)
    assert history.plot(pyplot.subplots()[1]).get_yscale() == "linear"
    pyplot.close("all")


def test_a_run_without_losses_or_epochs_is_drawn_too() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    history = History()
    history.plot()
    history.add(1, accuracy=0.5)
    assert [line.get_label() for line in history.plot().get_lines()] == ["accuracy"]
    pyplot.close("all")

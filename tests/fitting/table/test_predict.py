"""predict_file(): lines of predictions from tables of any size."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.fitting.problem import InputError
from chainrule.fitting.table.fit import TableFit, fit_table
from chainrule.fitting.table.predict import predict_file


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def model() -> TableFit:
    x = np.random.default_rng(0).normal(size=80)
    kind = np.where(x > 0, "up", "down")
    return fit_table({"x": x, "c": ["r", "g"] * 40, "kind": kind}, "kind", hidden=(4,), epochs=5, lr=0.1)


def rows(count: int) -> str:
    return "c,id,x\n" + "".join(f"{'rgb'[i % 3]},{i},{i % 10 - 5}\n" for i in range(count))


def test_lines_in_the_order_of_the_rows(model: TableFit) -> None:
    Path("new.csv").write_text(rows(30))
    seen = predict_file(model, "new.csv", "out.csv", proba=True, keep=["id"])
    lines = Path("out.csv").read_text().splitlines()
    assert lines[0] == "id,predicted_kind,probability_down,probability_up"
    assert [line.split(",")[0] for line in lines[1:]] == [str(i) for i in range(30)]
    assert [line.split(",")[1] for line in lines[1:]] == model.predict("new.csv").tolist()
    np.testing.assert_allclose(
        [float(line.split(",")[3]) for line in lines[1:]], model.predict_proba("new.csv")[:, 1]
    )
    assert seen.rows == 30 and seen.unknown == {"c": 10} and seen.ignored == []
    assert seen.remarks() == ["column 'c': 10 texts that training did not have"]


def test_pieces_give_what_the_whole_gives(model: TableFit, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.fitting.table import text

    Path("new.csv").write_text(rows(1000))
    whole = io.StringIO()
    predict_file(model, "new.csv", whole)
    monkeypatch.setattr(text, "_CELLS", 30)
    pieces = io.StringIO()
    predict_file(model, "new.csv", pieces)
    assert whole.getvalue() == pieces.getvalue() and whole.getvalue().count("\n") == 1001


def test_an_error_in_the_middle_leaves_the_old_file(model: TableFit, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.fitting.table import text

    monkeypatch.setattr(text, "_CELLS", 30)
    Path("new.csv").write_text(rows(100) + "r,100,bad\n")
    Path("out.csv").write_text("old")
    with pytest.raises(InputError, match="new.csv, line 102, column 'x': 'bad' is not a number"):
        predict_file(model, "new.csv", "out.csv")
    assert Path("out.csv").read_text() == "old" and sorted(p.name for p in Path().iterdir()) == [
        "new.csv",
        "out.csv",
    ]


def test_the_data_are_not_replaced(model: TableFit) -> None:
    Path("new.csv").write_text(rows(3))
    with pytest.raises(InputError) as caught:
        predict_file(model, "new.csv", "./new.csv")
    assert str(caught.value) == (
        "./new.csv would replace the data that it is predicted from\n  fix:      write to another file"
    )
    assert Path("new.csv").read_text() == rows(3)


@pytest.mark.parametrize(
    ("out", "words"), [("no/out.csv", "cannot write no/out.csv\n  came:     the folder does not exist")]
)
def test_a_file_that_cannot_be_written(model: TableFit, out: str, words: str) -> None:
    Path("new.csv").write_text(rows(3))
    with pytest.raises(InputError) as caught:
        predict_file(model, "new.csv", out)
    assert str(caught.value) == words


def test_unknown_columns_to_keep(model: TableFit) -> None:
    Path("new.csv").write_text(rows(3))
    with pytest.raises(InputError, match="new.csv has no column 'idd'[\\s\\S]*did you mean 'id'?"):
        predict_file(model, "new.csv", "out.csv", keep=["idd"])


def test_missing_values_are_counted(model: TableFit) -> None:
    Path("new.tsv").write_text("x\tc\tmore\n1\tr\tz\n\tg\tz\nNA\t\tz\n")
    seen = predict_file(model, "new.tsv", "out.tsv")
    assert Path("out.tsv").read_text().startswith("predicted_kind\nup\n")
    assert seen.remarks() == [
        "columns that the model does not use: 'more'",
        "column 'x': 2 values are missing",
        "column 'c': 1 values are missing",
    ]


def test_a_formula_predicts_too() -> None:
    from chainrule.fitting.formula.result import FormulaModel

    line: Any = FormulaModel("y = w*x + b", ["x", "y"], {"w": 2.0, "b": 1.0})
    Path("new.csv").write_text("x\n1\n2.5\n")
    predict_file(line, "new.csv", "out.csv")
    assert Path("out.csv").read_text() == "predicted_y\n3.0\n6.0\n"


ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path])}
PEAK = """
import chainrule as cr
from chainrule.fitting.table.predict import predict_file
from tests.fitting.table.data import peak
model = cr.load_fit("m.safetensors")
predict_file(model, "small.csv", "out.csv", proba=True)
before = peak()
predict_file(model, "large.csv", "out.csv", proba=True)
print((peak() - before) >> 20)
"""


def test_memory_does_not_grow_with_the_rows(model: TableFit) -> None:
    """The larger file has 400,000 rows more: as Python objects 100 MB."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the peak of a process")
    model.save("m.safetensors")
    Path("small.csv").write_text(rows(200_000))
    Path("large.csv").write_text(rows(600_000))
    out = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, env=ENV)
    assert int(out.stdout) < 45, f"grew by {out.stdout.strip()} MB"

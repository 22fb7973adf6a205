"""``chainrule predict``: predictions in files and on stdout, and how mistakes are told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.fitting.table.fit import fit_table

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    x = np.random.default_rng(0).normal(size=60)
    fit_table({"x": x, "kind": np.where(x > 0, "up", "down")}, "kind", hidden=(), epochs=9, lr=0.1).save(path)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("new.csv").write_text("id,x\n7,2\n8,-2\n")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


def test_to_stdout(model: Path, capsys: Captured) -> None:
    assert run("predict", str(model), "new.csv", "--keep", "id") == 0
    assert capsys.readouterr() == ("id,predicted_kind\n7,up\n8,down\n", "")


def test_to_a_file(model: Path, capsys: Captured) -> None:
    assert run("predict", str(model), "new.csv", "-o", "out.csv", "--proba") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "columns that the model does not use: 'id'\nWritten: out.csv (2 rows)\n"
    assert Path("out.csv").read_text().startswith("predicted_kind,probability_down,probability_up\nup,")


def test_json(model: Path, capsys: Captured) -> None:
    assert run("predict", str(model), "new.csv", "-o", "out.csv", "--json") == 0
    expected = {
        "event": "result",
        "rows": 2,
        "unknown": {},
        "missing": {},
        "ignored": ["id"],
        "written": ["out.csv"],
    }
    assert json.loads(capsys.readouterr().out) == expected


def test_mistakes_are_told_and_nothing_is_written(model: Path, capsys: Captured) -> None:
    Path("bad.csv").write_text("x\n1\n2\nthree\n")
    Path("other.csv").write_text("X\n1\n")
    Path("bad.safetensors").write_bytes(model.read_bytes()[:-7])
    before = sorted(os.listdir())
    for arguments, words in [
        ((str(model), "no.csv"), "chainrule predict: there is no file no.csv\n"),
        (
            (str(model), "bad.csv", "-o", "out.csv"),
            "chainrule predict: bad.csv, line 4, column 'x': 'three' is not a number",
        ),
        (
            (str(model), "other.csv"),
            "chainrule predict: other.csv lacks a column that the model needs: 'x'\n  came:     'X'\n"
            "  expected: 'x'\n  fix:      rename 'X' to 'x', if that is it\n",
        ),
        (("bad.safetensors", "new.csv"), "chainrule predict: bad.safetensors"),
        (("no.safetensors", "new.csv"), "chainrule predict: "),
        ((str(model), "new.csv", "-o", "new.csv"), "chainrule predict: -o new.csv would replace new.csv\n"),
        (
            (str(model), "new.csv", "--json"),
            "chainrule predict: --json and predictions on stdout would mix\n",
        ),
    ]:
        assert run("predict", *arguments) == 2, arguments
        out, err = capsys.readouterr()
        assert err.startswith(words) and out == "" and "Traceback" not in err
    assert sorted(os.listdir()) == before

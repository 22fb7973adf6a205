"""``chainrule train``: what it prints, what it leaves, and how it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.fitting.table.model import TableModel

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(100, 2))
    lines = [f"{a:.3f},{b:.3f},{'rg'[i % 2]},{2 * a - b:.3f}" for i, (a, b) in enumerate(x)]
    Path("t.csv").write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


def test_a_model_and_a_report_are_left(capsys: Captured) -> None:
    options = ["--hidden", "8", "--epochs", "5", "--report", "t.html", "--drop", "b,c"]
    assert run("train", "t.csv", "--target", "y", *options) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        "target      y (a number)\nrows        65 for training, 15 for validation, 20 for test\n"
    )
    assert "learning rate" in err and "train: epoch 5/5  loss" in err
    assert err.endswith(
        "\nWritten: t.safetensors, t.html\nNext: chainrule predict t.safetensors NEW.csv -o predicted.csv\n"
    )
    model = cr.load_fit("t.safetensors")
    assert isinstance(model, TableModel) and list(model.schema.known) == ["a"]
    assert Path("t.html").read_text(encoding="utf8").startswith("<!doctype html>")


def test_quiet_prints_the_result_alone(capsys: Captured) -> None:
    assert (
        run("train", "t.csv", "--target", "y", "--hidden", "none", "--epochs", "2", "--lr", "0.1", "--quiet")
        == 0
    )
    out, err = capsys.readouterr()
    assert out.startswith("target ") and err == ""


def test_json_is_lines_of_json(capsys: Captured) -> None:
    assert (
        run("train", "t.csv", "--target", "c", "--hidden", "4", "--epochs", "3", "--json", "--out", "m.st")
        == 0
    )
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["remark", "epoch", "epoch", "epoch", "result"] and err == ""
    result = lines[-1]
    assert result["task"] == "binary" and result["classes"] == ["g", "r"] and result["written"] == ["m.st"]
    assert np.sum(result["confusion"]) == result["rows"]["test"]


MISTAKES = [
    (
        ["t.csv", "--target", "x"],
        "chainrule train: t.csv has no column 'x'\n  came:     target 'x'\n"
        "  expected: one of 'a', 'b', 'c', 'y'\n"
        "  fix:      choose one of the columns\n",
    ),
    (
        ["tt.csv", "--target", "y"],
        "chainrule train: there is no file tt.csv\n  came:     tt.csv\n  expected: the path of a table\n"
        "  fix:      did you mean t.csv?\n",
    ),
    (
        ["t.csv", "--target", "y", "--hidden", "8,x"],
        "chainrule train: --hidden: no widths of layers\n  came:     '8,x'\n"
        "  expected: 64,64 or 32; none for a linear model\n",
    ),
    (
        ["t.csv", "--target", "y", "--out", "t.csv"],
        "chainrule train: --out t.csv would replace t.csv\n  expected: another file\n",
    ),
    (
        ["t.csv", "--target", "y", "--report", "no/t.html"],
        "chainrule train: --report no/t.html: there is no folder no\n  fix:      mkdir -p no\n",
    ),
    (
        ["t.csv", "--target", "y", "--resume"],
        "chainrule train: --resume needs the file to go on from\n"
        "  fix:      --checkpoint run.ckpt --resume\n",
    ),
    (
        ["t.csv", "--target", "y", "--quiet", "--json"],
        "chainrule train: --quiet and --json exclude each other\n  fix:      leave out one of them\n",
    ),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=lambda v: v if isinstance(v, str) else v[-1])
def test_mistakes_are_told_and_nothing_is_written(arguments: list[str], words: str, capsys: Captured) -> None:
    assert run("train", *arguments) == 2
    assert capsys.readouterr() == ("", words)
    assert os.listdir() == ["t.csv"]


def test_a_model_that_is_there_stays_when_a_later_run_fails(capsys: Captured) -> None:
    Path("t.safetensors").write_text("old")
    options = ["--lr", "1e9", "--optimizer", "sgd", "--hidden", "8", "--out", "t.safetensors"]
    assert run("train", "t.csv", "--target", "y", *options) == 2
    assert "the loss diverges" in capsys.readouterr().err
    assert Path("t.safetensors").read_text() == "old" and sorted(os.listdir()) == ["t.csv", "t.safetensors"]


def test_only_a_model_is_replaced_unasked(capsys: Captured) -> None:
    quick = ["train", "t.csv", "--target", "y", "--hidden", "none", "--epochs", "1", "--lr", "0.1"]
    assert run(*quick) == run(*quick) == 0
    assert "Written: t.safetensors (replaced)\n" in capsys.readouterr().err
    Path("t.safetensors").write_text("mine")
    assert run(*quick) == 2
    assert capsys.readouterr().err == (
        "chainrule train: t.safetensors is there, and is no model of a table\n"
        "  fix:      --out OTHER.safetensors, or --out t.safetensors to replace it\n"
    )
    assert Path("t.safetensors").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as SIGINT")
def test_interrupted_it_leaves_the_best_model_and_resumes() -> None:
    command = [
        sys.executable, "-m", "chainrule", "train", "t.csv", "--target", "y", "--epochs", "1000000",
        "--lr", "1e-5", "--patience", "1000000", "--hidden", "8",
        "--checkpoint", "run.ckpt", "--every", "50ms",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not Path("run.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted after" in out and "Traceback" not in err
    assert err.endswith("To go on: the same command with --resume (run.ckpt holds the state)\n")
    assert isinstance(cr.load_fit("t.safetensors"), TableModel)
    done = int(out.split("interrupted after ")[1].split()[0])
    command[command.index("1000000")] = str(done + 2)
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert f" of {done + 2}\n" in again.stdout

"""`chainrule fit`: what it prints and writes, its exit status, and mistakes on the command line."""

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

PARABOLA = "y = w1*x**2 + w2*x + b"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with points.csv, which is the current one."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 3, 40))
    y = 2 * x**2 - x + 0.5 + 0.3 * rng.normal(size=40)
    rows = "".join(f"{a:.6g},{b:.6g}\n" for a, b in zip(x, y))
    (tmp_path / "points.csv").write_text("x,y\n" + rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *arguments])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_gradients_figures_and_how_to_keep_them_are_printed(folder, capsys) -> None:
    status, out, err = run(capsys, PARABOLA, "points.csv")
    assert status == 0
    assert out.startswith(
        "The loss of one row, and its gradient\n"
        "  L = (w₁ · x² + w₂ · x + b - y)²\n"
        "  ∂L/∂w₁ = 2 · (w₁ · x² + w₂ · x + b - y) · x²\n"
        "  ∂L/∂w₂ = 2 · (w₁ · x² + w₂ · x + b - y) · x\n"
        "  ∂L/∂b = 2 · (w₁ · x² + w₂ · x + b - y)\n\n"
        "y = w1*x**2 + w2*x + b   (40 rows)\n"
    )
    assert out.rstrip().endswith(str(cr.fit(PARABOLA, "points.csv")).splitlines()[-1])
    assert "fit: epoch 0  loss" in err
    assert err.endswith(
        "To keep the model, a report and a picture: "
        "--out points.safetensors --report points.html --plot points.png\n"
    )
    assert sorted(p.name for p in folder.iterdir()) == ["points.csv"]


def test_quiet_prints_the_result_alone(folder, capsys) -> None:
    status, out, err = run(capsys, PARABOLA, "points.csv", "--quiet")
    assert (status, err) == (0, "")
    assert out == str(cr.fit(PARABOLA, "points.csv")) + "\n"


def test_json_is_a_line_for_each_step_and_one_for_the_result(folder, capsys) -> None:
    status, out, err = run(
        capsys, PARABOLA, "points.csv", "--json", "--fix", "b=0.5", "--out", "m.safetensors"
    )
    assert (status, err) == (0, "")
    *steps, last = [json.loads(line) for line in out.splitlines()]
    fit = cr.fit(PARABOLA, "points.csv", fix={"b": 0.5})
    assert [s["event"] for s in steps] == ["epoch"] * len(fit.history)
    assert last["event"] == "result"
    assert last["params"] == fit.params
    assert last["errors"] == fit.errors
    assert last["rows"] == 40
    assert last["written"] == ["m.safetensors"]


def test_files_are_written_and_named(folder, capsys) -> None:
    pytest.importorskip("matplotlib")
    files = ["--out", "m.safetensors", "--report", "r.html", "--plot", "p.png"]
    status, _, err = run(capsys, PARABOLA, "points.csv", *files)
    assert status == 0
    assert err.endswith("\nWritten: m.safetensors, r.html, p.png\n")
    assert cr.load_fit("m.safetensors").params == cr.fit(PARABOLA, "points.csv").params
    assert (folder / "r.html").read_text(encoding="utf8").startswith("<!doctype html>")
    assert (folder / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_options_reach_the_fit(folder, capsys) -> None:
    options = ["--init", "w1=1,w2=0", "--init", "b=0", "--bounds", "w2=0:", "--loss", "half-sum"]
    status, out, _ = run(capsys, PARABOLA, "points.csv", *options, "--confidence", "0.9", "--json")
    found = json.loads(out.splitlines()[-1])
    fit = cr.fit(
        PARABOLA, "points.csv", init={"w1": 1, "w2": 0, "b": 0}, bounds={"w2": (0, None)}, loss="half-sum",
        confidence=0.9,
    )  # fmt: skip
    assert found["params"] == fit.params
    assert found["params"]["w2"] == 0
    assert found["errors"]["w2"] is None
    assert found["start"] == "as given"
    first = ["--optimizer", "sgd", "--lr", "0.02", "--epochs", "7", "--batch-size", "5", "--seed", "3"]
    status, out, _ = run(capsys, PARABOLA, "points.csv", *first, "--json")
    fit = cr.fit(PARABOLA, "points.csv", optimizer="sgd", lr=0.02, epochs=7, batch_size=5, seed=3)
    assert json.loads(out.splitlines()[-1])["params"] == fit.params


MISTAKES = {
    ("y = w*x", "nofile.csv"): "there is no file nofile.csv",
    ("points.csv", "y = w*x"): "the formula comes first, then the table",
    ("y = w*q(x)", "points.csv"): "there is no function 'q' in formulas",
    ("z = w*x", "points.csv"): "there is no column 'z'",
    ("y = a/(x - x)", "points.csv"): "points.csv, line 2: the formula has no value at the start point",
    ("y = w*x", "points.csv", "--init", "w"): "--init cannot be read",
    ("y = w*x", "points.csv", "--loss", "l2"): "there is no such loss",
    ("y = w*x", "points.csv", "--optimizer", "sgd", "--lr", "50"): "the loss diverges",
    ("y = w*x", "points.csv", "--quiet", "--json"): "--quiet and --json exclude each other",
    ("y = w*x", "points.csv", "--resume"): "--resume needs the file to go on from",
    ("y = w*x", "points.csv", "--checkpoint", "c.ckpt", "--resume"): "cannot read c.ckpt",
    ("y = w*x", "points.csv", "--checkpoint", "c.ckpt", "--every", "soon"): "not a duration",
    ("y = w*x", "points.csv", "--out", "no/m.safetensors"): "--out no/m.safetensors: there is no folder no",
    ("y = w*x", "points.csv", "--report", "."): "--report . is a folder",
    ("y = w*x", "points.csv", "--plot", "points.csv"): "--plot points.csv would replace points.csv",
    ("y = w*x", "points.csv", "--plot", "a", "--out", "a"): "--plot a would replace a",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=lambda a: " ".join(a))
def test_a_mistake_is_told_with_status_2_and_nothing_is_written(arguments, folder, capsys) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    told = err[err.index("chainrule fit: ") :]
    assert told.startswith(f"chainrule fit: {MISTAKES[arguments]}")
    assert "Traceback" not in err
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_checkpoint_is_gone_on_from(folder, capsys) -> None:
    few = [
        PARABOLA,
        "points.csv",
        "--optimizer",
        "adam",
        "--checkpoint",
        "run.ckpt",
        "--every",
        "0s",
        "--json",
    ]
    run(capsys, *few, "--epochs", "10")
    assert (folder / "run.ckpt").exists()
    _, whole, _ = run(capsys, PARABOLA, "points.csv", "--optimizer", "adam", "--epochs", "25", "--json")
    _, again, _ = run(capsys, *few, "--epochs", "25", "--resume")
    assert json.loads(again.splitlines()[-1])["params"] == json.loads(whole.splitlines()[-1])["params"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_the_best_model_and_says_how_to_go_on(folder) -> None:
    command = [
        sys.executable, "-m", "chainrule", "fit", PARABOLA, "points.csv", "--optimizer", "adam", "--epochs",
        "100000000", "--batch-size", "1", "--out", "m.safetensors", "--checkpoint", "run.ckpt",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Written: m.safetensors" in err
    assert "To go on: the same command with --resume (run.ckpt holds the state)" in err
    assert "Note: The fit was interrupted: these are the parameters so far." in out
    assert set(cr.load_fit("m.safetensors").params) == {"w1", "w2", "b"}
    assert "Traceback" not in err


def test_help_has_examples(capsys) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert 'chainrule fit "y = w1*x**2 + w2*x + b" points.csv' in out

"""``chainrule explain``: passes of scripts and notebooks, formulas, and what is said about mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """\
import torch

w = torch.tensor(1.0, requires_grad=True)
x, y = torch.tensor(2.0), torch.tensor(3.0)

def train(steps):
    for i in range(steps):
        loss = (w * x - y) ** 2
        loss.backward()
        print("step", i)
        w.data -= 0.1 * w.grad
        w.grad.zero_()

train(3)
(w ** 2).backward()
"""


@pytest.fixture
def explain(tmp_path):
    """Run ``python -m chainrule explain`` in a folder that holds train.py and, if given, other files."""
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")

    def run(*arguments, **files):
        for name, text in files.items():
            (tmp_path / name.replace("_dot_", ".")).write_text(text, encoding="utf-8")
        env = {**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "COLUMNS": "80"}
        return subprocess.run(
            [sys.executable, "-m", "chainrule", "explain", *arguments],
            capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, env=env, timeout=60,
        )  # fmt: skip

    return run


def problem(done, status):
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.removeprefix("chainrule explain: ").rstrip("\n")


def test_the_first_pass_of_a_script_behind_its_own_output(explain):
    done = explain("train.py")
    assert done.returncode == 0, done.stderr
    own, _, shown = done.stdout.partition("\n\n")
    assert own.splitlines() == ["step 0", "step 1", "step 2"]
    assert shown.startswith("The gradient of L, step by step\n")
    assert "  L = (w · x - y)²   = 1\n" in shown
    assert "  ∂L/∂w = 2 · (w · x - y) · x   = -4\n" in shown
    assert "Worth noticing" not in shown  # the gradients are zeroed


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--step", "2"], "∂L/∂w = 2 · (w · x - y) · x   = -0.8"),
        (["--step", "4"], "∂L/∂w = 2 · w   = 2.992"),
        (["--at-line", "15"], "∂L/∂w = 2 · w   = 2.992"),
        (["--at-line", "14"], "∂L/∂w = 2 · (w · x - y) · x   = -4"),  # the call around it
    ],
)
def test_the_pass_that_is_asked_for(explain, options, line):
    assert line in explain("train.py", *options).stdout


def test_a_notebook_in_chinese_with_a_report(explain, tmp_path):
    cells = [
        "import torch\nw = torch.tensor(2.0, requires_grad=True)",
        "loss = w ** 3\nloss.backward()\nw.grad",
    ]
    notebook = {"cells": [{"cell_type": "code", "source": c} for c in cells], "nbformat": 4}
    done = explain("a.ipynb", "--lang", "zh", "--out", "report.html", "--at-line", "2",
                   a_dot_ipynb=json.dumps(notebook))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tensor(12.)\n\nL 的梯度：逐步推导")
    assert done.stderr == "wrote report.html\n"
    assert (tmp_path / "report.html").read_text("utf-8").lower().startswith("<!doctype html>")


MODEL = """\
import sys, torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(2, 3), nn.Linear(3, 1)
    def forward(self, data):
        return self.two(self.one(data))
def fit():
    net = Net()
    for _ in range(2):
        net(torch.ones(4, 2)).sum().backward()
fit()
print(sys.argv)
"""


def test_modules_are_known_and_folded(explain):
    done = explain("net.py", "--depth", "0", "--", "--lr", "3", net_dot_py=MODEL)
    assert "['net.py', '--lr', '3']" in done.stdout
    assert "U₁ = net(data; θ⁽¹⁾)" in done.stdout or "net(data; θ⁽¹⁾)" in done.stdout


def test_some_gradients_of_a_module(explain):
    done = explain("net.py", "--wrt", "net.two.weight,one.bias", net_dot_py=MODEL)
    assert "∂L/∂W⁽²⁾ = " in done.stdout
    assert "∂L/∂b⁽¹⁾ = " in done.stdout
    assert "∂L/∂W⁽¹⁾ = " not in done.stdout


def test_what_a_second_pass_adds_to_is_pointed_out(explain):
    done = explain("net.py", "--step", "2", net_dot_py=MODEL)
    assert "W⁽¹⁾.grad is not empty: it holds " in done.stdout
    assert "The 2 linear layers with W⁽¹⁾ and W⁽²⁾ have no activation between them" in done.stdout


@pytest.mark.parametrize("call", ["torch.autograd.backward(w ** 2)", "torch.autograd.grad([w ** 2], [w])"])
def test_other_ways_to_begin_a_pass(explain, call):
    text = f"import torch\nw = torch.tensor(3.0, requires_grad=True)\n{call}\n"
    assert "∂L/∂w = 2 · w   = 6" in explain("a.py", a_dot_py=text).stdout


def test_a_program_that_fails_is_explained_as_far_as_it_came(explain):
    done = explain("a.py", a_dot_py=SCRIPT + "raise KeyError('late')\n")
    assert done.returncode == 1
    assert "∂L/∂w" in done.stdout
    assert done.stderr.endswith("KeyError: 'late'\n")


def test_a_program_that_exits_has_its_status(explain):
    done = explain("a.py", a_dot_py=SCRIPT + "import sys; sys.exit(3)\n")
    assert done.returncode == 3
    assert "∂L/∂w" in done.stdout


def test_a_formula(explain):
    done = explain("(w*x + b - y)**2", "--wrt", "w,b")
    assert done.returncode == 0
    assert "∂L/∂w = 2 · (w · x + b - y) · x" in done.stdout
    assert "∂L/∂x" not in done.stdout


# ----- mistakes


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (
            "trian.py", 2,
            "there is no file 'trian.py'; expected a Python script (.py) or a notebook (.ipynb); did you "
            "mean 'train.py'?",
        ),
        ("train.py --step 1 --at-line 9", 2, "--step and --at-line each choose a pass; expected one of them"),
        (
            "train.py --step 5", 1,
            "--step 5: only 4 backward passes ran in 'train.py'; expected a number from 1 to 4",
        ),
        (
            "train.py --at-line 3", 1,
            "no backward pass was started from line 3 of 'train.py', but from 9, 15",
        ),
        (
            "train.py --wrt v", 1,
            "--wrt v: no parameter of this pass has this name; expected some of w",
        ),
        ("a*b --step 2", 2, "--step is for scripts and notebooks; 'a*b' is a formula"),
        ("train.py --out no/such.html", 1, "cannot write 'no/such.html': No such file or directory"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(explain, arguments, status, words):
    assert problem(explain(*arguments.split()), status) == words


def test_a_program_without_a_backward_pass(explain):
    assert problem(explain("a.py", a_dot_py="print('nothing')\n"), 1) == (
        "no backward pass ran in 'a.py'; expected a program that calls loss.backward()"
    )


def test_a_pass_that_does_not_begin_at_a_number(explain):
    text = "import torch\nw = torch.ones(2, requires_grad=True)\n(w * w).backward(torch.ones(2))\n"
    assert problem(explain("a.py", a_dot_py=text), 1) == (
        "pass 1 begins at (2,), not at one number; only a loss can be explained"
    )


def test_the_notation_is_chosen(explain, tmp_path):
    (tmp_path / "rows.py").write_text(
        "import torch\nx = torch.ones(3)\nw = torch.tensor(2.0, requires_grad=True)\n"
        "loss = ((w * x) ** 2).mean()\nloss.backward()\n"
    )
    assert "Σᵢ₌₁ⁿ" in explain("rows.py", "--notation", "sum").stdout
    assert "Σᵢ₌₁ⁿ" not in explain("rows.py").stdout
    assert "Σ" in explain("sum((X@w - y)**2)", "--notation", "sum").stdout
    words = problem(explain("train.py", "--notation", "tensor"), 2)
    assert words == "--notation tensor: expected one of matrix, sum"


def test_an_unknown_language(explain):
    assert "there is no explanation in this language" in problem(explain("train.py", "--lang", "fr"), 2)


def test_a_formula_that_cannot_be_read(explain):
    words = problem(explain("(w*x + b"), 2)
    assert words.startswith("this is not a formula: '(' was never closed\n")


def test_the_help_shows_examples(explain):
    done = explain("--help")
    assert done.returncode == 0
    assert "chainrule explain train.py --step 3 --lang zh" in " ".join(done.stdout.split())

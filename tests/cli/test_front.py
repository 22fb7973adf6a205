"""``chainrule`` alone, its help, ``--version`` and shell completion: what a newcomer sees first."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

import llvmlite
import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import version


def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "COLUMNS": "80", **extra}
    command = [sys.executable, "-m", "chainrule", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, timeout=60)


@pytest.fixture(scope="module")
def front() -> str:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def listed(text: str) -> list[str]:
    """The names under `Commands:`."""
    return re.findall(r"^  (\w+) ", text.partition("Commands:\n")[2], re.MULTILINE)


def test_alone_it_prints_its_help(front: str) -> None:
    assert front.strip() == run("--help").stdout.strip()


def test_the_five_things_with_an_example_each(front: str) -> None:
    for example in (
        "chainrule run train.py",
        "chainrule explain train.py --out report.html",
        'chainrule fit "y = w1*x**2 + w2*x + b" points.csv',
        "chainrule train houses.csv --target price",
        "chainrule predict houses.safetensors new.csv -o out.csv",
    ):
        assert f"  {example}" in front


def test_commands_come_in_the_order_of_use_and_whole(front: str) -> None:
    order = ["run", "explain", "fit", "train", "predict", "cache"]
    assert listed(front) == order
    assert "..." not in front.partition("Commands:\n")[2]  # no sentence is cut short


@pytest.mark.parametrize("command", ["run", "explain", "fit", "train", "predict", "cache"])
def test_every_command_has_examples_that_fit_a_terminal(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0, done.stderr
    examples = re.findall(rf"^ +chainrule {command} .*", done.stdout, re.MULTILINE)
    assert len(examples) >= 2
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [("fit", "-h"), ("help", "fit")])
def test_other_ways_to_ask_for_help(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).stdout == run("fit", "--help").stdout


def test_help_alone_and_h_alone(front: str) -> None:
    assert run("help").stdout.strip() == run("-h").stdout.strip() == front.strip()


def test_a_script_without_run() -> None:
    done = run("my train.py", "--lr", "0.1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'my train.py' is no command; to run it: chainrule run 'my train.py' --lr 0.1" in done.stderr


def test_version_names_what_a_bug_report_needs() -> None:
    lines = dict(re.split(" {2,}", line, maxsplit=1) for line in run("--version").stdout.splitlines())
    assert lines["chainrule"] == cr.__version__
    assert lines["Python"].startswith(f"{platform.python_version()} on ")
    assert lines["NumPy"] == np.__version__
    assert lines["llvmlite"].startswith(f"{llvmlite.__version__} (LLVM ")
    assert re.fullmatch(r"\S+, \d+-bit vectors, with(out)? fused multiply-add", lines["CPU target"])
    assert re.fullmatch(rf"\d+ of {os.cpu_count()} processors", lines["threads"])


def test_version_without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    assert "llvmlite   not installed: everything runs on NumPy\n" in version.versions()


@pytest.mark.parametrize(
    ("words", "at", "completed"),
    [("chainrule ex", "1", "explain"), ("chainrule explain --la", "2", "--lang")],
)
def test_completion(words: str, at: str, completed: str) -> None:
    done = run(_CHAINRULE_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=at)
    assert done.stdout.split() == [completed], done.stderr


def test_completion_is_offered(front: str) -> None:
    assert "--install-completion" in front
    assert "--show-completion" in front

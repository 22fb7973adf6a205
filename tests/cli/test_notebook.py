"""``chainrule run NOTEBOOK``: cells, displayed values, magics and errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def write(folder: Path, *cells: str | list[str], **metadata: object) -> str:
    code = [{"cell_type": "code", "source": source, "outputs": []} for source in cells]
    notebook = {
        "nbformat": 4,
        "cells": [{"cell_type": "markdown", "source": "1/0"}, *code],
        "metadata": metadata,
    }
    (folder / "n.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return "n.ipynb"


@pytest.mark.parametrize(
    ("cells", "stdout"),
    [
        (["x = 2", "x * 3"], "6\n"),
        (["'text'"], "'text'\n"),
        (["None"], ""),
        (["5;"], ""),
        (["(5); # quiet"], ""),
        (["'é;'  # not; quiet"], "'é;'\n"),
        (["x = 1; x"], "1\n"),
        (["(4 +\n 5)"], "9\n"),
        (["display('a', 1)"], "'a'\n1\n"),
        (["print('as is')\nprint(1)"], "as is\n1\n"),
        ([["a = 1\r\n", "if a:\r\n", "    print('crlf')\r\n"]], "crlf\n"),
        (["", "# only a comment", "__name__"], "'__main__'\n"),
        (["import torch, chainrule\ntorch is chainrule"], "True\n"),
        (["import sys; sys.argv[1:]"], "['--lr', '1']\n"),
        (["from __future__ import annotations", "def f(a: X): ...\nf.__annotations__"], "{'a': 'X'}\n"),
        (["def f():\n    return 1", "import inspect; inspect.getsource(f)[:7]"], "'def f()'\n"),
    ],
)  # fmt: skip
def test_cells_print_what_jupyter_displays(chainrule, tmp_path, cells, stdout):
    done = chainrule("run", write(tmp_path, *cells), "--lr", "1")
    assert (done.stdout, done.stderr, done.returncode) == (stdout, "", 0)


@pytest.mark.parametrize(
    ("cell", "stdout", "stderr"),
    [
        ("%matplotlib inline\n%config A.b = 1\n%load_ext autoreload\n3", "3\n", []),
        ("!pip install 'x\n1", "1\n", ["cell 1: skipped \"!pip install 'x\", which needs Jupyter"]),
        ("if True:\n    !ls\n    print(2)", "2\n", ["cell 1: skipped '!ls', which needs Jupyter"]),
        ("%lsmagic \\\n  more\n1", "1\n", ["cell 1: skipped '%lsmagic more', which needs Jupyter"]),
        ("files = !ls\nlen?\n1", "1\n", [
            "cell 1: skipped 'files = !ls', which needs Jupyter",
            "cell 1: skipped 'len?', which needs Jupyter"]),
        ("%%bash\nexit 3", "", ["cell 1: skipped %%bash, which needs Jupyter"]),
        ("%%capture\nprint('hidden')", "", []),
        ("print(17\n  % 5)\n'%d' \\\n  % 4", "2\n'4'\n", []),
    ],
)  # fmt: skip
def test_magics_are_heeded_or_skipped_with_a_note(chainrule, tmp_path, cell, stdout, stderr):
    done = chainrule("run", write(tmp_path, cell))
    assert (done.stdout, done.stderr.splitlines(), done.returncode) == (stdout, stderr, 0)


@pytest.mark.parametrize(
    ("cell", "stdout", "note"),
    [
        ("%time x = 3\nx", "3\n", "cell 1: wall time "),
        ("%time 4", "4\n", "cell 1: wall time "),
        ("%%time\ny = 5\ny", "5\n", "cell 1: wall time "),
        ("%timeit -n 3 -r 1 print('loop')", "loop\n" * 3, "cell 1: "),
        ("%%timeit -n 2\nprint('loop')", "loop\n" * 2, "cell 1: "),
    ],
)
def test_times_go_to_stderr(chainrule, tmp_path, cell, stdout, note):
    done = chainrule("run", write(tmp_path, cell))
    assert (done.stdout, done.returncode) == (stdout, 0), done.stderr
    assert done.stderr.startswith(note)
    assert len(done.stderr.splitlines()) == 1


def test_error_names_cell_and_line_and_shows_the_source(chainrule, tmp_path):
    done = chainrule("run", write(tmp_path, "def f():\n    1 / 0", "", "%time\n\nprint('second')\nf()"))
    path = tmp_path / "n.ipynb"
    shown = [line.strip() for line in done.stderr.splitlines() if line.strip(" ~^")]
    assert shown[-6:] == [
        "Traceback (most recent call last):",
        f'File "{path}, cell 2", line 4, in <module>', "f()",
        f'File "{path}, cell 1", line 2, in f', "1 / 0",
        "ZeroDivisionError: division by zero",
    ]  # fmt: skip
    assert (done.stdout, done.returncode) == ("second\n", 1)


def test_syntax_error_names_the_cell(chainrule, tmp_path):
    done = chainrule("run", write(tmp_path, "print(1)", "%matplotlib inline\nif x\n"))
    assert done.stdout == "1\n"
    assert done.stderr.splitlines()[0] == f'  File "{tmp_path / "n.ipynb"}, cell 2", line 2'


def test_exit_ends_the_notebook(chainrule, tmp_path):
    done = chainrule("run", write(tmp_path, "raise SystemExit(4)", "print('not reached')"))
    assert (done.stdout, done.returncode) == ("", 4)


def test_notebook_format_3(chainrule, tmp_path):
    cell = {"cell_type": "code", "input": ["x = 1\n", "x + 1"], "language": "python"}
    notebook = {"nbformat": 3, "metadata": {"name": ""}, "worksheets": [{"cells": [cell]}, {"cells": [cell]}]}
    (tmp_path / "old.ipynb").write_text(json.dumps(notebook))
    assert chainrule("run", "old.ipynb").stdout == "2\n2\n"


def test_a_notebook_in_another_language_is_refused(chainrule, tmp_path):
    done = chainrule("run", write(tmp_path, "x <- 1", kernelspec={"language": "R"}))
    assert done.stderr == "chainrule run: 'n.ipynb' is a notebook in R; expected one in Python\n"
    assert done.returncode == 2


def test_figures_are_saved_at_the_end_of_their_cell(chainrule, tmp_path):
    cells = ["import matplotlib.pyplot as plt\nplt.plot([1]);", "print(plt.get_fignums())"]
    done = chainrule("run", write(tmp_path, *cells), MPLBACKEND="Agg")
    assert (done.stdout, done.stderr) == ("[]\n", "saved figure 1 to n-figure-1.png\n")
    assert (tmp_path / "n-figure-1.png").exists()

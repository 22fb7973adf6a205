"""``chainrule run SCRIPT``: the names, the process, the errors and the figures."""

from __future__ import annotations

from pathlib import Path

import pytest


def write(folder: Path, text: str, name: str = "train.py") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def lines(text: str) -> list[str]:
    return text.splitlines()


# ---- import torch ----------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "import torch; assert torch is chainrule",
        "import torch.nn as nn; assert nn is chainrule.nn",
        "from torch import nn; assert nn is chainrule.nn",
        "import torch.nn.functional as F; assert F is chainrule.nn.functional",
        "from torch.utils.data import DataLoader; assert DataLoader is chainrule.utils.data.DataLoader",
        "import torch; assert torch.optim.lr_scheduler.StepLR is chainrule.optim.lr_scheduler.StepLR",
        "from torch.nn.modules.linear import Linear; assert Linear is chainrule.nn.Linear",
        "import torch.nn.modules.linear as m; assert m.Linear is chainrule.nn.Linear",
        "import torch.nn as nn; assert nn.modules.linear.Linear is nn.Linear",
        "import torch.nn, importlib.util; assert importlib.util.find_spec('torch.nn.modules.linear')",
        "from torch.nn.modules import *; assert Linear is chainrule.nn.Linear",
        "from torch.nn.parameter import Parameter; assert Parameter is chainrule.nn.Parameter",
        "from torch.optim.optimizer import SGD; assert SGD is chainrule.optim.SGD",
        "from torch.utils.data.dataloader import DataLoader; assert DataLoader.__module__[-4:] == 'data'",
        "import torch.autograd.gradcheck; assert torch.autograd.gradcheck.__class__.__name__ == 'function'",
        "import torch.nn; assert torch.nn.__spec__.name == torch.nn.__name__ == 'chainrule.nn'",
    ],
)
def test_torch_names_are_chainrules_objects(chainrule, tmp_path, statement):
    done = chainrule("run", write(tmp_path, f"import chainrule\n{statement}\nprint('same')"))
    assert (done.stdout, done.stderr, done.returncode) == ("same\n", "", 0)


def test_an_installed_torch_is_not_imported(chainrule, tmp_path):
    write(tmp_path, "raise RuntimeError('the other torch')", "torch.py")
    done = chainrule("run", write(tmp_path, "import torch, chainrule; print(torch is chainrule)"))
    assert done.stdout == "True\n", done.stderr


PROBE = """
import importlib.util, sys
assert importlib.util.find_spec("torch") is not None
assert importlib.util.find_spec("torch.distributed") is None
"""
LIBRARIES = """
import importlib
for name in ("pandas", "seaborn", "matplotlib.pyplot"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # a library that is not installed says nothing about the hook
            raise
import matplotlib.pyplot as plt, numpy as np
plt.plot(np.arange(3), np.arange(3) ** 2)
"""


@pytest.mark.parametrize("order", [(PROBE, LIBRARIES, "import torch"), ("import torch", PROBE, LIBRARIES)])
def test_libraries_that_probe_for_torch_still_work(chainrule, tmp_path, order):
    text = "\n".join([*order, "print(sys.modules['torch'].Tensor.__name__)"])
    done = chainrule("run", write(tmp_path, text))
    assert (done.stdout, done.returncode) == ("Tensor\n", 0), done.stderr


@pytest.mark.parametrize(
    ("statement", "kind", "name", "advice"),
    [
        ("import torch.optimm", "ModuleNotFoundError", "torch.optimm", "did you mean torch.optim?"),
        ("import torch.foo.bar", "ModuleNotFoundError", "torch.foo", "dir(torch) lists the names it has"),
        ("from torch import zeross", "ImportError", "torch.zeross", "did you mean torch.zeros?"),
        ("from torch.nn import Linea", "ImportError", "torch.nn.Linea", "did you mean torch.nn.Linear?"),
        ("from torch.optim.lr_scheduler import SteppLR", "ImportError", "torch.optim.lr_scheduler.SteppLR",
         "did you mean torch.optim.lr_scheduler.StepLR?"),
        ("from torch.nn.modules.linear import Linea", "ImportError", "torch.nn.Linea",
         "did you mean torch.nn.Linear?"),
        ("import torch.nn.modules.lin", "ModuleNotFoundError", "torch.nn.modules.lin",
         "dir(torch.nn.modules) lists the names it has"),
        ("import torch; torch.zeross", "AttributeError", "torch.zeross", "did you mean torch.zeros?"),
    ],
)  # fmt: skip
def test_missing_names_are_named(chainrule, tmp_path, statement, kind, name, advice):
    done = chainrule("run", write(tmp_path, statement))
    assert done.returncode == 1
    assert lines(done.stderr)[-1] == f"{kind}: {name} is not in chainrule yet: {advice}"
    assert "_shim" not in done.stderr


def test_a_module_that_cannot_import_something_says_what(chainrule, tmp_path):
    done = chainrule("run", write(tmp_path, "import torch.broken"))
    assert lines(done.stderr)[-1] == "ModuleNotFoundError: No module named 'there_is_no_such_package'"


# ---- the process ----------------------------------------


def test_a_script_sees_what_python_gives_it(chainrule, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder, "VALUE = 7", "beside.py")
    write(folder, "import sys, beside\nprint(__name__, __file__, sys.argv, sys.path[0], beside.VALUE)")
    done = chainrule("run", "project/train.py", "--lr", "0.1", "--help", "--seed", "3")
    argv = ["project/train.py", "--lr", "0.1", "--help", "--seed", "3"]
    assert done.stdout == f"__main__ {folder / 'train.py'} {argv} {folder} 7\n", done.stderr


@pytest.mark.parametrize("options", [["--seed", "5"], ["--seed=5"]])
def test_seed_comes_before_the_script(chainrule, tmp_path, options):
    done = chainrule("run", *options, write(tmp_path, "print('script')"))
    assert done.stdout == "seed 5\nscript\n"


@pytest.mark.parametrize(
    ("statement", "status", "stderr"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('bye')", 1, "bye\n"),
        ("import sys; sys.exit()", 0, ""),
    ],
)
def test_exit_status_passes_through(chainrule, tmp_path, statement, status, stderr):
    done = chainrule("run", write(tmp_path, statement))
    assert (done.returncode, done.stderr) == (status, stderr)


def test_traceback_starts_at_the_script(chainrule, tmp_path):
    name = write(
        tmp_path, "def f():\n    1 / 0\ntry:\n    f()\nexcept Exception:\n    raise ValueError('two')"
    )
    done = chainrule("run", name)
    places = [line.strip() for line in lines(done.stderr) if line.startswith("  File")]
    path = tmp_path / name
    assert places == [
        f'File "{path}", line {n}, in {where}' for n, where in [(4, "<module>"), (2, "f"), (6, "<module>")]
    ]
    assert "    1 / 0" in lines(done.stderr)
    assert (lines(done.stderr)[-1], done.returncode) == ("ValueError: two", 1)


def test_syntax_error_shows_the_line_only(chainrule, tmp_path):
    done = chainrule("run", write(tmp_path, "x = 1\nif x\n"))
    assert lines(done.stderr)[:2] == [f'  File "{tmp_path / "train.py"}", line 2', "    if x"]
    assert done.returncode == 1


def test_the_scripts_own_excepthook_is_called(chainrule, tmp_path):
    done = chainrule(
        "run", write(tmp_path, "import sys\nsys.excepthook = lambda *e: print(e[1])\nraise OSError('x')")
    )
    assert (done.stdout, done.stderr, done.returncode) == ("x\n", "", 1)


def test_byte_order_mark_and_crlf(chainrule, tmp_path):
    (tmp_path / "win.py").write_bytes(b"\xef\xbb\xbfdef f():\r\n    return 'caf\xc3\xa9'\r\nprint(f())\r\n")
    assert chainrule("run", "win.py").stdout == "café\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_worker_processes_have_the_same_torch(chainrule, tmp_path, method):
    text = f"""
import multiprocessing
import torch
class Net(torch.nn.Linear): ...
def work(queue, net):
    queue.put((torch.__name__, isinstance(net, Net), __name__))
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    queue = context.Queue()
    process = context.Process(target=work, args=(queue, Net()))
    process.start()
    print(*queue.get(timeout=30))
    process.join()
"""
    done = chainrule("run", write(tmp_path, text))
    assert done.stdout == "chainrule True __mp_main__\n", done.stderr


# ---- what is no script ----------------------------------------


EXPECTED = "expected a Python script (.py) or a notebook (.ipynb)"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("tran.py", f"there is no file 'tran.py'; {EXPECTED}; did you mean 'train.py'?"),
        ("folder", f"'folder' is a folder; {EXPECTED}"),
        ("data.csv", f"'data.csv' ends in '.csv'; {EXPECTED}"),
        ("bad.ipynb", "'bad.ipynb' is not a notebook: expected JSON, but Expecting value: line 1 column 1"),
        ("list.ipynb", "'list.ipynb' is not a notebook: expected JSON with \"cells\" (nbformat 3 or 4)"),
    ],
)
def test_a_wrong_file_is_one_line_and_status_2(chainrule, tmp_path, file, message):
    (tmp_path / "folder").mkdir()
    for name, text in {"train.py": "", "data.csv": "", "bad.ipynb": "x", "list.ipynb": "[]"}.items():
        write(tmp_path, text, name)
    done = chainrule("run", file)
    assert (done.stdout, done.stderr, done.returncode) == ("", f"chainrule run: {message}\n", 2)


def test_help(chainrule):
    assert "Usage: chainrule" in chainrule().stdout
    assert "Run a PyTorch program" in chainrule("--help").stdout
    assert "--seed N" in chainrule("run", "--help").stdout


@pytest.mark.parametrize("arguments", ["run", "run --sed 1 x.py", "run --seed x x.py", "walk"])
def test_usage_errors_are_status_2(chainrule, arguments):
    done = chainrule(*arguments.split())
    assert (done.stdout, done.returncode) == ("", 2)
    assert "Error: " in done.stderr


def test_running_a_script_imports_no_command_line_library(chainrule, tmp_path):
    text = (
        "import sys; print(*{'typer', 'click', 'rich', 'matplotlib', 'multiprocessing'} & sys.modules.keys())"
    )
    assert chainrule("run", write(tmp_path, text)).stdout == "\n"


# ---- figures ----------------------------------------

FIGURES = """
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.figure()
plt.show()
assert not plt.get_fignums()
plt.plot([2, 1])
plt.show(block=False)
plt.show(block=False)
assert plt.get_fignums()
print('done')
"""


def test_show_without_a_display_saves_files(chainrule, tmp_path):
    users_own = tmp_path / "train-figure-2.png"
    users_own.write_text("mine")
    for _ in range(2):  # the second run writes its own files again
        done = chainrule("run", write(tmp_path, FIGURES), MPLBACKEND="Agg")
        assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
        assert lines(done.stderr) == [f"saved figure {n} to train-figure-{n}.png" for n in (1, 3, 4)]
    assert users_own.read_text() == "mine"
    assert {path.name for path in tmp_path.glob("*.png")} == {f"train-figure-{n}.png" for n in (1, 2, 3, 4)}
    assert (tmp_path / "train-figure-1.png").read_bytes().startswith(b"\x89PNG")


def test_missing_matplotlib_says_how_to_install_it(chainrule, tmp_path):
    write(
        tmp_path,
        "raise ModuleNotFoundError(\"No module named 'matplotlib'\", name='matplotlib')",
        "matplotlib.py",
    )
    done = chainrule("run", write(tmp_path, "import matplotlib.pyplot as plt"))
    assert lines(done.stderr)[-1] == (
        'Figures need matplotlib; install it with: pip install "chainrule[plot]"'
    )

"""Training scripts as tutorials write them print on chainrule what they print on PyTorch.

The scripts lie in the folder `scripts`. One process of each package runs all of them: importing PyTorch takes
longer than any script.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: nothing to compare with")

SCRIPTS = Path(__file__).parent / "scripts"
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
ADDRESS = re.compile(r"0x[0-9a-f]+")
RUN_ALL = """
import contextlib, io, json, sys, warnings
printed = {}
for path in sys.argv[1:]:
    sys.argv = [path]
    with contextlib.redirect_stdout(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(open(path, encoding="utf8").read(), path, "exec")
        exec(code, {"__name__": "__main__", "__file__": path})
    printed[path] = out.getvalue()
print(json.dumps(printed))
"""


def _dropout_differs() -> bool:
    """Whether PyTorch draws dropout's masks from MKL, as on Intel processors: one word then seeds it all."""
    one, many = torch.Generator(), torch.Generator()
    torch.empty(1).bernoulli_(0.5, generator=one)
    torch.empty(9).bernoulli_(0.5, generator=many)
    return bool((one.get_state() == many.get_state()).all())


def _scripts() -> list[Path]:
    paths = sorted(SCRIPTS.glob("*.py"))
    if _dropout_differs():
        paths = [path for path in paths if "dropout" not in path.read_text(encoding="utf8").lower()]
    return paths


PATHS = _scripts()


def _printed(folder: Path, *command: str) -> dict[str, str]:
    run_all = folder / "run_all.py"
    run_all.write_text(RUN_ALL, encoding="utf8")
    env = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command, str(run_all), *map(str, PATHS)],
        cwd=folder, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    """What each script printed: on chainrule, on PyTorch."""
    ours = _printed(tmp_path_factory.mktemp("ours"), "-m", "chainrule", "run")
    return ours, _printed(tmp_path_factory.mktemp("theirs"))


def _close(a: str, b: str) -> bool:
    return a == b or abs(float(a) - float(b)) <= 1e-4 * abs(float(b)) + 2e-6


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_prints_the_same(path: Path, printed: tuple[dict[str, str], dict[str, str]]) -> None:
    ours, theirs = (ADDRESS.sub("0x", each[str(path)]).splitlines() for each in printed)
    assert len(theirs) > 3
    assert [NUMBER.sub("#", line) for line in ours] == [NUMBER.sub("#", line) for line in theirs]
    for a, b in zip(ours, theirs):
        assert all(map(_close, NUMBER.findall(a), NUMBER.findall(b))), f"chainrule: {a}\nPyTorch:   {b}"

"""A tiny engine in chainrule's place, so that these tests are about the runner and start in milliseconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "chainrule"

ENGINE = {
    "__init__.py": f"""
__path__.append({str(SOURCE)!r})
from chainrule._missing import module_getattr
__version__ = "0.1.0"
class Tensor: ...
def zeros(): ...
def zeros_like(): ...
def manual_seed(seed): print("seed", seed)
__getattr__ = module_getattr(__name__)
""",
    "nn/__init__.py": "class Linear: ...\nclass Parameter: ...\n",
    "nn/functional.py": "def relu(): ...\n",
    "autograd/__init__.py": "def gradcheck(): ...\n",
    "optim/__init__.py": """
from chainrule._missing import module_getattr
class SGD: ...
__getattr__ = module_getattr(__name__)
""",
    "optim/lr_scheduler.py": "class StepLR: ...\n",
    "utils/__init__.py": "",
    "utils/data/__init__.py": "class DataLoader: ...\n",
    "broken.py": "import there_is_no_such_package\n",
}

Chainrule = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the tiny engine; return the folder to put on PYTHONPATH."""
    folder = tmp_path_factory.mktemp("engine")
    for name, text in ENGINE.items():
        path = folder / "chainrule" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def chainrule(engine: Path, tmp_path: Path) -> Chainrule:
    """Return a function that runs ``python -m chainrule`` in ``tmp_path``; keywords are environment."""

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        env = {**kept, "PYTHONPATH": str(engine), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", **extra}
        return subprocess.run(
            [sys.executable, "-m", "chainrule", *arguments],
            capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, env=env, timeout=60,
        )  # fmt: skip

    return run

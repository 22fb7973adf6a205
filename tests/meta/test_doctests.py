"""Every example in a docstring of the package runs and prints what it says."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import chainrule

ROOT = Path(chainrule.__file__).parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples() -> list[str]:
    """Dotted names, found without importing what has none."""
    names = []
    for path in sorted(ROOT.rglob("*.py")):
        if ">>>" in path.read_text(encoding="utf-8"):
            parts = ["chainrule", *path.relative_to(ROOT).with_suffix("").parts]
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


MODULES = modules_with_examples()


def test_examples_are_found():
    assert len(MODULES) > 20
    assert "chainrule.tensor" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # for the examples that write files
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    failures: list[str] = []
    seen: set[str] = set()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        if test.examples:
            chainrule.manual_seed(0)
            runner.run(test, out=failures.append)
            seen.add(test.name)
    assert not failures, "".join(failures)
    assert runner.summarize(verbose=False).attempted > 0, f"{name} has >>> but no example doctest can find"
    missed = documented(Path(module.__file__ or "")) - {n.rpartition(".")[2] for n in seen}
    assert not missed, f"examples that doctest does not find: {sorted(missed)}"


def documented(path: Path) -> set[str]:
    """Names of the functions, classes and module whose docstring has an example."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ">>>" in (ast.get_docstring(node) or ""):
            found.add(node.name)
    return found

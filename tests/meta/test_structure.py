"""The house rules that a program can check: sizes, one-way imports, operations named in one place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chainrule"
FILES = sorted(PACKAGE.rglob("*.py"))
# A module may import from its own layer and from those before it.
LAYERS = [
    {
        "errors", "types", "device", "_names", "_size", "_memory", "_missing", "threads", "random",
        "return_types", "_structure", "_mt19937", "_rng_normal", "_rng_continuous", "_rng_integers",
        "_rng_discrete",
    },
    {"ops"},
    {"tensor", "autograd", "dispatch", "quick", "inplace", "_repr"},
    {"functional"},
    {"program"},
    {"compiler"},
    {"explainer"},
    {
        "nn", "optim", "utils", "serialization", "func", "linalg", "special", "cuda", "backends",
        "accelerator", "amp", "determinism", "distributions", "fft",
    },
    {"fitting"},
    {"sklearn"},
    {"_shim", "cli", "__main__"},
]  # fmt: skip


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_files_stop_at_400_lines_of_110_characters(path: Path) -> None:
    lines = path.read_text(encoding="utf8").splitlines()
    assert len(lines) <= 400
    long = [i for i, line in enumerate(lines, 1) if len(line) > 110 and "# noqa: E501" not in line]
    assert not long


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_functions_stop_at_60_lines(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def _layer(module: str) -> int | None:
    return next((i for i, names in enumerate(LAYERS) if module in names), None)


def _imports(path: Path) -> list[str]:
    """The top-level parts of chainrule that a file imports when it is loaded (not inside functions)."""
    inside = path.relative_to(PACKAGE).parts[:-1]
    found = []
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - (node.level - 1)]
            parts = (*base, *(node.module.split(".") if node.module else ()))
            found += [parts[0]] if parts else [a.name for a in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    own = _layer(relative.parts[0].removesuffix(".py"))
    if relative.parts[0] == "__init__.py":
        return
    assert own is not None, f"{relative} is in no layer: add it to LAYERS"
    for module in _imports(path):
        layer = _layer(module)
        assert layer is None or layer <= own, f"{relative} imports {module}, which is above it"


def test_only_numpy_and_scipy_below_the_tensor() -> None:
    for path in (PACKAGE / "ops").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                assert node.module in ("errors", "types", "random"), f"{path.name} imports {node.module}"


# What an operation is called, by its record or by its node on the tape.
NAME_OF_AN_OPERATION = re.compile(r"\b(op|operation|record|equation|node|grad_fn)\.(name|grad_name)\b")


def _decides_by_name(source: str) -> list[int]:
    """The lines where a comparison or a match looks at the name of an operation."""
    found = []
    for node in ast.walk(ast.parse(source)):
        looked_at: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            looked_at = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            looked_at = [node.subject]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            looked_at = [node.func] if node.func.attr in ("startswith", "endswith") else []
        if any(NAME_OF_AN_OPERATION.search(ast.unparse(side)) for side in looked_at):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "if op.name == 'add': pass",
        "x = node.op.name in ('add', 'mul')",
        "match op.name:\n    case 'add': pass",
        "y = node.name().startswith('Add')",
    ],
)
def test_a_decision_by_name_is_found(source: str) -> None:
    assert _decides_by_name(source) == [1]


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name != "ops"], ids=_name)
def test_no_operation_is_named_in_a_condition_outside_its_record(path: Path) -> None:
    assert not _decides_by_name(path.read_text(encoding="utf8"))


FORBIDDEN = re.compile(r"\b(TODO|FIXME|XXX)\b")


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not FORBIDDEN.search(path.read_text(encoding="utf8"))

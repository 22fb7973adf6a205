"""NIST's 27 nonlinear problems, read where they lie: 9 of 11 certified digits from both starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.nist import digits, read, solve

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "nist-strd"
FILES = sorted(FOLDER.glob("*.dat"))
if not FILES:
    pytest.skip(f"NIST's files are not at {FOLDER}", allow_module_level=True)


def test_all_problems_are_there():
    assert len(FILES) == 27


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_certified_digits(path: Path, start: int) -> None:
    found = solve(read(path), start)
    assert found.params >= 9, found
    assert found.errors >= 9, found
    assert found.rss >= 9, found
    assert found.steps <= 500, found


def test_digits_are_counted_from_the_relative_error():
    assert digits(1.0, 1.0) == 11
    assert digits(1.001, 1.0) == pytest.approx(3, abs=1e-9)
    assert digits(5.0, 1.0) == 0


def test_a_problem_is_read_with_all_its_parts():
    hahn = read(FOLDER / "Hahn1.dat")
    assert hahn.formula == "y = (b1+b2*x+b3*x**2+b4*x**3) / (1+b5*x+b6*x**2+b7*x**3)"
    assert len(hahn.data["x"]) == 236
    assert hahn.starts[0]["b4"] == -0.00001
    assert hahn.errors["b7"] == 1.3027335327e-08
    assert hahn.rss == 1.5324382854

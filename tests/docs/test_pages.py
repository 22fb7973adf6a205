"""Every page of docs/ and the READMEs run as programs, and print what they show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs import live, tables

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")]
    if any(block.language in ("python", "console", "sh") for block in live.blocks(path.read_text("utf-8")))
)


def test_the_pages_are_found() -> None:
    assert {"README.md", "README.zh-CN.md", "docs/start.md", "docs/errors.md", "docs/zh.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_it_shows(page: str) -> None:
    if page == "docs/from-scikit-learn.md":
        pytest.importorskip("sklearn", reason="the page is about scikit-learn")
    command = [sys.executable, "docs/live.py", page]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(readme: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / readme).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", tables.TABLES)
def test_the_tables_are_those_that_the_script_writes(name: str) -> None:
    assert (ROOT / "examples" / name).read_text(encoding="utf-8") == tables.TABLES[name]

"""``chainrule cache``: what it shows, and what `--clear` removes."""

from __future__ import annotations

import pytest


@pytest.fixture
def filled(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o700)
    (folder / "a.object").write_bytes(b"1" * 1500)
    (folder / "b.object").write_bytes(b"2" * 500)
    (folder / "mine.txt").write_text("mine")
    return folder


def test_it_shows_folder_entries_and_bytes(chainrule, filled):
    done = chainrule("cache", CHAINRULE_CACHE=str(filled))
    assert done.stdout == f"folder:  {filled}\nentries: 2\nbytes:   2,000\n", done.stderr
    assert done.returncode == 0


def test_a_folder_that_is_not_there_yet(chainrule, tmp_path):
    done = chainrule("cache", CHAINRULE_CACHE=str(tmp_path / "new"))
    assert done.stdout == f"folder:  {tmp_path / 'new'}\nentries: 0\nbytes:   0\n", done.stderr
    assert not (tmp_path / "new").exists()


def test_clear(chainrule, filled):
    done = chainrule("cache", "--clear", CHAINRULE_CACHE=str(filled))
    assert done.stdout == f"Removed 2 entries, 2,000 bytes, from {filled}.\n", done.stderr
    assert done.returncode == 0 and [p.name for p in filled.iterdir()] == ["mine.txt"]


def test_entries_that_cannot_be_removed(chainrule, filled):
    (filled / "c.object").mkdir()
    done = chainrule("cache", "--clear", CHAINRULE_CACHE=str(filled))
    assert "Removed 2 entries, 2,000 bytes" in done.stdout and "1 could not be removed." in done.stdout, (
        done.stderr
    )
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [(), ("--clear",)])
def test_off(chainrule, arguments):
    done = chainrule("cache", *arguments, CHAINRULE_CACHE="off")
    assert (done.stdout, done.returncode) == ("The cache is off (CHAINRULE_CACHE).\n", 0), done.stderr


def test_help_says_where_and_shows_examples(chainrule):
    done = chainrule("cache", "--help")
    for words in ("CHAINRULE_CACHE", "--clear", "chainrule cache"):
        assert words in done.stdout, done.stderr

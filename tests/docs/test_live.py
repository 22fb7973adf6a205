"""The reader of pages: which blocks it finds, what it runs, and that a wrong output is noticed."""

from __future__ import annotations

import pytest
from docs import live


def fenced(words: str, *lines: str) -> str:
    return "\n".join([f"```{words}", *lines, "```", ""])


def came(page: str) -> list[str]:
    """The outputs that differ from what a page shows."""
    return [difference.came for difference in live.differences(page)]


def test_blocks_have_words_text_and_lines() -> None:
    (block,) = live.blocks("text\n" + fenced("python fresh raises", "x = 1", "y = 2") + "text\n")
    assert block.words == ("python", "fresh", "raises")
    assert (block.text, block.start, block.end) == ("x = 1\ny = 2\n", 2, 4)


def test_a_block_inside_of_another_is_text() -> None:
    outer = "````\n" + fenced("python", "1 / 0") + "````\n"
    assert [block.language for block in live.blocks(outer)] == [""]


def test_a_block_of_a_list_is_dedented() -> None:
    (block,) = live.blocks("- one\n  ```python\n  x = 1\n  ```\n")
    assert block.text == "x = 1\n"


def test_a_right_output_is_no_difference() -> None:
    assert came(fenced("python", "print(1 + 1)") + "\n" + fenced("", "2")) == []


def test_a_wrong_output_is_a_difference() -> None:
    assert came(fenced("python", "print(1 + 1)") + "\n" + fenced("", "3")) == ["2\n"]


def test_dots_stand_for_any_text() -> None:
    assert came(fenced("python", "print('took', 3.2, 's')") + fenced("", "took ... s")) == []
    assert came(fenced("python", "print('took', 3.2, 'h')") + fenced("", "took ... s")) == ["took 3.2 h\n"]


def test_about_lets_numbers_differ_a_little() -> None:
    page = fenced("python", "print('R² 0.91 after 25 epochs')")
    assert came(page + fenced("text about", "R² 0.89 after 23 epochs")) == []
    assert came(page + fenced("text about", "R² 0.89 after 23 steps")) != []
    assert came(page + fenced("text", "R² 0.89 after 23 epochs")) != []
    assert came(page + fenced("text about", "R² 0.59 after 23 epochs")) != []
    assert came(page + fenced("text about", "R² 0.89 after epochs")) != []
    assert came(fenced("console about", "$ echo 10", "11")) == []
    assert came(fenced("console", "$ echo 10", "11")) != []


def test_a_page_is_one_program_and_fresh_begins_another() -> None:
    assert came(fenced("python", "x = 1") + fenced("python", "print(x)") + fenced("", "1")) == []
    with pytest.raises(NameError, match="'x' is not defined"):
        live.differences(fenced("python", "x = 1") + fenced("python fresh", "print(x)"))


def test_output_further_down_is_none() -> None:
    page = fenced("python", "print(1)") + "\nIn between.\n\n" + fenced("", "2")
    assert came(page) == []


def test_an_error_is_shown_with_its_type() -> None:
    page = fenced("python raises", "print(1)", "int('x')")
    shown = "ValueError: invalid literal for int() with base 10: 'x'"
    assert came(page + fenced("", "1", shown)) == []
    assert came(page + fenced("", "1")) == [f"1\n{shown}\n"]


def test_an_error_that_does_not_come_is_one() -> None:
    with pytest.raises(ValueError, match="the block at line 1 raised nothing"):
        live.differences(fenced("python raises", "1") + fenced("", "x"))


def test_a_warning_is_shown_with_its_type() -> None:
    page = fenced("python warns", "import warnings", "warnings.warn('look')")
    assert came(page + fenced("", "UserWarning: look")) == []
    with pytest.raises(ValueError, match="the block at line 1 gave no warning"):
        live.differences(fenced("python warns", "1") + fenced("", "x"))


def test_what_an_error_page_must_show() -> None:
    with pytest.raises(ValueError, match="line 1: the block python raises shows no output"):
        live.differences(fenced("python raises", "1 / 0") + "Text.\n")


def test_commands_and_what_they_print() -> None:
    page = fenced("console", "$ echo one \\", "    two", "one two", "$ printf 'a  \\nb'", "a", "b")
    assert came(page) == []
    wrong = fenced("console", "$ echo one", "two", "$ echo three", "three")
    assert came(wrong) == ["$ echo one\none\n$ echo three\nthree\n"]


def test_commands_find_the_examples_and_this_python() -> None:
    assert came(fenced("console", "$ ls examples/points.csv", "examples/points.csv")) == []
    assert came(fenced("console", "$ chainrule --version | head -n 1", "chainrule ...")) == []


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(ValueError, match=r"`cat no_such_file` ended with status 1"):
        live.differences(fenced("sh", "echo fine && cat no_such_file"))


def test_installing_is_left_out() -> None:
    live.differences(fenced("sh", "python -m pip install there-is-no-such-package && echo fine"))


def test_rewriting_keeps_the_rest() -> None:
    page = "# Title\n\n" + fenced("python", "print(2)") + "\n" + fenced("", "1", "1", "1") + "\nThe end.\n"
    assert live.rewritten(page) == page.replace("1\n1\n1\n", "2\n")


def test_rewriting_keeps_dots_that_agree() -> None:
    page = fenced("python", "print('took 3 s\\nfor 2')") + fenced("", "took ... s", "for 1")
    assert live.rewritten(page) == page.replace("for 1", "for 2")


def test_checking_and_rewriting_a_file(tmp_path, capsys) -> None:
    page = tmp_path / "page.md"
    page.write_text(fenced("python", "print(2)") + fenced("", "1"), encoding="utf-8")
    assert live.check([str(page)]) == 1
    assert "but this came:\n2\n" in capsys.readouterr().out
    assert live.check(["--write", str(page)]) == 0
    assert live.check([str(page)]) == 0

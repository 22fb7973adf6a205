"""The code of a Markdown page runs, and the output that the page shows is what it printed.

A page is one program: its ``python`` blocks run in order in one namespace, in a folder with ``examples/``.
The words after ``python`` in the first line of a block say more:

    python fresh    a program of its own, in the file ``train.py``
    python raises   ends in an error, whose type and text are the output
    python warns    gives a warning, whose text is the output
    text about      (or console about) numbers may differ a little: they hang on rounding, as in training

A block without a language, or ``text``, directly after a ``python`` block is its output. In a ``console``
block, lines with ``$ `` are commands, and what follows each is what it prints. The lines of an ``sh`` block
are commands that must succeed; installing and testing is left out. `...` in an output stands for any text.

    python docs/live.py docs/*.md README.md            # check
    python docs/live.py --write docs/errors.md         # put the outputs of now into the page
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "tests" / "docs" / "files"  # what the pages call the reader's own: train.py, lesson.ipynb …
PROGRAM = "train.py"
_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,})(?P<info>[^`\n]*)$")
_LEFT_OUT = re.compile(
    r"(python -m )?(pip|pytest|venv|sphinx)\b|git |cd |\. |source |chainrule --install-completion"
)
_SHOWS = ("", "text")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Block(NamedTuple):
    """A fenced block: the words of its first line, its text, and the lines [start, end) that it fills."""

    words: tuple[str, ...]
    text: str
    start: int
    end: int

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""


class Difference(NamedTuple):
    """An output of a page that is not what came: the block to hold it and its whole new text."""

    block: Block
    came: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, those inside of others left out."""
    lines, found, at = page.splitlines(), [], 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            at += 1
            continue
        end = next(
            i for i in range(at + 1, len(lines))
            if lines[i].strip().startswith(opening["marks"]) and not lines[i].strip().strip("`")
        )  # fmt: skip
        text = textwrap.dedent("\n".join(lines[at + 1 : end]) + "\n")
        found.append(Block(tuple(opening["info"].split()), text, at + 1, end))
        at = end + 1
    return found


def differences(page: str, exact: bool = False) -> list[Difference]:
    """Run a page; the outputs that differ from what it shows; `exact`: however little."""
    found, found_blocks, lines = [], blocks(page), page.splitlines()
    namespace: dict[str, Any] = {}
    with _folder():
        for at, block in enumerate(found_blocks):
            if block.language == "python":
                if "fresh" in block.words or not namespace:
                    namespace = {"__name__": "__main__"}
                came = _python(block, namespace)
                after = found_blocks[at + 1] if at + 1 < len(found_blocks) else None
                if (
                    after
                    and after.language in _SHOWS
                    and not "".join(lines[block.end + 1 : after.start - 1]).strip()
                ):
                    if not agrees(after.text, came, not exact and "about" in after.words):
                        found.append(Difference(after, came))
                elif "raises" in block.words or "warns" in block.words:
                    raise ValueError(f"line {block.start}: the block {' '.join(block.words)} shows no output")
            elif block.language == "console":
                came = _console(block.text, not exact and "about" in block.words)
                if came != block.text:
                    found.append(Difference(block, came))
            elif block.language == "sh":
                _commands(block.text)
    return found


def rewritten(page: str) -> str:
    """The page with the outputs of now; lines with `...` that still agree are kept."""
    lines = page.splitlines()
    for block, came in reversed(differences(page, exact=True)):
        dotted = [line for line in block.text.splitlines() if "..." in line and line.strip() != "..."]
        lines[block.start : block.end] = [
            next((each for each in dotted if agrees(each, line)), line)
            for line in came.rstrip("\n").split("\n")
        ]
    return "\n".join(lines) + "\n"


def agrees(shown: str, came: str, about: bool = False) -> bool:
    """Whether a shown text is what came: `...` stands for anything, spaces at line ends do not count.

    `about`: nor does it count if numbers differ by up to a quarter, or by 0.03.
    """
    shown, came = (
        "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n" for text in (shown, came)
    )
    if about:
        pairs = list(zip(map(float, _NUMBER.findall(shown)), map(float, _NUMBER.findall(came))))
        if any(abs(a - b) > max(0.25 * max(abs(a), abs(b)), 0.03) for a, b in pairs):
            return False
        shown, came = (re.sub(" +", " ", _NUMBER.sub("#", text)) for text in (shown, came))
    return doctest.OutputChecker().check_output(shown, came, doctest.ELLIPSIS)


@contextlib.contextmanager
def _folder() -> Iterator[None]:
    """Work in an empty folder that holds examples/ and the reader's own files."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "examples", Path(folder) / "examples", ignore=shutil.ignore_patterns("*.png"))
        if FILES.is_dir():
            shutil.copytree(FILES, folder, dirs_exist_ok=True)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _python(block: Block, namespace: dict[str, Any]) -> str:
    """Run a block; what it prints, and the error or warning that it is there to show."""
    lines = block.text.splitlines(keepends=True)
    linecache.cache[PROGRAM] = (len(block.text), None, lines, PROGRAM)
    printed = io.StringIO()
    raises, warns = "raises" in block.words, "warns" in block.words
    code = compile(block.text, PROGRAM, "exec")
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            exec(code, namespace)
        except Exception as error:
            if not raises:
                error.add_note(f"in the block at line {block.start} of the page")
                raise
            printed.write(f"{type(error).__name__}: {error}\n")
        else:
            if raises:
                raise ValueError(f"the block at line {block.start} raised nothing")
    if warns and not said:
        raise ValueError(f"the block at line {block.start} gave no warning")
    if warns:
        printed.write(f"{said[0].category.__name__}: {said[0].message}\n")
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines()) + "\n"


def _console(text: str, about: bool) -> str:
    """Run the commands of a console block; the block with what they print now, where that differs."""
    parts = [part for part in re.split(r"(?m)^(?=\$ )", text) if part]
    out = []
    for part in parts:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command += "\n" + more
        came = "\n".join(line.rstrip() for line in _run(command[2:]).stdout.splitlines())
        out.append(part if agrees(shown, came, about) else f"{command}\n{came.rstrip()}\n")
    return "".join(out)


def _commands(text: str) -> None:
    """Run the commands of an sh block; every one must succeed."""
    for command in text.replace("\\\n", " ").splitlines():
        for each in command.split(" && "):
            if each.strip() and not _LEFT_OUT.match(each.strip()):
                done = _run(each)
                if done.returncode:
                    raise ValueError(f"`{each.strip()}` ended with status {done.returncode}:\n{done.stdout}")


def _run(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would who has installed chainrule for this Python, without a terminal."""
    python = f'"{sys.executable}"'
    command = re.sub(r"(^|[|;&]\s*)chainrule\b", rf"\1{python} -m chainrule", command)
    command = re.sub(r"(^|[|;&]\s*)python\b", rf"\1{python}", command)
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "COLUMNS": "100", "MPLBACKEND": "Agg"}
    return subprocess.run(
        ["bash", "-c", command], check=False, env=env, timeout=120, encoding="utf-8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def check(arguments: list[str]) -> int:
    """Check the pages, or with --write rewrite them; 1 if one differs."""
    status = 0
    for name in (argument for argument in arguments if argument != "--write"):
        path = Path(name).resolve()
        page = path.read_text(encoding="utf-8")
        if "--write" in arguments:
            path.write_text(rewritten(page), encoding="utf-8")
            continue
        for block, came in differences(page):
            print(f"{name}:{block.start}: the page shows\n{block.text}but this came:\n{came}")
            status = 1
    return status


if __name__ == "__main__":
    from chainrule._shim import hook

    hook.install()  # `import torch` is chainrule, as in `chainrule run`
    sys.exit(check(sys.argv[1:]))

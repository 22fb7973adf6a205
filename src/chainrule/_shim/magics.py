"""IPython's magics in a notebook's cell, rewritten as Python or skipped with a note on stderr."""

from __future__ import annotations

import ast
import io
import re
import sys
import time
import timeit
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import Any

_SETS_UP_JUPYTER = {"matplotlib", "config", "load_ext", "reload_ext", "autoreload"}  # nothing to do here
_CELL_MAGIC = re.compile(r"\s*%%(\w+)([^\n]*)\n?")
_LINE_MAGIC = re.compile(r"\s*(?:[\w., ]+=\s*)?([%!])\s*(\w*)\s*(.*)$", re.DOTALL)
_HELP = re.compile(r"\s*(?:\?{1,2}[\w.]+|[\w.]+\?{1,2})\s*$")
_TIMEIT_OPTION = re.compile(r"\s*-([a-z])\s*(\d*)\s+")


def rewrite(source: str, place: str) -> tuple[str, AbstractContextManager[Any]]:
    """Return the cell as plain Python, line for line, and the context to run it in.

    ``place`` ("cell 3") begins the notes on stderr. A syntax error of the user's own stays where it is.
    """
    context: AbstractContextManager[Any] = nullcontext()
    head = _CELL_MAGIC.match(source)
    if head is not None:
        blank, body = "\n" * head[0].count("\n"), source[head.end() :]
        if head[1] == "time":
            context = stopwatch(place)
        elif head[1] == "capture":
            context = redirect_stdout(io.StringIO())
        elif head[1] == "timeit":
            return blank + _timeit_call(place, f"{head[2].lstrip()} {body}"), context
        else:
            print(f"{place}: skipped %%{head[1]}, which needs Jupyter", file=sys.stderr)
            return "", context
        source = blank + body
    return _rewrite_lines(source.split("\n"), place), context


@contextmanager
def stopwatch(place: str) -> Iterator[None]:
    """Say on stderr how long the body took."""
    start = time.perf_counter()
    try:
        yield
    finally:
        print(f"{place}: wall time {_duration(time.perf_counter() - start)}", file=sys.stderr)


def time_loops(place: str, loops: int, statement: str, names: dict[str, Any]) -> None:
    """Say on stderr how long the statement takes, over that many loops (0: as many as fill 0.2 s)."""
    timer = timeit.Timer(statement, globals=names)
    if loops:
        seconds = timer.timeit(loops)
    else:
        loops, seconds = timer.autorange()
    print(f"{place}: {_duration(seconds / loops)} per loop ({loops} loops)", file=sys.stderr)


def display(*values: Any) -> None:
    """Print each value's repr, as IPython's display does where there is only text."""
    for value in values:
        print(repr(value))


# What a notebook's namespace needs beyond Python's own names.
HELPERS = {"display": display, "__stopwatch__": stopwatch, "__time_loops__": time_loops}


def _rewrite_lines(lines: list[str], place: str) -> str:
    """Rewrite the magics: only where Python itself cannot read a line, so `%` in a continued line is safe."""
    for _ in range(len(lines)):
        try:
            with warnings.catch_warnings(action="ignore"):  # they are given when the cell is compiled
                ast.parse("\n".join(lines))
            break
        except SyntaxError as error:
            index = (error.lineno or 0) - 1
        if not 0 <= index < len(lines) or not _rewrite_line(lines, index, place):
            break
    return "\n".join(lines)


def _rewrite_line(lines: list[str], index: int, place: str) -> bool:
    """Replace the magic that starts on this line; False when there is none."""
    match = _LINE_MAGIC.match(lines[index])
    if match is None and not _HELP.match(lines[index]):
        return False
    end = index
    while lines[end].endswith("\\") and end + 1 < len(lines):
        end += 1
    text = " ".join(line.rstrip("\\").strip() for line in lines[index : end + 1])
    indent = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
    lines[index : end + 1] = [indent + _replacement(text, place), *[""] * (end - index)]
    return True


def _replacement(text: str, place: str) -> str:
    match = _LINE_MAGIC.match(text)
    mark, name, rest = match.groups() if match is not None else ("?", "", "")
    if text.startswith("%") and rest and name == "time":
        timed = f"__stopwatch__({place!r})"
        return f"{timed}(lambda: {rest})()" if _is_expression(rest) else f"with {timed}: {rest}"
    if text.startswith("%") and rest and name == "timeit":
        return _timeit_call(place, rest)
    if mark != "%" or name not in _SETS_UP_JUPYTER:
        print(f"{place}: skipped {text!r}, which needs Jupyter", file=sys.stderr)
    return "pass"


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def _timeit_call(place: str, text: str) -> str:
    loops = 0
    while option := _TIMEIT_OPTION.match(text):
        if option[1] == "n":
            loops = int(option[2] or 0)
        text = text[option.end() :]
    return f"__time_loops__({place!r}, {loops}, {text.strip()!r}, {{**globals(), **locals()}})"


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"

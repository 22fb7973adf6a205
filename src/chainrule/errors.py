"""How errors are worded: what happened, what came, what was expected, how to fix it."""

from __future__ import annotations

from types import CodeType


def place(where: tuple[CodeType, int] | None) -> str:
    """`file.py:12` for a recorded (code, instruction) pair; 'an unknown line' without one."""
    if where is None:
        return "an unknown line"
    code, lasti = where
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= lasti < end and number is not None:
            line = number
            break
    return f"{code.co_filename}:{line}"


def source_line(where: tuple[CodeType, int] | None) -> str:
    """`file.py:12: y = x.exp()`, with the text of the line where the source can be read."""
    import linecache

    spot = place(where)
    name, _, number = spot.rpartition(":")
    text = linecache.getline(name, int(number)).strip() if number.isdigit() else ""
    return f"{spot}: {text}" if text else spot


def message(happened: str, *, came: str = "", expected: str = "", fix: str = "") -> str:
    """One error text out of its four parts; empty parts are left out."""
    lines = [happened]
    if came:
        lines.append(f"  came:     {came}")
    if expected:
        lines.append(f"  expected: {expected}")
    if fix:
        lines.append(f"  fix:      {fix}")
    return "\n".join(lines)

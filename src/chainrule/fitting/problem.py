"""The error for a mistake in what a user gave: files, options, data."""

from __future__ import annotations

import os
from typing import Any

from ..errors import message

__all__ = ["InputError", "problem", "system_problem"]


class InputError(ValueError):
    """A mistake in a file, an option or the data; `file`, `row` and `column` say where, if known.

    The command line prints its text and exits with status 2.

    >>> error = InputError("no column 'prise'", file="houses.csv", column="prise")
    >>> error.file, error.row, error.column
    ('houses.csv', None, 'prise')
    """

    def __init__(
        self, text: str, *, file: Any = None, row: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(text)
        self.file = None if file is None else os.fspath(file)
        self.row, self.column = row, column


def problem(
    happened: str,
    *,
    came: str = "",
    expected: str = "",
    fix: str = "",
    file: Any = None,
    row: int | None = None,
    column: str | None = None,
) -> InputError:
    """An InputError worded by `message`.

    >>> print(problem("no such option", came="--lrate", fix="write --lr"))
    no such option
      came:     --lrate
      fix:      write --lr
    """
    text = message(happened, came=came, expected=expected, fix=fix)
    return InputError(text, file=file, row=row, column=column)


def system_problem(happened: str, error: OSError, *, fix: str = "", file: Any = None) -> InputError:
    """An InputError for what the operating system refused, in its own words.

    >>> print(system_problem("cannot write run.ckpt", OSError(28, "No space left on device")))
    cannot write run.ckpt
      came:     No space left on device
    """
    return problem(happened, came=error.strerror or str(error), fix=fix, file=file)

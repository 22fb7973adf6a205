"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
from typing import Any

from ..serialization.files import writing
from .problem import system_problem

__all__ = ["write_file"]


def write_file(path: Any, data: bytes | str) -> None:
    """Replace the file at `path` by these bytes (text as UTF-8); on failure the old file is as it was.

    The bytes go to a temporary file in the same folder, to the disk, and then under the name at once.
    Raises InputError with the system's own words: no folder, no permission, disk full.

    >>> write_file("numbers.txt", "1 2 3")
    >>> from pathlib import Path
    >>> Path("numbers.txt").read_text()
    '1 2 3'
    """
    try:
        with writing(path) as file:
            file.write(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise system_problem(f"cannot write {os.fspath(path)}", error, file=path) from None
    except RuntimeError:
        raise system_problem(
            f"cannot write {os.fspath(path)}", FileNotFoundError(2, "the folder does not exist"), file=path
        ) from None

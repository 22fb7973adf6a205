"""What commands check about the files they will write, before any work is done."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from chainrule.fitting.problem import problem


def check_writable(files: Mapping[str, str | None], read: Sequence[str | None]) -> None:
    """Refuse before the work what cannot be written after it, or would replace a file that is read.

    `files` are paths by their options. Raises InputError.
    """
    seen: dict[str, str] = {os.path.realpath(f): f for f in read if f is not None}
    for option, path in files.items():
        if path is None:
            continue
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            raise problem(f"{option} {path}: there is no folder {folder}", fix=f"mkdir -p {folder}")
        if os.path.isdir(path):
            raise problem(f"{option} {path} is a folder", expected="the name of a file")
        if not os.access(folder, os.W_OK):
            raise problem(f"{option} {path}: the folder {folder} cannot be written to")
        if os.path.realpath(path) in seen:
            raise problem(
                f"{option} {path} would replace {seen[os.path.realpath(path)]}", expected="another file"
            )
        seen[os.path.realpath(path)] = path

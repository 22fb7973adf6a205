"""What the commands that fit, train and predict share: their options, their checks, their last words."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from chainrule.fitting.problem import problem
from chainrule.fitting.progress import Mode

INTERRUPTED = 130  # the exit status after Ctrl-C


def mode_of(quiet: bool, as_json: bool) -> Mode:
    """How progress is shown. Raises InputError if both are asked for."""
    if quiet and as_json:
        raise problem("--quiet and --json exclude each other", fix="leave out one of them")
    return "json" if as_json else "quiet" if quiet else "auto"


def check_resume(resume: bool, checkpoint: str | None) -> None:
    """Refuse to go on from no file."""
    if resume and checkpoint is None:
        raise problem("--resume needs the file to go on from", fix="--checkpoint run.ckpt --resume")


def say_resume(checkpoint: str) -> None:
    """How an interrupted run goes on, on stderr."""
    print(f"To go on: the same command with --resume ({checkpoint} holds the state)", file=sys.stderr)


def names_of(values: Sequence[str]) -> list[str]:
    """Names from repeated options, each perhaps with several between commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


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

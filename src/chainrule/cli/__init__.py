"""The command line: ``chainrule run FILE`` and its help."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

_SEED = re.compile(r"[+-]?\d+")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line (``sys.argv`` by default) and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    plain = _plain_run(arguments)
    if plain is None:  # everything else, with its help and its errors, is typer's
        from chainrule.cli.app import app

        if arguments[:1] == ["help"]:
            arguments = [*arguments[1:], "--help"]
        app(arguments, prog_name="chainrule")
        return 0
    from chainrule.cli.run import run_file

    return run_file(*plain)


def _plain_run(arguments: list[str]) -> tuple[str, list[str], int | None] | None:
    """Read ``run [--seed N] FILE [ARGS]...`` without typer, whose import takes longer than many scripts."""
    match arguments:
        case ["run", "--seed", seed, file, *rest] if _SEED.fullmatch(seed) and not file.startswith("-"):
            return file, rest, int(seed)
        case ["run", file, *rest] if not file.startswith("-"):
            return file, rest, None
        case _:
            return None

"""``chainrule run``: a PyTorch script or notebook, unchanged, on chainrule."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import chainrule
from chainrule._shim import script


def run_file(file: str, args: Sequence[str], seed: int | None = None) -> int:
    """Run the file with its arguments and return the exit status: 2 when it is no script or notebook."""
    try:
        program = script.load(file)
    except ValueError as error:
        print(f"chainrule run: {error}", file=sys.stderr)
        return 2
    if seed is not None:
        chainrule.manual_seed(seed)
    return script.run(program, file, args)

"""Where the compiler's eager functions come in: asked for after so many backward passes, once they pay."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

CHOICE = os.environ.get("CHAINRULE_EAGER", "")  # "numpy": never; "native": at once, for all records
_PASSES = 300  # of the Python walk: what loading LLVM costs is then won back within about as many


class Native:
    """The native walk, if there is one; else how many passes are left until it is asked for."""

    def __init__(self) -> None:
        self.walk: Callable[[Any, Any, bool], None] | None = None
        self.left = -1 if CHOICE == "numpy" else _PASSES
        self.begin: Callable[[], None] | None = None  # set by the package: this layer knows no compiler

    def count(self) -> None:
        """One more backward pass in Python."""
        self.left -= 1
        if not self.left and self.begin is not None:
            self.begin()


native = Native()

"""A count of changes of structure: an attribute of a module set, a parameter group added, a state loaded.

Compiled steps look at the count before anything else: while it stands still, what they know of modules and
optimizers still holds, and nothing needs to be looked up.
"""

from __future__ import annotations

from array import array

count = array("q", [0])
NO_GRAD = 1 << 40  # added for each thread in which operations are not recorded just now


def changed() -> None:
    """Note a change of structure."""
    count[0] += 1

"""``chainrule cache``: what compiled steps have left on disk."""

from __future__ import annotations

from chainrule.compiler import cache


def show(clear: bool = False) -> int:
    """Print the folder, the entries and the bytes, or remove them; the exit status, 1 if some stayed."""
    place = cache.folder()
    if place is None:
        print("The cache is off (CHAINRULE_CACHE).")
        return 0
    if not clear:
        found = cache.contents()
        print(f"folder:  {place}\nentries: {found.entries}\nbytes:   {found.bytes:,}")
        return 0
    removed, left = cache.clear(), cache.contents().entries
    print(f"Removed {removed.entries} entries, {removed.bytes:,} bytes, from {place}.")
    if left:
        print(f"{left} could not be removed.")
    return 1 if left else 0

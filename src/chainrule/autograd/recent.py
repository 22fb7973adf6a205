"""What the latest backward pass has used, if that was little, until the next one begins.

NOTE [Recent] So that a pass can still be explained when it is over, its nodes keep what they saved while
somebody holds them. They count as freed all the same: forget() comes before anything uses them again.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

from .tape import FREED, Node

ROOM = 1 << 20  # elements of all cotangents of a pass that is kept
room = ROOM  # … for now: record() keeps passes of any size
nodes: list[ref[Node]] = []


def free(node: Node) -> None:
    """Let a node's saved values go."""
    node.args = node.saved = FREED
    node.y = None


def elements(g: Any) -> int:
    """How many numbers a cotangent has: an array, a tensor, or those that have arrived for each output."""
    return sum(map(elements, g.values())) if type(g) is dict else int(getattr(g, "_a", g).size)


def forget(condition: bool = True) -> None:
    """Free what the latest backward pass has left."""
    if condition:
        for r in nodes:
            node = r()
            if node is not None:
                free(node)
        nodes.clear()

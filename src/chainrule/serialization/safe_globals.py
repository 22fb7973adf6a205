"""The classes and functions that the user trusts `load(weights_only=True)` with."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals", "trusted"]

_trusted: set[Any] = set()


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Let files name these classes and functions; (object, "path") gives the name a file has for it.

    >>> class Config: ...
    >>> add_safe_globals([Config]); get_safe_globals() == [Config]
    True
    >>> clear_safe_globals()
    """
    _trusted.update(safe_globals)


def get_safe_globals() -> list[Any]:
    """What has been added by `add_safe_globals`."""
    return list(_trusted)


def clear_safe_globals() -> None:
    """Trust nothing any more."""
    _trusted.clear()


class safe_globals:
    """`with safe_globals([Config]): load(...)` trusts them inside the block only."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _trusted.difference_update(self.safe_globals)


def trusted() -> dict[str, Any]:
    """The trusted objects by the names that files have for them."""
    found = {}
    for entry in _trusted:
        if not isinstance(entry, tuple):
            found[f"{entry.__module__}.{entry.__qualname__}"] = entry
            continue
        if len(entry) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of length: "
                f"{len(entry)}"
            )
        if type(entry[1]) is not str:
            raise TypeError(
                f"Expected second item in tuple to be str of callable full path, but got: {type(entry[1])}"
            )
        found[entry[1]] = entry[0]
    return found

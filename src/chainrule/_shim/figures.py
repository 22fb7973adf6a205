"""``plt.show()`` where there is no display: the figures become PNG files in the current directory."""

from __future__ import annotations

import sys
import weakref
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

# Backends that draw but open no window; every other one shows the figures itself.
_WINDOWLESS = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}
_MARK = "chainrule run"  # written into our files, so that a file of the user's is never overwritten


def save_instead_of_show(stem: str, pyplot: ModuleType) -> None:
    """Replace ``pyplot.show`` so that a backend without windows saves ``<stem>-figure-1.png`` and so on."""
    show_window = pyplot.show
    saved: weakref.WeakKeyDictionary[Any, Path] = weakref.WeakKeyDictionary()
    numbers = count(1)

    def show(*args: Any, **kwargs: Any) -> Any:
        """Show all figures; without a display, save them and say where on stderr."""
        backend = pyplot.get_backend().lower()
        if backend not in _WINDOWLESS and not backend.endswith("backend_inline"):
            return show_window(*args, **kwargs)
        open_figures = pyplot.get_fignums()
        current = pyplot.gcf().number if open_figures else None
        for figure in map(pyplot.figure, open_figures):
            if figure not in saved:
                number, path = _free_path(stem, numbers)
                saved[figure] = path
                _save(figure, path, f"saved figure {number} to {path}")
            else:  # shown before and still open: the same file, without another message
                _save(figure, saved[figure])
        if current is not None:
            pyplot.figure(current)
        keep_open = kwargs.get("block", args[0] if args else None) is False or pyplot.isinteractive()
        if not keep_open:  # a window would be closed by now
            pyplot.close("all")
        return None

    pyplot.show = show  # type: ignore[attr-defined]


def show_open_figures() -> None:
    """Show the figures that a notebook's cell drew, as Jupyter does at the end of each cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        pyplot.show()


def _free_path(stem: str, numbers: count[int]) -> tuple[int, Path]:
    candidates = ((number, Path(f"{stem}-figure-{number}.png")) for number in numbers)
    return next((number, path) for number, path in candidates if not path.exists() or _is_ours(path))


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _MARK.encode() in file.read(512)
    except OSError:
        return False


def _save(figure: Any, path: Path, message: str = "") -> None:
    try:
        figure.savefig(path, metadata={"Software": _MARK})
    except OSError as error:  # a plot that cannot be kept must not end a training run
        message = f"could not save {path}: {error.strerror or error}"
    if message:
        print(message, file=sys.stderr)

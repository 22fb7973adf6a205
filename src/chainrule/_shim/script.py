"""A script or a notebook run as ``python FILE ARGS`` runs it, with chainrule in PyTorch's place."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from chainrule._shim import hook
from chainrule._shim.figures import save_instead_of_show

Program = Callable[[dict[str, Any]], None]

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_OWN_CODE = tuple(os.path.join(_PACKAGE, part) for part in (f"_shim{os.sep}", f"cli{os.sep}", "_missing.py"))


def load(file: str) -> Program:
    """Return the program in a ``.py`` or ``.ipynb`` file: a function that runs it in a namespace.

    Raises ValueError, in one line, for anything else: what came, what was expected.
    """
    path = Path(os.path.abspath(file))
    expected = "expected a Python script (.py) or a notebook (.ipynb)"
    if path.is_dir():
        raise ValueError(f"{file!r} is a folder; {expected}")
    if not path.exists():
        from difflib import get_close_matches

        beside = [each.name for each in path.parent.glob("*") if each.suffix in (".py", ".ipynb")]
        near = get_close_matches(path.name, beside, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no file {file!r}; {expected}{hint}")
    try:
        if path.suffix.lower() == ".py":
            return partial(_run_source, path, path.read_bytes())
        if path.suffix.lower() == ".ipynb":
            from chainrule._shim.notebook import read_cells, run_cells

            return partial(run_cells, path, read_cells(file))
    except OSError as error:
        raise ValueError(f"cannot read {file!r}: {error.strerror}; {expected}") from None
    raise ValueError(f"{file!r} ends in {path.suffix or 'no suffix'!r}; {expected}")


def run(program: Program, file: str, args: Sequence[str]) -> int:
    """Run the loaded program as ``__main__`` and return the exit status; SystemExit passes through.

    An uncaught exception is printed with a traceback that starts in the program; the status is then 1.
    """
    sys.argv = [file, *args]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(file))
    hook.install({"matplotlib.pyplot": partial(save_instead_of_show, Path(file).stem)})
    main = ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={})
    if file.lower().endswith(".py"):  # a notebook has no __file__: spawned workers must not import it
        main.__file__ = os.path.abspath(file)
    sys.modules["__main__"] = main
    try:
        program(vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        _report(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _run_source(path: Path, source: bytes, namespace: dict[str, Any]) -> None:
    code = compile(source, str(path), "exec", dont_inherit=True)  # bytes: BOM and coding line are honoured
    exec(code, namespace)


def _report(error: BaseException) -> None:
    for each in _chain(error):
        each.__traceback__ = _without_own_frames(each.__traceback__)
        if isinstance(each, ModuleNotFoundError) and (each.name or "").partition(".")[0] == "matplotlib":
            each.add_note('Figures need matplotlib; install it with: pip install "chainrule[plot]"')
    if sys.excepthook is sys.__excepthook__:  # before Python 3.13 that one does not see a notebook's cells
        import traceback

        traceback.print_exception(error)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the exception and those that its traceback shows as its causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames of this runner, before and after the program's own."""
    kept = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OWN_CODE):
            kept.append(trace)
        trace = trace.tb_next
    for first, second in zip(kept, [*kept[1:], None]):
        first.tb_next = second
    return kept[0] if kept else None

"""``chainrule explain``: the chain rule behind a backward pass of a script or notebook, or of a formula."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import chainrule
from chainrule import autograd
from chainrule._shim import script
from chainrule.autograd.tape import clock
from chainrule.explainer.explanation import NOTATIONS, Explanation, explained
from chainrule.explainer.names import scope_of
from chainrule.explainer.record import record, user_frame
from chainrule.explainer.words import checked
from chainrule.tensor import Tensor

_PROGRAMS = (".py", ".ipynb")


@dataclass
class Request:
    """What the command line asks for: the K-th pass, or the first that is called from a line."""

    file: str
    step: int | None
    line: int | None
    wrt: list[str]
    lang: str
    depth: int | None
    notation: str


class Problem(Exception):
    """Why there is no explanation, in words for the command line."""


class Watch(AbstractContextManager["Watch"]):
    """Waits for the pass that is asked for, and explains it before it runs; until then, all is recorded."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.count = 0
        self.lines: list[int] = []  # from which backward() was called, each once
        self.found: Explanation | None = None
        self.problem: str | None = None
        self.recording: record | None = None
        self.program = os.path.abspath(request.file)
        self.originals: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Watch:
        self._replace(Tensor, "backward", lambda self, *args, **kwargs: self)
        self._replace(autograd, "backward", _first)
        self._replace(autograd, "grad", _first)
        self.recording = record().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        for owner, name, original in self.originals:
            setattr(owner, name, original)
        self._stop_recording()

    def _stop_recording(self) -> None:
        if self.recording is not None:
            self.recording.__exit__()
            self.recording = None

    def _replace(self, owner: Any, name: str, loss_of: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        self.originals.append((owner, name, original))

        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.found is None and self.problem is None and not clock.tracing():
                self._pass(loss_of(*args, **kwargs))
            return original(*args, **kwargs)

        watched.__doc__, watched.__name__ = original.__doc__, name
        setattr(owner, name, watched)

    def _pass(self, loss: Any) -> None:
        """A backward pass is about to begin."""
        self.count += 1
        lines = self._lines_here()
        self.lines += [line for line in lines[:1] if line not in self.lines]
        wanted = self.request
        if wanted.line is not None:
            if wanted.line not in lines:
                return
        elif self.count != (wanted.step or 1):
            return
        try:
            self.found = self._explained(loss)
        except (RuntimeError, NotImplementedError, Problem) as error:
            self.problem = str(error)
        self._stop_recording()

    def _lines_here(self) -> list[int]:
        """The lines of the program that are running, the innermost first."""
        frame, found = user_frame(), []
        while frame is not None:
            file = frame.f_code.co_filename
            if file == self.program or file.startswith(self.program + ", cell "):
                found.append(frame.f_lineno)
            frame = frame.f_back
        return found

    def _explained(self, loss: Any) -> Explanation:
        if not isinstance(loss, Tensor) or loss._a.size != 1:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else f"{type(loss).__name__}"
            raise Problem(
                f"pass {self.count} begins at {shape}, not at one number; only a loss can be explained"
            )
        scope = scope_of(user_frame())
        wanted = self.request
        options = {"lang": wanted.lang, "depth": wanted.depth, "notation": wanted.notation, "ran": False}
        found = explained(loss, None, scope, **options)  # type: ignore[arg-type]
        if not self.request.wrt:
            return found
        return explained(loss, _named(found, self.request.wrt), scope, **options)  # type: ignore[arg-type]

    def result(self) -> Explanation:
        """The explanation; Problem with the reason if there is none."""
        if self.found is not None:
            return self.found
        if self.problem is not None:
            raise Problem(self.problem)
        file, line, step = self.request.file, self.request.line, self.request.step
        if not self.count:
            raise Problem(f"no backward pass ran in {file!r}; expected a program that calls loss.backward()")
        if line is not None:
            where = ", ".join(map(str, sorted(self.lines)))
            raise Problem(f"no backward pass was started from line {line} of {file!r}, but from {where}")
        passes = f"only {self.count} backward pass{'es' if self.count > 1 else ''} ran"
        raise Problem(f"--step {step}: {passes} in {file!r}; expected a number from 1 to {self.count}")


def _first(tensors: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The loss of backward(tensors) and grad(outputs): the only tensor."""
    tensors = kwargs.get("tensors", kwargs.get("outputs")) if tensors is None else tensors
    return tensors[0] if isinstance(tensors, (tuple, list)) and len(tensors) == 1 else tensors


def _named(found: Explanation, names: Sequence[str]) -> list[Tensor]:
    """The leaves of a pass with these names: a variable's, or a module's path and its parameter's."""
    seen: Any = found.seen
    by_name: dict[str, Tensor] = {}
    for v in seen.program.inputs:
        tensor = seen.forward.tensors.get(v)
        if tensor is None:
            continue
        path = ".".join(seen.names.modules.get(v, ()))
        shown = path or seen.names.of.get(v, "")
        for name in (shown, path.partition(".")[2]):
            if name:
                by_name.setdefault(name, tensor)
    missing = [n for n in names if n not in by_name]
    if missing:
        known = ", ".join(by_name)
        raise Problem(
            f"--wrt {missing[0]}: no parameter of this pass has this name; expected some of {known}"
        )
    return [by_name[n] for n in names]


def explain(
    what: str, args: Sequence[str], *, out: str | None, step: int | None, line: int | None, lang: str,
    notation: str, wrt: str | None, depth: int | None, seed: int | None,
) -> int:  # fmt: skip
    """Explain a program's pass or a formula; the exit status, 2 for a mistake on the command line."""
    try:
        checked(lang)
    except ValueError as error:
        return _refuse(str(error))
    if notation not in NOTATIONS:
        return _refuse(f"--notation {notation}: expected one of {', '.join(NOTATIONS)}")
    names = [n.strip() for n in wrt.split(",") if n.strip()] if wrt else []
    if what.lower().endswith(_PROGRAMS) or os.path.exists(what):
        return _program(Request(what, step, line, names, lang, depth, notation), args, out, seed)
    given = {"--step": step, "--at-line": line, "--depth": depth, "--seed": seed}
    unfit = [name for name, value in given.items() if value is not None]
    if unfit or args:
        return _refuse(
            f"{unfit[0] if unfit else args[0]} is for scripts and notebooks; {what!r} is a formula"
        )
    try:
        found = chainrule.derive(what, names or None, lang=lang, notation=notation)
    except (ValueError, RuntimeError) as error:
        return _refuse(str(error))
    return _show(found, out)


def _program(request: Request, args: Sequence[str], out: str | None, seed: int | None) -> int:
    if request.step is not None and request.line is not None:
        return _refuse("--step and --at-line each choose a pass; expected one of them")
    try:
        program = script.load(request.file)
    except ValueError as error:
        return _refuse(str(error))
    if seed is not None:
        chainrule.manual_seed(seed)
    status = 1
    with Watch(request) as watch:
        try:
            status = script.run(program, request.file, args)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
    sys.stdout.flush()
    try:
        found = watch.result()
    except Problem as problem:
        return status or _refuse(str(problem), 1)
    return _show(found, out, gap=True) or status


def _show(found: Explanation, out: str | None, gap: bool = False) -> int:
    """Print an explanation and write its report."""
    print(f"\n{found}" if gap else found)
    if out is None:
        return 0
    try:
        found.to_html(out)
    except OSError as error:
        return _refuse(f"cannot write {out!r}: {error.strerror}", 1)
    print(f"wrote {out}", file=sys.stderr)
    return 0


def _refuse(why: str, status: int = 2) -> int:
    print(f"chainrule explain: {why}", file=sys.stderr)
    return status

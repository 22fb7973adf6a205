"""Grad mode: whether operations are recorded on the tape, per thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import isclass, isgeneratorfunction
from typing import Any, TypeVar

from .. import _structure
from .tape import mode

F = TypeVar("F", bound=Callable[..., Any])


def put_grad(wanted: bool) -> None:
    """Set this thread's grad mode; compiled steps, traced in one mode, see that it is another one."""
    if mode.grad is not wanted:
        _structure.count[0] += -_structure.NO_GRAD if wanted else _structure.NO_GRAD
        mode.grad = wanted


class set_grad:
    """Internal: record (or not) inside the block, nothing else."""

    __slots__ = ("before", "wanted")

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def __enter__(self) -> None:
        self.before = mode.grad
        put_grad(self.wanted)

    def __exit__(self, *exc: object) -> None:
        put_grad(self.before)


class _Context:
    """A grad mode that is a context manager and a decorator (of functions, generators and classes)."""

    wanted = True
    before: bool

    def __enter__(self) -> Any:
        self.before = mode.grad
        put_grad(self.wanted)

    def __exit__(self, *exc: object) -> None:
        put_grad(self.before)

    def clone(self) -> _Context:
        return type(self)()

    def __call__(self, function: F) -> F:
        if isclass(function):
            function.__init__ = self(function.__init__)  # type: ignore[method-assign]
            return function
        if isgeneratorfunction(function):
            return self._generator(function)  # type: ignore[return-value]

        @wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return decorated  # type: ignore[return-value]

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Each resumption runs in this mode, the code between them in the caller's."""

        @wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            inner = function(*args, **kwargs)
            step: Callable[[], Any] = partial(next, inner)
            while True:
                try:
                    with self.clone():
                        value = step()
                except StopIteration as end:
                    return end.value
                try:
                    sent = yield value
                    step = partial(inner.send, sent)
                except GeneratorExit:
                    with self.clone():
                        inner.close()
                    raise
                except BaseException as error:
                    step = partial(inner.throw, error)

        return decorated


class no_grad(_Context):
    """Nothing inside is recorded: results have requires_grad=False.

    >>> import chainrule as cr
    >>> w = cr.ones(1, requires_grad=True)
    >>> with cr.no_grad():
    ...     (w * 2).requires_grad
    False
    """

    wanted = False

    def __new__(cls, function: Any = None) -> Any:
        made = object.__new__(cls)
        return made if function is None else made(function)


class enable_grad(no_grad):
    """Record again, inside a no_grad block."""

    wanted = True


class set_grad_enabled(_Context):
    """Switch recording on or off, at once; as a context manager, until the block ends."""

    def __init__(self, mode_: bool = True, **kwargs: bool) -> None:
        self.wanted = bool(kwargs.get("mode", mode_))
        self.before = mode.grad
        put_grad(self.wanted)

    def __enter__(self) -> None:
        put_grad(self.wanted)

    def clone(self) -> set_grad_enabled:
        return set_grad_enabled(self.wanted)

    def __call__(self, function: F) -> F:
        put_grad(self.before)
        return super().__call__(function)


class inference_mode(_Context):
    """no_grad that also marks this thread as being in inference mode."""

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):
            made.enabled, made.wanted = True, False
            return made(mode)
        return made

    def __init__(self, mode: Any = True) -> None:
        self.enabled = bool(mode)
        self.wanted = not self.enabled

    def __enter__(self) -> None:
        super().__enter__()
        self.outer, mode.inference = mode.inference, self.enabled

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        mode.inference = self.outer

    def clone(self) -> inference_mode:
        return inference_mode(self.enabled)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside inference_mode()."""
    return mode.inference

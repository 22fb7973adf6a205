"""How a function is compiled."""

from __future__ import annotations

import warnings

from ..errors import message

_NATIVE = ("native", "inductor")
_NUMPY = ("numpy", "eager", "aot_eager")
_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


class Options:
    """What compile() was asked for; without llvmlite a native step runs on NumPy, with a warning."""

    def __init__(self, fast: bool, threads: int | None, backend: str, mode: str | None) -> None:
        _check("backend", backend, (*_NATIVE, *_NUMPY))
        _check("mode", mode, _MODES)
        self.fast, self.threads = fast, threads
        self.native = backend in _NATIVE and _has_llvm()


def _check(name: str, came: str | None, known: tuple[str | None, ...]) -> None:
    if came not in known:
        raise ValueError(
            message(
                f"compile() does not know this {name}",
                came=f"{name}={came!r}",
                expected=f"one of {', '.join(map(repr, known))}",
                fix=f"leave {name} out: the default is the fastest",
            )
        )


def _has_llvm() -> bool:
    try:
        import llvmlite.binding  # noqa: F401
    except ImportError:
        warnings.warn(
            "llvmlite is not installed: compiled steps run on NumPy, with the same results", stacklevel=4
        )
        return False
    return True

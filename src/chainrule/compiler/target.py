"""The processor that code is written for: vector width, features, and what to avoid on it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Target(NamedTuple):
    """What the emitters need to know of a processor.

    width          bytes in a vector register; 0: leave vectors to LLVM
    registers      how many of them there are
    fma            a·b + c in one instruction
    masked_loads   a masked load costs about as much as a load
    masked_stores  the same for stores (AVX2 has them, but they are slow on AMD)
    """

    name: str
    triple: str
    cpu: str
    features: str
    width: int
    registers: int
    fma: bool
    masked_loads: bool
    masked_stores: bool

    def lanes(self, element: str) -> int:
        """Elements per register."""
        size = {"float": 4, "double": 8, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1}[element]
        return max(self.width // size, 1)


def described(name: str, triple: str, cpu: str, features: dict[str, bool]) -> Target:
    """A target from LLVM's names of a processor and its features."""
    text = ",".join(("+" if on else "-") + key for key, on in features.items())
    wide = all(features.get(k) for k in ("avx512f", "avx512vl", "avx512bw", "avx512dq"))
    if wide:
        return Target(name, triple, cpu, text, 64, 32, True, True, True)
    if features.get("avx2") and features.get("fma"):
        return Target(name, triple, cpu, text, 32, 16, True, True, False)
    if triple.startswith(("aarch64", "arm64")):
        return Target(name, triple, cpu, text, 16, 32, True, False, False)
    return Target(name, triple, cpu, text, 16, 16, bool(features.get("fma")), False, False)


@cache
def host() -> Target:
    """This machine's processor."""
    import llvmlite.binding as llvm

    features = dict(llvm.get_host_cpu_features())
    return described("host", llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


_X86 = "x86_64-unknown-linux-gnu"
_LESSER = {
    "avx512": (_X86, "skylake-avx512"),
    "avx2": (_X86, "haswell"),
    "x86-64": (_X86, "x86-64"),
    "aarch64": ("aarch64-unknown-linux-gnu", "generic"),
}
_IMPLIED = {
    "avx512": dict.fromkeys(("avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512cd", "avx2", "fma"), True),
    "avx2": {"avx2": True, "fma": True, "avx512f": False},
    "x86-64": {"avx": False, "avx2": False, "fma": False, "avx512f": False},
    "aarch64": {"neon": True},
}


def named(name: str) -> Target:
    """One of the targets that code can be written for: host, avx512, avx2, x86-64, aarch64."""
    if name == "host":
        return host()
    triple, cpu = _LESSER[name]
    return described(name, triple, cpu, _IMPLIED[name])


NAMES = ("avx512", "avx2", "x86-64", "aarch64")

"""``chainrule --version``: what a bug report needs to know of the machine."""

from __future__ import annotations

import os
import platform

import chainrule


def versions() -> str:
    """One line each: chainrule, Python, NumPy, llvmlite, the processor that code is made for, the threads."""
    import numpy as np

    threads = f"{chainrule.get_num_threads()} of {os.cpu_count() or 1} processors"
    lines = [
        ("chainrule", chainrule.__version__),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("NumPy", np.__version__),
        *_compiler(),
        ("threads", threads),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _compiler() -> list[tuple[str, str]]:
    """LLVM's version and what the code is written for; without llvmlite, that there is none."""
    try:
        import llvmlite
        import llvmlite.binding as llvm
    except ImportError:
        return [("llvmlite", "not installed: everything runs on NumPy")]
    from chainrule.compiler.target import host

    target = host()
    version = ".".join(map(str, llvm.llvm_version_info))
    vectors = f"{8 * target.width}-bit vectors" if target.width else "vectors by LLVM"
    fma = "with" if target.fma else "without"
    return [
        ("llvmlite", f"{llvmlite.__version__} (LLVM {version})"),
        ("CPU target", f"{target.cpu}, {vectors}, {fma} fused multiply-add"),
    ]

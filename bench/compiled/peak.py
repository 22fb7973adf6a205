"""The processor's peak: independent multiply-adds in registers, on one core and on several at once."""

from __future__ import annotations

import ctypes
import threading
import time

ROUNDS = 20_000  # of one multiply-add per accumulator and turn: about a millisecond


def measure(threads: int) -> float | None:
    """GFLOP/s in single precision, the best of many; None without llvmlite."""
    try:
        from chainrule.compiler import engine, target
    except ImportError:
        return None
    host = target.host()
    accumulators = host.registers * 3 // 4  # 12 of 16: more than latency × units, and room for the operands
    library = engine.load(_code(accumulators), ("peak",))
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(library.address("peak"))
    flops = 2.0 * accumulators * host.lanes("float") * ROUNDS
    best = 0.0
    for _ in range(40):
        buffers = [(ctypes.c_float * 1024)() for _ in range(threads)]
        workers = [threading.Thread(target=_repeat, args=(run, b)) for b in buffers]
        start = time.perf_counter()
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        best = max(best, threads * flops * TURNS / (time.perf_counter() - start) / 1e9)
    return best


TURNS = 20  # calls in a thread: starting it must not count


def _repeat(run: ctypes._CFunctionType, buffer: ctypes.Array[ctypes.c_float]) -> None:
    address = ctypes.addressof(buffer)
    for _ in range(TURNS):
        run(address, ROUNDS)


def _code(accumulators: int) -> str:
    """peak(buffer, n): n rounds of acc ← a·b + acc, operands from the buffer and results back to it."""
    from chainrule.compiler.builder import Module, vector
    from chainrule.compiler.target import host

    lanes = host().lanes("float")
    kind, module = vector("float", lanes), Module(host())
    f = module.function("peak", ("ptr", "i64"), internal=False)
    buffer, rounds = f.parameters
    a, b = f.load(kind, buffer), f.load(kind, f.offset(buffer, lanes, "float"))
    places = [f.offset(buffer, (i + 2) * lanes, "float") for i in range(accumulators)]
    with f.loop(0, rounds, carry=[f.load(kind, p) for p in places]) as loop:
        loop.next = [f.fma(a, b, c) for c in loop.carried]
    for value, place in zip(loop.results, places):
        f.store(value, place)
    f.ret()
    return str(module)

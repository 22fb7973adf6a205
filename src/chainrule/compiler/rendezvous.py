"""What threads of a step say to each other, as code: barriers, handing out a step, waiting for it.

NOTE [Step table] The first HEADER words of a step's table belong to the run time: the detail of an error, the
address of the barrier flags, the number that this call's barriers count from, and how many threads run it.
A step that divides its work by `share` runs with any number of threads, also with one.

NOTE [Mailboxes] Every worker has one. The caller writes the step and its table into it and then counts `job`
up; the worker answers by counting `done` up. A worker that finds nothing for a while says that it is asleep
and looks at `job` once more before it sleeps, the caller counts `job` up before it looks who is asleep: at
least one of them sees the other.
"""

from __future__ import annotations

from .builder import NULL, Function, Module, Value, i64, number

HEADER = 4
DETAIL, FLAGS, BASE, THREADS = range(HEADER)
NUMBERS = 1 << 20  # barriers of one call: their numbers stay below this
LINE = 128  # two cache lines, since processors fetch them in pairs

# The pool, in bytes.
LOCK, POOL_LIMIT, POOL_BASE, POOL_READY, POOL_YIELD, POOL_SYSCALL, POOL_FUTEX, POOL_FLAGS = (
    0, *(LINE + 8 * k for k in range(7)),
)  # fmt: skip
MAILBOXES = 2 * LINE
MAILBOX = 2 * LINE
JOB, STEP, TABLE, DONE, RESULT, ASLEEP, ALIVE = 0, 8, 16, LINE, LINE + 8, LINE + 16, LINE + 24
RELAX = -8  # before the flags: what to call while waiting long
PATIENCE = 1 << 12  # pauses before the processor is offered to others
_WAIT, _WAKE = 128, 129  # FUTEX_WAIT and FUTEX_WAKE, private to the process


def pool_bytes(threads: int) -> int:
    """The size of a pool: its words, a mailbox and a line of flags for each thread."""
    return MAILBOXES + threads * (MAILBOX + LINE)


def pause(f: Function) -> None:
    """Tell the processor that this is a waiting loop."""
    triple = f.target.triple
    if triple.startswith("x86_64"):
        f.call("llvm.x86.sse2.pause")
    elif triple.startswith(("aarch64", "arm64")):
        f.call("llvm.aarch64.hint", Value("1", "i32"))


def _peek(f: Function, pointer: Value, order: str = "acquire") -> Value:
    return f.emit(f"load atomic i64, ptr {pointer.text} {order}, align 8", "i64")


def _post(f: Function, value: Value, pointer: Value, order: str = "release") -> None:
    f.line(f"store atomic i64 {value.text}, ptr {pointer.text} {order}, align 8")


def _word(f: Function, pool: Value, at: int, type: str = "i64") -> Value:
    return f.load(type, f.offset(pool, at))


def barrier(f: Function, table: Value, thread: Value, number: Value | int) -> None:
    """Wait until all threads of the step have come here.

    `number` grows from each barrier of a call to the next, from 1 to less than NUMBERS, alike in all threads.
    What a thread wrote before it is seen by all after it.
    """
    number = i64(number) if isinstance(number, int) else number
    name = "chainrule.barrier"
    if not f.module.has(name):
        _write_barrier(f.module, name)
    f.call(name, table, thread, number)


def _write_barrier(module: Module, name: str) -> None:
    f = module.function(name, ("ptr", "i64", "i64"))
    table, thread, passed = f.parameters
    threads = f.load("i64", f.offset(table, 8 * THREADS))
    with f.when(f.compare("sgt", threads, i64(1))):
        flags = f.load("ptr", f.offset(table, 8 * FLAGS))
        goal = f.binary("add", f.load("i64", f.offset(table, 8 * BASE)), passed)
        _post(f, goal, f.offset(flags, thread, f"[{LINE} x i8]"))
        relax = f.load("ptr", f.offset(flags, RELAX))
        with f.loop(0, threads) as other:
            await_(f, f.offset(flags, other.index, f"[{LINE} x i8]"), goal, relax)
    f.ret()


def await_(f: Function, flag: Value, goal: Value, relax: Value) -> None:
    """Until the flag has reached the goal: pauses first, then the processor is offered to others."""
    head, again, slow, done = map(f.label, ("spin", "again", "slow", "spun"))
    before = f.block
    f.jump(head)
    f.begin(head)
    turns, more = Value(f"%{head}.n", "i64"), Value(f"%{head}.m", "i64")
    f.line(f"{turns.text} = phi i64 [ 0, %{before} ], [ {more.text}, %{again} ], [ 0, %{slow} ]")
    f.branch(f.compare("sge", _peek(f, flag), goal), done, again)
    f.begin(again)
    pause(f)
    f.line(f"{more.text} = add i64 {turns.text}, 1")
    f.branch(f.compare("slt", more, i64(PATIENCE)), head, slow)
    f.begin(slow)
    f.call_pointer(relax, result="i32")
    f.jump(head)
    f.begin(done)


def share(f: Function, table: Value, thread: Value, total: int) -> tuple[Value, Value]:
    """The part [start, stop) of `total` units of work that falls to this thread."""
    threads = f.load("i64", f.offset(table, 8 * THREADS))
    after = f.binary("add", thread, i64(1))
    start, stop = (f.binary("udiv", f.binary("mul", k, i64(total)), threads) for k in (thread, after))
    return start, stop


# ----- handing a step out


def fork(f: Function, pool: Value, step: Value, table: Value, threads: Value) -> Value:
    """Run step(table, thread) on up to `threads` threads, this one included; the first error number, or 0.

    Where another thread of Python's holds the pool, or no worker is there, this one does all the work.
    """
    name = "chainrule.fork"
    if not f.module.has(name):
        _write_publish(f.module, "chainrule.publish")
        _write_fork(f.module, name)
    return f.call(name, pool, step, table, threads, result="i64")


def _mailbox(f: Function, pool: Value, worker: Value) -> Value:
    return f.offset(f.offset(pool, MAILBOXES - MAILBOX), worker, f"[{MAILBOX} x i8]")


def _write_publish(module: Module, name: str) -> None:
    f = module.function(name, ("ptr", "ptr", "ptr", "i64"), "i64")
    pool, step, table, wanted = f.parameters
    count = f.offset(table, 8 * THREADS)
    f.store(i64(1), count)
    with f.when(f.compare("sgt", wanted, i64(1))):
        for at in (POOL_LIMIT, POOL_READY):
            wanted = f.intrinsic("smin", wanted, _word(f, pool, at))
        with f.when(f.compare("sgt", wanted, i64(1))):
            pair = f.emit(f"cmpxchg ptr {pool.text}, i64 0, i64 1 acquire monotonic", "{ i64, i1 }")
            with f.when(f.emit(f"extractvalue {{ i64, i1 }} {pair.text}, 1", "i1")):
                _write_handing(f, pool, step, table, wanted)
    f.ret(f.load("i64", count))


def _write_handing(f: Function, pool: Value, step: Value, table: Value, threads: Value) -> None:
    f.store(threads, f.offset(table, 8 * THREADS))
    base = f.binary("add", _word(f, pool, POOL_BASE), i64(NUMBERS))
    f.store(base, f.offset(pool, POOL_BASE))
    f.store(base, f.offset(table, 8 * BASE))
    size = f.load("ptr", f.offset(pool, POOL_FLAGS))
    f.store(size, f.offset(table, 8 * FLAGS))
    with f.loop(1, threads) as worker:
        box = _mailbox(f, pool, worker.index)
        f.store(step, f.offset(box, STEP))
        f.store(table, f.offset(box, TABLE))
        _post(f, f.binary("add", f.load("i64", box), i64(1)), box, "seq_cst")
        asleep = f.compare("ne", _peek(f, f.offset(box, ASLEEP), "seq_cst"), i64(0))
        system = _word(f, pool, POOL_SYSCALL, "ptr")
        with f.when(f.binary("and", asleep, f.compare("ne", system, NULL))):
            _futex(f, pool, system, box, _WAKE, "i32 1")


def _futex(f: Function, pool: Value, system: Value, word: Value, operation: int, rest: str) -> None:
    code = _word(f, pool, POOL_FUTEX)
    f.emit(
        f"call i64 (i64, ...) {system.text}(i64 {code.text}, ptr {word.text}, i32 {operation}, {rest})", "i64"
    )


def _write_fork(module: Module, name: str) -> None:
    f = module.function(name, ("ptr", "ptr", "ptr", "i64"), "i64")
    pool, step, table, wanted = f.parameters
    threads = f.call("chainrule.publish", pool, step, table, wanted, result="i64")
    divided = f.compare("sgt", threads, i64(1))
    own = f.call_pointer(step, table, i64(0), result="i64")
    status = f.emit("alloca i64", "ptr")
    f.store(own, status)
    with f.when(divided):
        relax = _word(f, pool, POOL_YIELD, "ptr")
        with f.loop(1, threads) as worker:
            box = _mailbox(f, pool, worker.index)
            await_(f, f.offset(box, DONE), f.load("i64", box), relax)
            so_far, other = f.load("i64", status), f.load("i64", f.offset(box, RESULT))
            f.store(f.select(f.compare("ne", so_far, i64(0)), so_far, other), status)
        _post(f, i64(0), pool)
    f.ret(f.load("i64", status))


# ----- the worker


def write_worker(module: Module, name: str) -> None:
    """i64 worker(pool, number, pauses): answer its mailbox; 1 when it is to end, 0 when Python must wait."""
    f = module.function(name, ("ptr", "i64", "i64"), "i64", internal=False)
    pool, me, pauses = f.parameters
    box = _mailbox(f, pool, me)
    asleep, done = f.offset(box, ASLEEP), f.offset(box, DONE)
    wait, spin, again, tired, sleep, ready, run, end, leave = map(
        f.label, ("wait", "spin", "again", "tired", "sleep", "ready", "run", "end", "leave")
    )
    _post(f, i64(1), f.offset(box, ALIVE))
    f.jump(wait)
    f.begin(wait)
    last = f.load("i64", done)
    f.jump(spin)
    f.begin(spin)
    more = Value("%more", "i64")
    f.line(f"%turns = phi i64 [ 0, %{wait} ], [ %more, %{again} ]")
    f.branch(f.compare("ne", _peek(f, box), last), ready, again)
    f.begin(again)
    pause(f)
    f.line("%more = add i64 %turns, 1")
    f.branch(f.compare("slt", more, pauses), spin, tired)
    f.begin(tired)
    _post(f, i64(1), asleep, "seq_cst")
    f.branch(f.compare("ne", _peek(f, box, "seq_cst"), last), ready, sleep)
    f.begin(sleep)
    system = _word(f, pool, POOL_SYSCALL, "ptr")
    native = f.label("native")
    f.branch(f.compare("eq", system, NULL), leave, native)
    f.begin(native)
    seen = f.cast("trunc", last, "i32")
    _futex(f, pool, system, box, _WAIT, f"i32 {seen.text}, ptr null")
    f.jump(wait)
    f.begin(ready)
    _post(f, i64(0), asleep)
    step = f.load("ptr", f.offset(box, STEP))
    f.branch(f.compare("eq", step, number(0, "ptr")), end, run)
    f.begin(run)
    table = f.load("ptr", f.offset(box, TABLE))
    f.store(f.call_pointer(step, table, me, result="i64"), f.offset(box, RESULT))
    _post(f, f.binary("add", last, i64(1)), done)
    f.jump(wait)
    f.begin(leave)
    f.ret(i64(0))
    f.begin(end)
    _post(f, f.binary("add", last, i64(1)), done)
    f.ret(i64(1))


def write_fork(module: Module, name: str) -> None:
    """i64 fork(pool, step, table, threads), to be called from Python."""
    f = module.function(name, ("ptr", "ptr", "ptr", "i64"), "i64", internal=False)
    f.ret(fork(f, *f.parameters))

"""Barriers, handing out a step, the workers' life, and how many threads pay."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import engine, rendezvous, threads
from chainrule.compiler.builder import Module, i64
from chainrule.compiler.entry import EntryPlan, make_entry
from chainrule.compiler.target import NAMES, host, named
from chainrule.compiler.threads import HEADER, Pool, barrier, share

A, B, COUNT, SIZE = range(HEADER, HEADER + 4)
several = pytest.mark.skipif(threads.processors() < 2, reason="one processor")


def write_turns(module: Module, name: str) -> None:
    """Each thread counts its own word up and, after a barrier, checks the other's: table[COUNT] times.

    Returns 3 as soon as a word is not what it must be; the second barrier keeps the next turn from starting.
    """
    f = module.function(name, ("ptr", "i64"), "i64", internal=False)
    table, thread = f.parameters
    status = f.emit("alloca i64", "ptr")
    f.store(i64(0), status)
    words = f.load("ptr", f.offset(table, 8 * A))
    mine, other = (f.offset(words, k, "[16 x i64]") for k in (thread, f.binary("sub", i64(1), thread)))
    with f.loop(0, f.load("i64", f.offset(table, 8 * COUNT))) as turn:
        after = f.binary("add", turn.index, i64(1))
        f.store(f.binary("add", f.load("i64", mine), i64(1)), mine)
        barrier(f, table, thread, f.binary("sub", f.binary("mul", after, i64(2)), i64(1)))
        wrong = f.compare("ne", f.load("i64", other), after)
        with f.when(wrong):
            f.store(i64(3), status)
        barrier(f, table, thread, f.binary("mul", after, i64(2)))
    f.ret(f.load("i64", status))


def write_share(module: Module, name: str) -> None:
    """Adds 1 to each of 1001 words, divided; thread k returns table[B + k]."""
    f = module.function(name, ("ptr", "i64"), "i64", internal=False)
    table, thread = f.parameters
    start, stop = share(f, table, thread, 1001)
    words = f.load("ptr", f.offset(table, 8 * A))
    with f.when(f.compare("slt", start, stop)), f.loop(start, stop) as each:
        at = f.offset(words, each.index, "i64")
        f.store(f.binary("add", f.load("i64", at), i64(1)), at)
    f.ret(f.load("i64", f.offset(f.offset(table, 8 * B), thread, "i64")))


def write_who(module: Module, name: str) -> None:
    """table[A] becomes the number of threads of this call."""
    f = module.function(name, ("ptr", "i64"), "i64", internal=False)
    table, _ = f.parameters
    f.store(f.load("i64", f.offset(table, 8 * rendezvous.THREADS)), f.offset(table, 8 * A))
    f.ret(i64(0))


WRITERS = {"turns": write_turns, "share": write_share, "who": write_who}


@pytest.fixture(scope="module")
def code():
    module = Module(host())
    for name, write in WRITERS.items():
        write(module, name)
    return engine.load(str(module), tuple(WRITERS), verify=True)


@pytest.fixture(scope="module", params=[True, False], ids=["futex", "bells"])
def pool(request):
    made = Pool(max(threads.processors(), 2), futex=request.param)
    yield made
    made.stop()


KEPT = []  # what tables point to


def table(words, *values):
    KEPT.append(words)
    made = np.zeros(SIZE + 2, np.int64)
    made[A] = words.ctypes.data
    made[B : B + len(values)] = values
    return made


@pytest.mark.parametrize("name", NAMES)
def test_code_compiles_for_every_processor(name):
    module = Module(named(name))
    for each, write in WRITERS.items():
        write(module, each)
    rendezvous.write_worker(module, "worker")
    rendezvous.write_fork(module, "fork")
    threads._write_probe(module, "probe")
    assert engine.object_code(str(module), named(name), verify=True)


@several
def test_barriers_hold(code, pool):
    words = np.zeros(32, np.int64)
    t = table(words)
    t[COUNT] = 50_000  # two barriers each
    assert pool.run(code.address("turns"), t.ctypes.data, 2) == 0
    assert words[0] == words[16] == 50_000
    assert t[rendezvous.THREADS] == 2


@several
def test_barriers_hold_over_many_short_calls(code, pool):
    words = np.zeros(32, np.int64)
    t = table(words)
    t[COUNT] = 1
    for _ in range(2_000):
        words[:] = 0
        assert pool.run(code.address("turns"), t.ctypes.data, 2) == 0


def test_one_thread_passes_every_barrier(code, pool):
    words = np.zeros(32, np.int64)
    t = table(words)
    t[COUNT] = 3
    assert pool.run(code.address("turns"), t.ctypes.data, 1) == 3  # nobody counts the other word
    assert words[0] == 3 and words[16] == 0


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_work_is_divided_without_gaps(code, pool, count):
    words = np.zeros(1001, np.int64)
    t = table(words)
    for _ in range(20):
        assert pool.run(code.address("share"), t.ctypes.data, count) == 0
    assert (words == 20).all()
    assert t[rendezvous.THREADS] == min(count, pool.most)


@several
@pytest.mark.parametrize(("returned", "seen"), [((0, 4), 4), ((5, 0), 5), ((5, 4), 5), ((0, 0), 0)])
def test_the_first_error_number_counts(code, pool, returned, seen):
    t = table(np.zeros(1001, np.int64), *returned)
    assert pool.run(code.address("share"), t.ctypes.data, 2) == seen


@several
def test_a_sleeping_worker_wakes(code, pool):
    t = table(np.zeros(1001, np.int64))
    for _ in range(3):
        pool.run(code.address("who"), t.ctypes.data, 2)
        asleep = pool.word(pool._mailbox(1) + rendezvous.ASLEEP)
        deadline = time.monotonic() + 20
        while not asleep.value and time.monotonic() < deadline:
            time.sleep(1e-3)
        assert asleep.value
        pool.run(code.address("who"), t.ctypes.data, 2)
        assert t[A] == 2


@several
def test_while_the_pool_is_held_a_step_runs_on_one_thread(code, pool):
    t = table(np.zeros(1, np.int64))
    pool.run(code.address("who"), t.ctypes.data, 2)
    assert t[A] == 2
    pool.word(rendezvous.LOCK).value = 1
    pool.run(code.address("who"), t.ctypes.data, 2)
    assert t[A] == 1
    pool.word(rendezvous.LOCK).value = 0
    pool.run(code.address("who"), t.ctypes.data, 2)
    assert t[A] == 2


@several
def test_two_python_threads_at_once(code, pool):
    """Whoever finds the pool taken does all its work alone; nothing is lost or done twice."""
    wrong, done = [], []

    def work():
        words = np.zeros(1001, np.int64)
        t = table(words)
        for k in range(1, 2_001):
            if pool.run(code.address("share"), t.ctypes.data, 2) or not (words == k).all():
                wrong.append(k)
        done.append(1)

    both = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert not wrong and len(done) == 2


def test_a_stopped_pool_still_runs_steps(code):
    made = Pool(2)
    words = np.zeros(1001, np.int64)
    t = table(words)
    made.run(code.address("share"), t.ctypes.data, 2)
    workers = list(made._workers)
    made.stop()
    assert not any(w.is_alive() for w in workers)
    assert made.run(code.address("share"), t.ctypes.data, 2) == 0
    assert (words == 2).all() and t[rendezvous.THREADS] == 1


# ----- through an entry point


def shared_entry(code, pool, monkeypatch, native, **changes):
    monkeypatch.setattr(threads, "pool", lambda: pool)
    t = table(np.zeros(1001, np.int64))
    plan = EntryPlan(t, code.address("who"), slow=print, failed=print, threads=2, keep=code, **changes)
    return t, make_entry(plan, native=native)


@several
@pytest.mark.parametrize("native", [True, False], ids=["native", "python"])
@pytest.mark.parametrize("release", [True, False])
def test_an_entry_point_divides_its_step(code, pool, monkeypatch, native, release):
    t, call = shared_entry(code, pool, monkeypatch, native, release=release)
    for _ in range(200):
        t[A] = 0
        assert call() is None
        assert t[A] == 2
    time.sleep(0.05)
    call()
    assert t[A] == 2


@several
@pytest.mark.parametrize("native", [True, False], ids=["native", "python"])
def test_set_num_threads_is_respected_at_once(code, monkeypatch, native):
    t, call = shared_entry(code, threads.pool(), monkeypatch, native)
    before = cr.get_num_threads()
    known = threads._calibrated.last
    monkeypatch.setattr(threads._calibrated, "last", known and known._replace(threads=2))
    try:
        cr.set_num_threads(1)
        call()
        assert t[A] == 1
        assert threads.threads_for(1e12, 1e12) == 1
        cr.set_num_threads(2)
        call()
        assert t[A] == 2
    finally:
        cr.set_num_threads(before)


# ----- how many pay


def test_short_steps_have_one_thread():
    assert threads.threads_for(0, 0) == threads.threads_for(1e4, 1e4) == 1
    assert threads.threads_for(3e5, 0) == 1  # 6 µs


@pytest.mark.parametrize("paying", [1, 2])
def test_long_steps_are_written_for_all_threads_whether_they_pay_or_not(monkeypatch, paying):
    monkeypatch.setattr(threads, "allowed", lambda: 2)
    known = threads.Calibration(paying, 1.9, 50e9, time.monotonic())
    monkeypatch.setattr(threads._calibrated, "last", known)
    assert threads.threads_for(1e9, 0) == threads.threads_for(0, 1e9) == 2


@several
def test_threads_that_do_not_pay_do_not_run(code, monkeypatch):
    monkeypatch.setattr(threads, "_seconds", lambda n, enough=0.0: 1e-4 * n)
    t, call = shared_entry(code, threads.pool(), monkeypatch, native=True)
    try:
        threads.calibration(again=True)
        call()
        assert t[A] == 1
    finally:
        threads._calibrated.last = None
        threads.pool().limit(threads.allowed())


def test_the_calibration_says_what_it_measured(monkeypatch):
    found = threads.calibration(again=True)
    assert threads.calibration() is found
    assert 1 <= found.threads <= threads.processors() and found.rate > 1e8
    assert found.threads == 1 or found.speedup >= 1 + 0.25 * (found.threads - 1)
    assert threads.pool().word(rendezvous.POOL_LIMIT).value == min(found.threads, threads.allowed())


@several
@pytest.mark.parametrize(("slower", "expected"), [(1.0, 2), (1.2, 2), (1.9, 1)])
def test_two_threads_that_take_as_long_as_one_do_not_pay(monkeypatch, slower, expected):
    monkeypatch.setattr(threads, "_seconds", lambda n, enough=0.0: 1e-4 * (slower if n > 1 else 1))
    made = threads._measured()
    assert made.threads == (expected if expected == 1 else threads.processors())


# ----- processes


SCRIPT = """
import os, sys, time, signal, threading as py
sys.path.insert(0, {folder!r})
import numpy as np
import test_threads as t
from chainrule.compiler import engine, threads
module = t.Module(t.host())
for name, write in t.WRITERS.items(): write(module, name)
code = engine.load(str(module), tuple(t.WRITERS))
words = np.zeros(1001, np.int64)
table = t.table(words)
def run(): return threads.run(code.address("share"), table.ctypes.data, 2), int(table[t.rendezvous.THREADS])
"""


def script(text, timeout=60):
    folder = os.path.dirname(__file__)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(folder=folder) + text],
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip


@several
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_process_starts_its_own_worker():
    done = script(
        "print(run())\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    ok = run() == (0, 2) and (words == 2).all() and len(threads.pool()._workers) == 1\n"
        "    threads.pool().stop()\n"
        "    os._exit(0 if ok else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), run())\n"
    )
    assert (done.stdout, done.returncode) == ("(0, 2)\n0 (0, 2)\n", 0), done.stderr


@several
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_an_entry_point_starts_the_workers_of_a_child():
    done = script(
        "from chainrule.compiler.entry import EntryPlan, make_entry\n"
        "table[t.A] = 0\n"
        "call = make_entry(EntryPlan(table, code.address('who'), print, print, threads=2), native=True)\n"
        "call(); print(table[t.A])\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    table[t.A] = 0; call()\n"
        "    os._exit(int(table[t.A]))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    assert (done.stdout, done.returncode) == ("2\n2\n", 0), done.stderr


@pytest.mark.parametrize("before", ["run()", "run(); time.sleep(0.1)", "py.Thread(target=run).start()", ""])
def test_the_interpreter_ends_cleanly(before):
    started = time.monotonic()
    done = script(f"{before}\nprint('end')\n")
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)
    assert time.monotonic() - started < 50


@several
@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals are sent with os.kill")
def test_ctrl_c_ends_the_loop_and_leaves_the_pool_usable():
    done = script(
        "py.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    while True: run()\n"
        "except KeyboardInterrupt: print('stopped')\n"
        "words[:] = 0; print(run(), (words == 1).all())\n"
    )
    assert (done.stdout, done.returncode) == ("stopped\n(0, 2) True\n", 0), done.stderr


@several
def test_what_a_row_keeps_for_itself_is_each_thread_s_own(monkeypatch):
    known = threads._calibrated.last or threads.calibration()
    monkeypatch.setattr(threads._calibrated, "last", known._replace(threads=2))
    x = cr.randn(256, 1000)
    one, two = (cr.compile(lambda x: cr.softmax(x, 1), threads=n) for n in (1, 2))
    one(x), two(x)  # traced
    expected = one(x).numpy()
    for _ in range(50):
        assert np.array_equal(two(x).numpy(), expected)


@several
@pytest.mark.parametrize(("asked", "expected"), [(None, ["code is there"]), (2, [])])
def test_threads_are_timed_when_the_code_is_made(monkeypatch, asked, expected):
    seen = []

    def timed():
        seen.append("code is there" if step._latest.runner.entry else "too early")

    monkeypatch.setattr(threads, "calibration", timed)
    step = cr.compile(lambda x: cr.exp(x) * cr.tanh(x), threads=asked)
    step(cr.randn(300_000))
    assert seen == expected

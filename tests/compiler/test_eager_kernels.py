"""Native eager functions: the same values, tape, errors and places as Python's, to the last bit."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.compiler.leaks import left_by

import chainrule as cr
from chainrule.autograd.native import native
from chainrule.autograd.tape import clock
from chainrule.compiler import engine, target
from chainrule.compiler.eager import install, kernels, record
from chainrule.compiler.eager.native import Native
from chainrule.compiler.eager.places import places
from chainrule.ops import arithmetic
from chainrule.types import float32, float64

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.skipif(places() is None, reason="no native functions on this interpreter")

ODD = [0.0, -0.0, 1.0, -1.5, 3.0, np.inf, -np.inf, np.nan, 1e-42, 1e38, -1e-30, 0.1]
SHAPES = [((), ()), ((1,), (1,)), ((1,), ()), ((3,), (1,)), ((), (2, 3)), ((33,), (33,)), ((5, 7), (5, 7)),
          ((0,), (0,)), ((0,), (1,)), ((4, 3), (3,)), ((1, 1), (3,)), ((6, 1), (1, 6))]  # fmt: skip


@pytest.fixture(autouse=True)
def _native() -> Iterator[None]:
    already = native.walk is not None
    install.begin(everything=True)
    assert type(cr.Tensor.__dict__["__mul__"]).__name__ == "method_descriptor"
    yield
    if not already:
        install.remove()


def both(function: Callable[[], Any]) -> tuple[Any, Any]:
    """What a function returns with Python's functions and with native ones."""
    install.remove()
    assert native.walk is None
    python = function()
    install.begin(everything=True)
    assert native.walk is not None
    return python, function()


def bits(t: Any) -> Any:
    a = np.asarray(t.detach().numpy())
    return a.dtype, a.shape, np.where(np.isnan(a), np.nan, a).tobytes()


def filled(shape: Any, dtype: Any, seed: int) -> Any:
    values = np.random.default_rng(seed).permutation(np.resize(ODD, max(int(np.prod(shape)), 1)))
    return cr.tensor(np.resize(values, shape), dtype=dtype)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y, "square": lambda x, y: x**2, "rsub": lambda x, y: 2 - x,
    "neg": lambda x, y: -x, "number": lambda x, y: x * 2.5 + 3, "left": lambda x, y: 0.1 * x,
    "relu": lambda x, y: x.relu() + y.abs(), "sqrt": lambda x, y: x.sqrt(),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_gradients_are_pythons_bit_for_bit(name: str, shapes: Any, dtype: Any) -> None:
    def run() -> Any:
        x, y = (filled(s, dtype, i).requires_grad_() for i, s in enumerate(shapes))
        r = OPERATIONS[name](x, y)
        r.sum().backward()
        return [bits(t) for t in (r, x.grad, y.grad) if t is not None] + [type(r._a), r.grad_fn.name()]

    python, machine = both(run)
    assert python == machine


def test_every_kernel_that_is_taken_gives_the_records_own_bits() -> None:
    """All records with exact arithmetic, through their methods and through their vjps."""
    seen = 0
    for op in install._records():
        if not install._suits(op) or op.weak or not install._exact(kernels.of_record(op), op.nargs):
            continue
        names = [n for p in (f for f, o in install.SHORT.items() if o is op) for n in _names(p)]
        for name in names:
            for dtype in (cr.float32, cr.float64):
                operands = [filled((37,), dtype, 3 + i) for i in range(op.nargs)]
                with np.errstate(all="ignore"):
                    wanted = op.forward(*(t.numpy() for t in operands))
                assert bits(getattr(operands[0], name)(*operands[1:])) == bits(cr.tensor(wanted)), op
                seen += 1
    assert seen > 20


def _names(python: Any) -> list[str]:
    install.remove()
    names = install._method_names(python)
    install.begin(everything=True)
    return names


def test_products_and_sums_are_not_contracted() -> None:
    rng = np.random.default_rng(0)
    x, y, z = (cr.tensor(rng.normal(size=1000), dtype=cr.float32) for _ in range(3))
    r = x * y - z
    assert np.array_equal(r.numpy(), x.numpy() * y.numpy() - z.numpy())
    assert "contract" not in str(_module(target.host()))


def _module(where: Any) -> Any:
    n = Native(where, places())  # type: ignore[arg-type]
    record.write_call(n, "call", arithmetic.mul, 2, kernels.of_record(arithmetic.mul), print)
    rule: Any = kernels.of_rule(arithmetic.div, 1)
    record.write_pull(n, "pull", arithmetic.div, rule, False, print)
    return n.module


@pytest.mark.parametrize("name", target.NAMES)
def test_it_compiles_for_other_processors(name: str) -> None:
    assert engine.object_code(str(_module(target.named(name))), target.named(name), verify=True)


def test_rules_with_rounding_of_their_own_are_left_to_numpy() -> None:
    from chainrule.ops import exponential

    assert not kernels.exact(kernels.of_record(exponential.exp), 1, float32, target.host())
    rule: Any = kernels.of_rule(exponential.exp, 0)
    assert kernels.exact(rule, 3, float64, target.host())


def test_a_quadratic_fitted_point_by_point() -> None:
    def run() -> Any:
        w, b = (cr.tensor([1.0], requires_grad=True) for _ in range(2))
        for _ in range(20):
            for x, y in ((1.0, 8.0), (2.0, 19.0), (3.0, 36.0)):
                loss = (x * x * w + x * w + b - y) ** 2
                loss.backward()
                with cr.no_grad():
                    w -= 0.001 * w.grad
                    b -= 0.001 * b.grad
                w.grad.zero_()
                b.grad.zero_()
        return [bits(t) for t in (w, b, loss)]

    python, machine = both(run)
    assert python == machine


# ----- the tape


def test_the_node_is_pythons() -> None:
    def run() -> Any:
        w = cr.tensor([1.0, 2.0], requires_grad=True)
        node = (w * 3.0).grad_fn
        return (node.name(), node.shape, node.where[0].co_name, node.seq > w._node.seq, node.args[1],
                float(node.saved[1]), node.edges[0] is w._node, node.edges[1],
                node.y, node.extra)  # fmt: skip

    python, machine = both(run)
    assert python == machine


def test_errors_name_the_users_line_in_every_function() -> None:
    w = cr.tensor([1.0], requires_grad=True)

    def first() -> Any:
        return w * w

    def second() -> Any:
        return w * w

    for _ in range(2):
        assert first().grad_fn.where[0] is first.__code__
        assert second().grad_fn.where[0] is second.__code__


def test_lines_that_share_a_place_in_the_table_are_told_apart() -> None:
    w = cr.tensor([1.0], requires_grad=True)
    space: dict[str, Any] = {}
    made = []
    for _ in range(1500):
        exec("def f(w):\n    return w * w\n", space)
        made.append(space["f"])
    for f in made:
        assert f(w).grad_fn.where[0] is f.__code__


def test_no_grad_and_numbers_of_other_kinds() -> None:
    w = cr.tensor([1.0], requires_grad=True)
    with cr.no_grad():
        assert (w * 2).grad_fn is None
    assert (w * True).dtype == cr.float32
    assert (cr.tensor([1, 2]) * 2.5).tolist() == [2.5, 5.0]
    assert (w * 10**30).item() == np.float32(1e30)
    with pytest.raises(TypeError):
        w * "a"
    with pytest.raises((RuntimeError, OverflowError)):
        w * 10**400
    with pytest.raises(TypeError):
        w.__mul__(1, 2)


def test_backward_a_second_time_and_changed_values_are_refused() -> None:
    w = cr.tensor([2.0], requires_grad=True)
    y = w * w
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()
    h = w * 2
    z = h * h
    with cr.no_grad():
        h -= 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
    assert w.grad.item() == 4.0
    assert z._node.g is None and h._node.g is None


def test_hooks_and_shared_and_broken_off_passes() -> None:
    w = cr.tensor([2.0], requires_grad=True)
    h = w * 3
    h.register_hook(lambda g: g * 10)
    (h * h + w).backward()
    assert w.grad.item() == 2 * 6.0 * 3 * 10 + 1

    v = cr.tensor([1.0], requires_grad=True)
    v.register_post_accumulate_grad_hook(lambda t: t.grad.mul_(2))
    (v * 3).backward()
    assert v.grad.item() == 6


def test_gradients_do_not_share_memory() -> None:
    w, b = (cr.tensor([1.0], requires_grad=True) for _ in range(2))
    ((w + b) * 1.0).backward()
    w.grad += 5
    assert (w.grad.item(), b.grad.item()) == (6.0, 1.0)
    (w + b).backward()
    assert (w.grad.item(), b.grad.item()) == (7.0, 2.0)


def test_a_node_runs_once_when_all_that_uses_it_has_run() -> None:
    x = cr.tensor([3.0], requires_grad=True)
    y = x * x
    z = y * y
    (z + y).backward()
    assert x.grad.item() == 4 * 27 + 6


def test_many_nodes_that_wait() -> None:
    """More than the native walk has room for: Python's takes over."""
    leaves = [cr.tensor([float(i)], requires_grad=True) for i in range(1500)]
    total = leaves[0] * 1.0
    for leaf in leaves[1:]:
        total = total + leaf * 2.0
    total.backward()
    assert [leaf.grad.item() for leaf in leaves] == [1.0] + [2.0] * 1499


def test_changes_in_place() -> None:
    x = cr.arange(6, dtype=cr.float32)
    y = x
    x -= 1.0
    x *= cr.tensor(2.0)
    assert y.tolist() == [-2, 0, 2, 4, 6, 8]
    assert y._stamp == clock.touched
    x -= x[::2].sum()
    assert x[0].item() == -8
    part = x[1:]
    part += x[:-1]  # overlapping memory
    assert x.tolist() == [-8, -14, -10, -6, -2, 2]
    memory = np.arange(40, dtype=np.float32)
    low, high = cr.from_numpy(memory[:-1]), cr.from_numpy(memory[1:])
    high -= low
    assert high.tolist() == [1.0] * 39
    frozen = np.ones(2, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(RuntimeError):
        cr.from_numpy(frozen).__isub__(1.0)
    with pytest.raises(RuntimeError, match="leaf"):
        w = cr.tensor([1.0], requires_grad=True)
        w -= 1.0
    with pytest.raises(RuntimeError, match="size"):
        z = cr.ones(2)
        z -= cr.ones(3)
    x.zero_()
    assert x.tolist() == [0] * 6


def test_a_change_of_a_view_is_noted_on_its_root() -> None:
    w, base = cr.tensor([1.0], requires_grad=True), cr.ones(4)
    part = base[1:3]
    y = w * base
    part -= 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_trace_sees_every_operation() -> None:
    from chainrule.program.trace import trace

    made = trace(lambda x: (x * 2.0 - x) ** 2, (cr.tensor([1.0, 2.0]),), {})
    assert [e.op for e in made.program.equations] == [arithmetic.mul, arithmetic.sub, arithmetic.pow]


def test_references_are_all_given_back() -> None:
    w = cr.tensor([1.0], requires_grad=True)
    d = cr.tensor([1.0])

    def work() -> None:
        y = (w * 2.0 + d / 3 - w) ** 2
        y.backward()
        d.__isub__(0.5)
        w.grad.zero_()
        (d * d).neg()

    for _ in range(10):
        work()
    gc.collect()
    singles = (True, float32.np, np.ndarray, cr.Tensor, float)
    before = [sys.getrefcount(s) for s in singles]
    assert not left_by(work, 200)
    after = [sys.getrefcount(s) for s in singles]
    assert all(abs(a - b) < 50 for a, b in zip(before, after))


# ----- when


def _runs(code: str, choice: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"CHAINRULE_EAGER": choice}, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


_LOOP = """
import sys, time
import chainrule as cr
from chainrule.autograd.native import native
w = cr.tensor([1.0], requires_grad=True)
print("llvmlite" in sys.modules, native.walk is None)
for _ in range(400):
    (w * 2).backward()
end = time.time() + {wait}
while native.walk is None and time.time() < end:
    time.sleep(0.01)
print(native.walk is None, w.grad.item())
"""


def test_nothing_is_loaded_before_it_pays() -> None:
    assert _runs(_LOOP.format(wait=120), "").split() == ["False", "True", "False", "800.0"]


def test_a_program_that_ends_meanwhile_ends_in_silence() -> None:
    slow = """
import importlib.abc, sys, time
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "llvmlite":
            global asked
            asked = True
            time.sleep(1)
asked = False
sys.meta_path.insert(0, Slow())
"""
    end = "while not asked:\n    time.sleep(0.001)\n"
    assert _runs(slow + _LOOP.split("end =")[0] + end, "").split() == ["False", "True"]


def test_it_can_be_switched_off_and_on() -> None:
    assert _runs(_LOOP.format(wait=1), "numpy").split() == ["False", "True", "True", "800.0"]
    assert _runs(_LOOP.format(wait=1), "native").split() == ["True", "False", "False", "800.0"]


def test_without_llvm_numpy_computes() -> None:
    code = "import sys; sys.modules['llvmlite'] = None\n" + _LOOP.format(wait=1)
    assert _runs(code, "native").split() == ["True", "True", "True", "800.0"]


def test_a_process_may_end_while_code_is_made() -> None:
    code = _LOOP.split("end =")[0]
    assert _runs(code, "").split() == ["False", "True"]

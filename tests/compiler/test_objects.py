"""Object files made side by side: in order, complete, and with their errors."""

from __future__ import annotations

import ctypes

import pytest

from chainrule.compiler import engine, objects
from chainrule.compiler.builder import Module, i64
from chainrule.compiler.objects import Objects
from chainrule.compiler.target import host


@pytest.fixture(autouse=True)
def uncached(monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "off")


@pytest.fixture(params=[1, 2, 4], ids="{} processors".format)
def processors(request, monkeypatch):
    monkeypatch.setattr(objects, "processors", lambda: request.param)


def text_of(value):
    module = Module(host())
    f = module.function(f"answer{value}", (), "i64", internal=False)
    f.ret(i64(value))
    return str(module)


def calling(names):
    module = Module(host())
    f = module.function("total", (), "i64", internal=False)
    total = i64(0)
    for name in names:
        total = f.binary("add", total, f.call(name, result="i64"))
    f.ret(total)
    return str(module)


@pytest.mark.usefixtures("processors")
def test_files_come_in_the_order_of_their_texts_and_call_each_other():
    made = Objects(host())
    for value in range(20):
        made.add(text_of(value))
    made.add(calling([f"answer{value}" for value in range(20)]))
    library = engine.Library(made.finish(), ("total", "answer7"))
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(library.address("total"))() == sum(range(20))
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(library.address("answer7"))() == 7


@pytest.mark.usefixtures("processors")
def test_an_error_of_a_thread_is_raised():
    made = Objects(host())
    for text in (text_of(1), "define i64 @f() { ret i64 %x }", text_of(2)):
        made.add(text)
    with pytest.raises(RuntimeError, match="use of undefined value '%x'"):
        made.finish()


def test_behind_llvmlites_lock_the_code_is_the_same(monkeypatch):
    past = engine.object_code(text_of(3), host())
    monkeypatch.setattr(engine, "_behind_the_lock", lambda: None)
    assert engine.object_code(text_of(3), host()) == past


def test_functions_that_differ_in_their_tables_are_not_merged_over_files():
    first = Module(host())
    names, made = [], Objects(host())
    for module, value in ((first, 5), (second := first.another(), 7), (second.another(), 5)):
        f = module.function(f"look{len(names)}", (), "i64", internal=False)
        f.ret(f.load("i64", module.constant("i64", [i64(value)])))
        names.append(module.merge(f))
        made.add(str(module))
    assert names == ["look0", "look1", "look0"]
    library = engine.Library(made.finish(), ("look0", "look1"))
    found = [ctypes.CFUNCTYPE(ctypes.c_int64)(library.address(name))() for name in names]
    assert found == [5, 7, 5]

"""What a trace takes for granted: every value that the function's code reaches by a name is looked after."""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.program.guards import Guards

library = types.ModuleType("library")  # a module of the user's
exec("scale = 1.0\ndef scaled(x): return x * scale", vars(library))
base = 1.0


class Inner:
    rate = 1.0
    limit = 1.0

    def __init__(self):
        self.factor = 1.0

    def __call__(self, x):
        return x * self.factor

    @property
    def doubled(self):
        return 2 * self.factor

    @staticmethod
    def based(x):
        return x * base


@dataclass(slots=True)
class Slotted:
    rate: float = 1.0


class Outer:
    def __init__(self):
        self.inner, self.unused, self.options = Inner(), 1.0, types.SimpleNamespace(rate=1.0, table={3: 1.0})
        self.slotted = Slotted()

    def call(self, x):
        return self.inner(x)

    def doubled(self, x):
        return x * self.inner.doubled

    def based(self, x):
        return self.inner.based(x)

    def shared(self, x):
        return x * self.inner.rate * Inner.limit

    def configured(self, x):
        return x * self.options.rate * self.options.table[3] * self.slotted.rate

    def asked(self, x):
        return x * getattr(self.inner, "factor", 2.0)

    def indirectly(self, x):
        return self.configured(x) + self.call(x)


def put(holder, name):
    return lambda value: setattr(holder, name, value)


def set_base(value):
    global base
    base = value


CHANGES = {
    "a module's number": lambda o: (lambda x: x * library.scale, put(library, "scale")),
    "a number that a module's function reads": lambda o: (lambda x: library.scaled(x), put(library, "scale")),
    "an attribute in __call__": lambda o: (lambda x: o.inner(x), put(o.inner, "factor")),
    "an attribute of what is called": lambda o: (o.inner, put(o.inner, "factor")),
    "an attribute in another method": lambda o: (o.call, put(o.inner, "factor")),
    "an attribute two methods away": lambda o: (o.indirectly, put(o.inner, "factor")),
    "an attribute in a property": lambda o: (o.doubled, put(o.inner, "factor")),
    "an attribute that is asked for by its name": lambda o: (o.asked, put(o.inner, "factor")),
    "a global in a static method": lambda o: (o.based, set_base),
    "a class's attribute": lambda o: (o.shared, put(Inner, "limit")),
    "a class's attribute through an object": lambda o: (o.shared, put(Inner, "rate")),
    "an attribute that hides the class's": lambda o: (o.shared, put(o.inner, "rate")),
    "an attribute of a namespace": lambda o: (o.configured, put(o.options, "rate")),
    "an attribute in a slot": lambda o: (o.configured, put(o.slotted, "rate")),
    "a table's entry": lambda o: (o.configured, functools.partial(o.options.table.__setitem__, 3)),
    "an attribute behind a partial function": lambda o: (
        functools.partial(Outer.call, o), put(o.inner, "factor")
    ),
    "a global behind a partial function": lambda o: (
        (lambda f: lambda x: f(x))(functools.partial(Inner.based)), set_base
    ),
    "a global in a function given to func.grad": lambda o: (
        (lambda f: lambda x: f(x))(cr.func.grad(lambda x: (x * base).sum())), set_base
    ),
    "an argument's attribute": lambda o: (lambda x, o=o: o.inner(x), put(o.inner, "factor")),
}  # fmt: skip


@pytest.fixture
def restored():
    yield
    set_base(1.0)
    library.scale = Inner.rate = Inner.limit = 1.0


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name):
    outer = Outer()
    function, change = CHANGES[name](outer)
    step, x = cr.compile(function), cr.ones(2)
    for value in (1.0, 3.0, 4.0, 3.0):
        change(value)
        want = function(x).tolist()
        assert [step(x).tolist() for _ in range(3)] == [want] * 3


def test_objects_that_a_module_uses_are_seen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.history = Inner(), []

        def forward(self, x):
            return self.inner(x)

    net, x = Net(), cr.ones(2)
    step = cr.compile(net)
    hook = Inner()
    for value in (1.0, 2.0, 3.0):
        net.inner.factor = value
        assert [step(x).tolist() for _ in range(2)] == [[value, value]] * 2
        net.history.append(value)  # forward does not mention it
    net.register_forward_hook(lambda module, given, result: hook(result))
    for value in (1.0, 2.0):
        hook.factor = value
        assert [step(x).tolist() for _ in range(2)] == [[3 * value, 3 * value]] * 2


@pytest.mark.usefixtures("restored")
def test_what_the_code_does_not_mention_may_change():
    outer = Outer()
    guards = Guards(outer.call)
    assert not guards.change()
    outer.unused, outer.options, Inner.rate, library.scale = 2.0, None, 2.0, 2.0
    assert not guards.change()
    outer.inner.factor = 2.0
    assert guards.change()


@pytest.mark.usefixtures("restored")
def test_calls_stay_native():
    """Dictionaries of modules, classes and objects are looked up by the entry point itself."""
    outer = Outer()
    for function in (outer.call, outer.shared, outer.based, lambda x: x * library.scale):
        step = cr.compile(function)
        step(cr.ones(2)), step(cr.ones(2))
        assert not hasattr(type(step).__call__, "__code__")


def test_a_list_or_dictionary_that_is_an_argument_may_be_filled_anew():
    step = cr.compile(lambda batch, pair: batch["x"] + pair[0] * pair[1])
    batch, pair = {}, [None, None]
    for i in range(4):
        batch["x"], pair[:] = cr.full((2,), float(i)), [cr.ones(2), cr.ones(2)]
        assert step(batch, pair).tolist() == [i + 1.0] * 2
    assert [len(kinds) for kinds in step._kinds.values()] == [1]


t = 0.0  # the name of a method, too
rate = 1.0


def transposed(x):
    return x.t()


def with_a_nested_function(x):
    def inner(v):
        return [v * rate for _ in range(1)]

    return inner(x)[0]


def by_text(x):
    return x * globals()["rate"]


def with_many_names(x):
    return x * rate


with_many_names.__code__ = compile(
    "def f(x):\n" + "".join(f"    x.name{i}\n" for i in range(600)) + "    return x * rate\n", "many", "exec"
).co_consts[0]


def test_an_attribute_is_not_the_global_of_its_name(monkeypatch):
    guards = Guards(transposed)
    monkeypatch.setitem(globals(), "t", 1.0)
    assert not guards.change()


@pytest.mark.parametrize("function", [with_a_nested_function, by_text, with_many_names])
def test_a_global_is_seen_wherever_it_is_read(monkeypatch, function):
    guards = Guards(function)
    assert not guards.change()
    monkeypatch.setitem(globals(), "rate", 2.0)
    assert guards.change() == "'rate' was 1.0 and is 2.0"


def test_other_changes_have_words_too():
    layer, items, held = nn.Linear(2, 2), [1, 2], object()

    def function(x):
        return layer(x), items, held

    guards = Guards(function)
    layer.eval()
    assert guards.change() == "'training' of a Linear"
    layer.train()
    items.append(3)
    assert guards.change() == "the items of a list of 2"
    items.pop()
    held = nn.ReLU()
    assert guards.change() == "a variable of the function around it was a object and is a ReLU"
    held = None
    assert guards.change() == "a variable of the function around it was a object and is None"

"""The computation graph of a derivation: who reads whom, what flows back, and the modules around it.

A module is a run of consecutive steps: those that read its parameters, and what is computed between them. A
module that is called twice makes two runs, so a graph whose runs are drawn as single boxes has no cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from ..program.ir import Var
from .derivation import Derivation, Step
from .expr import symbols_in
from .notation import tex, without_middle
from .unicode import plain

Path = tuple[str, ...]
Item = Any  # a Var or a Scope: what stands in a scope
_DEEPEST = 12  # parts of a module's path that are told apart


@dataclass(eq=False)
class Node:
    """A value: its step, and the step of its gradient."""

    var: Var
    number: int
    step: Step
    gradient: Step | None = None
    chips: list[Node] = field(default_factory=list)  # parameters that only this node reads

    @property
    def label(self) -> str:
        return self.step.symbol.text

    @cached_property
    def formula(self) -> str:
        return "" if self.step.formula is None else plain(tex(without_middle(self.step.formula)))

    @cached_property
    def title(self) -> str:
        """All of it, as text."""
        shape = "×".join(map(str, self.step.shape))
        line = f"{self.label} = {self.formula}" if self.formula else self.label
        lines = [line + (f"   [{shape}]" if shape else "")]
        if self.gradient is not None:
            lines.append(f"{self.gradient.symbol.text} = {plain(tex(without_middle(self.gradient.formula)))}")
        return "\n".join(lines)


@dataclass(eq=False)
class Scope:
    """A module's run of steps, or everything.

    links  between two of its items: (from, to, the value that is read): who reads it
    ins    from outside: (value, item): who reads it;  outs likewise, by readers outside
    """

    path: Path
    parent: Scope | None = None
    number: int = 0
    items: list[Item] = field(default_factory=list)
    leaves: list[Var] = field(default_factory=list)
    links: dict[tuple[Item, Item, Var], list[Var]] = field(default_factory=dict)
    ins: dict[tuple[Var, Item], list[Var]] = field(default_factory=dict)
    outs: dict[tuple[Var, Item], list[Var]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def short(self) -> str:
        """Its name within the scope around it; of `h.0`, which is a number, with what it is a number of."""
        above = len(self.parent.path) if self.parent is not None else 0
        if above and self.path[above:] and self.path[above].isdigit():
            above -= 1
        return ".".join(self.path[above:])

    @property
    def scopes(self) -> list[Scope]:
        return [i for i in self.items if isinstance(i, Scope)]

    def steps(self) -> Iterator[Var]:
        """All steps in it, in order."""
        for i in self.items:
            if isinstance(i, Scope):
                yield from i.steps()
            else:
                yield i

    @property
    def size(self) -> int:
        """How many steps are in it."""
        return len(list(self.steps()))

    def inner(self) -> Iterator[Scope]:
        """It and all scopes in it."""
        yield self
        for s in self.scopes:
            yield from s.inner()


class Graph:
    """Nodes by variable, in the order of the steps; `arrives` are the edges that carry a gradient back."""

    def __init__(self, derivation: Derivation, modules: Mapping[Var, str] | None = None) -> None:
        self.derivation = derivation
        self.nodes: dict[Var, Node] = {}
        self.reads: dict[Var, list[Var]] = {}
        self.readers: dict[Var, list[Var]] = {}
        self.arrives: set[tuple[Var, Var]] = set()  # (who sends it, who gets it)
        for step in derivation.steps:
            self._take(step)
        self._flow()
        self.root = Scope(())
        self.scope: dict[Var, Scope] = {}
        made = [_var(s) for s in derivation.forward if s.kind == "forward"]
        self._fill(self.root, made, self._paths(made, modules or {}))
        if len(self.root.scopes) == 1:
            self._dissolve(self.root.scopes[0])
        for number, scope in enumerate(self.root.inner()):
            scope.number = number
        self._leaves()
        for reader, sources in self.reads.items():
            for source in sources:
                self._connect(source, reader)

    def _take(self, step: Step) -> None:
        v = _var(step)
        if step.kind == "backward":
            self.nodes[v].gradient = step
            return
        self.nodes[v] = Node(v, len(self.nodes), step)
        if step.formula is not None:
            found = (s.var for s in symbols_in(step.formula))
            self.reads[v] = [u for u in dict.fromkeys(found) if u in self.nodes and u is not v]

    def _flow(self) -> None:
        """The edges that carry gradients: to what has one, and through what stands between such values."""
        for reader, sources in self.reads.items():
            for source in sources:
                self.readers.setdefault(source, []).append(reader)
        sending: set[Var] = set()
        for v, node in self.nodes.items():
            by = self.readers.get(v, [])
            if node.gradient is not None:
                consumers = {t.consumer.var for t in node.gradient.terms}
                by = [r for r in by if r in consumers] or by
            elif v not in sending:
                continue
            self.arrives.update((r, v) for r in by)
            sending.update(by)

    def senders(self, v: Var) -> list[Var]:
        """Whose gradients the gradient of a value is made from."""
        return [r for r in self.readers.get(v, ()) if (r, v) in self.arrives]

    def _paths(self, made: Sequence[Var], modules: Mapping[Var, str]) -> dict[Var, Path]:
        """Of each step the module: as recorded, or of the parameters before and after it."""
        own = {v: _split(m) for v, m in self._parameters().items()}
        fixed: dict[Var, Path] = {}
        for v in made:
            if modules:
                fixed[v] = _split(modules.get(v, ""))
            elif found := [own[u] for u in self.reads[v] if u in own]:
                fixed[v] = _common(found)
        ahead: dict[Var, Path] = {}
        following: Path = ()
        for v in reversed(made):
            following = ahead[v] = fixed.get(v, following)
        before: Path = ()
        paths: dict[Var, Path] = {}
        for v in made:
            if v in fixed:
                before = paths[v] = fixed[v]
            else:
                paths[v] = _between(before, ahead[v])
        return paths

    def _parameters(self) -> dict[Var, str]:
        """The modules of parameters: the legend says `path.name`."""
        legend = self.derivation.legend
        found = {}
        for v in self.derivation.program.inputs:
            module, dot, _ = legend.get(self.derivation.symbols[v].tex, "").rpartition(".")
            if dot:
                found[v] = module
        return found

    def _fill(self, scope: Scope, made: Iterable[Var], paths: Mapping[Var, Path]) -> None:
        depth = len(scope.path)
        for path, run in groupby(made, key=lambda v: paths[v][: depth + 1]):
            if len(path) == depth:
                for v in run:
                    scope.items.append(v)
                    self.scope[v] = scope
                continue
            child = Scope(path, scope)
            self._fill(child, run, paths)
            if len(child.items) == 1 and child.scopes:  # a box around one box says nothing
                child = child.scopes[0]
                child.parent = scope
            scope.items.append(child)

    def _dissolve(self, only: Scope) -> None:
        """Without the frame around the whole model."""
        at = self.root.items.index(only)
        self.root.items[at : at + 1] = only.items
        self.root.path = only.path
        for scope in only.scopes:
            scope.parent = self.root
        for v, scope in self.scope.items():
            if scope is only:
                self.scope[v] = self.root

    def _leaves(self) -> None:
        """Parameters hang below their only reader; others stand where all their readers are."""
        own = self._parameters()
        parameters = set(self.derivation.program.inputs)
        for v in sorted((v for v in self.nodes if v not in self.scope), key=lambda v: v not in own):
            by = self.readers.get(v, [])
            among = own if v in own else parameters
            if v in among and len(by) == 1 and any(u not in among for u in self.reads[by[0]]):
                self.nodes[by[0]].chips.append(self.nodes[v])
                self.reads[by[0]].remove(v)
                self.scope[v] = self.scope[by[0]]
            elif by:
                around = _around([self.scope[r] for r in by])
                given = v not in own and any(self.nodes[r].chips for r in by)
                self.scope[v] = around.parent if given and around.parent is not None else around
                self.scope[v].leaves.append(v)

    def _connect(self, source: Var, reader: Var) -> None:
        """An edge: through the borders of the modules that it leaves and enters."""
        home = _around([self.scope[source], self.scope[reader]])
        start: Item = source
        scope = self.scope[source]
        while scope is not home:
            scope.outs.setdefault((source, start), []).append(reader)
            start, scope = scope, _above(scope)
        end: Item = reader
        scope = self.scope[reader]
        while scope is not home:
            scope.ins.setdefault((source, end), []).append(reader)
            end, scope = scope, _above(scope)
        home.links.setdefault((start, end, source), []).append(reader)

    def visible(self, depth: int) -> int:
        """How many steps and boxes are seen if the modules of a depth are closed."""

        def count(scope: Scope, level: int) -> int:
            return sum(count(i, level - 1) if isinstance(i, Scope) and level else 1 for i in scope.items)

        return count(self.root, depth)

    def closed(self, depth: int) -> list[Scope]:
        """The modules that are drawn as one node: those of that depth that have more than one step."""

        def below(scope: Scope, level: int) -> Iterator[Scope]:
            for s in scope.scopes:
                if level:
                    yield from below(s, level - 1)
                elif s.size > 1:
                    yield s

        return list(below(self.root, depth))

    @property
    def depth(self) -> int:
        """How deep modules are nested."""

        def deep(scope: Scope) -> int:
            return max((1 + deep(s) for s in scope.scopes), default=0)

        return deep(self.root)

    def fitting(self, most: int) -> int:
        """The largest depth at which no more than `most` steps and boxes are seen."""
        found = 0
        for depth in range(self.depth + 1):
            if self.visible(depth) <= most:
                found = depth
        return found


def _var(step: Any) -> Var:
    found: Any = (step.symbol if isinstance(step, Step) else step.consumer).var
    v: Var = found
    return v


def _split(module: str) -> Path:
    return tuple(module.split("."))[:_DEEPEST] if module else ()


def _between(before: Path, after: Path) -> Path:
    """The module of a step between two: what holds both, or the first of neighbours in a list."""
    found = _common([before, after])
    n = len(found)
    if len(before) > n < len(after) and before[n].isdigit() and after[n].isdigit():
        return before[: n + 1] if int(after[n]) == int(before[n]) + 1 else found
    return found


def _common(paths: Sequence[Path]) -> Path:
    """What all begin with."""
    first = paths[0]
    n = min(map(len, paths))
    k = next((i for i in range(n) if any(p[i] != first[i] for p in paths)), n)
    return first[:k]


def _above(scope: Scope) -> Scope:
    if scope.parent is None:
        raise ValueError("the scope of everything is in none")
    return scope.parent


def _around(scopes: Sequence[Scope]) -> Scope:
    """The innermost scope that holds all."""
    chains = []
    for scope in scopes:
        chain: list[Scope] = [scope]
        while chain[-1].parent is not None:
            chain.append(chain[-1].parent)
        chains.append(chain[::-1])
    found = chains[0][0]
    for level in zip(*chains):
        if any(s is not level[0] for s in level):
            break
        found = level[0]
    return found


__all__ = ["Graph", "Node", "Scope"]

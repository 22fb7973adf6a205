"""NumPy source of the structured records that a person would write out; the rest is called or copied."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from ..ops import (
    classes,
    distance,
    extreme,
    index,
    join,
    loss,
    movement,
    nn,
    norm,
    product,
    rearrange,
    reduce,
    solve,
    view,
)
from ..ops.record import Op
from ..types import COMPLEX
from .code_text import ADD, ATOM, MUL, NEG, POW, Text
from .expr import Expr, is_number, spec_of


class Lines(Protocol):
    """What a rule may ask of the writer."""

    def named(self, text: Text) -> str:
        """The expression as a name: an assignment, unless it is one."""

    def helper(self, name: str) -> str:
        """The name of a function that is defined above."""

    def line(self, source: str) -> None:
        """A statement of its own."""

    def fresh(self) -> str:
        """A name that is free."""


_NAME_T = re.compile(r"^\w+\.T$")
Rule = Callable[..., Text | None]
RULES: dict[Op, Rule] = {}
FUNCTIONS = {
    "softmax": """def softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)""",
    "log_softmax": """def log_softmax(z, axis):
    shifted = z - z.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))""",
}


def _writes(*ops: Op) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return add


def shape(x: Any) -> tuple[int, ...]:
    """The shape of an operand."""
    spec = spec_of(x)
    return spec.shape if spec is not None else ()


def listed(values: Any) -> str:
    """A tuple's elements: 2, 3."""
    return ", ".join(map(str, values))


@_writes(product.matmul, product.mm, product.mv, product.bmm, product.dot)
def _product(w: Lines, x: Expr, a: Text, b: Text) -> Text:
    return Text(f"{a.within(MUL)} @ {b.within(NEG)}", MUL)


@_writes(nn.linear)
def _linear(w: Lines, x: Expr, a: Text, b: Text, c: Text | None) -> Text:
    turned = f"{b.within(ATOM)}.T" if len(shape(x.operands[1])) == 2 else b.within(NEG)
    made = f"{a.within(MUL)} @ {turned}"
    return Text(made, MUL) if c is None else Text(f"{made} + {c.within(ADD)}", ADD)


def _reduction(name: str) -> Rule:
    def rule(w: Lines, x: Expr, a: Text, dim: Any, keepdim: bool) -> Text:
        every = len(dim) == len(shape(x.operands[0]))
        axis = "" if every and not keepdim else f", axis={dim[0] if len(dim) == 1 else tuple(dim)}"
        return Text(f"np.{name}({a.source}{axis}{', keepdims=True' if keepdim else ''})")

    return rule


for _op, _name in [(reduce.sum, "sum"), (reduce.mean, "mean"), (reduce.prod, "prod")]:
    RULES[_op] = _reduction(_name)
for _op, _name in [(extreme.amax, "max"), (extreme.amin, "min"), (extreme.max_all, "max")]:
    RULES[_op] = _reduction(_name)
RULES[extreme.min_all] = _reduction("min")


@_writes(movement.sum_to)
def _sum_to(w: Lines, x: Expr, a: Text, to: Any) -> Text:
    have = shape(x.operands[0])
    extra = len(have) - len(to)
    ones = [i for i, n in enumerate(to, extra) if n == 1 and have[i] != 1]
    if not to:
        return Text(f"np.sum({a.source})")
    if ones:
        text = f"np.sum({a.source}, axis={(*range(extra), *ones)}, keepdims=True)"
        return Text(f"{text}.reshape({listed(to)})" if extra else text)
    return Text(f"np.sum({a.source}, axis={0 if extra == 1 else tuple(range(extra))})") if extra else a


@_writes(movement.reshape, movement.unsafe_view)
def _reshape(w: Lines, x: Expr, a: Text, to: Any) -> Text:
    """The first size is left open: it is the batch's, if there is one."""
    if not x.spec.shape or 0 in x.spec.shape:
        return Text(f"np.reshape({a.source}, {x.spec.shape})")
    return Text(f"np.reshape({a.source}, ({listed((-1, *x.spec.shape[1:]))}{',' * (len(to) == 1)}))")


@_writes(view.transpose, view.t)
def _transpose(w: Lines, x: Expr, a: Text, *dims: int) -> Text:
    if len(x.spec.shape) == 2:
        return _turned(a)
    return a if len(x.spec.shape) < 2 else Text(f"np.swapaxes({a.source}, {listed(dims)})")


@_writes(movement.permute)
def _permute(w: Lines, x: Expr, a: Text, dims: Any) -> Text:
    return _turned(a) if tuple(dims) == (1, 0) else Text(f"np.transpose({a.source}, {tuple(dims)})")


def _turned(a: Text) -> Text:
    return Text(a.source[:-2]) if _NAME_T.match(a.source) else Text(f"{a.within(ATOM)}.T")


@_writes(movement.expand)
def _expand(w: Lines, x: Expr, a: Text, to: Any) -> Text:
    if is_number(x.operands[0]):
        return (
            Text(f"np.full({tuple(to)}, {float(x.operands[0])})") if to else Text(f"{float(x.operands[0])}")
        )
    return Text(f"np.broadcast_to({a.source}, {tuple(to)})") if to else a


@_writes(view.squeeze, view.squeeze_dim, view.squeeze_dims, view.unsqueeze)
def _squeeze(w: Lines, x: Expr, a: Text, dims: Any) -> Text | None:
    return _reshape(w, x, a, x.spec.shape)


@_writes(movement.detach, rearrange.clone, rearrange.contiguous)
def _same(w: Lines, x: Expr, a: Text) -> Text:
    return a


@_writes(movement.to)
def _to(w: Lines, x: Expr, a: Text, dtype: Any) -> Text:
    return Text(f"np.asarray({a.source}, np.{dtype.np.name})") if hasattr(dtype, "np") else a


@_writes(join.cat)
def _cat(w: Lines, x: Expr, parts: Any, dim: int, *rest: Any) -> Text:
    return Text(f"np.concatenate([{', '.join(p.source for p in parts)}], axis={dim})")


@_writes(movement.stack)
def _stack(w: Lines, x: Expr, parts: Any, dim: int) -> Text:
    return Text(f"np.stack([{', '.join(p.source for p in parts)}], axis={dim})")


@_writes(movement.unbind)
def _unbind(w: Lines, x: Expr, a: Text, dim: int) -> Text:
    return Text(f"{w.named(a)}[{':, ' * dim}{x.index}]")


@_writes(join.split)
def _split(w: Lines, x: Expr, a: Text, sizes: Any, dim: int) -> Text:
    start = sum(sizes[: x.index])
    return Text(f"{w.named(a)}[{':, ' * dim}{start}:{start + sizes[x.index]}]")


@_writes(nn.softmax)
def _softmax(w: Lines, x: Expr, a: Text, dim: int) -> Text | None:
    return Text(f"{w.helper('softmax')}({a.source}, {dim})") if shape(x) else None


@_writes(nn.log_softmax)
def _log_softmax(w: Lines, x: Expr, a: Text, dim: int) -> Text | None:
    return Text(f"{w.helper('log_softmax')}({a.source}, {dim})") if shape(x) else None


@_writes(loss.mse_loss)
def _mse(w: Lines, x: Expr, a: Text, b: Text, reduction: str) -> Text:
    square = f"({a.within(ADD)} - {b.within(MUL)}) ** 2"
    return Text(square, POW) if reduction == "none" else Text(f"np.{reduction}({square})")


def _plain_classes(x: Expr, at: int, weight: Any) -> bool:
    """Whether scores are (N, C), without weights: the case that is written out."""
    return len(shape(x.operands[at])) == 2 and weight is None


@_writes(classes.cross_entropy)
def _cross_entropy(
    w: Lines, x: Expr, a: Text, y: Text, weight: Any, reduction: str, ignored: int
) -> Text | None:
    if not _plain_classes(x, 0, weight) or ignored >= 0:
        return None
    logs, target = f"{w.helper('log_softmax')}({a.source}, 1)", w.named(y)
    picked = f"{logs}[np.arange(len({target})), {target}]"
    return Text(f"-{picked}" if reduction == "none" else f"-np.{reduction}({picked})", NEG)


@_writes(classes.nll_loss)
def _nll(w: Lines, x: Expr, a: Text, y: Text, weight: Any, reduction: str, ignored: int) -> Text | None:
    if not _plain_classes(x, 0, weight) or ignored >= 0:
        return None
    target = w.named(y)
    picked = f"{w.named(a)}[np.arange(len({target})), {target}]"
    return Text(f"-{picked}" if reduction == "none" else f"-np.{reduction}({picked})", NEG)


@_writes(classes.cross_entropy_pull)
def _cross_entropy_pull(
    w: Lines, x: Expr, g: Text, a: Text, y: Text, weight: Any, reduction: str, ignored: int
) -> Text | None:
    if not _plain_classes(x, 1, weight) or ignored >= 0:
        return None
    target = w.named(y)
    error = f"({w.helper('softmax')}({a.source}, 1) - np.eye({x.spec.shape[1]})[{target}])"
    if reduction == "none":
        return Text(f"{w.named(g)}[:, None] * {error}", MUL)
    front = "" if g.source == "1" else f"{g.within(MUL)} * "
    return Text(f"{front}{error}{f' / len({target})' if reduction == 'mean' else ''}", MUL)


@_writes(index.masked_fill)
def _masked_fill(w: Lines, x: Expr, a: Text, mask: Text, value: Text) -> Text:
    return Text(f"np.where({mask.source}, {value.source}, {a.source})")


@_writes(index.part, index.pick)
def _part(w: Lines, x: Expr, a: Text, key: Any) -> Text:
    return Text(f"{w.named(a)}[{_key(key)}]")


@_writes(index.unpart)
def _unpart(w: Lines, x: Expr, a: Text, to: Any, key: Any) -> Text:
    name = w.fresh()
    w.line(f"{name} = {_zeros(x)}")
    w.line(f"{name}[{_key(key)}] = {a.source}")
    return Text(name)


@_writes(index.index)
def _indexed(w: Lines, x: Expr, a: Text, ix: Text, key: Any) -> Text:
    return Text(f"{w.named(a)}[{_key(key, w.named(ix))}]")


@_writes(index.unindex)
def _unindexed(w: Lines, x: Expr, a: Text, ix: Text, to: Any, key: Any) -> Text:
    name, places = w.fresh(), _key(key, w.named(ix))
    w.line(f"{name} = {_zeros(x)}")
    w.line(f"np.add.at({name}, np.index_exp[{places}], {a.source})")
    return Text(name)


@_writes(movement.view_scatter)
def _view_scatter(w: Lines, x: Expr, a: Text, b: Text, chain: Any) -> Text | None:
    key = _one_part(chain)
    if key is None:
        return None
    name = w.fresh()
    w.line(f"{name} = np.array({a.source})")
    w.line(f"{name}[{key}] = {b.source}")
    return Text(name)


@_writes(movement.embed)
def _embed(w: Lines, x: Expr, a: Text, to: Any, chain: Any) -> Text | None:
    key = _one_part(chain)
    if key is None:
        return None
    name = w.fresh()
    w.line(f"{name} = {_zeros(x)}")
    w.line(f"{name}[{key}] = {a.source}")
    return Text(name)


def _zeros(x: Expr) -> str:
    return f"np.zeros({x.spec.shape}{', complex' if x.spec.dtype.category == COMPLEX else ''})"


def _one_part(chain: Any) -> str | None:
    """The index that a chain of views is, if it is one."""
    if len(chain) == 1 and chain[0][0] in (index.part, index.pick):
        return _key(chain[0][1][0])
    return None


def _key(key: Any, ix: str = "") -> str:
    """An index as it is written between brackets; `ix` holds the index arrays, if it has such."""
    arrays = sum(k is index.INDEX for k in key) if isinstance(key, tuple) else 0
    numbers = iter(range(arrays))

    def one(k: Any) -> str:
        if ix and k is index.INDEX:
            return ix if arrays == 1 else f"{ix}[{next(numbers)}]"
        if isinstance(k, slice):
            ends = ["" if v is None else str(v) for v in (k.start, k.stop, k.step)]
            return f"{ends[0]}:{ends[1]}" + (f":{ends[2]}" if ends[2] else "")
        return "..." if k is Ellipsis else str(k)

    return ", ".join(map(one, key)) if isinstance(key, tuple) and key else one(key) if key != () else "()"


@_writes(norm.layer_norm, norm.batch_norm)
def _normalized(
    w: Lines, x: Expr, a: Text, scale: Text | None, bias: Text | None, dims: Any, channel: int, eps: float
) -> Text:
    name = w.named(a)
    axis = f"axis={dims[0] if len(dims) == 1 else tuple(dims)}, keepdims=True"
    if x.index:
        return Text(f"{name}.{('mean', 'var')[x.index - 1]}({axis})")
    text = f"({name} - {name}.mean({axis})) / np.sqrt({name}.var({axis}) + {eps})"
    behind = len(shape(x)) - 1 - channel if channel >= 0 else 0
    tall = f".reshape(-1{', 1' * behind})" if behind else ""
    power = MUL
    if scale is not None:
        text += f" * {w.named(scale) + tall if tall else scale.within(NEG)}"
    if bias is not None:
        text, power = f"{text} + {w.named(bias) + tall if tall else bias.within(ADD)}", ADD
    return Text(text, power)


@_writes(distance.vector_norm)
def _norm(w: Lines, x: Expr, a: Text, dim: Any, keepdim: bool, p: float) -> Text | None:
    if p != 2:
        return None
    square = Text(f"{a.within(ATOM)} ** 2", POW)
    total = _reduction("sum")(w, x, square, dim, keepdim)
    return Text(f"np.sqrt({total.source})") if total is not None else None


@_writes(product.trace, solve.inv, solve.det)
def _linalg(w: Lines, x: Expr, a: Text) -> Text:
    where = {product.trace: "trace", solve.inv: "linalg.inv", solve.det: "linalg.det"}
    return Text(f"np.{where[x.op]}({a.source})")


@_writes(solve.slogdet)
def _slogdet(w: Lines, x: Expr, a: Text) -> Text:
    return Text(f"np.linalg.slogdet({a.source})[{x.index}]")

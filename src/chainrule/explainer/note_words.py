"""The sentences of notes, in English and in Chinese; names in them are listed as the language does."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 4  # names that are listed before the rest is counted

SENTENCES = {
    "collapse": (
        "The {count} linear layers with {layers} have no activation between them: together they are one "
        "linear layer, {rule}.",
        "{layers} 这 {count} 个线性层之间没有激活函数：合起来只是一个线性层，{rule}。",
    ),
    "changed": (
        "{names} changed after the pass{line}: the numbers are those of the present values. Explain before "
        "optimizer.step(), or run the pass in `with record():`.",
        "{names} 在此次传播之后被修改{line}：这里的数值按当前值计算。"
        "请在 optimizer.step() 之前解释，或在 `with record():` 中运行。",
    ),
    "differs": (
        "Values have changed since the pass: it gave {name} = {was}, the present values give {now}. Explain "
        "before the update, or run the pass in `with record():`.",
        "数值在此次传播之后被修改：当时 {name} = {was}，按当前值为 {now}。"
        "请在更新之前解释，或在 `with record():` 中运行。",
    ),
    "dead": (
        "{dead} of the {total} units of {name} let nothing through for any sample of this batch: units "
        "{units}. No gradient reaches the weights behind them.",
        "{name} 的 {total} 个单元中，有 {dead} 个对本批次的所有样本都不导通："
        "编号（从 0 起）{units}。它们之前的权重得不到梯度。",
    ),
    "dead_one": (
        "1 of the {total} units of {name} lets nothing through for any sample of this batch: unit {units}. "
        "No gradient reaches the weights behind it.",
        "{name} 的 {total} 个单元中，有 1 个对本批次的所有样本都不导通："
        "编号（从 0 起）{units}。它之前的权重得不到梯度。",
    ),
    "saturated": (
        "{name} is saturated: at {share:.0%} of its entries the derivative is below {tiny}, so next to no "
        "gradient gets through.",
        "{name} 已饱和：{share:.0%} 的元素处导数小于 {tiny}，梯度几乎无法通过。",
    ),
    "kink": (
        "{name} has a kink here, at {count} of {total} entries: there is no single derivative, and a "
        "convention was used ({rule}).",
        "{name} 在此处不可导（{total} 个元素中的 {count} 个）：按约定选取了一个次梯度（{rule}）。",
    ),
    "sum": (
        "{name} is used {count} times: its gradient is the sum over these uses, through {uses}.",
        "{name} 被使用了 {count} 次：它的梯度是各次使用之和，经由 {uses}。",
    ),
    "sum_inner": (
        "{names} are each read by several steps: what these send back is added up.",
        "{names} 各被多个步骤使用：各步传回的梯度相加。",
    ),
    "sum_inner_one": (
        "{names} is read by several steps: what these send back is added up.",
        "{names} 被多个步骤使用：各步传回的梯度相加。",
    ),
    "vanishing": (
        "The gradients vanish on their way back through the layers: {from_}, but {to}.",
        "梯度在逐层反向传播中消失：{from_}，而 {to}。",
    ),
    "exploding": (
        "The gradients explode on their way back through the layers: {from_}, but {to}.",
        "梯度在逐层反向传播中爆炸：{from_}，而 {to}。",
    ),
    "accumulated": (
        "Gradients have accumulated: {name}.grad is {grad}, this pass's ∂L/∂{name} is {own}; the rest is of "
        "earlier passes, because nothing zeroed it.",
        "梯度发生了累加：{name}.grad 为 {grad}，而本次的 ∂L/∂{name} 为 {own}；"
        "其余来自之前的反向传播，因为没有清零。",
    ),
    "accumulates": (
        "{name}.grad is not empty: it holds {grad}. backward() adds this pass's gradient to it unless it is "
        "zeroed first.",
        "{name}.grad 不为空，已有 {grad}：若不先清零，backward() 会把本次的梯度加到上面。",
    ),
    "likewise": (" The same holds for {names}.", "{names} 也是如此。"),
}


def sentence(key: str, lang: str, **fields: object) -> str:
    """A sentence with its fields filled in."""
    filled = {k: listed(v, lang) if isinstance(v, (list, tuple)) else v for k, v in fields.items()}
    return SENTENCES[key][lang == "zh"].format(**filled)


def listed(names: Sequence[str], lang: str) -> str:
    """Names as a list within a sentence.

    >>> listed(["w", "b", "c"], "en"), listed(list("abcdefg"), "en"), listed(["w", "b"], "zh")
    ('w, b and c', 'a, b, c, d and 3 more', 'w、b')
    """
    shown, more = list(names[:_NAMED]), len(names) - _NAMED
    if lang == "zh":
        return "、".join(shown) + (f" 等 {len(names)} 个" if more > 0 else "")
    if more > 0:
        return ", ".join(shown) + f" and {more} more"
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else "".join(shown)

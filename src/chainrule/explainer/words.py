"""The words of an explanation, in English and in Chinese."""

from __future__ import annotations

from ..errors import message

LANGUAGES = ("en", "zh")

_WORDS = {
    "forward": ("Forward pass", "前向传播"),
    "backward": ("Backward pass", "反向传播"),
    "inputs": ("Inputs and parameters", "输入与参数"),
    "legend": ("Where", "其中"),
    "is": ("is", "即"),
    "shape": ("shape", "形状"),
    "value": ("value", "数值"),
    "line": ("line", "代码"),
    "scalar": ("a number", "标量"),
    "sum_over": ("the sum over", "对以下各路求和："),
    "through": ("through", "经由"),
    "more": ("… and {0} more", "……另有 {0} 项"),
    "layout": (
        "∂L/∂v has the shape of v (denominator layout); rows of a matrix are the samples of the batch.",
        "∂L/∂v 与 v 形状相同（分母布局）；矩阵的每一行是批次中的一个样本。",
    ),
    "chain_rule": (
        "Chain rule: the gradient of a variable is the sum, over all variables computed from it, of their "
        "gradient times the local derivative.",
        "链式法则：一个变量的梯度，等于由它算出的每个变量的梯度乘以相应局部导数，再求和。",
    ),
    "observations": ("Worth noticing", "值得注意"),
    "title": ("The gradient of {0}, step by step", "{0} 的梯度：逐步推导"),
    "gradient": ("gradient", "梯度"),
    "formula": ("formula", "公式"),
    "graph": ("Computation graph", "计算图"),
    "graph_of": ("Computation graph of {0}", "{0} 的计算图"),
    "graph_key": (
        "Solid arrows carry values forward; dashed arrows carry gradients back.",
        "实线箭头表示数值向前传播，虚线箭头表示梯度反向传播。",
    ),
    "steps_in": ("steps: {0}", "{0} 步"),
    "inside": ("Inside {0}", "{0} 内部"),
    "opened": ("modules open", "展开模块"),
    "closed": ("modules closed", "折叠模块"),
    "previous": ("Previous step", "上一步"),
    "next": ("Next step", "下一步"),
    "keys": ("or the arrow keys ← →", "或使用方向键 ← →"),
    "press": (
        "Press → to walk through the forward pass, then back through the gradients.",
        "按 → 逐步查看前向传播，再沿梯度返回。",
    ),
    "letters": ("{0} letters", "{0} 个符号"),
    "step_of": ("Step {0} of {1}", "第 {0} 步，共 {1} 步"),
    "source": ("Source", "源代码"),
    "from_here": ("computed from {0}", "由 {0} 算出"),
    "from_there": ("gradient arrives through {0}", "梯度经由 {0} 到达"),
    "values": ("{0} values from {1} to {2}", "{0} 个数值，从 {1} 到 {2}"),
    "colours": (
        "Colours: purple below zero, green above, blank at zero; grey is not a number.",
        "颜色：紫色为负，绿色为正，空白为零；灰色表示非数值。",
    ),
    "sampled": (", some of them shown", "，此处取样显示"),
    "facts": (
        "{0} parameters · {1} forward steps · {2} gradients",
        "{0} 个参数 · {1} 个前向步骤 · {2} 个梯度",
    ),
}


def word(key: str, lang: str) -> str:
    """A word or sentence in one of LANGUAGES."""
    return _WORDS[key][LANGUAGES.index(lang)]


def checked(lang: str) -> str:
    """The language, if there is such an explanation."""
    if lang not in LANGUAGES:
        raise ValueError(
            message(
                "there is no explanation in this language",
                came=f"lang={lang!r}",
                expected="one of " + ", ".join(map(repr, LANGUAGES)),
                fix='use lang="en" or lang="zh"',
            )
        )
    return lang

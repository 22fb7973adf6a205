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

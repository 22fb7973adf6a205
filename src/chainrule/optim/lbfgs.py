"""L-BFGS: Newton's method with an inverse Hessian made of the last gradients and steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.mode import set_grad
from ..dispatch import where
from ..inplace import touch
from ..tensor import Tensor
from .checks import require_rate
from .line_search import Point, StrongWolfe
from .optimizer import Optimizer, ParamsT

Array = np.ndarray[Any, Any]
_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss", "al")


class LBFGS(Optimizer):
    """Limited-memory BFGS, with a closure that is evaluated several times a step.

    ``line_search_fn`` is None (a step of length ``lr``) or "strong_wolfe". One param group only; the state is
    kept with the first parameter.

    Raises:
        ValueError: a negative learning rate, or several param groups.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([3.0, -4.0], requires_grad=True)
        >>> optimizer = cr.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (w * w).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item()
        25.0
        >>> (w * w).sum().item() < 1e-10
        True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        require_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    # ----- parameters and gradients laid end to end

    def _gradient(self) -> Array:
        """All gradients in one array; a missing one is zero, a complex number two."""
        parts = []
        for p in self._params:
            a = p._array() * 0 if p._grad is None else p._grad._array()
            flat = a.reshape(-1)
            parts.append(flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat)
        return np.concatenate(parts)

    def _move(self, t: Any, d: Array, spot: Any) -> None:
        """p ← p + t·d."""
        start = 0
        for p in self._params:
            a = p._array()
            size = a.size * (2 if a.dtype.kind == "c" else 1)
            part = t * d[start : start + size]
            a[...] += (part.view(a.dtype) if a.dtype.kind == "c" else part).reshape(a.shape)
            touch(p, spot)
            start += size

    # ----- the step

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Take up to max_iter quasi-Newton steps; `closure` returns the loss after backward()."""
        group, spot = self.param_groups[0], where()
        lr = group["lr"].item() if isinstance(group["lr"], Tensor) else group["lr"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[Any, Array]:
            with set_grad(True):
                loss = closure()
            return loss, self._gradient()

        first_loss, g = evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        if abs(g).max() <= group["tolerance_grad"]:
            return first_loss
        kept = {key: _unwrapped(state.get(key)) for key in _KEPT}
        for n in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            first = state["n_iter"] == 1
            d = kept["d"] = _direction(kept, g, group["history_size"], first)
            kept["prev_flat_grad"], kept["prev_loss"] = g.copy(), loss
            t = kept["t"] = min(1.0, 1.0 / abs(g).sum()) * lr if first else lr
            slope = g.dot(d)
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                found, used = self._search(evaluate, Point(0, loss, g, slope), d, t, group, evaluations, spot)
                t, loss, g = found.t, found.f, found.g
                kept["t"] = t
                self._move(t, d, spot)
            else:
                self._move(t, d, spot)
                if n != group["max_iter"]:
                    result, g = evaluate()
                    loss, used = float(result), 1
            evaluations += used
            state["func_evals"] += used
            if evaluations >= group["max_eval"] or _settled(g, d * t, loss - kept["prev_loss"], group):
                break
        state.update(
            {key: _wrapped(value) for key, value in kept.items() if key != "al" or value is not None}
        )
        return first_loss

    def _search(
        self,
        evaluate: Callable[[], tuple[Any, Array]],
        start: Point,
        d: Array,
        t: Any,
        group: dict[str, Any],
        evaluations: int,
        spot: Any,
    ) -> tuple[Point, int]:
        """The line search from here; the parameters are put back after each evaluation."""
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        arrays = [p._array() for p in self._params]
        before = [a.copy() for a in arrays]

        def along(t: Any) -> tuple[float, Array]:
            self._move(t, d, spot)
            loss, g = evaluate()
            for a, old in zip(arrays, before):
                a[...] = old
            return float(loss), g

        return StrongWolfe(along, d, start, group["max_eval"] - evaluations).search(t)


def _direction(kept: dict[str, Any], g: Array, history_size: int, first: bool) -> Array:
    """-H·g, with the inverse Hessian H that the kept differences of gradients (y) and steps (s) make."""
    if first:
        kept.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return -g
    dirs, steps, ro = kept["old_dirs"], kept["old_stps"], kept["ro"]
    y, s = g - kept["prev_flat_grad"], kept["d"] * kept["t"]
    ys = y.dot(s)
    if ys > 1e-10:
        if len(dirs) == history_size:
            for kept_list in (dirs, steps, ro):
                kept_list.pop(0)
        dirs.append(y)
        steps.append(s)
        ro.append(1.0 / ys)
        kept["H_diag"] = ys / y.dot(y)
    if kept["al"] is None:
        kept["al"] = [None] * history_size
    al = kept["al"]
    q: Array = -g
    for i in reversed(range(len(dirs))):
        al[i] = steps[i].dot(q) * ro[i]
        q -= al[i] * dirs[i]
    d: Array = q * kept["H_diag"]
    for i in range(len(dirs)):
        d += (al[i] - dirs[i].dot(d) * ro[i]) * steps[i]
    return d


def _settled(g: Array, move: Array, change: float, group: dict[str, Any]) -> bool:
    """Whether the gradient, the step or the change of the loss is below its tolerance."""
    tolerance = group["tolerance_change"]
    return bool(
        abs(g).max() <= group["tolerance_grad"] or abs(move).max() <= tolerance or abs(change) < tolerance
    )


def _wrapped(value: Any) -> Any:
    """State as tensors."""
    if isinstance(value, list):
        return [_wrapped(v) for v in value]
    return Tensor._wrap(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value


def _unwrapped(value: Any) -> Any:
    """State as arrays; 0-dim ones as numbers."""
    if isinstance(value, list):
        return [_unwrapped(v) for v in value]
    return value._a[()] if isinstance(value, Tensor) else value

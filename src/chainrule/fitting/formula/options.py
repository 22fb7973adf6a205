"""What a fit may be told: start values, held values and bounds of parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..problem import InputError, problem
from ..table.columns import nearest

Array = np.ndarray[Any, Any]


def assignments(texts: Sequence[str], option: str) -> dict[str, str]:
    """{"w1": "1"} from ["w1=1"]; several may stand in one text, separated by commas.

    >>> assignments(["w1=1,w2=0", "b=3"], "--init")
    {'w1': '1', 'w2': '0', 'b': '3'}
    """
    found: dict[str, str] = {}
    for text in ",".join(texts).split(",") if texts else ():
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise problem(f"{option} cannot be read", came=repr(text), expected=f"{option} name=value")
        if name in found:
            raise problem(f"{option} names {name} twice", came=f"{found[name]} and {value}")
        found[name] = value
    return found


def numbers(given: Mapping[str, Any] | None, option: str, parameters: Collection[str]) -> dict[str, float]:
    """Values of parameters as floats; InputError for other names, and for what is no number."""
    found = {}
    for name, value in (given or {}).items():
        _known(name, option, parameters)
        found[name] = _number(value, f"{option} {name}")
    return found


def bounds(
    given: Mapping[str, Any] | None, parameters: Sequence[str], option: str = "bounds"
) -> tuple[Array, Array]:
    """Lower and upper bounds; a bound is (low, high), None for an open side, or a text "low:high".

    >>> bounds({"w": "0:"}, ["w", "b"])
    (array([  0., -inf]), array([inf, inf]))
    """
    lower, upper = np.full(len(parameters), -np.inf), np.full(len(parameters), np.inf)
    for name, value in (given or {}).items():
        _known(name, option, parameters)
        i = list(parameters).index(name)
        sides = [s.strip() for s in value.split(":")] if isinstance(value, str) else value
        try:
            low, high = sides
        except (TypeError, ValueError):
            raise _unreadable(name, value, option) from None
        if low not in ("", None):
            lower[i] = _number(low, f"{option} {name}", infinite=True)
        if high not in ("", None):
            upper[i] = _number(high, f"{option} {name}", infinite=True)
        if not lower[i] < upper[i]:
            raise problem(
                f"{option} {name}: the lower bound is not below the upper one",
                came=f"{lower[i]:g} and {upper[i]:g}",
                fix=f"to hold the parameter: --fix {name}={lower[i]:g}" if lower[i] == upper[i] else "",
            )
    return lower, upper


def _unreadable(name: str, value: Any, option: str) -> InputError:
    return problem(
        f"{option} {name} cannot be read",
        came=repr(value),
        expected="low:high, one of them may be left out, as in 0: or :1",
    )


def _number(value: Any, what: str, infinite: bool = False) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = np.nan
    if np.isnan(found) or (np.isinf(found) and not infinite):
        raise problem(f"{what} is not a number", came=repr(value), expected="a finite number")
    return found


def _known(name: str, option: str, parameters: Collection[str]) -> None:
    if name not in parameters:
        near = nearest(name, list(parameters))
        raise problem(
            f"{option} names {name}, which is not a parameter of the formula",
            came=f"the parameters are {', '.join(parameters)}",
            fix=f"did you mean {near[0]}?" if near else "",
        )

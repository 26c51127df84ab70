"""Many equations between halves of a size often say one thing: it is a multiple of 16."""

from __future__ import annotations

import math
import operator
from typing import Any

import sympy

from collegium.graph.sizes import condition_nodes

_ARITHMETIC = {
    "add": operator.add,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "max": max,
    "min": min,
    "eq": operator.eq,
}
_LARGEST_PERIOD = 1024


def with_multiples(conditions: list[sympy.Expr]) -> list[sympy.Expr]:
    """The conditions, with the equations about one size that together say ``size % m == 0`` replaced by that."""
    kept, equations = [], {}
    for condition in conditions:
        if isinstance(condition, sympy.Eq) and len(condition.free_symbols) == 1:
            equations.setdefault(next(iter(condition.free_symbols)), []).append(condition)
        else:
            kept.append(condition)
    for symbol, about in equations.items():
        divisor = _divisor(symbol, about)
        kept += about if divisor is None else [sympy.Eq(sympy.Mod(symbol, divisor), 0)]
    return kept


def _divisor(symbol: sympy.Symbol, equations: list[sympy.Expr]) -> int | None:
    """m, where the equations hold exactly for the multiples of m.

    Each side is a sum of rounded fractions of the size, so the difference of both repeats with the common multiple of
    all denominators, but for a constant step. What holds in three periods therefore holds in all.
    """
    numbers = {int(n) for e in equations for n in e.atoms(sympy.Integer) if n > 1}
    period = math.lcm(*numbers) if numbers else 1
    if not 1 < period <= _LARGEST_PERIOD:
        return None

    def holds(size: int) -> bool:
        def call(name: str, args: list[Any]) -> Any:
            return _ARITHMETIC[name](*args)

        return all(condition_nodes(e, lambda _: size, call) for e in equations)

    try:
        sizes = [size for size in range(1, 3 * period + 1) if holds(size)]
    except KeyError:  # an operation that is no such fraction
        return None
    if not sizes or sizes[0] == 1 or sizes != list(range(sizes[0], 3 * period + 1, sizes[0])):
        return None
    return sizes[0]


__all__ = ["with_multiples"]

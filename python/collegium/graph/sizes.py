"""Sizes of inputs: names for the free ones, ranges, and conditions as nodes that a site checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
import torch
from torch.utils._sympy import functions

from collegium.errors import CaptureError

BATCH = "batch"

_RELATIONS = {
    sympy.Eq: "eq",
    sympy.Ne: "ne",
    sympy.Lt: "lt",
    sympy.Le: "le",
    sympy.Gt: "gt",
    sympy.Ge: "ge",
}
_CALLS = {
    functions.FloorDiv: "floordiv",
    functions.CleanDiv: "floordiv",
    functions.Mod: "mod",
    functions.PythonMod: "mod",
    sympy.Mod: "mod",
}
_ROUNDED = {
    functions.CeilToInt: "up",
    functions.FloorToInt: "down",
    functions.TruncToInt: "down",
}
_FOLDS = {
    sympy.Add: "add",
    sympy.Mul: "mul",
    functions.Max: "max",
    functions.Min: "min",
    sympy.Max: "max",
    sympy.Min: "min",
    sympy.And: "and",
    sympy.Or: "or",
}


class Sizes:
    """Names for the free sizes of one program: ``batch`` for the first axis of every input, then ``s0``, ``s1``, ...

    Attributes
    ----------
    names : dict
        torch's symbol to ours.
    homes : dict
        Our symbol to the input's number and the axis where it can be read.
    """

    def __init__(self) -> None:
        self.names: dict[sympy.Symbol, str] = {}
        self.homes: dict[str, tuple[int, int]] = {}
        self._free = 0

    def shape(self, number: int, shape: torch.Size) -> list[int | str]:
        """The shape of input ``number``: numbers and our symbols."""
        return [self._size(number, axis, size) for axis, size in enumerate(shape)]

    def _size(self, number: int, axis: int, size: Any) -> int | str:
        if isinstance(size, int):
            return size
        expression = size.node.expr
        if expression.is_number:
            return int(expression)
        if expression not in self.names or axis == 0:
            name = BATCH if axis == 0 else f"s{self._free}"
            self._free += axis != 0
            if expression.is_Symbol:
                self.names[expression] = name
            self.homes.setdefault(name, (number, axis))
            return name
        return self.names[expression]

    def ranges(self, constraints: dict[sympy.Symbol, Any]) -> dict[str, list[int | None]]:
        """Lower and upper bound of every free size.

        Export assumes that a free size is neither 0 nor 1. For the batch that is never wrong here: the dry run compares
        a batch of one as well. Whatever else bounds a size stands among the conditions.
        """
        bounds = {}
        for name in self.homes:
            uppers = [
                constraints[symbol].upper
                for symbol, ours in self.names.items()
                if ours == name and symbol in constraints
            ]
            known = [int(u) for u in uppers if u.is_finite and u < 1 << 62]
            bounds[name] = [1 if name == BATCH else 2, min(known, default=None)]
        return bounds

    def in_our_names(self, condition: sympy.Expr) -> sympy.Expr:
        """A condition in our symbols."""
        return condition.xreplace(
            {s: sympy.Symbol(n, integer=True, positive=True) for s, n in self.names.items()}
        )


def in_words(condition: sympy.Expr, places: dict[str, str]) -> str:
    """A condition as a site tells it, ``places`` saying what our symbols are."""
    symbols = sorted(symbol.name for symbol in condition.free_symbols)
    if isinstance(condition, sympy.Eq) and isinstance(condition.lhs, sympy.Mod):
        return f"{places[symbols[0]]} has to be a multiple of {condition.lhs.args[1]}"
    text = str(condition)
    if isinstance(condition, sympy.core.relational.Relational):
        text = f"{condition.lhs} {condition.rel_op} {condition.rhs}"
    return f"{text}, where " + ", ".join(f"{name} is {places[name]}" for name in symbols)


def condition_nodes(
    condition: sympy.Expr, size_of: Callable[[str], Any], call: Callable[[str, list[Any]], Any]
) -> Any:
    """Write a condition in our symbols as calls of ``sym::`` operators and return the argument that holds its value.

    ``size_of`` gives the argument for a symbol, ``call`` writes a call and gives the argument for its result.
    """
    write = lambda part: condition_nodes(part, size_of, call)  # noqa: E731
    kind = type(condition)
    if condition.is_Symbol:
        return size_of(condition.name)
    if condition.is_Integer:
        return int(condition)
    if kind in _RELATIONS:
        return call(_RELATIONS[kind], [write(condition.lhs), write(condition.rhs)])
    if kind in _ROUNDED and isinstance(condition.args[0], functions.IntTrueDiv):
        whole, part = (write(argument) for argument in condition.args[0].args)
        if (
            _ROUNDED[kind] == "up"
        ):  # sizes are positive, so that upwards is downwards a little further on
            whole = call("sub", [call("add", [whole, part]), 1])
        return call("floordiv", [whole, part])
    if kind in _CALLS and len(condition.args) == 2:
        return call(_CALLS[kind], [write(part) for part in condition.args])
    if kind in _FOLDS:
        first, *rest = sorted(condition.args, key=lambda part: (part.is_number, str(part)))
        held = write(first)
        for part in rest:
            held = call(_FOLDS[kind], [held, write(part)])
        return held
    if kind is sympy.Not:
        return call("not", [write(condition.args[0])])
    if kind is sympy.Pow and condition.exp.is_Integer and condition.exp > 0:
        base = held = write(condition.base)
        for _ in range(int(condition.exp) - 1):
            held = call("mul", [held, base])
        return held
    raise CaptureError(
        f"the network branches on a size in a way that cannot be checked at a site: {condition}",
        remedy="compute sizes with +, -, *, //, % and comparisons",
    )


__all__ = ["BATCH", "Sizes", "condition_nodes", "in_words"]

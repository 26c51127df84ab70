"""Runs a graph file with torch.ops, one call after the other: an implementation of its own to compare with."""

from __future__ import annotations

import base64
import json
import math
import operator
import struct
from typing import Any

import torch

_FORMATS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
    "channels_last_3d": torch.channels_last_3d,
    "preserve": torch.preserve_format,
}
_ARITHMETIC = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "truediv": operator.truediv,
    "mod": operator.mod,
    "neg": operator.neg,
    "pow": operator.pow,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
    "not": operator.not_,
    "max": max,
    "min": min,
    "int": int,
    "float": float,
    "floor": math.floor,
    "ceil": math.ceil,
    "getitem": lambda values, i: values[i],
    "tuple": tuple,
}


class SizeRefused(ValueError):
    """A condition on sizes does not hold."""


def read(file: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The graph, and every tensor a program may be bound to."""
    (length,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    graph = json.loads(header.pop("__metadata__")["collegium.graph"])
    tensors = {}
    for name, entry in header.items():
        start, stop = (8 + length + at for at in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(file[start:stop]) or bytearray(1), dtype=torch.uint8)
        flat = flat[: stop - start].view(torch.float32)
        tensors[name] = flat.reshape(entry["shape"])
    for name, entry in graph["tensors"].items():
        if "data" in entry:
            raw = torch.tensor(list(base64.b64decode(entry["data"])), dtype=torch.uint8)
            tensors[name] = raw.view(getattr(torch, entry["dtype"])).reshape(entry["shape"])
    return graph, tensors


def run(
    program: dict[str, Any], tensors: dict[str, torch.Tensor], inputs: list[torch.Tensor]
) -> list[torch.Tensor]:
    """The outputs of one program."""
    values: dict[int, Any] = {value: tensors[name] for value, name in program["bind"]}
    sizes: dict[str, int] = {}
    for entry, tensor in zip(program["inputs"], inputs, strict=True):
        assert str(tensor.dtype) == "torch." + entry["dtype"]
        for size, found in zip(entry["shape"], tensor.shape, strict=True):
            if (sizes.setdefault(size, found) if isinstance(size, str) else size) != found:
                raise SizeRefused(f"{entry['name']}: {entry['shape']} is not {tuple(tensor.shape)}")
        values[entry["value"]] = tensor
    for name, (low, high) in program["sizes"].items():
        if not low <= sizes[name] <= (high or math.inf):
            raise SizeRefused(f"{name} = {sizes[name]}")
    before = torch.is_grad_enabled()
    try:
        for node in program["nodes"]:
            args = [_argument(a, values) for a in node["args"]]
            if node["op"] == "grad_mode":
                torch.set_grad_enabled(args[0] and before)
            elif node["op"] == "sym::check":
                if not args[0]:
                    raise SizeRefused(args[1])
            else:
                named = {k: _argument(v, values) for k, v in node.get("kwargs", {}).items()}
                values[node["out"]] = _call(node["op"], args, named)
    finally:
        torch.set_grad_enabled(before)
    return [values[value] for value in program["outputs"]]


def _call(op: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    space, name = op.split("::")
    if space == "sym":
        return _ARITHMETIC[name](*args)
    name, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, name), overload or "default")(*args, **kwargs)


def _argument(argument: Any, values: dict[int, Any]) -> Any:
    if isinstance(argument, list):
        return [_argument(item, values) for item in argument]
    if not isinstance(argument, dict):
        return argument
    ((kind, value),) = argument.items()
    if kind == "v":
        return values[value]
    if kind == "memory_format":
        return _FORMATS[value]
    return {
        "float": lambda: float(value),
        "dtype": lambda: getattr(torch, value),
        "device": lambda: torch.device("cpu"),
        "layout": lambda: torch.strided,
    }[kind]()

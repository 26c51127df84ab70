"""Arguments of operators as JSON: what may stand in a graph file besides the names of operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from collegium.errors import CaptureError

ELEMENT_TYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.int16: "int16",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.bool: "bool",
}
_FORMATS = {
    torch.contiguous_format: "contiguous",
    torch.channels_last: "channels_last",
    torch.channels_last_3d: "channels_last_3d",
    torch.preserve_format: "preserve",
}


def element_type(dtype: torch.dtype, where: str) -> str:
    """The name of a dtype; CaptureError for one that graph files do not have."""
    if dtype not in ELEMENT_TYPES:
        raise CaptureError(
            f"tensors of {dtype} cannot travel",
            where=where,
            expected=", ".join(ELEMENT_TYPES.values()),
            remedy="convert before, e.g. complex numbers with torch.view_as_real",
        )
    return ELEMENT_TYPES[dtype]


def as_json(value: Any, id_of: Callable[[torch.fx.Node], int], where: str) -> Any:
    """One argument; ``id_of`` numbers the values that earlier calls made."""
    if isinstance(value, torch.fx.Node):
        return {"v": id_of(value)}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        return [as_json(item, id_of, where) for item in value]
    if isinstance(value, torch.dtype):
        return {"dtype": element_type(value, where)}
    if isinstance(value, torch.device):
        return {"device": "model"}  # the site decides where it runs
    if value is torch.strided:
        return {"layout": "strided"}
    if value in _FORMATS:
        return {"memory_format": _FORMATS[value]}
    raise CaptureError(
        f"an argument of type {type(value).__name__} cannot travel",
        where=where,
        found=str(value)[:80],
        remedy="use dense tensors on one device, and numbers",
    )


__all__ = ["ELEMENT_TYPES", "as_json", "element_type"]

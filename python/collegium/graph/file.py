"""The network file: a safetensors file whose metadata hold the graph."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch

from collegium.errors import DataError

FORMAT = "collegium-graph-1"
_GRAPH, _FROZEN = "collegium.graph", "collegium.frozen"


def canonical(value: Any) -> str:
    """JSON that is the same text for the same value: ASCII, sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write(graph: dict[str, Any], floats: dict[str, torch.Tensor]) -> bytes:
    """The bytes of a network file; equal networks give equal bytes.

    ``floats`` are the float32 parameters and buffers, in the order in which they are to lie.
    """
    header: dict[str, Any] = {}
    parts, offset = [], 0
    for name, tensor in floats.items():
        raw = tensor.numpy().tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(raw)],
        }
        parts.append(raw)
        offset += len(raw)
    frozen = [n for n in floats if graph["tensors"][n]["kind"] == "frozen"]
    header["__metadata__"] = {_GRAPH: canonical(graph)}
    if frozen:
        header["__metadata__"][_FROZEN] = "".join(name + "\n" for name in frozen)
    text = canonical(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def read(path: str | Path) -> dict[str, torch.Tensor]:
    """The float32 tensors of a network or model file, by name."""
    raw = Path(path).read_bytes()
    try:
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        header.pop("__metadata__", None)
        data = torch.frombuffer(bytearray(raw[8 + length :]), dtype=torch.float32)
        tensors = {}
        for name, entry in header.items():
            start, stop = (at // 4 for at in entry["data_offsets"])
            tensors[name] = data[start:stop].reshape(entry["shape"])
        return tensors
    except (KeyError, ValueError, RuntimeError, struct.error) as error:
        raise DataError(f"{path}: not a safetensors file of float32 tensors: {error}") from error


__all__ = ["FORMAT", "canonical", "read", "write"]

"""A captured network written by hand: one convolution over volumes, with its weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SHAPES = {"conv.weight": (3, 4, 3, 3, 3), "conv.bias": (3,)}


def graph(**changes) -> dict:
    """``y = conv3d(x) with padding 1``, of any batch and size, without a loss of its own."""
    value = [{"v": i} for i in range(4)]
    convolution = {
        "args": [value[2], value[1], value[0], [1, 1, 1], [1, 1, 1], [1, 1, 1], 1],
        "op": "aten::conv3d",
        "out": 3,
    }
    program = {
        "bind": [[0, "conv.bias"], [1, "conv.weight"]],
        "inputs": [
            {"dtype": "float32", "name": "x", "shape": ["batch", 4, "s0", "s1", "s2"], "value": 2}
        ],
        "nodes": [convolution],
        "outputs": [3],
        "sizes": {"batch": [1, None], "s0": [2, None], "s1": [2, None], "s2": [2, None]},
        "values": 4,
    }
    program.update(changes)
    tensors = {
        name: {"dtype": "float32", "kind": "parameter", "shape": list(shape)}
        for name, shape in SHAPES.items()
    }
    return {
        "format": "collegium-graph-1",
        "head": "conv.",
        "norms": [],
        "programs": {"eval": program, "train": program},
        "tensors": tensors,
        "tied": {},
    }


def weights(seed: int = 3) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in SHAPES.items()}


def write(path: Path, described: dict | None = None, values: dict | None = None) -> None:
    """The safetensors file, byte by byte: length of the header, header, tensors."""
    text = json.dumps(described or graph(), sort_keys=True, separators=(",", ":"))
    header: dict = {"__metadata__": {"collegium.graph": text}}
    data = b""
    for name, array in (values or weights()).items():
        header[name] = {
            "dtype": "F32",
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        first, last = (8 + length + place for place in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[first:last], np.float32).reshape(entry["shape"]).copy()
    return tensors

"""The tensors of a graph file: parameters and buffers under their own names, constants by what they hold."""

from __future__ import annotations

import base64
from typing import Any

import torch

from collegium.errors import CaptureError
from collegium.graph.arguments import element_type

LARGEST_CONSTANT = 1 << 20  # elements


class TensorTable:
    """What the programs of one network are bound to.

    Parameters
    ----------
    model : torch.nn.Module
        Its parameters and buffers have to be float32, or small.
    written : set of str
        Names of the buffers that a pass in training form writes to.

    Attributes
    ----------
    entries : dict
        Name to kind, shape, dtype and, where the values are not float32 state, ``data``.
    floats : dict
        Name to float32 tensor: what stands in the safetensors part, in the order of the state dict.
    tied : dict
        Other names of a tensor to its first name.
    """

    def __init__(self, model: torch.nn.Module, written: set[str]) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.floats: dict[str, torch.Tensor] = {}
        self.tied: dict[str, str] = {}
        self._name_of: dict[str, str] = {}  # in the module -> in the file
        self._first: dict[int, str] = {}
        self._at: dict[int, str] = {}
        state = model.state_dict(keep_vars=True)
        for name, tensor in model.named_parameters(remove_duplicate=False):
            self._hold(name, tensor, "parameter" if tensor.requires_grad else "frozen")
        for name, tensor in model.named_buffers(remove_duplicate=False):
            if name in state or name in written:
                self._hold(name, tensor, "buffer")
            else:
                self._name_of[name] = self.constant(name, tensor)
        self.floats = {name: self.floats[name] for name in _state_order(state, self.floats)}

    def named(self, name: str) -> str:
        """The file's name of a parameter or buffer of the module."""
        return self._name_of[name]

    def constant(self, name: str, tensor: torch.Tensor, prefix: str = "") -> str:
        """Hold a tensor that never changes; equal ones are held once. Returns its name."""
        if tensor.numel() > LARGEST_CONSTANT:
            raise CaptureError(
                f"the constant {name} is too large",
                expected=f"at most {LARGEST_CONSTANT:,} elements",
                found=f"{tensor.numel():,}",
                remedy="register it as a buffer (float32), or compute it in forward()",
            )
        entry = _entry("constant", tensor, name, with_data=True)
        base = prefix + "constant." + name
        for candidate in (base, *(f"{base}.{number}" for number in range(2, 10_000))):
            if self.entries.setdefault(candidate, entry) == entry:
                return candidate
        raise CaptureError(f"there are too many constants called {name}")

    def _hold(self, name: str, tensor: torch.Tensor, kind: str) -> None:
        first = self._first.setdefault(id(tensor), name)
        self._name_of[name] = first
        if first != name:
            self.tied[name] = first
            return
        owner = self._at.setdefault(tensor.data_ptr(), name) if tensor.numel() else name
        if owner != name:
            raise CaptureError(
                f"{owner} and {name} are two parameters in one memory",
                remedy=f"tie them as one object: module.{name} = module.{owner}",
            )
        floating = tensor.dtype == torch.float32
        if kind != "buffer" and not floating:
            raise CaptureError(
                f"the parameter {name} has an element type that is not trained",
                expected="float32",
                found=str(tensor.dtype).removeprefix("torch."),
                remedy="call model.float(); sites choose mixed precision themselves",
            )
        if floating:
            self.floats[name] = tensor.detach().to("cpu", copy=True).contiguous()
        elif tensor.numel() > LARGEST_CONSTANT:
            raise CaptureError(
                f"the buffer {name} is too large for its element type",
                expected=f"at most {LARGEST_CONSTANT:,} elements, or float32",
                found=f"{tensor.numel():,} of {tensor.dtype}",
                remedy="hold it as float32, or compute it in forward()",
            )
        self.entries[name] = _entry(kind, tensor, name, with_data=not floating)


def _state_order(state: dict[str, Any], names: dict[str, Any]) -> list[str]:
    """The names in the order of the state dict; buffers that are not in it come last."""
    return [name for name in state if name in names] + [n for n in names if n not in state]


def _entry(kind: str, tensor: torch.Tensor, name: str, *, with_data: bool) -> dict[str, Any]:
    tensor = tensor.detach().cpu()
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise CaptureError(
            f"{name} is not a dense tensor", remedy="call to_dense() or dequantize()"
        )
    entry: dict[str, Any] = {
        "kind": kind,
        "shape": list(tensor.shape),
        "dtype": element_type(tensor.dtype, name),
    }
    if with_data:
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        entry["data"] = base64.b64encode(raw).decode("ascii")
    return entry


__all__ = ["LARGEST_CONSTANT", "TensorTable"]

"""The example a network is captured with: two samples of the first site, as a site's training would see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from collegium.errors import ConfigError

SAMPLES = 2  # a batch of one would be taken for a fixed size
_INTEGERS = (torch.int64, torch.int32)


def as_batch(inputs: Any, targets: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The first two samples of two arrays whose first axis counts samples; a single one is taken twice.

    Both become int64 where they are int64 or int32 (token ids, classes), else float32.
    """
    x, y = _tensor(inputs), _tensor(targets)
    for name, tensor in (("inputs", x), ("targets", y)):
        if tensor.dim() == 0 or not tensor.shape[0]:
            raise ConfigError(
                f"example: expected {name} whose first axis counts samples, at least one; found shape {tuple(tensor.shape)}"
            )
    x, y = (t.to(torch.int64 if t.dtype in _INTEGERS else torch.float32) for t in (x, y))
    return _two(x), _two(y)


def of_site(site: str, data: Any, crop: Sequence[int] = ()) -> tuple[torch.Tensor, torch.Tensor]:
    """The example of a site's data set, in any form that ``simulate`` takes; volumes in the shape of ``crop``."""
    from collegium.datasets import as_core_dataset

    known = as_core_dataset(site, data)
    pairs = [known.sample(i) for i in range(min(SAMPLES, len(known)))]
    x, y = as_batch(*(_stack([_tensor(pair[part]) for pair in pairs]) for part in (0, 1)))
    if _of_integers(data):  # held as float32, and looked up in an embedding
        x = x.to(torch.int64)
    if len(crop) and x.dim() == 2 + len(crop):
        x, y = _cropped(x, crop), _cropped(y, crop) if y.dim() == x.dim() else y
    return x, y


def _of_integers(data: Any) -> bool:
    """Whether the author's inputs are integers: token ids."""
    data = getattr(data, "data", data) if hasattr(data, "patients") else data
    if isinstance(data, Mapping):
        inputs = data.get("inputs")
    elif isinstance(data, tuple) and hasattr(data[0], "dtype"):
        inputs = data[0]
    elif hasattr(data, "__getitem__"):
        first = data[0]
        inputs = first.get("image") if isinstance(first, Mapping) else first[0]
    else:
        return False
    return inputs is not None and _tensor(inputs).dtype in _INTEGERS


def _tensor(value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor).cpu()
    return torch.from_numpy(np.array(value))  # a copy: an example is small, and never shared


def _stack(samples: list[torch.Tensor]) -> torch.Tensor:
    """Samples as a batch; where shapes differ, as whole volumes do, the first alone."""
    alike = all(sample.shape == samples[0].shape for sample in samples)
    return torch.stack(samples if alike else samples[:1])


def _two(batch: torch.Tensor) -> torch.Tensor:
    return (
        batch[:SAMPLES]
        if len(batch) >= SAMPLES
        else batch[:1].repeat(SAMPLES, *[1] * (batch.dim() - 1))
    )


def _cropped(batch: torch.Tensor, crop: Sequence[int]) -> torch.Tensor:
    """The middle of the last axes; 0 where they are shorter."""
    for axis, size in enumerate(crop, start=batch.dim() - len(crop)):
        held = batch.shape[axis]
        if held > size:
            batch = batch.narrow(axis, (held - size) // 2, size)
        elif held < size:
            gap = [0, 0] * (batch.dim() - axis - 1) + [0, size - held]
            batch = torch.nn.functional.pad(batch, gap)
    return batch


__all__ = ["SAMPLES", "as_batch", "of_site"]

"""Turns what people have in a notebook into the core's data sets, without copying arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from collegium._load import core
from collegium.datasets.folder import FolderDataset


def as_core_dataset(site: str, value: Any) -> Any:
    """The core's data set for a site.

    Parameters
    ----------
    site : str
        For messages.
    value : FolderDataset, (inputs, targets), an indexable of (input, target) pairs, or a data set of the core
        Arrays may be NumPy or CPU torch tensors. float32 inputs and float32, uint8, int16 or int64 targets that are
        C-contiguous are shared; other arrays are converted once.

    Raises
    ------
    TypeError, ValueError
        Naming the site, what was expected and what was found.
    """
    if isinstance(value, core.Dataset):
        return value
    if isinstance(value, FolderDataset):
        return value.core()
    if isinstance(value, Mapping):
        value = (value["inputs"], value["targets"])
    if isinstance(value, tuple) and len(value) == 2 and all(hasattr(v, "shape") for v in value):
        inputs, targets = value
    elif hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        pairs = [value[i] for i in range(len(value))]
        if not pairs:
            raise ValueError(
                f"site {site}: the data set is empty; expected at least one (input, target) pair"
            )
        inputs = np.stack([np.asarray(p[0]) for p in pairs])
        targets = np.stack([np.asarray(p[1]) for p in pairs])
    else:
        raise TypeError(
            f"site {site}: expected a FolderDataset, a pair of arrays (inputs, targets) or an indexable of such pairs, "
            f"found {type(value).__name__}"
        )
    inputs = np.ascontiguousarray(_numpy(inputs), dtype=np.float32)
    targets = _targets(_numpy(targets))
    if len(inputs) != len(targets):
        raise ValueError(
            f"site {site}: expected as many targets as inputs, found {len(targets)} and {len(inputs)}"
        )
    if not len(inputs):
        raise ValueError(f"site {site}: the data set is empty; expected at least one sample")
    if not np.isfinite(inputs).all():
        first = np.argwhere(~np.isfinite(inputs))[0]
        raise ValueError(
            f"site {site}: expected finite inputs, found {inputs[tuple(first)]} at {tuple(int(i) for i in first)}"
        )
    return core.ArrayDataset(inputs, targets)


def _numpy(array: Any) -> np.ndarray:
    return array.detach().cpu().numpy() if hasattr(array, "detach") else np.asarray(array)


def _targets(targets: np.ndarray) -> np.ndarray:
    keep = (np.float32, np.uint8, np.int16, np.int64)
    if targets.dtype in keep:
        return np.ascontiguousarray(targets)
    if targets.dtype == np.bool_:
        return np.ascontiguousarray(targets, dtype=np.uint8)
    return np.ascontiguousarray(
        targets, dtype=np.int64 if targets.dtype.kind in "iu" else np.float32
    )


__all__ = ["as_core_dataset"]

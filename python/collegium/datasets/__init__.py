"""Data sets: folders of NIfTI subjects, arrays in memory, and synthetic hospitals to try a federation on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collegium.datasets import partition
    from collegium.datasets.arrays import as_core_dataset
    from collegium.datasets.folder import FolderDataset
    from collegium.datasets.samples import Samples
    from collegium.datasets.synthetic_sites import BrainSites, brain_sites, write_brain_sites

# The generator needs nilearn and scipy, the folder reader the compiled core: each is loaded when it is asked for.
_HOME = {
    "BrainSites": "synthetic_sites",
    "brain_sites": "synthetic_sites",
    "write_brain_sites": "synthetic_sites",
    "FolderDataset": "folder",
    "Samples": "samples",
    "as_core_dataset": "arrays",
}

__all__ = [
    "BrainSites",
    "FolderDataset",
    "Samples",
    "as_core_dataset",
    "brain_sites",
    "partition",
    "write_brain_sites",
]


def __getattr__(name: str) -> Any:
    if name == "partition":
        return importlib.import_module("collegium.datasets.partition")
    if name in _HOME:
        return getattr(importlib.import_module(f"collegium.datasets.{_HOME[name]}"), name)
    raise AttributeError(f"module 'collegium.datasets' has no attribute '{name}'")

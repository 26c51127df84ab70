"""Data sets: folders of NIfTI subjects, arrays in memory, and synthetic hospitals to try a federation on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collegium.datasets.arrays import as_core_dataset
    from collegium.datasets.brain_sites import BrainSites, brain_sites, write_brain_sites
    from collegium.datasets.folder import FolderDataset

# The generator needs nilearn and scipy, the folder reader the compiled core: each is loaded when it is asked for.
_HOME = {
    "BrainSites": "brain_sites",
    "brain_sites": "brain_sites",
    "write_brain_sites": "brain_sites",
    "FolderDataset": "folder",
    "as_core_dataset": "arrays",
}

__all__ = ["BrainSites", "FolderDataset", "as_core_dataset", "brain_sites", "write_brain_sites"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"collegium.datasets.{_HOME[name]}"), name)
        globals()[name] = (
            value  # over the submodule of the same name, which the import has just set
        )
        return value
    raise AttributeError(f"module 'collegium.datasets' has no attribute '{name}'")

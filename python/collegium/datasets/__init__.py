"""Data sets: folders of NIfTI subjects, arrays in memory, and a synthetic multi-site brain-tumour set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collegium.datasets.brain_sites import brain_sites
    from collegium.datasets.folder import FolderDataset


def __getattr__(name: str) -> Any:
    if name == "brain_sites":
        from collegium.datasets.brain_sites import brain_sites

        return brain_sites
    if name == "FolderDataset":
        from collegium.datasets.folder import FolderDataset

        return FolderDataset
    if name == "as_core_dataset":
        from collegium.datasets.arrays import as_core_dataset

        return as_core_dataset
    raise AttributeError(f"module 'collegium.datasets' has no attribute '{name}'")


__all__ = ["FolderDataset", "brain_sites"]

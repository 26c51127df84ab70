"""Reading NIfTI volumes with the strict C++ reader that training uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collegium._load import core


@dataclass(frozen=True)
class Volume:
    """A volume: ``data`` float32 in the file's index order (x, y, z[, t]), ``affine`` 4x4 voxel to mm, ``spacing`` mm."""

    data: np.ndarray
    affine: np.ndarray
    spacing: tuple[float, ...]


def read(path: str | Path) -> Volume:
    """Read one ``.nii`` or ``.nii.gz`` file; scaling is applied, and everything in the header is checked first.

    Raises
    ------
    DataError
        For anything that is not a sound single-file NIfTI-1 or NIfTI-2 volume, saying what was found.
    """
    data, affine, spacing = core.nifti_read(str(path))
    return Volume(data, affine, tuple(spacing))


__all__ = ["Volume", "read"]

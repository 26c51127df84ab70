"""Segmentation metrics, computed in C++."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from collegium._load import core


def _mask(array: ArrayLike, name: str) -> np.ndarray:
    mask = np.ascontiguousarray(np.asarray(array) != 0, dtype=np.uint8)
    if mask.ndim not in (2, 3):
        raise ValueError(f"{name}: expected 2 or 3 dimensions, found {mask.ndim}")
    return mask.reshape(mask.shape if mask.ndim == 3 else (1, *mask.shape))


def dice(pred: ArrayLike, target: ArrayLike) -> float:
    """Dice overlap of two masks, ``2 |P and T| / (|P| + |T|)``; both empty: 1, one empty: 0 (the BraTS rule)."""
    return core.metrics.dice(_mask(pred, "pred"), _mask(target, "target"))


def hausdorff95(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    spacing: tuple[float, ...] | None = None,
    method: Literal["brats", "monai"] = "brats",
) -> float:
    """95th percentile of the distances between two surfaces, in the unit of ``spacing``.

    Parameters
    ----------
    pred, target : array_like
        Masks of one shape, 2 or 3 dimensions.
    spacing : tuple of float, optional
        Size of a voxel along each axis; default 1.
    method : {"brats", "monai"}
        "brats": percentile of both directions pooled; both masks empty: 0, one empty: 373.13.
        "monai": larger of the two directed percentiles; NaN when a mask is empty.
    """
    pred, target = _mask(pred, "pred"), _mask(target, "target")
    steps = tuple(float(s) for s in (spacing or (1.0,) * pred.ndim))
    return core.metrics.hausdorff95(pred, target, (1.0, *steps)[-3:], method)


__all__ = ["dice", "hausdorff95"]

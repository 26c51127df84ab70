"""Grids in millimetres and smooth random fields on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]

_HALF_EXTENT_MM = 130.0
# A cubic B-spline sampled at random phase has sum of squares 151/315 on average, along each axis.
_UNIT_VARIANCE = (151.0 / 315.0) ** -1.5


@dataclass(frozen=True)
class Grid:
    """Isotropic voxels, centred on the head; x runs to the right, y forward, z up (RAS)."""

    shape: tuple[int, int, int]
    voxel_mm: float

    def axis(self, dim: int) -> Volume:
        """Voxel centres along one axis, in millimetres from the middle of the grid."""
        n = self.shape[dim]
        return (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(self.voxel_mm)

    def points(self) -> Volume:
        """Voxel centres in millimetres, an array of shape (3, X, Y, Z)."""
        return np.stack(np.meshgrid(*(self.axis(d) for d in range(3)), indexing="ij"))


@lru_cache(maxsize=64)
def _spline_basis(grid: Grid, dim: int, knot_mm: float) -> Volume:
    """Cubic B-splines with knots ``knot_mm`` apart, evaluated along one axis: (voxels, knots)."""
    knots = int(np.ceil(2 * _HALF_EXTENT_MM / knot_mm)) + 4
    at = (grid.axis(dim)[:, None] + _HALF_EXTENT_MM) / knot_mm + 1.5
    distance = np.abs(at - np.arange(knots)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def random_field(rng: np.random.Generator, grid: Grid, knot_mm: float) -> Volume:
    """Draw a smooth Gaussian field of mean 0 and variance about 1.

    The coefficients live on knots that are fixed in space, so one random stream gives the same
    field on every grid.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the coefficients; how many are drawn depends on ``knot_mm`` only.
    grid : Grid
        Where the field is evaluated.
    knot_mm : float
        Distance between knots, the length over which the field varies.
    """
    bases = [_spline_basis(grid, dim, knot_mm) for dim in range(3)]
    knots = bases[0].shape[1]
    field = rng.standard_normal((knots, knots, knots), dtype=np.float32)
    for basis in reversed(bases):  # contracts the last axis and puts its voxels in front
        field = np.tensordot(basis, field, (1, 2))
    return field * np.float32(_UNIT_VARIANCE)


def soft_step(x: Volume) -> Volume:
    """The logistic function: from 0 to 1 over a few units around ``x = 0``."""
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))

"""A healthy head: the MNI152 tissue maps, deformed into a new person.

The maps are those of the symmetric ICBM152 2009a template (Fonov et al. 2011, NeuroImage 54:313,
doi 10.1016/j.neuroimage.2010.07.033). They are read from the installed nilearn package, which
carries them, and are not copied into this repository.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .fields import Grid, Volume, random_field

MNI_CENTRE_MM = np.array([0.0, -16.0, 6.0], np.float32)
"""The middle of the brain in template coordinates; grids are centred there."""

_WARP_KNOT_MM, _WARP_MM = 36.0, 2.6


@dataclass(frozen=True)
class Template:
    """Tissue probabilities on blocks of the template's voxels, and where those lie."""

    grey: Volume
    white: Volume
    brain: Volume
    detail: Volume  # the T1 image itself, for texture
    origin_mm: Volume  # centre of the first block
    block_mm: float


@dataclass(frozen=True)
class Tissue:
    """Fractions of the three healthy tissues in each voxel, with the template's texture."""

    csf: Volume
    grey: Volume
    white: Volume
    detail: Volume
    brain: NDArray[np.bool_]


def _nilearn_map(name: str) -> nib.Nifti1Image:
    spec = importlib.util.find_spec("nilearn")  # found, not imported: importing it takes seconds
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "brain_sites needs the MNI152 template that the nilearn package carries; "
            "install it with: pip install nilearn"
        )
    file = f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    path = Path(spec.origin).parent / "datasets" / "data" / file
    if not path.is_file():
        raise FileNotFoundError(f"the installed nilearn has no template file at {path}")
    return nib.load(path)


def _block_mean(volume: Volume, block: int) -> Volume:
    if block == 1:
        return volume
    shape = [n // block for n in volume.shape]
    cut = volume[tuple(slice(n * block) for n in shape)]
    split = [part for n in shape for part in (n, block)]
    return cut.reshape(split).mean((1, 3, 5), dtype=np.float32)


@lru_cache(maxsize=4)
def template(block: int) -> Template:
    """Load the template, averaged over cubes of ``block`` voxels of 1 mm."""
    image = _nilearn_map("t1")
    maps = {"t1": image, "gm": _nilearn_map("gm"), "wm": _nilearn_map("wm")}
    t1, grey, white = (
        _block_mean(np.asanyarray(maps[name].dataobj).astype(np.float32) / 255, block)
        for name in ("t1", "gm", "wm")
    )
    closed = ndimage.binary_closing(t1 > 0.05, iterations=max(1, 2 // block))
    brain = ndimage.binary_fill_holes(closed).astype(np.float32)
    first = image.affine[:3, 3] + (block - 1) / 2
    return Template(grey, white, brain, t1, first.astype(np.float32), float(block))


@lru_cache(maxsize=1)
def tumour_seats() -> Volume:
    """Places where a glioma may start, in template millimetres: an array of shape (n, 3).

    White matter away from the surface, the midline, and what lies below the tentorium.
    """
    maps = template(2)
    depth = ndimage.distance_transform_edt(maps.brain) * maps.block_mm
    seats = np.argwhere((maps.white > 0.45) & (depth > 9)) * maps.block_mm + maps.origin_mm
    x, y, z = seats.T
    keep = (np.abs(x) > 12) & (z > -22) & ((y > -62) | (z > -5))
    return seats[keep].astype(np.float32)


def new_head(rng: np.random.Generator, grid: Grid) -> Volume:
    """Draw a person: for every voxel, the place in the template it corresponds to.

    An affine map (rotation 4 degrees, size 3.5 %, shift 1.5 mm, a little shear, one standard
    deviation each) and a smooth deformation of 2.6 mm.

    Returns
    -------
    numpy.ndarray
        Template coordinates in millimetres, shape (3, X, Y, Z).
    """
    angle = rng.normal(0, np.deg2rad(4), 3)
    scale = np.exp(rng.normal(-0.01, 0.035, 3))
    shift = rng.normal(0, 1.5, 3).astype(np.float32)
    matrix = np.diag(1 / scale) + np.triu(rng.normal(0, 0.02, (3, 3)), 1)
    for dim, (c, s) in enumerate(zip(np.cos(angle), np.sin(angle), strict=True)):
        i, j = [d for d in range(3) if d != dim]
        turn = np.eye(3)
        turn[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
        matrix = turn @ matrix
    offset = grid.points() - shift[:, None, None, None]
    where = np.tensordot(matrix.astype(np.float32), offset, 1)
    warp = [random_field(rng, grid, _WARP_KNOT_MM) for _ in range(3)]
    return where + MNI_CENTRE_MM[:, None, None, None] + np.float32(_WARP_MM) * np.stack(warp)


@lru_cache(maxsize=2)
def _maps_for(voxel_mm: float) -> Template:
    """The template at a resolution that suits the voxels, smoothed against aliasing."""
    maps = template(max(1, int(voxel_mm / 2)))
    sigma = 0.45 * np.sqrt(max(0.0, voxel_mm**2 - maps.block_mm**2)) / maps.block_mm
    if sigma == 0:
        return maps
    smooth = (
        ndimage.gaussian_filter(v, sigma) for v in (maps.grey, maps.white, maps.brain, maps.detail)
    )
    return Template(*smooth, maps.origin_mm, maps.block_mm)


def tissue_at(where: Volume, voxel_mm: float) -> Tissue:
    """Look up the tissue at template coordinates (3, X, Y, Z); what is neither is CSF."""
    maps = _maps_for(voxel_mm)
    index = (where - maps.origin_mm[:, None, None, None]) / np.float32(maps.block_mm)
    grey, white, brain, detail = (
        ndimage.map_coordinates(v, index, order=1)
        for v in (maps.grey, maps.white, maps.brain, maps.detail)
    )
    inside = brain > 0.5
    csf = np.clip(brain - grey - white, 0, 1)
    total = np.maximum(grey + white + csf, 1e-3)
    csf, grey, white = (v / total * inside for v in (csf, grey, white))
    return Tissue(csf, grey, white, detail * inside, inside)

"""One glioma: its shape, what it displaces, and the tissue it is made of.

A simplification of what radiology describes. High-grade tumours have a necrotic centre inside an
interrupted enhancing rim and much oedema; low-grade ones are mostly non-enhancing and solid, some
with a small enhancing patch, and have little oedema. The labels are those of BraTS 2018 (Menze et
al. 2015, doi 10.1109/TMI.2014.2377694): 1 necrotic or non-enhancing core, 2 oedema, 4 enhancing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Tissue, tumour_seats
from .fields import Grid, Volume, random_field, soft_step

Grade = Literal["HGG", "LGG"]


@dataclass(frozen=True)
class Lesion:
    """What is drawn once for a patient's tumour."""

    grade: Grade
    centre_mm: Volume
    radius_mm: float
    axes: Volume  # maps an offset in millimetres to the unit-sphere picture of the ellipsoid
    rim: float  # thickness of the enhancing rim, as a part of the radius
    gaps: float  # how often the rim is interrupted
    oedema_mm: float
    necrotic: bool
    patch: bool  # a low-grade tumour with an enhancing patch
    uptake: float  # how strongly it takes up contrast agent


@dataclass(frozen=True)
class Growth:
    """Fractions of tumour tissue in each voxel, and the labels an expert would draw."""

    necrosis: Volume
    solid: Volume
    enhancing: Volume
    oedema: Volume
    core: Volume
    texture: Volume
    uptake: float
    labels: NDArray[np.uint8]


def draw_lesion(
    rng: np.random.Generator, grade: Grade, *, size: float = 1.0, right: float = 0.5
) -> Lesion:
    """Draw a tumour; ``size`` scales the radius and ``right`` is the chance of the right side."""
    high = grade == "HGG"
    radius = float(np.clip(19.5 * np.exp(rng.normal(0, 0.28)) * size, 9, 33))
    seats = tumour_seats()
    side = 1 if rng.uniform() < right else -1
    seats = seats[seats[:, 0] * side > 0]
    centre = seats[rng.integers(len(seats))] + rng.uniform(-1, 1, 3).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    axes = (rotation * np.exp(rng.normal(0, 0.22, 3))).T.astype(np.float32)
    return Lesion(
        grade, centre.astype(np.float32), radius, axes,
        rim=float(np.clip(rng.normal(0.34, 0.10), 0.12, 0.65)),
        gaps=float(rng.uniform(-2.0, 0.1)),
        oedema_mm=float((15 if high else 8) * np.exp(rng.normal(0, 0.37))),
        necrotic=high or bool(rng.uniform() < 0.25),
        patch=not high and bool(rng.uniform() < 0.40),
        uptake=float(np.clip(rng.normal(1.0 if high else 0.8, 0.12), 0.5, 1.3)),
    )  # fmt: skip


def displaced(lesion: Lesion, where: Volume) -> Volume:
    """Mass effect: tissue is pushed away, so each voxel shows what lay nearer the centre."""
    offset = where - lesion.centre_mm[:, None, None, None]
    squared = (offset * offset).sum(0)
    strength = 0.38 if lesion.grade == "HGG" else 0.22
    return where - offset * (strength * np.exp(-squared / (2.1 * lesion.radius_mm) ** 2))


def grow(
    rng: np.random.Generator, lesion: Lesion, grid: Grid, where: Volume, tissue: Tissue
) -> Growth:
    """Fill the head with the tumour: an irregular ellipsoid, and oedema along white matter."""
    outline, bumps, inner, texture = (random_field(rng, grid, k) for k in (22.0, 10.0, 14.0, 8.0))
    offset = where - lesion.centre_mm[:, None, None, None]
    level = np.sqrt((np.tensordot(lesion.axes, offset, 1) ** 2).sum(0)) / lesion.radius_mm
    level = level + 0.15 * outline + 0.09 * bumps + 0.6 * tissue.csf  # 1 at the edge of the core
    edge = 0.5 * grid.voxel_mm / lesion.radius_mm + 0.02  # partial volume, in units of the level
    core = soft_step((1 - level) / edge) * tissue.brain
    if lesion.grade == "HGG":
        necrosis = core * soft_step((1 - lesion.rim - level - 0.10 * inner) / edge)
        enhancing = (core - necrosis) * soft_step((texture - lesion.gaps + 1.2) / 0.25)
    else:
        necrosis = core * soft_step((0.45 - level - 0.25 * inner) / edge) * lesion.necrotic
        patch = soft_step((texture - 1.0) / 0.2) * soft_step((0.95 - level) / edge)
        enhancing = (core - necrosis) * patch * lesion.patch
    solid = core - necrosis - enhancing
    reach = lesion.oedema_mm / lesion.radius_mm
    ease = 1.35 * ndimage.gaussian_filter(tissue.white, 2.0 / grid.voxel_mm) - 0.25
    front = level - reach * (ease + 0.18 * inner)
    oedema = soft_step((1 - front) / edge) * (1 - tissue.csf) * tissue.brain * (1 - core)
    labels = _draw_labels([1 - core - oedema, necrosis + solid, oedema, enhancing], tissue.brain)
    return Growth(necrosis, solid, enhancing, oedema, core, texture, lesion.uptake, labels)


def _draw_labels(fractions: list[Volume], brain: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The largest fraction names the voxel; islets under 5 % of the largest piece are dropped."""
    labels = np.array([0, 1, 2, 4], np.uint8)[np.argmax(fractions, axis=0)] * brain
    pieces, count = ndimage.label(labels > 0)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        labels[(pieces > 0) & (sizes[pieces] < 0.05 * sizes.max())] = 0
    return labels

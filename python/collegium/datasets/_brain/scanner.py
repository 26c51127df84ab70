"""A hospital's protocol and the images it takes.

Relative intensities of seven tissues in four sequences, bent by the scanner family, a gamma, a
receive-coil bias field, thick slices, missing slices and Rician noise (Gudbjartsson and Patz 1995,
doi 10.1002/mrm.1910340618). The contrasts follow textbook appearance; none was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .anatomy import Tissue
from .fields import Grid, Volume, random_field, soft_step
from .tumour import Growth

SEQUENCES = ("flair", "t1", "t1ce", "t2")
TISSUES = ("csf", "grey", "white", "oedema", "necrosis", "enhancing", "solid")

# A non-enhancing core is close to oedema in every sequence, as in low-grade glioma: where it lies
# tells more than how bright it is.
_REFERENCE = {
    "flair": (0.18, 0.62, 0.50, 0.92, 0.48, 0.80, 0.88),
    "t1": (0.22, 0.58, 0.82, 0.60, 0.36, 0.58, 0.53),
    "t1ce": (0.22, 0.60, 0.82, 0.61, 0.38, 1.12, 0.55),
    "t2": (1.00, 0.62, 0.46, 0.82, 0.92, 0.68, 0.84),
}

_SPIN_ECHO = (0.10, 0.06, -0.14, 0.02, 0.08, 0.02, 0.06)
FAMILIES: dict[str, dict[str, tuple[float, ...]]] = {
    "reference": {},
    "short inversion, half-dose contrast": {
        "flair": (0.30, 0, 0.08, -0.14, 0.06, -0.10, -0.16),
        "t1ce": (0, 0.02, -0.06, 0, 0, -0.26, 0),
    },
    "spin-echo T1": {"t1": _SPIN_ECHO, "t1ce": _SPIN_ECHO},
    "fast T2": {
        "t2": (-0.22, 0.06, 0.10, -0.10, -0.16, -0.04, -0.12),
        "flair": (0, 0.04, 0.10, -0.06, 0.10, 0, -0.04),
    },
    "magnetisation transfer": {
        "flair": (-0.06, -0.12, -0.14, 0.06, -0.10, 0.04, 0),
        "t1ce": (0, 0.10, 0.14, 0.04, 0.06, 0.10, 0.10),
    },
}
"""What a scanner family adds to the reference contrasts, in the order of ``TISSUES``."""


@dataclass(frozen=True)
class Protocol:
    """What stays the same for every patient of a hospital."""

    contrast: dict[str, Volume]  # intensity of each tissue, by sequence
    gamma: dict[str, float]
    gain: dict[str, float]
    slice_mm: dict[str, float]
    slice_axis: dict[str, int]
    bias: float
    bias_direction: Volume
    noise: float
    missing: float  # chance that a sequence lacks slices
    tumour_size: float  # referral habit: larger or smaller tumours
    right_side: float


def draw_protocol(rng: np.random.Generator, family: str, shift: float) -> Protocol:
    """Draw a hospital's protocol; ``shift`` scales how far it is from the reference, 0 is equal."""
    contrast, gamma, gain, slice_mm, slice_axis = {}, {}, {}, {}, {}
    for name in SEQUENCES:
        offset = np.array(FAMILIES[family].get(name, np.zeros(len(TISSUES))))
        offset = offset + rng.normal(0, 0.035, len(TISSUES))
        contrast[name] = np.clip(np.array(_REFERENCE[name]) + shift * offset, 0.05, 1.6)
        gamma[name] = float(np.exp(shift * rng.normal(0, 0.18)))
        gain[name] = float(np.exp(5.8 + shift * rng.normal(0, 0.5)))
        thickness, plane = rng.choice([1.0, 1.0, 3.0, 5.0]), rng.choice([2, 2, 0, 1])
        slice_mm[name], slice_axis[name] = (float(thickness), int(plane)) if shift else (1.0, 2)
    return Protocol(
        contrast, gamma, gain, slice_mm, slice_axis,
        bias=float(0.05 + shift * rng.uniform(0.05, 0.30)),
        bias_direction=np.float32(shift) * rng.standard_normal(3, dtype=np.float32),
        noise=float(0.012 + shift * rng.uniform(0.004, 0.034)),
        missing=float(shift * rng.uniform(0, 0.25)),
        tumour_size=float(np.exp(shift * rng.normal(0, 0.22))),
        right_side=float(np.clip(0.5 + shift * rng.normal(0, 0.35), 0.1, 0.9)),
    )  # fmt: skip


def composition(tissue: Tissue, growth: Growth) -> Volume:
    """Fraction of each of ``TISSUES`` in every voxel; they add up to 1 inside the brain."""
    healthy = 1 - growth.core - growth.oedema
    normal = [healthy * v for v in (tissue.csf, tissue.grey, tissue.white)]
    return np.stack([*normal, growth.oedema, growth.necrosis, growth.enhancing, growth.solid])


def acquire(
    rng: np.random.Generator, protocol: Protocol, grid: Grid, tissue: Tissue, growth: Growth
) -> dict[str, np.ndarray]:
    """Take the four images of one patient, as int16 volumes that are 0 outside the brain.

    Beside the tumour the images show what experts do not label: white-matter hyperintensities on
    FLAIR and T2, and enhancing vessels on T1ce.
    """
    hyperintense = _speckle(rng, grid, 7.0, 1.7) * tissue.white * (1 - growth.core)
    vessels = _speckle(rng, grid, 6.0, 2.0) * (tissue.grey + 0.6 * tissue.csf) * (1 - growth.core)
    fine = 0.035 * random_field(rng, grid, 5.0) + 0.05 * (tissue.detail - 0.5) * (1 - tissue.csf)
    fractions = composition(tissue, growth)
    fractions[3:] *= 1 + 0.09 * growth.texture
    images = {}
    for name in SEQUENCES:
        values = protocol.contrast[name] * np.exp(rng.normal(0, 0.035, len(TISSUES)))
        if name == "t1ce":
            unenhanced = 0.75 * values[TISSUES.index("white")]
            values[5] = unenhanced + (values[5] - unenhanced) * growth.uptake
        image = np.tensordot(values.astype(np.float32), fractions, 1)
        image += fine if name.startswith("t1") else -fine
        if name in ("flair", "t2"):
            image += 0.28 * hyperintense
        if name == "t1ce":
            image += 0.40 * vessels
        image = np.clip(image, 0.01, None) ** protocol.gamma[name]
        image = _thick_slices(image, protocol.slice_mm[name], protocol.slice_axis[name], grid)
        image = _receive(rng, image, protocol, grid) * protocol.gain[name]
        image = np.rint(np.clip(image, 1, 32000)) * tissue.brain
        images[name] = _drop_slices(rng, image, protocol, grid).astype(np.int16)
    return images


def _speckle(rng: np.random.Generator, grid: Grid, knot_mm: float, least: float) -> Volume:
    """Small bright spots: the peaks of a random field, more of them in some people."""
    return soft_step((random_field(rng, grid, knot_mm) - rng.uniform(least, 2.6)) / 0.15)


def _thick_slices(image: Volume, thickness: float, axis: int, grid: Grid) -> Volume:
    """Blur by the slice profile and interpolate between slices that were really taken."""
    if thickness <= grid.voxel_mm:
        return image
    image = ndimage.gaussian_filter1d(image, 0.42 * thickness / grid.voxel_mm, axis=axis)
    step = round(thickness / grid.voxel_mm)
    at = np.arange(image.shape[axis])
    below = at // step * step
    above = np.minimum(below + step, image.shape[axis] - 1)
    part = np.expand_dims((at - below) / step, [d for d in range(3) if d != axis])
    part = part.astype(np.float32)
    return np.take(image, below, axis) * (1 - part) + np.take(image, above, axis) * part


def _receive(rng: np.random.Generator, image: Volume, protocol: Protocol, grid: Grid) -> Volume:
    """The coil: a bias field with a direction of its own, and Rician noise."""
    direction = protocol.bias_direction + rng.normal(0, 0.5, 3).astype(np.float32)
    direction /= np.linalg.norm(direction) + 1e-6
    slope = np.tensordot(direction / 90.0, grid.points(), 1).astype(np.float32)
    image = image * np.exp(protocol.bias * (slope + 0.5 * random_field(rng, grid, 110.0)))
    averaged = max(1.0, grid.voxel_mm / 1.5) ** 0.5
    sigma = np.float32(protocol.noise * np.exp(rng.normal(0, 0.2)) / averaged)
    real, imaginary = (sigma * rng.standard_normal(grid.shape, dtype=np.float32) for _ in range(2))
    return np.hypot(image + real, imaginary) * np.float32(np.exp(rng.normal(0, 0.15)))


def _drop_slices(rng: np.random.Generator, image: Volume, protocol: Protocol, grid: Grid) -> Volume:
    """Some scans stop short of the vertex, some lack a few slices in the middle."""
    chance, kind, place = rng.uniform(size=3)
    rows = np.flatnonzero(image.any((0, 1)))
    if chance >= protocol.missing or not len(rows):
        return image
    if kind < 0.5:
        image[:, :, rows[-max(1, len(rows) // 12) :]] = 0
    else:
        first = rows[int(place * len(rows))]
        image[:, :, first : first + max(1, round(3 / grid.voxel_mm))] = 0
    return image

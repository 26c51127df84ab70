"""One examination, from its random stream to its files."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from . import anatomy, scanner, tumour
from .fields import Grid
from .sites import TRAIN, Examination, grade_of, hospital

SIZES: dict[str, Grid] = {
    "demo": Grid((24, 32, 24), 6.0),
    "small": Grid((64, 64, 48), 3.2),
    "half": Grid((120, 120, 80), 2.0),
    "full": Grid((240, 240, 155), 1.0),
}
"""Named voxel grids; all show the same patients. ``full`` is that of BraTS."""

GENERATOR_VERSION = 1
"""Goes up whenever the same settings would give other images."""


@dataclass(frozen=True)
class Recipe:
    """Everything besides the examination itself that decides a subject's voxels."""

    seed: int
    size: str
    shift: float
    version: int = GENERATOR_VERSION

    def key(self) -> dict[str, Any]:
        """The recipe as it is written beside each subject."""
        return asdict(self)


@dataclass(frozen=True)
class Subject:
    """The images (int16, by sequence), the labels and where the voxels are."""

    images: dict[str, NDArray[np.int16]]
    labels: NDArray[np.uint8]
    affine: NDArray[np.float64]
    grade: tumour.Grade
    radius_mm: float


@lru_cache(maxsize=64)
def _protocol(recipe: Recipe, number: int, family: str) -> scanner.Protocol:
    # Without shift all hospitals are one hospital: not even the draws of a protocol differ.
    stream = np.random.default_rng([recipe.seed, 1, number if recipe.shift else 0])
    return scanner.draw_protocol(stream, family, recipe.shift)


def examine(exam: Examination, recipe: Recipe) -> Subject:
    """Make one synthetic patient and take the images.

    Patients have random streams of their own, keyed by seed, hospital, split and number, so
    neither the other subjects nor the order of work changes anyone.
    """
    number, place = hospital(exam.hospital)
    grid = SIZES[recipe.size]
    grade = grade_of(exam, recipe.shift)
    protocol = _protocol(recipe, number, place.family)
    key = [recipe.seed, 2, number, int(exam.split == TRAIN), exam.number]
    person, disease, images = (np.random.default_rng([*key, part]) for part in range(3))
    where = anatomy.new_head(person, grid)
    lesion = tumour.draw_lesion(
        disease, grade, size=protocol.tumour_size, right=protocol.right_side
    )
    tissue = anatomy.tissue_at(tumour.displaced(lesion, where), grid.voxel_mm)
    growth = tumour.grow(disease, lesion, grid, where, tissue)
    volumes = scanner.acquire(images, protocol, grid, tissue, growth)
    return Subject(
        {name: _to_lps(v) for name, v in volumes.items()},
        _to_lps(growth.labels), _affine(grid), grade, lesion.radius_mm,
    )  # fmt: skip


def _to_lps(volume: np.ndarray) -> np.ndarray:
    """Store as BraTS does: the first index runs to the left, the second to the back."""
    return np.ascontiguousarray(volume[::-1, ::-1])


def _affine(grid: Grid) -> NDArray[np.float64]:
    affine = np.diag([-grid.voxel_mm, -grid.voxel_mm, grid.voxel_mm, 1.0])
    half = (np.array(grid.shape) - 1) / 2 * grid.voxel_mm
    affine[:3, 3] = anatomy.MNI_CENTRE_MM + half * (1, 1, -1)
    return affine


def facts_path(root: Path, exam: Examination) -> Path:
    """The file whose presence says that the subject's images are complete."""
    return root / exam.folder / f"{exam.subject}.json"


def write(root: Path, exam: Examination, recipe: Recipe) -> dict[str, Any]:
    """Write a subject's five images, then its facts; return the facts.

    Every file appears under its name only when complete, so an interrupted run leaves no half file.
    """
    made = examine(exam, recipe)
    folder = root / exam.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, volume in {**made.images, "seg": made.labels}.items():
        image = nib.Nifti1Image(volume, made.affine)
        image.header.set_xyzt_units("mm")
        image.set_qform(made.affine, 1)
        image.set_sform(made.affine, 1)
        path = folder / f"{exam.subject}_{name}.nii.gz"
        hidden = folder / f".{path.name}"
        nib.save(image, hidden)
        os.replace(hidden, path)
    facts = {
        "synthetic": True,
        "subject": exam.subject,
        "site": exam.hospital,
        "split": exam.split,
        "grade": made.grade,
        "radius_mm": round(made.radius_mm, 2),
        "voxels": {str(v): int((made.labels == v).sum()) for v in (1, 2, 4)},
        "recipe": recipe.key(),
    }
    path = facts_path(root, exam)
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(json.dumps(facts, indent=1) + "\n")
    os.replace(hidden, path)
    return facts


def written(root: Path, exam: Examination, recipe: Recipe) -> dict[str, Any] | None:
    """Facts of a subject that is already there and was made by this recipe, else ``None``."""
    try:
        facts = json.loads(facts_path(root, exam).read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    stem = root / exam.folder / exam.subject
    names = (*scanner.SEQUENCES, "seg")
    complete = all(Path(f"{stem}_{name}.nii.gz").is_file() for name in names)
    return facts if complete and facts.get("recipe") == recipe.key() else None

"""Synthetic brain-tumour MR of several hospitals, on disk in the layout of BraTS.

The data are **synthetic**: simulated gliomas in deformed copies of one healthy template brain. They
show how software and a federation behave. They say nothing about clinical accuracy, and a Dice
score on them cannot be compared with one on real patients.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._brain.sites import HOSPITALS, TEST, TRAIN, VISITORS, Examination, schedule
from ._brain.subject import SIZES, Recipe, written
from ._brain.worker import write_all

if TYPE_CHECKING:
    from .folder import FolderDataset

Progress = Callable[[int, int], None]

CHANNELS = ("t1ce", "t1", "t2", "flair")
"""Order of the images in ``dataset.json``, that of a training sample's channels."""

NOTICE = (
    "SYNTHETIC data: simulated gliomas in deformed copies of the ICBM152 template brain, with "
    "simulated scanners. For testing software and federated training; no clinical claim."
)


class BrainSites(dict[str, "FolderDataset"]):
    """Training data by site, ``{"site-1": dataset, ...}``, with the held-out set beside it.

    Attributes
    ----------
    folder : pathlib.Path
        Where the files are; ``dataset.json`` there lists every subject.
    test : FolderDataset
        Held-out subjects: equally many of each site and of each visiting hospital.
    subjects : list of dict
        Facts of every subject: site, split, grade, tumour radius, labelled voxels.
    """

    folder: Path
    test: FolderDataset
    subjects: list[dict[str, Any]]


def brain_sites(
    count: int = 4,
    *,
    seed: int = 2026,
    size: str = "demo",
    subjects: int = 16,
    held_out: int = 16,
    shift: float = 1.0,
    folder: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    progress: bool | Progress = True,
) -> BrainSites:
    """Make, or find, the data of ``count`` synthetic hospitals.

    The hospitals differ in what they see and how they scan: the first and third treat high-grade
    gliomas, the second and fourth low-grade ones, each with a scanner family, noise level and slice
    thickness of its own. From the fifth on there are mixed ones too.

    Parameters
    ----------
    count : int
        How many hospitals take part, at most 8.
    seed : int
        Decides every patient and every protocol.
    size : {"demo", "small", "half", "full"}
        Voxel grid: 24x32x24 at 6 mm, 64x64x48 at 3.2 mm, 120x120x80 at 2 mm, or 240x240x155 at
        1 mm as in BraTS. All show the same patients.
    subjects : int
        Training subjects of each hospital.
    held_out : int
        Test subjects from each hospital, and from two hospitals that never take part.
    shift : float
        How far hospitals differ. At 0 they have one protocol and one case mix.
    folder : path, optional
        Where to keep the files; a folder in the user's cache by default.
    jobs : int, optional
        Processes that write subjects; all cores by default.
    progress : bool or callable
        ``True`` draws a line on a terminal; a callable gets (subjects done, subjects in all).

    Returns
    -------
    BrainSites
        A dictionary from site name to data set, with the held-out set as ``.test``.

    Notes
    -----
    The data are synthetic. Their anatomy is the ICBM152 template of Fonov et al. (2011), read from
    the installed nilearn package.

    Examples
    --------
    >>> sites = brain_sites(count=4)                                       # doctest: +SKIP
    >>> list(sites)                                                        # doctest: +SKIP
    ['site-1', 'site-2', 'site-3', 'site-4']
    """
    from .folder import FolderDataset

    where = Path(folder) if folder is not None else _cache_folder(seed, size, shift)
    facts = write_brain_sites(
        where, count, seed=seed, size=size, subjects=subjects, held_out=held_out,
        shift=shift, jobs=jobs, progress=progress,
    )  # fmt: skip

    def dataset(part: str) -> FolderDataset:
        mine = [f["subject"] for f in facts if _part(f) == part]
        return FolderDataset(where / part, labels="brats2018", subjects=mine)

    sites = BrainSites({h.name: dataset(h.name) for h in HOSPITALS[:count]})
    sites.folder, sites.subjects, sites.test = where, facts, dataset(TEST)
    return sites


def write_brain_sites(
    folder: str | os.PathLike[str],
    count: int = 4,
    *,
    seed: int = 2026,
    size: str = "demo",
    subjects: int = 16,
    held_out: int = 16,
    shift: float = 1.0,
    jobs: int | None = None,
    progress: bool | Progress = False,
) -> list[dict[str, Any]]:
    """Write the files that `brain_sites` describes, and leave alone those already there.

    The tree is ``SITE/SUBJECT/SUBJECT_{flair,t1,t1ce,t2,seg}.nii.gz`` with the held-out subjects
    under ``test``, ``dataset.json`` in the form of the Medical Segmentation Decathlon, and
    ``subjects.csv`` with each subject's site, split and grade. Images are int16; labels are
    1 necrotic or non-enhancing core, 2 oedema, 4 enhancing tumour.

    Each subject depends on the seed, the size, the shift and its own number only, so asking for
    more sites or subjects later adds to the folder and changes nobody in it.

    Returns
    -------
    list of dict
        The facts of each subject, in the order of ``dataset.json``.

    Raises
    ------
    FileExistsError
        If the folder holds subjects of another seed, size or shift.
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}; got {size!r}")
    if not shift >= 0:
        raise ValueError(f"shift must be 0 or more; got {shift}")
    root, recipe = Path(folder), Recipe(seed, size, float(shift))
    exams = schedule(count, subjects, held_out)
    _claim(root, recipe)
    facts = {exam.subject: written(root, exam, recipe) for exam in exams}
    missing = [exam for exam in exams if facts[exam.subject] is None]
    if missing:
        tell = progress if callable(progress) else _line if progress else _silent
        tell(len(exams) - len(missing), len(exams))
        done = write_all(root, missing, recipe, jobs or len(os.sched_getaffinity(0)))
        for number, fact in enumerate(done, len(exams) - len(missing) + 1):
            facts[fact["subject"]] = fact
            tell(number, len(exams))
    rows = [facts[exam.subject] for exam in exams]
    _publish(root / "subjects.csv", _table(rows))
    _publish(root / "dataset.json", json.dumps(_data_list(exams, rows, recipe), indent=1) + "\n")
    return rows


def _part(fact: dict[str, Any]) -> str:
    return TEST if fact["split"] == TEST else fact["site"]


def _cache_folder(seed: int, size: str, shift: float) -> Path:
    """One folder per recipe, so that no two ever meet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = json.dumps(Recipe(seed, size, float(shift)).key(), sort_keys=True)
    return cache / "collegium" / "brain_sites" / hashlib.sha256(key.encode()).hexdigest()[:16]


def _claim(root: Path, recipe: Recipe) -> None:
    """Write down which recipe a folder is for, or check that it is this one."""
    path = root / "recipe.json"
    if path.is_file():
        found = json.loads(path.read_text())
        if found != recipe.key():
            raise FileExistsError(
                f"{root} holds synthetic subjects made by {found}, not by {recipe.key()}; "
                "choose another folder, or delete this one"
            )
        return
    root.mkdir(parents=True, exist_ok=True)
    _publish(path, json.dumps(recipe.key(), indent=1) + "\n")


def _publish(path: Path, text: str) -> None:
    """Replace a file at once, and only if it changes."""
    if path.is_file() and path.read_text() == text:
        return
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(text)
    os.replace(hidden, path)


def _table(rows: list[dict[str, Any]]) -> str:
    columns = ("subject", "site", "split", "grade")
    lines = [columns, *([row[c] for c in columns] for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines)


def _data_list(
    exams: Iterable[Examination], rows: list[dict[str, Any]], recipe: Recipe
) -> dict[str, Any]:
    entries: dict[str, list[dict[str, Any]]] = {TRAIN: [], TEST: []}
    for exam, row in zip(exams, rows, strict=True):
        stem = f"{exam.folder}/{exam.subject}"
        files = {
            "image": [f"{stem}_{name}.nii.gz" for name in CHANNELS],
            "label": f"{stem}_seg.nii.gz",
        }
        entries[exam.split].append({**files, **{k: v for k, v in row.items() if k != "recipe"}})
    return {
        "name": "Collegium synthetic brain sites",
        "description": NOTICE,
        "synthetic": True,
        "reference": "Anatomy: ICBM152 2009a symmetric template, Fonov et al. 2011",
        "tensorImageSize": "4D",
        "modality": {str(i): name for i, name in enumerate(CHANNELS)},
        "labels": {
            "0": "background",
            "1": "necrotic or non-enhancing tumor",
            "2": "edema",
            "4": "enhancing tumor",
        },
        "hospitals": {
            h.name: {"about": h.about, "scanner": h.family, "takes_part": h in HOSPITALS}
            for h in (*HOSPITALS, *VISITORS)
            if any(row["site"] == h.name for row in rows)
        },
        "recipe": recipe.key(),
        "numTraining": len(entries[TRAIN]),
        "numTest": len(entries[TEST]),
        "training": entries[TRAIN],
        "test": entries[TEST],
    }


def _silent(done: int, total: int) -> None:
    pass


def _line(done: int, total: int) -> None:
    """Redraw one line on a terminal; in a log, say it once."""
    text = f"synthetic subjects: {done} of {total}"
    if sys.stderr.isatty():
        print(f"\r{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total:
        print(text, file=sys.stderr)

"""Segment a data set with a network, and score it subject by subject, in C++."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collegium._load import core
from collegium.datasets.folder import FolderDataset
from collegium.networks import Network

if TYPE_CHECKING:
    import pandas as pd


def evaluate(
    network: Network,
    data: FolderDataset,
    *,
    roi: Sequence[int] = (),
    overlap: float = 0.5,
    predictions: str | Path | None = None,
    threads: int = 1,
    progress: Callable[[int, int], bool] | None = None,
) -> pd.DataFrame:
    """Dice and HD95 of every subject and region.

    Parameters
    ----------
    network : Network
        Predicts logits of the regions TC, WT and ET.
    data : FolderDataset
        Subjects with label maps.
    roi : sequence of int
        Sliding window in voxels; default: the whole volume at once.
    overlap : float
        Of neighbouring windows.
    predictions : path, optional
        Folder for one label map a subject, on the grid of its images.
    progress : callable, optional
        Gets (subjects done, subjects in all); returns whether to go on.

    Returns
    -------
    pandas.DataFrame
        Columns subject, site, grade, region, dice, hd95 (mm), reference_voxels, predicted_voxels. Empty rule of BraTS:
        both empty: Dice 1 and HD95 0; one empty: Dice 0 and HD95 373.13.
    """
    import pandas as pd

    settings = _settings(roi, overlap, threads, predictions)
    rows = core.evaluate(network._core, data.core(), settings, progress)
    facts = pd.DataFrame(data.facts)[["subject", "site", "grade"]]
    return facts.merge(pd.DataFrame(rows), on="subject", how="right")


def predict(
    network: Network,
    data: FolderDataset,
    folder: str | Path,
    *,
    roi: Sequence[int] = (),
    overlap: float = 0.5,
    threads: int = 1,
    progress: Callable[[int, int], bool] | None = None,
) -> list[Path]:
    """Segment every subject, labelled or not.

    Parameters
    ----------
    network : Network
        Predicts logits of the regions TC, WT and ET.
    data : FolderDataset
        Subjects, with or without label maps.
    folder : path
        Gets ``SUBJECT.nii.gz``: a label map on the grid of the subject's own images.
    roi, overlap, progress
        As for :func:`evaluate`.

    Returns
    -------
    list of path
        The files, in the order of the subjects.
    """
    core.predict(network._core, data.core(), _settings(roi, overlap, threads, folder), progress)
    return [Path(folder) / f"{subject}.nii.gz" for subject in data.subjects]


def summary(scores: pd.DataFrame) -> dict[str, dict[str, float | int | None]]:
    """Of each region: means over the subjects who have it, and how often something was drawn in the others.

    Parameters
    ----------
    scores : DataFrame
        As :func:`evaluate` returns it.

    Returns
    -------
    dict
        Region to ``subjects``, ``dice_mean``, ``dice_median``, ``hd95_median`` (mm), ``without_region`` and
        ``drawn_without_region``; None where nobody has the region.
    """

    def of(rows: pd.DataFrame) -> dict[str, float | int | None]:
        have, lack = rows[rows["reference_voxels"] > 0], rows[rows["reference_voxels"] == 0]
        return {
            "subjects": len(have),
            "dice_mean": None if have.empty else float(have["dice"].mean()),
            "dice_median": None if have.empty else float(have["dice"].median()),
            "hd95_median": None if have.empty else float(have["hd95"].median()),
            "without_region": len(lack),
            "drawn_without_region": int((lack["predicted_voxels"] > 0).sum()),
        }

    return {str(region): of(rows) for region, rows in scores.groupby("region", sort=False)}


def _settings(
    roi: Sequence[int], overlap: float, threads: int, predictions: str | Path | None
) -> dict[str, Any]:
    return {
        "roi": list(roi),
        "overlap": float(overlap),
        "threads": threads,
        "predictions": str(predictions or ""),
    }


__all__ = ["evaluate", "predict", "summary"]

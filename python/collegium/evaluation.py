"""Segment a data set with a network and score it, subject by subject, in C++."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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

    rows = core.evaluate(
        network._core,
        data.core(),
        {
            "roi": list(roi),
            "overlap": float(overlap),
            "threads": threads,
            "predictions": str(predictions or ""),
        },
        progress,
    )
    facts = pd.DataFrame(data.facts)[["subject", "site", "grade"]]
    return facts.merge(pd.DataFrame(rows), on="subject", how="right")


__all__ = ["evaluate"]

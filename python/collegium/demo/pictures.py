"""Segmentations over anatomy, for the eye: what the expert, the federated and the best single model say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from collegium import nifti
from collegium.plots import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GREY = "#808080"
_REGIONS = (
    (("necrotic", "oedema", "enhancing"), PALETTE[5], "whole tumour"),
    (("necrotic", "enhancing"), PALETTE[4], "tumour core"),
    (("enhancing",), PALETTE[1], "enhancing"),
)


def segmentations(
    subjects: list[dict], predictions: dict[str, Path], reference: str, tissues: dict[str, int]
) -> Figure:
    """A row a subject: contrast-enhanced T1, then outlines of the reference and of each model.

    Parameters
    ----------
    subjects : list of dict
        ``FolderDataset.facts`` of each row.
    predictions : dict
        Title to the folder with one label map a subject.
    reference : str
        Title of the reference column.
    tissues : dict
        ``FolderDataset.tissues``: which number in the label maps is which.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    columns = [reference, *predictions]
    figure = Figure(
        figsize=(2.6 * (len(columns) + 1), 2.5 * len(subjects) + 0.5), layout="constrained"
    )
    figure.patch.set_alpha(0)
    for row, facts in enumerate(subjects):
        image = nifti.read(facts["images"][0]).data  # contrast-enhanced T1 comes first
        if facts["channels"]:
            image = image[..., facts["channels"][0]]
        maps = {reference: nifti.read(facts["labels"]).data}
        for title, folder in predictions.items():
            maps[title] = nifti.read(next(folder.glob(f"{facts['subject']}*"))).data
        level = int(np.argmax((maps[reference] > 0).sum(axis=(0, 1))))
        window = np.percentile(image[image > 0], (1, 99.5)) if (image > 0).any() else (0, 1)
        for column, title in enumerate(["contrast-enhanced T1", *columns]):
            axes = figure.add_subplot(
                len(subjects), len(columns) + 1, row * (len(columns) + 1) + column + 1
            )
            axes.imshow(
                image[:, :, level].T,
                cmap="gray",
                vmin=window[0],
                vmax=window[1],
                interpolation="bilinear",
            )
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title, fontsize=9, color=_GREY)
            if column == 0:
                axes.set_ylabel(f"{facts['subject']}\n{facts['grade']}", fontsize=7, color=_GREY)
            else:
                plane = maps[title][:, :, level].T
                for values, colour, _ in _REGIONS:
                    mask = np.isin(plane, [tissues[v] for v in values])
                    if mask.any():
                        axes.contour(mask, levels=[0.5], colors=[colour], linewidths=1.4)
    handles = [Line2D([], [], color=colour, label=name) for _, colour, name in _REGIONS]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8,
        labelcolor=_GREY,
    )
    return figure


__all__ = ["segmentations"]

"""Commands that use a model which a run left: ``predict`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collegium.datasets.folder import FolderDataset

Site = Annotated[Path, typer.Argument(help="site.toml: its [data] table is read, nothing else.")]
Model = Annotated[Path, typer.Argument(help="model.safetensors, as a run or a site leaves it.")]
Folder = Annotated[Path, typer.Argument(help="Where the results go.")]
Window = Annotated[
    str,
    typer.Option(help="Sliding window in voxels, '96,96,64'; default: each volume whole."),
]


def add_model_commands(app: typer.Typer) -> None:
    app.command()(predict)
    app.command()(evaluate)


def predict(site: Site, model: Model, folder: Folder, window: Window = "") -> None:
    """Segment a site's subjects, labelled or not: FOLDER/SUBJECT.nii.gz, on the grid of their own images."""
    from collegium import evaluation, networks

    network, data = networks.open(model), _data(site)
    with _progress("segmenting") as progress:
        evaluation.predict(
            network, data, folder, roi=_roi(window, network._core.window), progress=progress
        )
    typer.echo(f"{folder}: {len(data)} predictions")


def evaluate(site: Site, model: Model, folder: Folder, window: Window = "") -> None:
    """Segment a site's labelled subjects and score them: scores.csv, summary.json and the predictions in FOLDER."""
    import json

    from collegium import evaluation, networks

    network, data = networks.open(model), _data(site)
    with _progress("scoring") as progress:
        scores = evaluation.evaluate(
            network,
            data,
            roi=_roi(window, network._core.window),
            predictions=folder,
            progress=progress,
        )
    summary = evaluation.summary(scores)
    scores.to_csv(folder / "scores.csv", index=False)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for region, facts in summary.items():
        if facts["subjects"]:
            typer.echo(
                f"{region.upper()}: Dice {facts['dice_mean']:.3f} (median {facts['dice_median']:.3f}), HD95 "
                f"{facts['hd95_median']:.1f} mm (median), {facts['subjects']} subjects"
            )
        if facts["without_region"]:
            typer.echo(
                f"{region.upper()}: {facts['without_region']} subjects have none; it was drawn in "
                f"{facts['drawn_without_region']} of them"
            )
    typer.echo(f"{folder}: scores.csv, summary.json and {len(data)} predictions")


def _data(site: Path) -> FolderDataset:
    from collegium._load import core
    from collegium.datasets.folder import FolderDataset

    table = core.load_site(str(site))["data"]
    form = table.get("format", "brats")
    return FolderDataset(
        table["path"],
        format=form,
        labels=table.get("labels", "msd" if form == "msd" else "brats2018"),
        subjects=table.get("subjects") or None,
    )


def _roi(window: str, fixed: list[int]) -> list[int]:
    """The window that was asked for, or the only one that a captured network takes."""
    if not window:
        return fixed
    try:
        return [int(number) for number in window.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"expected three whole numbers, '96,96,64'; found {window!r}", param_hint="--window"
        ) from None


@contextmanager
def _progress(doing: str) -> Iterator[Callable[[int, int], bool]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(doing, total=None)

        def told(done: int, subjects: int) -> bool:
            bar.update(task, completed=done, total=subjects)
            return True

        yield told


__all__ = ["add_model_commands"]

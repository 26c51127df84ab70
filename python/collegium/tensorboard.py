"""A run's curves as TensorBoard reads them."""

from __future__ import annotations

import math
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collegium.run import Run

# Columns of the history that are curves; the scores of the run's own metrics come besides.
_CURVES = ("loss", "epsilon", "lifetime", "steps", "weight", "seconds", "bytes")


def write_curves(run: Run, folder: Path) -> Path:
    """One TensorBoard run for every site, with a point a round, at the time when the round closed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "run.tensorboard() needs the package tensorboard: pip install tensorboard"
        ) from error

    history = run.history.merge(
        run.rounds[["number", "closed"]], left_on="round", right_on="number", how="left"
    )
    curves = [*_CURVES, *sorted(set(run.metrics["name"]) & set(history.columns))]
    for site, rows in history.groupby("site"):
        place = folder / str(site)
        shutil.rmtree(place, ignore_errors=True)  # a second call tells everything once more
        with SummaryWriter(str(place)) as writer:
            for row in rows.to_dict("records"):
                for name in curves:
                    if row[name] is not None and not math.isnan(row[name]):
                        writer.add_scalar(
                            name, row[name], row["round"], walltime=_seconds(row["closed"])
                        )
    return folder


def _seconds(moment: str | None) -> float | None:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() if moment else None


__all__ = ["write_curves"]

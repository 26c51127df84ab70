"""Who learned what: the federated model against each site's own and against pooled training, on the same patients."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from collegium.datasets.folder import FolderDataset
from collegium.demo.hospitals import Hospitals
from collegium.demo.recipe import Recipe, slug
from collegium.federation import Federation
from collegium.networks import Network
from collegium.run import Run

if TYPE_CHECKING:
    import pandas as pd

FEDERATED = "federated"
POOLED_SHORT = "pooled, steps of one site"
POOLED_LONG = "pooled, steps of all sites"


@dataclass(frozen=True)
class Training:
    """One ordinary training to compare with: whose data, how many rounds of local steps."""

    name: str
    data: FolderDataset
    rounds: int


def trainings(hospitals: Hospitals, recipe: Recipe) -> list[Training]:
    """Each site alone and pooled training at two lengths; the longest first, so that two cores end together."""
    alone = [
        Training(f"{name} alone", hospitals.site(name), recipe.rounds) for name in hospitals.sites
    ]
    long = Training(POOLED_LONG, hospitals.everybody(), recipe.rounds * len(hospitals.sites))
    short = Training(POOLED_SHORT, hospitals.everybody(), recipe.rounds)
    return [long, short, *alone]


def train_all(
    jobs: list[Training],
    recipe: Recipe,
    model: Network,
    folder: Path,
    seed: int,
    workers: int,
    done: Callable[[str], None],
) -> dict[str, Network]:
    """Train every job as a federation of one, from the same initial weights, ``workers`` at a time.

    With one site and kept moments a federation is plain training; ``rounds`` only cut it into pieces.
    """

    def train(job: Training) -> tuple[str, Network]:
        federation = Federation(
            model=model,
            rounds=job.rounds,
            local_steps=recipe.local_steps,
            training={**recipe.training, "moments": "keep"},
            evaluate_every=0,
            seed=seed,
            name=slug(job.name),
        )
        place = folder / slug(job.name)
        federation.simulate({"site": job.data}, folder=place, threads=1, progress=False)
        return job.name, Run(place).model

    models: dict[str, Network] = {}
    with ThreadPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(train, job) for job in jobs]):
            name, network = future.result()
            models[name] = network
            done(name)
    return models


def score_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice of each model by region and grade, and the mean over them.

    Parameters
    ----------
    scores : DataFrame
        Rows of ``collegium.evaluation.evaluate`` with a column ``model``.

    Returns
    -------
    DataFrame
        A row a model, best first. ``score`` is the mean of the columns before it: WT in everybody, TC and ET in high
        grade, TC in low grade; where grades are not known as HGG and LGG, of WT, TC and ET. ET counts in those who have it: an empty
        region scored 1 for being left empty would flatter every mean.
    """
    import pandas as pd

    present = scores[scores["reference_voxels"] > 0]
    if not present["grade"].isin(["HGG", "LGG"]).all():
        columns = {f"{r.upper()}": present[present["region"] == r] for r in ("wt", "tc", "et")}
    else:
        high, low = present[present["grade"] == "HGG"], present[present["grade"] == "LGG"]
        columns = {
            "WT": present[present["region"] == "wt"],
            "TC high grade": high[high["region"] == "tc"],
            "ET high grade": high[high["region"] == "et"],
            "TC low grade": low[low["region"] == "tc"],
        }
    columns = {name: rows for name, rows in columns.items() if not rows.empty}
    table = pd.DataFrame(
        {
            f"{name} (n={rows['subject'].nunique()})": rows.groupby("model")["dice"].mean()
            for name, rows in columns.items()
        }
    )
    table["score"] = table.mean(axis=1, skipna=False)
    return table.sort_values("score", ascending=False).rename_axis("model").reset_index()


def empty_table(scores: pd.DataFrame) -> pd.DataFrame:
    """How each model does where there is nothing to find: subjects without ET, and how often it drew one all the same."""
    empty = scores[(scores["region"] == "et") & (scores["reference_voxels"] == 0)]
    if empty.empty:
        return empty[["model"]]
    table = empty.groupby("model").agg(
        **{
            "subjects without ET": ("subject", "nunique"),
            "false ET drawn in": ("predicted_voxels", lambda v: int((v > 0).sum())),
        }
    )
    return table.reset_index()


def distance_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Median HD95 in mm of each model and region, over the subjects that have the region; a miss counts 373.13."""
    present = scores[scores["reference_voxels"] > 0]
    table = present.pivot_table(index="model", columns="region", values="hd95", aggfunc="median")
    return table.rename(columns=str.upper).rename_axis(None, axis=1).reset_index()


def source_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean WT Dice of each model by where the patient was examined, to show who gains."""
    whole = scores[(scores["region"] == "wt") & (scores["reference_voxels"] > 0)]
    return (
        whole.pivot_table(index="model", columns="site", values="dice")
        .rename_axis(None, axis=1)
        .reset_index()
    )


__all__ = [
    "FEDERATED",
    "POOLED_LONG",
    "POOLED_SHORT",
    "Training",
    "distance_table",
    "empty_table",
    "score_table",
    "source_table",
    "train_all",
    "trainings",
]

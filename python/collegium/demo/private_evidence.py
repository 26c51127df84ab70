"""What can hospitals learn under patient-level privacy? Several ways over several seeds: ``./dev bench privacy --seeds 31 32 33``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from collegium import networks
from collegium.datasets.folder import FolderDataset
from collegium.demo import compare, hospitals, private, public
from collegium.demo.recipe import Recipe, slug
from collegium.evaluation import evaluate
from collegium.federation import Federation
from collegium.networks import Network

# Delta: a thirtieth of one over the patients of a site.
RECIPE = Recipe(subjects=32, validation=0, delta=1e-3)
CEILING = "no privacy, all parameters, 640 steps"


@dataclass(frozen=True)
class Way:
    """One way to train on the hospitals' patients.

    Attributes
    ----------
    name : str
        As the table shows it.
    epsilon : float or None
        Patient-level budget of the whole training; None: no privacy.
    trainable : tuple of str
        Parameters that are trained; empty: all.
    public : bool
        Start from the model that was trained on the public collection, instead of from random weights.
    pooled : bool
        All patients at one site. With one step a round this is what sums over the sites would release if they were
        computed securely and carried one noise together, instead of one noise from each site.
    lr : float
        Of SGD; falls to 0 over the second half.
    local_steps : int
        Steps a round; there are the same number in all.
    iterates : str
        What a site answers with.
    """

    name: str
    epsilon: float | None
    trainable: tuple[str, ...] = RECIPE.private_trainable
    public: bool = True
    pooled: bool = False
    lr: float = RECIPE.private_lr
    local_steps: int = 1
    iterates: str = "last"


WAYS = (
    Way("no privacy", None, lr=1.0),
    Way("epsilon 8", 8.0),
    Way("epsilon 3", 3.0),
    Way("epsilon 8, one noise for all sites", 8.0, pooled=True),
    Way("epsilon 3, one noise for all sites", 3.0, pooled=True),
    Way("epsilon 8, all parameters", 8.0, trainable=(), lr=0.5),
    Way("epsilon 8, rounds of 4 steps", 8.0, local_steps=4),
    Way("epsilon 8, rounds of 4 steps, averaged", 8.0, local_steps=4, iterates="mean"),
    Way("epsilon 8, no public start", 8.0, public=False),
)


def train(
    way: Way, sites: dict[str, FolderDataset], start: Network, seed: int, folder: Path
) -> Network:
    """One federation the way it says."""
    patients = max(len(data) for data in sites.values())
    place = folder / slug(way.name)
    return private.federation(
        start, RECIPE, patients=patients, epsilon=way.epsilon, trainable=way.trainable, lr=way.lr, seed=seed, name=way.name,
        local_steps=way.local_steps, iterates=way.iterates,
    ).simulate(sites, folder=place, threads=1, progress=False).model  # fmt: skip


def ceiling(sites: dict[str, FolderDataset], start: Network, seed: int, folder: Path) -> Network:
    """The demonstration's federation without privacy, from the public model."""
    federation = Federation(
        model=start, rounds=RECIPE.rounds, local_steps=RECIPE.local_steps, training=RECIPE.training, evaluate_every=0, seed=seed,
        name="ceiling",
    )  # fmt: skip
    return federation.simulate(sites, folder=folder / "ceiling", threads=1, progress=False).model


def quiet(done: int, total: int) -> None:
    """No progress line: a seed takes minutes, and says what it finished."""


def one_seed(seed: int, folder: Path, done: Callable[[str], None]) -> pd.DataFrame:
    """Per-subject scores of every way of one seed."""
    where = hospitals.synthetic(
        Path("data") / f"brain-sites-{seed}-{RECIPE.size}", RECIPE, seed, progress=quiet
    )
    sites = {name: where.site(name) for name in where.sites}
    start = public.public_model(seed, RECIPE, folder / "public", quiet)
    done(public.NAME)
    random = networks.SegResNet(init_filters=8, dropout=0.0, seed=seed)

    def trained(way: Way) -> tuple[str, Network]:
        data = {"everybody": where.everybody()} if way.pooled else sites
        return way.name, train(way, data, start if way.public else random, seed, folder)

    models = {public.NAME: start}
    with ThreadPoolExecutor(2) as pool:
        last = pool.submit(ceiling, sites, start, seed, folder)
        for name, model in pool.map(trained, WAYS):
            models[name] = model
            done(name)
        models[CEILING] = last.result()
        done(CEILING)
    held_out = where.held_out()
    return pd.concat(
        [evaluate(m, held_out).assign(model=name, seed=seed) for name, m in models.items()]
    )


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Score by seed and its mean, and the mean Dice of each region; the best way first."""
    tables = {
        seed: compare.score_table(rows).rename(columns=lambda name: name.split(" (n=")[0])
        for seed, rows in scores.groupby("seed")
    }
    by_seed = pd.DataFrame(
        {f"seed {seed}": table.set_index("model")["score"] for seed, table in tables.items()}
    )
    regions = pd.concat(tables.values()).groupby("model").mean().drop(columns="score")
    out = regions.join(by_seed)
    out["mean score"] = by_seed.mean(axis=1)
    return out.sort_values("mean score", ascending=False).reset_index()


def main() -> int:
    """Run the seeds, save every subject's score, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33])
    parser.add_argument("--folder", type=Path, default=Path("runs/private-evidence"))
    options = parser.parse_args()
    everyone = []
    for seed in options.seeds:
        place = options.folder / f"seed-{seed}"
        shutil.rmtree(place, ignore_errors=True)
        scores = one_seed(
            seed, place, lambda name, seed=seed: print(f"seed {seed}: {name}", flush=True)
        )
        scores.to_csv(place / "scores.csv", index=False)
        everyone.append(scores)
    table = summary(pd.concat(everyone))
    table.to_csv(options.folder / "table.csv", index=False)
    print(
        f"\nSYNTHETIC data, four sites of {RECIPE.subjects} patients, delta {RECIPE.delta:g}: mean Dice on held-out subjects"
    )
    print(table.round(3).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())

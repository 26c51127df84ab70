"""Does federation pay? The demonstration's comparison over several seeds: ``./dev bench federation --seeds 11 12 13``."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import pandas as pd

from collegium import networks
from collegium.demo import compare, hospitals
from collegium.demo.recipe import FULL, Recipe
from collegium.evaluation import evaluate
from collegium.federation import Federation
from collegium.run import Run


def one_seed(seed: int, recipe: Recipe, folder: Path, *, pooled: bool) -> pd.DataFrame:
    """Per-subject scores of every model of one seed; the federation runs in process, with the bits of the deployed one."""
    where = hospitals.synthetic(
        Path("data") / f"brain-sites-{seed}-{recipe.size}",
        recipe,
        seed,
        progress=lambda done, total: None,
    )
    model = networks.SegResNet(init_filters=8, dropout=0.0, seed=seed)
    federation = Federation(
        model=model, rounds=recipe.rounds, local_steps=recipe.local_steps, training=recipe.training,
        evaluate_every=0, seed=seed, name=f"seed-{seed}",
    )  # fmt: skip
    federation.simulate(
        {s: where.site(s) for s in where.sites}, folder=folder / "federated", progress=False
    )
    jobs = [
        job for job in compare.trainings(where, recipe) if pooled or job.name.endswith(" alone")
    ]
    models = compare.train_all(
        jobs, recipe, model, folder / "compared", seed, workers=2, done=lambda name: None
    )
    models[compare.FEDERATED] = Run(folder / "federated").model
    held_out = where.held_out()
    return pd.concat(
        [
            evaluate(m, held_out, roi=recipe.roi).assign(model=name, seed=seed)
            for name, m in models.items()
        ]
    )


def main() -> int:
    """Run the seeds, print a table each and the margins; exit 1 if any single site beats the federation on any seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument("--folder", type=Path, default=Path("runs/evidence"))
    parser.add_argument(
        "--no-pooled", action="store_true", help="leave out pooled training, half of the time"
    )
    options = parser.parse_args()
    recipe = Recipe(rounds=options.rounds)
    margins = {}
    for seed in options.seeds:
        place = options.folder / f"seed-{seed}"
        shutil.rmtree(place, ignore_errors=True)
        scores = one_seed(seed, recipe, place, pooled=not options.no_pooled)
        scores.to_csv(place / "scores.csv", index=False)
        table = compare.score_table(scores)
        table.to_csv(place / "table.csv", index=False)
        score = table.set_index("model")["score"]
        best = score[[name for name in score.index if name.endswith(" alone")]].max()
        margins[seed] = score[compare.FEDERATED] - best
        print(
            f"\nseed {seed} (synthetic data), Dice on {scores['subject'].nunique()} held-out subjects"
        )
        print(table.round(3).to_string(index=False), flush=True)
    print(
        "\nfederated minus the best single site: "
        + ", ".join(f"{m:+.3f} (seed {s})" for s, m in margins.items())
    )
    return int(min(margins.values()) <= 0)


if __name__ == "__main__":
    sys.exit(main())

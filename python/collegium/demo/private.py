"""The same federation with patient-level privacy, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from collegium.demo.hospitals import Hospitals
from collegium.demo.recipe import Recipe, slug
from collegium.federation import Federation
from collegium.networks import Network
from collegium.privacy import DPSGD

if TYPE_CHECKING:
    import pandas as pd

SMALLEST_USEFUL_SITE = 10  # patients: delta has to be far below one over their number


@dataclass
class PrivateRuns:
    """Models by name, and the facts of each run.

    Attributes
    ----------
    models : dict
        Name to trained network.
    facts : DataFrame
        model, epsilon and delta (the largest of any site), noise multiplier, steps.
    warnings : list of str
        Sites too small for a guarantee worth having.
    note : str
        How the runs were trained.
    """

    models: dict[str, Network] = field(default_factory=dict)
    facts: list[dict] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    note: str = ""

    def table(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Model, epsilon, delta and what is left of the score."""
        import pandas as pd

        return pd.DataFrame(self.facts).merge(scores, on="model", how="left")


def federation(
    start: Network,
    recipe: Recipe,
    *,
    patients: int,
    epsilon: float | None,
    trainable: tuple[str, ...],
    lr: float,
    seed: int,
    name: str,
    local_steps: int = 1,
    iterates: str = "last",
) -> Federation:
    """Few steps, each over all ``patients`` of a site, of plain SGD on gradients that are clipped hard.

    Everything that is small beside the noise is left out: Adam, whose second moments would be those of the noise,
    subsampling, which pays for many steps only, and most parameters, if ``trainable`` says so. The steps are the same
    number however many of them make a round.
    """
    private = DPSGD(clip=recipe.clip, epsilon=epsilon, delta=recipe.delta) if epsilon else None
    return Federation(
        model=start,
        rounds=recipe.private_rounds // local_steps,
        local_steps=local_steps,
        training={
            **recipe.training,
            "optimizer": "sgd",
            "lr": lr,
            "weight_decay": 0.0,
            "batch_size": patients,
            "iterates": iterates,
        },
        trainable=trainable,
        privacy=private,
        evaluate_every=0,
        seed=seed,
        name=slug(name),
    )


def train(
    hospitals: Hospitals,
    recipe: Recipe,
    start: Network,
    folder: Path,
    seed: int,
    done: Callable[[], None],
) -> PrivateRuns:
    """One private federation for each budget, from the weights of ``start``."""
    smallest = min(len(subjects) for subjects in hospitals.sites.values())
    runs = PrivateRuns(
        note=(
            f"DP-SGD inside each site: {recipe.private_rounds} rounds of one step, {smallest} patients expected in it, clip {recipe.clip:g}; "
            f"only {', '.join(recipe.private_trainable)} are trained"
            + (
                ", from a model that was trained on a public collection (synthetic high-grade gliomas from elsewhere)."
                if hospitals.synthetic
                else ", from random weights: without a public collection to start from, expect little."
            )
            + " Epsilon holds for one patient added or removed; the largest of any site is shown."
        )
    )
    for epsilon in recipe.epsilons:
        name = f"private, epsilon {epsilon:g}"
        place = folder / f"epsilon-{epsilon:g}"
        run = federation(
            start, recipe, patients=smallest, epsilon=epsilon, trainable=recipe.private_trainable, lr=recipe.private_lr,
            seed=seed, name=name,
        ).simulate({s: hospitals.site(s) for s in hospitals.sites}, folder=place, progress=False)  # fmt: skip
        runs.models[name] = run.model
        spent = run.privacy
        runs.facts.append(
            {"model": name, "epsilon": float(spent["epsilon"].max()), "delta": float(spent["delta"].max()),
             "steps": recipe.private_rounds}
        )  # fmt: skip
        done()
    for site, subjects in hospitals.sites.items():
        if len(subjects) < SMALLEST_USEFUL_SITE:
            runs.warnings.append(
                f"{site} has {len(subjects)} patients: delta {recipe.delta:g} is not far below 1/{len(subjects)}, so its epsilon is no useful guarantee."
            )
    return runs


__all__ = ["PrivateRuns", "federation", "train"]

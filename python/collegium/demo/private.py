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
from collegium.run import Run

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


def train(
    hospitals: Hospitals,
    recipe: Recipe,
    model: Network,
    folder: Path,
    seed: int,
    done: Callable[[], None],
) -> PrivateRuns:
    """One private federation for each budget, from the same initial weights as the others."""
    runs = PrivateRuns(
        note=(
            f"DP-SGD inside each site: {recipe.private_rounds} rounds of {recipe.private_steps} steps, Poisson batches of {recipe.private_batch} "
            f"patients expected, clip {recipe.clip:g}; only {', '.join(recipe.private_trainable)} are trained, because noise on a million "
            "weights drowns what twenty patients can teach. Epsilon holds for one patient added or removed; the largest of any site is shown."
        )
    )
    for epsilon in recipe.epsilons:
        name = f"private, epsilon {epsilon:g}"
        federation = Federation(
            model=model,
            rounds=recipe.private_rounds,
            local_steps=recipe.private_steps,
            training={**recipe.training, **recipe.private_training},
            trainable=recipe.private_trainable,
            privacy=DPSGD(clip=recipe.clip, epsilon=epsilon, delta=recipe.delta),
            evaluate_every=0,
            seed=seed,
            name=slug(name),
        )
        place = folder / f"epsilon-{epsilon:g}"
        run = federation.simulate(
            {s: hospitals.site(s) for s in hospitals.sites}, folder=place, progress=False
        )
        runs.models[name] = Run(place).model
        spent = run.privacy
        runs.facts.append(
            {"model": name, "epsilon": float(spent["epsilon"].max()), "delta": float(spent["delta"].max()),
             "steps": recipe.private_rounds * recipe.private_steps}
        )  # fmt: skip
        done()
    for site, subjects in hospitals.sites.items():
        if len(subjects) < SMALLEST_USEFUL_SITE:
            runs.warnings.append(
                f"{site} has {len(subjects)} patients: delta {recipe.delta:g} is not far below 1/{len(subjects)}, so its epsilon is no useful guarantee."
            )
    return runs


__all__ = ["PrivateRuns", "train"]

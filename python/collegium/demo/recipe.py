"""What the demonstration runs. Chosen on development seeds; the shown figures come from seeds not used for choosing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Sizes, sites and training of one demonstration.

    Attributes
    ----------
    subjects, validation, held_out : int
        Training subjects of each site; subjects a site keeps aside for its own Dice by round; held-out subjects from
        each source.
    rounds, local_steps : int
        Of the federation. A site's own model and the short pooled model get ``rounds * local_steps`` steps, the long
        pooled model that times the number of sites.
    training : dict
        Keys of the ``[training]`` table.
    public_subjects, public_rounds : int
        Of the public collection, from which training under privacy starts: subjects, and rounds of ``local_steps``.
    private_rounds : int
        Of the federation under patient-level privacy, one step each over all patients of a site.
    private_trainable : tuple of str
        Parameters that are trained there.
    private_lr : float
        Of SGD; falls to 0 over the second half.
    clip : float
        Far below the norms of most gradients: what is left of them is their direction.
    epsilons : tuple of float
        Privacy budgets shown.
    """

    subjects: int = 16
    validation: int = 2
    held_out: int = 16
    size: str = "demo"
    rounds: int = 32
    local_steps: int = 20
    training: dict[str, Any] = field(
        default_factory=lambda: {
            "optimizer": "adam",
            "lr": 2e-3,
            "lr_schedule": "linear",
            "weight_decay": 1e-5,
            "moments": "restart",
            "batch_size": 2,
            "weighting": "equal",
            "loss": {
                "name": "dice",
                "squared_pred": True,
                "smooth_nr": 0.0,
                "smooth_dr": 1e-5,
                "batch": True,
            },
        }
    )
    public_subjects: int = 48
    public_rounds: int = 32
    private_rounds: int = 16
    private_trainable: tuple[str, ...] = ("norm", "bias", "head")
    private_lr: float = 5.0
    roi: tuple[int, ...] = ()
    clip: float = 0.1
    epsilons: tuple[float, ...] = (3.0, 8.0)
    delta: float = 1e-2
    smoke: bool = False


FULL = Recipe()
QUICK = Recipe(
    subjects=8,
    held_out=4,
    rounds=3,
    local_steps=20,
    public_subjects=8,
    public_rounds=2,
    private_rounds=2,
    epsilons=(8.0,),
    smoke=True,
)


def slug(name: str) -> str:
    """A name as files, keys and federations may have it: a-z, 0-9 and single hyphens, 64 at most."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64]


__all__ = ["FULL", "QUICK", "Recipe", "slug"]

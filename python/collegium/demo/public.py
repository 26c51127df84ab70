"""The public collection: patients of nobody's, from whom a network learns before it meets those it has to protect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from collegium import networks
from collegium.datasets.folder import FolderDataset
from collegium.datasets.synthetic_sites import write_brain_sites
from collegium.demo.recipe import Recipe
from collegium.federation import Federation
from collegium.networks import Network
from collegium.run import Run

NAME = "public collection only"
_HOSPITALS = ("site-1", "site-3")  # of a world of their own: high-grade gliomas on two scanners
_OTHER_WORLD = 1000  # added to the seed: other hospitals, other patients


def collection(seed: int, recipe: Recipe, progress: Callable[[int, int], None]) -> FolderDataset:
    """Synthetic high-grade gliomas from two hospitals that no federation of this seed knows."""
    root = Path("data") / f"public-brains-{seed}-{recipe.size}"
    each = recipe.public_subjects // len(_HOSPITALS)
    facts = write_brain_sites(
        root, 3, seed=seed + _OTHER_WORLD, size=recipe.size, subjects=each, held_out=0, progress=progress
    )  # fmt: skip
    subjects = [f["subject"] for f in facts if f["site"] in _HOSPITALS]
    return FolderDataset(root, labels="brats2018", subjects=subjects, table=root / "subjects.csv")


def public_model(
    seed: int, recipe: Recipe, folder: Path, progress: Callable[[int, int], None]
) -> Network:
    """A network trained on the public collection alone, without privacy: nobody in it needs any."""
    federation = Federation(
        model=networks.SegResNet(init_filters=8, dropout=0.0, seed=seed),
        rounds=recipe.public_rounds,
        local_steps=recipe.local_steps,
        training={**recipe.training, "moments": "keep"},
        evaluate_every=0,
        seed=seed,
        name="public",
    )
    federation.simulate(
        {"public": collection(seed, recipe, progress)}, folder=folder, progress=False
    )
    return Run(folder).model


__all__ = ["NAME", "collection", "public_model"]

"""Whose patients: the synthetic hospitals, or a folder of the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collegium.datasets.folder import FolderDataset
from collegium.demo.recipe import Recipe, slug
from collegium.errors import DataError


@dataclass
class Hospitals:
    """Training subjects by site, the held-out subjects, and what has to be said about them.

    Attributes
    ----------
    root : Path
        Folder that holds everybody.
    format, labels : str
        As in ``[data]``.
    table : Path or None
        CSV with site and grade.
    sites : dict
        Site name to names of its training subjects.
    validation : dict
        Site name to the subjects it keeps aside to score the model by round; their names come last in its data.
    test : list of str
        Held-out subjects.
    synthetic : bool
        Whether nobody ever was scanned.
    about : str
        One sentence: who they are and how the held-out set was taken.
    """

    root: Path
    format: str
    labels: str
    table: Path | None
    sites: dict[str, list[str]]
    test: list[str]
    synthetic: bool
    about: str
    validation: dict[str, list[str]] = field(default_factory=dict)

    def dataset(self, subjects: list[str]) -> FolderDataset:
        """Some of the subjects as a data set."""
        return FolderDataset(
            self.root, format=self.format, labels=self.labels, subjects=subjects, table=self.table
        )

    def site(self, name: str) -> FolderDataset:
        """A site's training subjects."""
        return self.dataset(self.sites[name])

    def everybody(self) -> FolderDataset:
        """The training subjects of all sites, pooled."""
        return self.dataset([s for subjects in self.sites.values() for s in subjects])

    def held_out(self) -> FolderDataset:
        """The subjects that nobody trains on."""
        return self.dataset(self.test)


def synthetic(
    folder: Path, recipe: Recipe, seed: int, progress: Callable[[int, int], None]
) -> Hospitals:
    """Make the synthetic hospitals, or find them where an earlier call left them."""
    from collegium.datasets.synthetic_sites import write_brain_sites

    facts = write_brain_sites(
        folder,
        4,
        seed=seed,
        size=recipe.size,
        subjects=recipe.subjects + recipe.validation,
        held_out=recipe.held_out,
        progress=progress,
    )
    sites: dict[str, list[str]] = {}
    for fact in facts:
        if fact["split"] == "train":
            sites.setdefault(fact["site"], []).append(fact["subject"])
    validation = {name: sorted(subjects)[recipe.subjects :] for name, subjects in sites.items()}
    sites = {name: sorted(subjects)[: recipe.subjects] for name, subjects in sites.items()}
    test = [f["subject"] for f in facts if f["split"] == "test"]
    sources = len({f["site"] for f in facts if f["split"] == "test"})
    return Hospitals(
        root=folder,
        format="brats",
        labels="brats2018",
        table=folder / "subjects.csv",
        sites=sites,
        test=test,
        validation=validation,
        synthetic=True,
        about=(
            f"Synthetic data, seed {seed}. Sites 1 and 3 see high-grade gliomas only, sites 2 and 4 low-grade ones, each on a "
            f"scanner of its own, {recipe.subjects} training subjects a site. Held out: {recipe.held_out} subjects from each of "
            f"{sources} sources: the four sites and two hospitals that never take part."
        ),
    )


def from_folder(
    root: Path, *, labels: str | None, table: Path | None, share: float = 0.2
) -> Hospitals:
    """Sites by sub-folder, by the ``site`` entries of a ``dataset.json``, or by a CSV's ``site`` column.

    One subject in five of every site is held out, chosen by a hash of its name, so that the choice depends neither on
    the order of files nor on the outcome.
    """
    if not root.exists():
        raise DataError(f"{root}: no such file or folder")
    format = "msd" if root.name == "dataset.json" or (root / "dataset.json").exists() else "brats"
    labels = labels or ("msd" if format == "msd" else "brats2018")
    facts = FolderDataset(root, format=format, labels=labels, table=table).facts
    test: list[str] = []
    sites = by_site(root, facts)
    for name, subjects in sites.items():
        subjects.sort(key=lambda s: hashlib.blake2b(s.encode(), digest_size=8).digest())
        count = max(1, round(share * len(subjects)))
        if len(subjects) - count < 1:
            raise DataError(
                f"{root}: site {name} has {len(subjects)} subject(s); expected at least 2, one to train on and one to hold out"
            )
        test += subjects[:count]
        sites[name] = sorted(subjects[count:])
    if len(sites) < 2:
        raise DataError(
            f"{root}: expected at least two sites, found {len(sites)}; put each site's subjects into a sub-folder of its own "
            "(HGG and LGG are grades, not sites), or name a CSV with the columns subject and site (--table)"
        )
    return Hospitals(
        root=root, format=format, labels=labels, table=table, sites=sites, test=sorted(test), synthetic=False,
        about=f"{len(facts)} subjects of {root}, labels read as {labels}; one in five of each site is held out.",
    )  # fmt: skip


def by_site(root: Path, facts: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Subjects by site, under names that files, keys and configurations may have: "Guy's Hospital" is guy-s-hospital."""
    placed = [fact for fact in facts if fact["site"]]
    sites: dict[str, list[str]] = {}
    named: dict[str, str] = {}
    for fact in facts:
        if not fact["labels"]:
            raise DataError(
                f"{root}: subject {fact['subject']} has no label map; expected one, since everybody trains or is held out"
            )
        if placed and not fact["site"]:
            raise DataError(
                f"{root}: subject {fact['subject']} has no site, and {placed[0]['subject']} has; give every subject one"
            )
        name = slug(fact["site"]) or "site-1"
        if named.setdefault(name, fact["site"]) != fact["site"]:
            raise DataError(
                f"{root}: the sites {named[name]!r} and {fact['site']!r} would both be called {name!r}; rename one"
            )
        sites.setdefault(name, []).append(fact["subject"])
    return sites


__all__ = ["Hospitals", "from_folder", "synthetic"]

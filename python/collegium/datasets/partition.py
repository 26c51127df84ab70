"""Divide one data set among sites, to try how a federation behaves when hospitals differ. Patients are never divided."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from collegium.datasets.folder import FolderDataset
from collegium.datasets.samples import Samples, _is_pair


def iid(data: Any, sites: int | Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """Everybody's patients alike: a random division into parts whose sizes differ by one at most.

    Parameters
    ----------
    data : (inputs, targets), Samples, FolderDataset or an indexable
        What is divided.
    sites : int or sequence of str
        How many, named ``site-1``, ``site-2``, ..., or their names.
    seed : int
        Of the division.
    """
    names, units = _names(sites), _units(data)
    order = np.random.default_rng(seed).permutation(len(units))
    return _divided(data, names, units, np.array_split(order, len(names)))


def dirichlet(
    data: Any, sites: int | Sequence[str], *, alpha: float, labels: Sequence[Hashable] | None = None, seed: int = 0
) -> dict[str, Any]:  # fmt: skip
    """Every label's patients in shares drawn from Dirichlet(alpha) (Hsu, Qi and Brown 2019, arXiv:1909.06335).

    Parameters
    ----------
    alpha : float
        The smaller, the more the sites differ: at 100 they are alike, at 0.1 most have one or two labels.
    labels : sequence, optional
        One a sample; default: the targets, where they are classes. A patient counts with the first sample's.

    Raises
    ------
    ValueError
        When a site would get nobody: choose a larger alpha, another seed, or fewer sites.
    """
    if not alpha > 0:
        raise ValueError(f"alpha: expected a number above 0, found {alpha}")
    names, units = _names(sites), _units(data)
    known = np.asarray(_labels(data) if labels is None else list(labels))
    if len(known) != sum(map(len, units)):
        raise ValueError(
            f"labels: expected {sum(map(len, units))}, one a sample, found {len(known)}"
        )
    of_unit = np.array([known[unit[0]] for unit in units])
    generator = np.random.default_rng(seed)
    parts: list[list[int]] = [[] for _ in names]
    for label in np.unique(of_unit):
        mine = generator.permutation(np.flatnonzero(of_unit == label))
        ends = np.round(np.cumsum(generator.dirichlet([alpha] * len(names))) * len(mine))
        for part, share in zip(parts, np.split(mine, ends[:-1].astype(int)), strict=True):
            part.extend(share)
    return _divided(data, names, units, parts)


def by_column(data: Any, column: Sequence[Hashable] | str | None = None) -> dict[str, Any]:
    """A site for every value: of a list with one value a sample, or of a fact of a folder's subjects (``"site"``).

    Without a column: by label, so that every site has one class.
    """
    units = _units(data)
    if isinstance(column, str):
        values: Sequence[Hashable] = [fact[column] for fact in data.facts]
    else:
        values = list(_labels(data) if column is None else column)
    if len(values) != sum(map(len, units)):
        raise ValueError(
            f"column: expected {sum(map(len, units))} values, one a sample, found {len(values)}"
        )
    of_unit = [values[unit[0]] for unit in units]
    for unit, value in zip(units, of_unit, strict=True):
        if other := {values[i] for i in unit} - {value}:
            raise ValueError(f"a patient has samples of {value!r} and of {other.pop()!r}")
    names = sorted(set(of_unit), key=str)
    parts = [[u for u, v in enumerate(of_unit) if v == name] for name in names]
    return _divided(data, [str(name) for name in names], units, parts)


def brats2018(folder: str | Path, **options: Any) -> dict[str, FolderDataset]:
    """The training set of BraTS 2018 by the institutions its names tell: 2013, CBICA, TCIA01, ..., as in Li et al. 2019.

    Parameters
    ----------
    folder : path
        With a folder ``Brats18_INSTITUTION_...`` for each subject, ``HGG/`` and ``LGG/`` in between or not.
    **options
        Of ``FolderDataset``.

    Raises
    ------
    ValueError
        Naming the first subject whose name tells no institution.
    """
    data = FolderDataset(folder, **options)
    institutions = []
    for subject in data.subjects:
        words = subject.split("_")
        if len(words) < 3 or not words[0].startswith("Brats18"):
            raise ValueError(f"{subject}: expected a name like Brats18_TCIA01_131_1")
        institutions.append(words[1])
    return by_column(data, institutions)


def _names(sites: int | Sequence[str]) -> list[str]:
    names = [f"site-{i + 1}" for i in range(sites)] if isinstance(sites, int) else list(sites)
    if not names or len(set(names)) != len(names):
        raise ValueError(f"sites: expected a positive number or different names, found {sites!r}")
    return names


def _units(data: Any) -> list[list[int]]:
    """The samples of every patient."""
    if not isinstance(data, Samples):
        return [[i] for i in range(len(data[0]) if _is_pair(data) else len(data))]
    units: dict[Hashable, list[int]] = {}
    for sample, patient in enumerate(data.patients):
        units.setdefault(patient, []).append(sample)
    return list(units.values())


def _labels(data: Any) -> Iterable[Hashable]:
    inside = data.data if isinstance(data, Samples) else data
    targets = np.asarray(inside[1]) if _is_pair(inside) else None
    if targets is None or targets.ndim != 1:
        raise ValueError("labels: expected a list, one a sample; the targets are no classes")
    return targets.tolist()


def _divided(
    data: Any, names: list[str], units: list[list[int]], parts: Iterable[Iterable[int]]
) -> dict[str, Any]:
    sites = {}
    for name, part in zip(names, parts, strict=True):
        samples = sorted(sample for unit in part for sample in units[int(unit)])
        if not samples:
            raise ValueError(f"site {name} would have nobody: choose fewer sites or another seed")
        sites[name] = _taken(data, samples)
    return sites


def _taken(data: Any, samples: list[int]) -> Any:
    if isinstance(data, Samples):
        return Samples(_taken(data.data, samples), patients=[data.patients[i] for i in samples])
    if isinstance(data, FolderDataset):
        return data.only([data.subjects[i] for i in samples])
    if _is_pair(data):
        return data[0][samples], data[1][samples]
    if isinstance(data, Mapping):
        raise TypeError("expected (inputs, targets) in place of a mapping")
    return Subset(data, samples)


class Subset:
    """Some samples of an indexable, in their order."""

    def __init__(self, data: Any, samples: list[int]) -> None:
        self._data, self._samples = data, samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Any:
        return self._data[self._samples[index]]


__all__ = ["brats2018", "by_column", "dirichlet", "iid"]

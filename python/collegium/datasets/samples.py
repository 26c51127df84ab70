"""Samples that know whose they are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any


class Samples:
    """Samples of patients who may have several: privacy, validation and partitions go by patient.

    Without it every sample counts as a patient of its own, and a patient with ten images would be protected ten times
    worse than promised.

    Parameters
    ----------
    data : (inputs, targets), or an indexable of pairs
        As ``Federation.simulate`` takes them.
    patients : sequence
        Whose each sample is, by anything that can be compared: numbers, names.

    Examples
    --------
    >>> import numpy as np
    >>> images, labels = np.zeros((4, 1, 8, 8), np.float32), np.array([0, 0, 1, 1])
    >>> Samples((images, labels), patients=["ann", "ann", "bob", "cy"])
    <Samples: 4 of 3 patients>
    """

    def __init__(self, data: Any, *, patients: Sequence[Hashable]) -> None:
        self.data = data
        self.patients = list(patients)

    def __len__(self) -> int:
        return len(self.patients)

    def patient_numbers(self, site: str) -> list[int]:
        """The patients of the samples, counted from 0 in the order of their first sample."""
        size = len(self.data[0]) if _is_pair(self.data) else len(self.data)
        if size != len(self.patients):
            raise ValueError(
                f"site {site}: expected a patient for each of {size} samples, found {len(self.patients)}"
            )
        number = {patient: i for i, patient in enumerate(dict.fromkeys(self.patients))}
        return [number[patient] for patient in self.patients]

    def __repr__(self) -> str:
        return f"<Samples: {len(self)} of {len(set(self.patients))} patients>"


def _is_pair(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2 and all(hasattr(v, "shape") for v in data)


__all__ = ["Samples"]

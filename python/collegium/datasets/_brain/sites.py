"""The hospitals: what they specialise in, how they scan, and whom they examine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .tumour import Grade


@dataclass(frozen=True)
class Hospital:
    """One synthetic institution.

    Attributes
    ----------
    name : str
        Its name as a site of the federation and in file names.
    about : str
        Its story in one line.
    high_grade : float
        Part of its patients that have a high-grade glioma.
    family : str
        Scanner family, a key of ``scanner.FAMILIES``.
    """

    name: str
    about: str
    high_grade: float
    family: str


HOSPITALS = (
    Hospital("site-1", "emergency neurosurgery", 1.0, "reference"),
    Hospital("site-2", "low-grade glioma and epilepsy clinic", 0.0, "magnetisation transfer"),
    Hospital("site-3", "radiotherapy centre", 1.0, "spin-echo T1"),
    Hospital("site-4", "young-adult oncology", 0.0, "short inversion, half-dose contrast"),
    Hospital("site-5", "general hospital", 0.7, "fast T2"),
    Hospital("site-6", "general hospital", 0.5, "reference"),
    Hospital("site-7", "stroke and tumour emergency", 1.0, "magnetisation transfer"),
    Hospital("site-8", "genetics and surveillance clinic", 0.0, "fast T2"),
)
"""Hospitals that can take part; a federation of ``n`` is the first ``n``."""

VISITORS = (
    Hospital("visitor-1", "surgery, never takes part in training", 1.0, "fast T2"),
    Hospital("visitor-2", "surveillance clinic, never takes part", 0.0, "spin-echo T1"),
)
"""Hospitals whose patients are only ever tested on."""

TRAIN, TEST = "train", "test"


class Examination(NamedTuple):
    """One patient: who examines them, for which split, and as which number."""

    hospital: str
    split: str
    number: int

    @property
    def subject(self) -> str:
        """File name stem, also the folder's name."""
        mark = "T" if self.split == TEST else ""
        return f"Synthetic_{self.hospital}_{mark}{self.number + 1:03d}"

    @property
    def folder(self) -> str:
        """Folder of the subject, relative to the data set's."""
        return f"{TEST if self.split == TEST else self.hospital}/{self.subject}"


def hospital(name: str) -> tuple[int, Hospital]:
    """The hospital of that name, and the number its random streams are keyed by."""
    everyone = {h.name: (i, h) for i, h in enumerate((*VISITORS, *HOSPITALS))}
    return everyone[name]


def grade_of(exam: Examination, shift: float) -> Grade:
    """Grade of a patient: spread evenly, so that any first ``n`` show the hospital's case mix.

    Towards ``shift`` 0 every hospital's mix goes to one half.
    """
    part = 0.5 + min(shift, 1.0) * (hospital(exam.hospital)[1].high_grade - 0.5)
    return "HGG" if int((exam.number + 1) * part + 1e-9) > int(exam.number * part + 1e-9) else "LGG"


def schedule(count: int, subjects: int, held_out: int) -> list[Examination]:
    """Everyone to examine: training subjects site by site, then the test set.

    The test set holds ``held_out`` patients of each site that takes part and of each visitor: every
    source counts the same, whatever it gives to training.
    """
    if not 1 <= count <= len(HOSPITALS):
        raise ValueError(
            f"count must be 1 to {len(HOSPITALS)}, the hospitals there are; got {count}"
        )
    if subjects < 1 or held_out < 0:
        raise ValueError(f"subjects must be >= 1 and held_out >= 0; got {subjects} and {held_out}")
    members = HOSPITALS[:count]
    train = [Examination(h.name, TRAIN, i) for h in members for i in range(subjects)]
    tested = (*members, *VISITORS)
    return train + [Examination(h.name, TEST, i) for h in tested for i in range(held_out)]

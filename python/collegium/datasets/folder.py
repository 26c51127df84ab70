"""A folder of subjects in the BraTS layout, or an MSD ``dataset.json``, read by the C++ loader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal


class FolderDataset:
    """Subjects with four sequences and a label map, read from disk when training asks for them.

    Parameters
    ----------
    path : path
        BraTS layout: a folder for each subject with ``SUBJECT_{t1ce,t1,t2,flair,seg}.nii.gz``. MSD layout: the folder
        of ``dataset.json``, or the file itself.
    format : {"brats", "msd"}
        Which of the two.
    labels : {"brats2018", "brats2023", "msd"}
        What the numbers in the label maps mean; an unknown number is refused with its subject and file.
    subjects : sequence of str, optional
        Names of the subjects to use; default: all.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: Literal["brats", "msd"] = "brats",
        labels: Literal["brats2018", "brats2023", "msd"] = "brats2018",
        subjects: Sequence[str] | None = None,
    ) -> None:
        self.path, self.format, self.labels = Path(path), format, labels
        self._names = list(subjects) if subjects is not None else None
        self._core: Any = None

    def core(self) -> Any:
        """The C++ data set; opened on first use."""
        if self._core is None:
            from collegium._load import core

            self._core = core.FolderDataset(
                {
                    "format": self.format,
                    "path": str(self.path.resolve()),
                    "labels": self.labels,
                    **({"subjects": self._names} if self._names is not None else {}),
                }
            )
        return self._core

    @property
    def subjects(self) -> list[str]:
        """Names of the subjects, sorted."""
        return self.core().subjects()

    def __len__(self) -> int:
        return len(self.core().subjects())

    def __repr__(self) -> str:
        return f"<FolderDataset {self.path}: {len(self)} subjects, labels {self.labels}>"


__all__ = ["FolderDataset"]

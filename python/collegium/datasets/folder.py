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
    site : str, optional
        Only the subjects of this site: a sub-folder of ``path``, or the ``site`` column of ``table``.
    table : path, optional
        CSV with a column ``subject`` and optionally ``site`` and ``grade``.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: Literal["brats", "msd"] = "brats",
        labels: Literal["brats2018", "brats2023", "msd"] = "brats2018",
        subjects: Sequence[str] | None = None,
        site: str | None = None,
        table: str | Path | None = None,
    ) -> None:
        self.path, self.format, self.labels = Path(path), format, labels
        self._names = list(subjects) if subjects is not None else None
        self._site, self._table = site, table
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
                    "subjects": self._names or [],
                    "site": self._site or "",
                    "table": str(Path(self._table).resolve()) if self._table else "",
                }
            )
        return self._core

    def only(self, subjects: Sequence[str]) -> FolderDataset:
        """The same data with these subjects alone."""
        return FolderDataset(
            self.path, format=self.format, labels=self.labels, subjects=subjects, site=self._site, table=self._table
        )  # fmt: skip

    @property
    def subjects(self) -> list[str]:
        """Names of the subjects, sorted."""
        return self.core().subjects()

    @property
    def facts(self) -> list[dict[str, Any]]:
        """One entry a subject: ``subject``, ``site``, ``grade`` (empty where unknown), ``images``, ``labels``.

        ``channels`` says, where all sequences are in one file, which of its channels are t1ce, t1, t2 and flair.
        """
        return self.core().facts()

    @property
    def tissues(self) -> dict[str, int]:
        """The numbers in the label maps of the ``necrotic`` core, the ``oedema`` and the ``enhancing`` tumour."""
        return self.core().tissues()

    def __len__(self) -> int:
        return len(self.core().subjects())

    def __repr__(self) -> str:
        return f"<FolderDataset {self.path}: {len(self)} subjects, labels {self.labels}>"


__all__ = ["FolderDataset"]

"""Turns what people have in a notebook into the core's data sets, without copying arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from collegium._load import core
from collegium.datasets.folder import FolderDataset
from collegium.datasets.samples import Samples


def as_core_dataset(site: str, value: Any) -> Any:
    """The core's data set for a site.

    Parameters
    ----------
    site : str
        For messages.
    value : FolderDataset, Samples, (inputs, targets), an indexable of pairs, or a data set of the core
        Arrays may be NumPy or CPU torch tensors. float32 inputs and float32, uint8, int16 or int64 targets that are
        C-contiguous are shared; other arrays are converted once. A list is stacked. Anything else with ``len`` and
        ``[i]``, such as a ``torch.utils.data.Dataset`` or one of MONAI, is asked for a sample when training needs it:
        a pair, or a mapping with ``image`` and ``label``.

    Raises
    ------
    TypeError, ValueError
        Naming the site, what was expected and what was found.
    """
    if isinstance(value, core.Dataset):
        return value
    if isinstance(value, FolderDataset):
        return value.core()
    patients: list[int] = []
    if isinstance(value, Samples):
        value, patients = value.data, value.patient_numbers(site)
    if isinstance(value, Mapping) and {"inputs", "targets"} <= value.keys():
        value = (value["inputs"], value["targets"])
    if isinstance(value, tuple) and len(value) == 2 and all(hasattr(v, "shape") for v in value):
        return _of_arrays(site, *value, patients)
    if not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        raise TypeError(
            f"site {site}: expected a FolderDataset, a pair of arrays (inputs, targets) or an indexable of such pairs, "
            f"found {type(value).__name__}"
        )
    if not len(value):
        raise ValueError(f"site {site}: the data set is empty; expected at least one sample")
    if isinstance(value, (list, tuple)):
        pairs = [_pair(site, i, sample) for i, sample in enumerate(value)]
        return _of_arrays(
            site, np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs]), patients
        )
    _pair(site, 0, value[0])  # what cannot be taken is said now, not when sites are waiting
    return core.PythonDataset(lambda i: _pair(site, i, value[i]), len(value), patients)


def own_failure(datasets: Iterable[Any]) -> BaseException | None:
    """The first exception that a data set written in Python has raised."""
    failures = (getattr(data, "failure", None) for data in datasets)
    return next((failure for failure in failures if failure is not None), None)


def _of_arrays(site: str, inputs: Any, targets: Any, patients: list[int]) -> Any:
    inputs = np.ascontiguousarray(_numpy(inputs), dtype=np.float32)
    targets = _targets(_numpy(targets))
    if len(inputs) != len(targets):
        raise ValueError(
            f"site {site}: expected as many targets as inputs, found {len(targets)} and {len(inputs)}"
        )
    if not len(inputs):
        raise ValueError(f"site {site}: the data set is empty; expected at least one sample")
    if patients and len(patients) != len(inputs):
        raise ValueError(
            f"site {site}: expected a patient for each of {len(inputs)} samples, found {len(patients)}"
        )
    _require_finite(f"site {site}", inputs)
    return core.ArrayDataset(inputs, targets, patients)


def _pair(site: str, index: int, sample: Any) -> tuple[np.ndarray, np.ndarray]:
    """One sample as training takes it."""
    if isinstance(sample, Mapping):
        if not {"image", "label"} <= sample.keys():
            raise TypeError(
                f"site {site}: sample {index}: expected 'image' and 'label', found {', '.join(map(str, sample))}"
            )
        sample = (sample["image"], sample["label"])
    if not (isinstance(sample, (tuple, list)) and len(sample) == 2):
        raise TypeError(
            f"site {site}: sample {index}: expected (input, target), found {type(sample).__name__}"
        )
    inputs = np.ascontiguousarray(_numpy(sample[0]), dtype=np.float32)
    _require_finite(f"site {site}: sample {index}", inputs)
    return inputs, _targets(_numpy(sample[1]))


def _require_finite(where: str, inputs: np.ndarray) -> None:
    if not np.isfinite(inputs).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(inputs))[0])
        raise ValueError(f"{where}: expected finite inputs, found {inputs[first]} at {first}")


def _numpy(array: Any) -> np.ndarray:
    return array.detach().cpu().numpy() if hasattr(array, "detach") else np.asarray(array)


def _targets(targets: np.ndarray) -> np.ndarray:
    keep = (np.float32, np.uint8, np.int16, np.int64)
    if targets.dtype in keep:
        return np.ascontiguousarray(targets)
    if targets.dtype == np.bool_:
        return np.ascontiguousarray(targets, dtype=np.uint8)
    return np.ascontiguousarray(
        targets, dtype=np.int64 if targets.dtype.kind in "iu" else np.float32
    )


__all__ = ["as_core_dataset", "own_failure"]

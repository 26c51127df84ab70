"""Data sets of one's own, whose samples are whose, and how they are divided among sites."""

from __future__ import annotations

import shutil
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import collegium as cg
import numpy as np
import pytest
import torch
from collegium.datasets import Samples, partition
from hypothesis import given, settings
from hypothesis import strategies as st

RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=(24, 4)).astype("f4")
TARGETS = RNG.normal(size=(24, 2)).astype("f4")


class Asked(torch.utils.data.Dataset):
    """Counts who is asked for."""

    def __init__(self, *, mapping: bool = False, broken: int | None = None) -> None:
        self.asked: Counter[int] = Counter()
        self.mapping, self.broken = mapping, broken

    def __len__(self) -> int:
        return len(INPUTS)

    def __getitem__(self, index: int) -> Any:
        self.asked[index] += 1
        if index == self.broken:
            raise KeyError("no such scan")
        pair = torch.from_numpy(INPUTS[index]), torch.from_numpy(TARGETS[index])
        return dict(zip(("image", "label"), pair, strict=True)) if self.mapping else pair


def federation(**changes: Any) -> cg.Federation:
    network = cg.networks.Network({"name": "linear", "in_channels": 4, "out_channels": 2}, seed=5)
    plain: dict[str, Any] = {"model": network, "loss": "mse", "optimizer": cg.SGD(lr=0.1), "batch_size": 4, "local_epochs": 2, "rounds": 3}  # fmt: skip
    return cg.Federation(**{**plain, **changes})


def trained(data: Any, folder: Path, **changes: Any) -> cg.Run:
    return federation(**changes).simulate({"site": data}, folder=folder, progress=False)


def weights(run: cg.Run) -> np.ndarray:
    return np.concatenate([t.numpy().ravel() for t in run.model.state_dict().values()])


@pytest.mark.parametrize("mapping", [False, True])
def test_samples_that_are_made_when_needed_train_like_arrays(mapping: bool, tmp_path: Path) -> None:
    arrays = trained((INPUTS, TARGETS), tmp_path / "arrays")
    data = Asked(mapping=mapping)
    made = trained(data, tmp_path / "made")
    assert (weights(made) == weights(arrays)).all()
    assert set(data.asked.values()) <= {6, 7}  # three rounds of two epochs, and a look at the first


def test_a_data_set_of_monai_is_taken_as_it_is(tmp_path: Path) -> None:
    from monai.data import Dataset
    from monai.transforms import Compose, ToTensord

    scans = [{"image": x, "label": y} for x, y in zip(INPUTS, TARGETS, strict=True)]
    made = trained(
        Dataset(scans, Compose([ToTensord(keys=["image", "label"])])), tmp_path / "monai"
    )
    assert (weights(made) == weights(trained((INPUTS, TARGETS), tmp_path / "arrays"))).all()


def test_a_list_of_pairs_is_one_of_arrays(tmp_path: Path) -> None:
    arrays = trained((INPUTS, TARGETS), tmp_path / "arrays")
    pairs = trained(list(zip(INPUTS, TARGETS, strict=True)), tmp_path / "pairs")
    assert (weights(pairs) == weights(arrays)).all()


def test_an_exception_in_ones_own_data_set_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(cg.CollegiumError, match="no such scan") as caught:
        trained(Asked(broken=7), tmp_path / "run")
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    assert "raise KeyError" in "".join(traceback.format_exception(cause))


def test_what_cannot_be_taken_is_said_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="site: sample 0: expected finite inputs, found nan"):
        trained(Samples(torch.utils.data.TensorDataset(torch.full((3, 4), torch.nan), torch.zeros(3, 2)), patients=[0, 1, 2]), tmp_path)  # fmt: skip
    with pytest.raises(TypeError, match="sample 0: expected 'image' and 'label', found scan"):
        trained([{"scan": 1}], tmp_path)
    with pytest.raises(ValueError, match="expected a patient for each of 24 samples, found 2"):
        trained(Samples((INPUTS, TARGETS), patients=[1, 2]), tmp_path)


@pytest.mark.parametrize("lazily", [False, True])
def test_privacy_counts_patients_and_not_their_images(lazily: bool, tmp_path: Path) -> None:
    """12 patients of two images each cost what 12 patients of one cost."""
    changes: dict[str, Any] = {
        "privacy": cg.DPSGD(clip=1.0, noise_multiplier=2.0, delta=1e-3), "local_epochs": None, "local_steps": 1, "batch_size": 6,
    }  # fmt: skip
    whose = [i // 2 for i in range(24)]
    twice = trained(
        Samples(Asked() if lazily else (INPUTS, TARGETS), patients=whose),
        tmp_path / "twice",
        **changes,
    )
    once = trained((INPUTS[::2], TARGETS[::2]), tmp_path / "once", **changes)
    apart = trained((INPUTS, TARGETS), tmp_path / "apart", **changes)
    assert twice.privacy["epsilon"].item() == once.privacy["epsilon"].item()
    assert twice.privacy["epsilon"].item() > 1.5 * apart.privacy["epsilon"].item()


def test_validation_keeps_whole_patients_aside(tmp_path: Path) -> None:
    data = Asked()
    whose = ["z" if i in (0, 23) else i for i in range(24)]
    changes = {"training": {"validation": 22}, "evaluate_every": 0, "batch_size": 1}
    trained(Samples(data, patients=whose), tmp_path / "run", **changes)
    seen = {i for i, count in data.asked.items() if count > 1}
    assert {0, 23} <= seen or not seen & {0, 23}
    assert len(seen) == 2


UNITS = st.lists(st.integers(0, 6), min_size=12, max_size=40)


@given(patients=UNITS, sites=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_iid_takes_everybody_once_and_divides_no_patient(
    patients: list[int], sites: int, seed: int
) -> None:
    if len(set(patients)) < sites:
        return
    rows = np.arange(len(patients), dtype="f4")
    data = Samples((rows[:, None], rows), patients=patients)
    parts = partition.iid(data, sites, seed=seed)
    assert list(parts) == [f"site-{i + 1}" for i in range(sites)]
    taken = np.concatenate([part.data[1] for part in parts.values()])
    assert sorted(taken) == list(rows)
    of_site = [set(part.patients) for part in parts.values()]
    assert sum(map(len, of_site)) == len(set(patients))
    assert max(map(len, of_site)) - min(map(len, of_site)) <= 1


def test_dirichlet_goes_from_alike_to_one_label_a_site() -> None:
    labels = np.repeat(np.arange(10), 100)
    inputs = np.arange(1000, dtype="f4")[:, None]

    def unlike(sites: dict[str, Any]) -> float:
        """Mean distance in total variation between a site's labels and everybody's."""
        shares = [np.bincount(mine, minlength=10) / len(mine) for _, mine in sites.values()]
        return float(np.mean([0.5 * abs(share - 0.1).sum() for share in shares]))

    assert unlike(partition.dirichlet((inputs, labels), 5, alpha=1e6, seed=1)) < 0.02
    apart = partition.dirichlet((inputs, labels), 5, alpha=0.1, seed=1)
    assert unlike(apart) > 0.5
    taken = np.concatenate([x[:, 0] for x, _ in apart.values()])
    assert sorted(taken) == list(range(1000))
    again = partition.dirichlet((inputs, labels), 5, alpha=0.1, seed=1)
    assert all((again[name][0] == apart[name][0]).all() for name in apart)


def test_by_column_and_by_label() -> None:
    labels = np.array([0, 1, 1, 2])
    inputs = np.arange(4, dtype="f4")[:, None]
    by_label = partition.by_column((inputs, labels))
    assert {name: list(x[:, 0]) for name, (x, _) in by_label.items()} == {
        "0": [0],
        "1": [1, 2],
        "2": [3],
    }
    by_hospital = partition.by_column(Asked(), ["guys", "kings"] * 12)
    assert (np.asarray(by_hospital["kings"][1][0]) == INPUTS[3]).all()
    with pytest.raises(ValueError, match="a patient has samples of 'a' and of 'b'"):
        partition.by_column(Samples((inputs, labels), patients=[0, 0, 1, 1]), ["a", "b", "c", "c"])


def test_a_division_that_leaves_a_site_without_anybody_is_refused() -> None:
    with pytest.raises(ValueError, match="site-3 would have nobody"):
        partition.iid((INPUTS[:2], TARGETS[:2]), 3)


def test_brats_2018_is_divided_by_the_institutions_in_its_names(
    brain_folder: Path, tmp_path: Path
) -> None:
    subjects = sorted(p for p in (brain_folder / "site-1").iterdir() if p.is_dir())[:3]
    names = ("Brats18_CBICA_AAB_1", "Brats18_TCIA01_131_1", "Brats18_CBICA_AAG_1")
    for subject, name in zip(subjects, names, strict=True):
        (tmp_path / name).mkdir()
        for file in subject.iterdir():
            shutil.copy(file, tmp_path / name / file.name.replace(subject.name, name))
    sites = partition.brats2018(tmp_path)
    assert {site: data.subjects for site, data in sites.items()} == {
        "CBICA": ["Brats18_CBICA_AAB_1", "Brats18_CBICA_AAG_1"],
        "TCIA01": ["Brats18_TCIA01_131_1"],
    }

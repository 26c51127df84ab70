"""The demonstration: its arithmetic on small tables, its data, and one smoke run from beginning to end."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from collegium import networks
from collegium.demo import compare, hospitals, pictures, private_evidence, public, recipe, statement
from collegium.errors import DataError
from collegium.evaluation import evaluate


def scores() -> pd.DataFrame:
    """Two models, one high-grade and one low-grade subject; the low-grade one has no enhancing tumour."""
    rows = []
    for model, gain in (("federated", 0.1), ("a alone", 0.0)):
        for subject, grade, voxels in (("h", "HGG", (9, 5, 3)), ("l", "LGG", (8, 4, 0))):
            for region, count, dice in zip(
                ("wt", "tc", "et"), voxels, (0.6, 0.4, 0.2), strict=True
            ):
                rows.append({"model": model, "subject": subject, "site": "a", "grade": grade, "region": region, "dice": dice + gain,
                             "hd95": 4.0, "reference_voxels": count, "predicted_voxels": 2})  # fmt: skip
    return pd.DataFrame(rows)


def test_the_score_is_the_mean_of_the_four_columns() -> None:
    table = compare.score_table(scores()).set_index("model")
    assert table.loc["a alone", "score"] == pytest.approx((0.6 + 0.4 + 0.2 + 0.4) / 4)
    assert table.loc["federated", "score"] == pytest.approx((0.7 + 0.5 + 0.3 + 0.5) / 4)
    assert "ET high grade (n=1)" in table.columns


def test_a_region_that_is_not_there_never_enters_a_mean() -> None:
    flattered = scores()
    flattered.loc[(flattered["subject"] == "l") & (flattered["region"] == "et"), "dice"] = 1.0
    pd.testing.assert_frame_equal(compare.score_table(flattered), compare.score_table(scores()))
    assert list(compare.empty_table(scores())["false ET drawn in"]) == [1, 1]


def test_the_statement_says_when_federation_does_not_pay() -> None:
    table = pd.DataFrame(
        {
            "model": ["a alone", "federated", compare.POOLED_SHORT, compare.POOLED_LONG],
            "WT (n=1)": [0.5, 0.4, 0.6, 0.7],
            "score": [0.5, 0.4, 0.6, 0.7],
        }
    )
    text = " ".join(statement.statement(table, "about", smoke=False))
    assert "does not beat" in text
    assert "a alone" in text


def test_the_public_collection_has_nobody_of_the_hospitals(
    brain_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    collection = public.collection(
        7, recipe.Recipe(public_subjects=2), lambda done, subjects: None
    )  # of the fixture's seed
    assert {fact["grade"] for fact in collection.facts} == {"HGG"}

    def image(path: Path) -> bytes:
        return np.asarray(nib.load(path).dataobj).tobytes()

    hospitals_own = {image(path) for path in brain_folder.glob("*/*/*_t1ce.nii.gz")}
    assert len(hospitals_own) == 4 * 3 + 6
    assert not hospitals_own & {image(fact["images"][0]) for fact in collection.facts}


def test_several_seeds_are_summed_up_by_their_mean_whatever_their_numbers_of_subjects() -> None:
    second = scores().assign(dice=scores()["dice"] + 0.2, seed=2)
    more = second[second["subject"] == "h"].assign(subject="another")
    table = private_evidence.summary(pd.concat([scores().assign(seed=1), second, more])).set_index(
        "model"
    )
    assert table.loc["federated", "mean score"] == pytest.approx((0.5 + 0.7) / 2)
    assert table.loc["a alone", "TC low grade"] == pytest.approx((0.4 + 0.6) / 2)
    assert list(table.columns).count("ET high grade") == 1


def test_a_folder_gives_sites_by_sub_folder_and_holds_out_some_of_each(
    brain_folder: Path, tmp_path: Path
) -> None:
    for site in ("site-1", "site-2"):
        shutil.copytree(brain_folder / site, tmp_path / site)
    found = hospitals.from_folder(tmp_path, labels="brats2018", table=None)
    assert {name: len(subjects) for name, subjects in found.sites.items()} == {
        "site-1": 2,
        "site-2": 2,
    }
    assert len(found.test) == 2
    assert not found.synthetic
    assert not set(found.test) & {s for subjects in found.sites.values() for s in subjects}


def test_a_csv_gives_the_sites_where_the_folders_do_not(brain_folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    rows = []
    for number, subject in enumerate(
        sorted([*(brain_folder / "site-1").iterdir(), *(brain_folder / "site-2").iterdir()])
    ):
        if subject.is_dir():
            shutil.copytree(subject, flat / subject.name)
            rows.append(
                {"subject": subject.name, "site": "guys" if number % 2 else "kings", "grade": "HGG"}
            )
    with (tmp_path / "sites.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["subject", "site", "grade"])
        writer.writeheader()
        writer.writerows(rows)
    found = hospitals.from_folder(flat, labels="brats2018", table=tmp_path / "sites.csv")
    assert set(found.sites) == {"guys", "kings"}


def test_a_decathlon_list_takes_its_sites_from_a_csv(brain_folder: Path, tmp_path: Path) -> None:
    rows = write_decathlon(brain_folder, tmp_path / "msd")
    (tmp_path / "sites.csv").write_text(
        "subject,site\n"
        + "".join(f"{name},{('Guy’s Hospital', 'Zürich')[i % 2]}\n" for i, name in enumerate(rows)),
        encoding="utf-8",
    )
    found = hospitals.from_folder(tmp_path / "msd", labels=None, table=tmp_path / "sites.csv")
    assert (found.format, found.labels) == ("msd", "msd")
    assert set(found.sites) == {"guys-hospital", "zurich"}  # names that keys and files may have
    data = found.held_out()
    assert data.tissues == {"oedema": 1, "necrotic": 2, "enhancing": 3}
    picture = pictures.segmentations(data.facts, {}, "reference", data.tissues)
    shown = picture.axes[0].get_images()[0].get_array()
    image = nib.load(data.facts[0]["images"][0]).get_fdata()[
        ..., 2
    ]  # T1 with contrast, of this list
    assert any(np.array_equal(shown, image[:, :, z].T) for z in range(image.shape[2]))


def test_the_newer_file_names_and_labels_are_read(brain_folder: Path, tmp_path: Path) -> None:
    newer = {"t1ce": "t1c", "t1": "t1n", "t2": "t2w", "flair": "t2f", "seg": "seg"}
    for site in ("site-1", "site-2"):
        for subject in (brain_folder / site).iterdir():
            for old, new in newer.items():
                image = nib.load(subject / f"{subject.name}_{old}.nii.gz")
                values = np.asarray(image.dataobj)
                if old == "seg":
                    values = np.where(values == 4, 3, values)
                folder = tmp_path / site / subject.name
                folder.mkdir(parents=True, exist_ok=True)
                nib.save(
                    nib.Nifti1Image(values, image.affine), folder / f"{subject.name}-{new}.nii.gz"
                )
    found = hospitals.from_folder(tmp_path, labels="brats2023", table=None)
    assert len(found.sites["site-1"]) == 2
    table = evaluate(
        networks.SegResNet(init_filters=8, dropout=0.0), found.held_out(), predictions=None
    )
    assert (table.loc[table["region"] == "wt", "reference_voxels"] > 0).all()
    wrong = hospitals.from_folder(tmp_path, labels="brats2018", table=None)
    with pytest.raises(DataError, match=r"seg.*label"):  # 3 is no label of that year
        evaluate(
            networks.SegResNet(init_filters=8, dropout=0.0), wrong.everybody(), predictions=None
        )


def test_subjects_without_a_site_or_without_labels_are_named(
    brain_folder: Path, tmp_path: Path
) -> None:
    for site in ("site-1", "site-2"):
        shutil.copytree(brain_folder / site, tmp_path / site)
    stray = next((brain_folder / "site-3").iterdir())
    shutil.copytree(stray, tmp_path / stray.name)
    with pytest.raises(DataError, match=f"{stray.name} has no site"):
        hospitals.from_folder(tmp_path, labels="brats2018", table=None)
    shutil.rmtree(tmp_path / stray.name)
    subject = next((tmp_path / "site-1").iterdir())
    (subject / f"{subject.name}_seg.nii.gz").unlink()
    with pytest.raises(DataError, match=f"{subject.name} has no label map"):
        hospitals.from_folder(tmp_path, labels="brats2018", table=None)


def test_two_sites_that_would_have_one_name_are_refused() -> None:
    facts = [
        {"subject": "a", "site": "St Mary", "labels": "a.nii"},
        {"subject": "b", "site": "St. Mary", "labels": "b.nii"},
    ]
    with pytest.raises(DataError, match="st-mary"):
        hospitals.by_site(Path("data"), facts)


def write_decathlon(brain_folder: Path, folder: Path) -> list[str]:
    """Two synthetic hospitals as one Medical Segmentation Decathlon list: four channels a file, its own numbers."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    names, training = [], []
    for subject in sorted(
        p for site in ("site-1", "site-2") for p in (brain_folder / site).iterdir()
    ):
        volumes = [
            nib.load(subject / f"{subject.name}_{s}.nii.gz") for s in ("flair", "t1", "t1ce", "t2")
        ]
        labels = np.asarray(nib.load(subject / f"{subject.name}_seg.nii.gz").dataobj)
        affine = volumes[0].affine
        names.append(f"BRATS_{len(names):03d}")
        stacked = np.stack([np.asarray(v.dataobj) for v in volumes], axis=-1)
        nib.save(nib.Nifti1Image(stacked, affine), folder / "images" / f"{names[-1]}.nii.gz")
        turned = np.select([labels == 2, labels == 1, labels == 4], [1, 2, 3], 0).astype(np.uint8)
        nib.save(nib.Nifti1Image(turned, affine), folder / "labels" / f"{names[-1]}.nii.gz")
        training.append(
            {part[:-1]: f"./{part}/{names[-1]}.nii.gz" for part in ("images", "labels")}
        )
    listing = {
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {
            "0": "background",
            "1": "edema",
            "2": "non-enhancing tumor",
            "3": "enhancing tumour",
        },
        "training": training,
    }
    (folder / "dataset.json").write_text(json.dumps(listing), encoding="utf-8")
    return names


def test_one_site_is_no_federation(brain_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(brain_folder / "site-1", tmp_path / "site-1")
    with pytest.raises(DataError, match="two sites"):
        hospitals.from_folder(tmp_path, labels="brats2018", table=None)


def test_the_smoke_run_ends_with_report_model_and_statement(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "collegium.demo", "--quick", "--folder", "demo"],
        cwd=tmp_path, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    text = " ".join(result.stdout.split())
    assert "smoke run" in text
    assert "patient-level privacy, epsilon 8.00" in text
    assert "no useful guarantee" in text
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "synthetic" in page
    assert "data:image/png;base64," in page
    from safetensors.torch import load_file

    assert (
        sum(t.numel() for t in load_file(tmp_path / "demo" / "model.safetensors").values())
        == 1_176_843
    )

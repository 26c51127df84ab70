"""The demonstration: its arithmetic on small tables, its data, and one smoke run from beginning to end."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from collegium.demo import compare, hospitals, statement
from collegium.errors import DataError


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

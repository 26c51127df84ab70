"""The synthetic hospitals: the same bytes every time, the right labels, and who is in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from collegium.datasets import write_brain_sites
from collegium.datasets._brain import anatomy, scanner, subject, tumour

SMALL = {"seed": 7, "subjects": 2, "held_out": 1, "jobs": 1}


def digests(root: Path) -> dict[str, str]:
    files = sorted(root.rglob("*.nii.gz"))
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def voxels(root: Path, fact: dict, name: str) -> np.ndarray:
    part = "test" if fact["split"] == "test" else fact["site"]
    subject = fact["subject"]
    return np.asanyarray(nib.load(root / part / subject / f"{subject}_{name}.nii.gz").dataobj)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    root = tmp_path_factory.mktemp("sites")
    return root, write_brain_sites(root, 4, **SMALL)


def test_the_same_settings_give_the_same_bytes(made, tmp_path):
    root, _ = made
    write_brain_sites(tmp_path, 4, **SMALL)
    assert digests(tmp_path) == digests(root)


def test_worker_processes_change_nobody(made, tmp_path):
    root, facts = made
    assert write_brain_sites(tmp_path, 4, **{**SMALL, "jobs": 3}) == facts
    assert digests(tmp_path) == digests(root)


def test_another_seed_gives_other_patients(made, tmp_path):
    root, _ = made
    write_brain_sites(tmp_path, 1, **{**SMALL, "seed": 8})
    theirs, ours = digests(tmp_path), digests(root)
    assert not {name for name in theirs if theirs[name] == ours[name]}


def test_a_smaller_federation_has_the_same_patients(made, tmp_path):
    root, _ = made
    write_brain_sites(tmp_path, 2, seed=7, subjects=1, held_out=1, jobs=1)
    fewer, all_of_them = digests(tmp_path), digests(root)
    assert 0 < len(fewer) < len(all_of_them)
    assert fewer.items() <= all_of_them.items()


def test_asking_for_more_adds_subjects_and_leaves_the_others_alone(tmp_path):
    write_brain_sites(tmp_path, 1, seed=7, subjects=1, held_out=0, jobs=1)
    (first,) = tmp_path.rglob("*_seg.nii.gz")
    stamp = first.stat().st_mtime_ns
    facts = write_brain_sites(tmp_path, 2, seed=7, subjects=2, held_out=0, jobs=1)
    assert len(facts) == 4
    assert first.stat().st_mtime_ns == stamp


def test_a_second_call_writes_nothing(made):
    root, facts = made
    before = {f: f.stat().st_mtime_ns for f in root.rglob("*")}
    told: list[tuple[int, int]] = []
    again = write_brain_sites(root, 4, **SMALL, progress=lambda *done: told.append(done))
    assert again == facts
    assert {f: f.stat().st_mtime_ns for f in root.rglob("*")} == before
    assert not told


def test_a_subject_that_lost_a_file_is_made_again(tmp_path):
    write_brain_sites(tmp_path, 1, seed=7, subjects=2, held_out=0, jobs=1)
    before = digests(tmp_path)
    next(tmp_path.rglob("*_t1ce.nii.gz")).unlink()
    write_brain_sites(tmp_path, 1, seed=7, subjects=2, held_out=0, jobs=1)
    assert digests(tmp_path) == before


def test_a_folder_of_another_recipe_is_refused_and_kept(made):
    root, _ = made
    before = digests(root)
    with pytest.raises(FileExistsError, match="choose another folder"):
        write_brain_sites(root, 4, **{**SMALL, "seed": 8})
    assert digests(root) == before


def test_progress_counts_to_the_end(tmp_path):
    told: list[tuple[int, int]] = []
    write_brain_sites(
        tmp_path, 1, seed=7, subjects=2, held_out=0, jobs=1, progress=lambda *d: told.append(d)
    )
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_labels_and_images_have_the_types_of_brats(made):
    root, facts = made
    for fact in facts:
        labels = voxels(root, fact, "seg")
        assert labels.dtype == np.uint8
        assert set(np.unique(labels)) <= {0, 1, 2, 4}
        assert {str(v): int((labels == v).sum()) for v in (1, 2, 4)} == fact["voxels"]
        for name in ("flair", "t1", "t1ce", "t2"):
            image = voxels(root, fact, name)
            assert image.dtype == np.int16
            assert image.shape == labels.shape == (24, 32, 24)
            assert image.min() >= 0 and image.max() > 0


def test_every_patient_has_a_tumour_inside_the_brain(made):
    root, facts = made
    for fact in facts:
        tumour = voxels(root, fact, "seg") > 0
        brain = np.any([voxels(root, fact, n) > 0 for n in ("flair", "t1", "t1ce", "t2")], axis=0)
        assert tumour.sum() > 4
        assert np.all(brain[tumour])


@pytest.mark.parametrize("grade", ["HGG", "LGG"])
def test_tissues_of_a_voxel_add_up_to_one(grade):
    rng, grid = np.random.default_rng(3), subject.SIZES["demo"]
    where = anatomy.new_head(rng, grid)
    lesion = tumour.draw_lesion(rng, grade)
    tissue = anatomy.tissue_at(tumour.displaced(lesion, where), grid.voxel_mm)
    parts = scanner.composition(tissue, tumour.grow(rng, lesion, grid, where, tissue))
    assert parts.min() > -1e-5
    # Where the template is empty inside the brain mask a voxel is dark, never brighter than full.
    total = parts.sum(0)[tissue.brain]
    assert total.max() < 1 + 1e-5
    assert np.mean(total > 1 - 1e-5) > 0.99


def test_enhancing_tumour_is_bright_after_contrast(made):
    root, facts = made
    for fact in facts:
        if fact["grade"] == "HGG" and fact["voxels"]["4"] > 20:
            labels = voxels(root, fact, "seg")
            after, before = (voxels(root, fact, n).astype(float) for n in ("t1ce", "t1"))
            rest = (labels == 0) & (before > 0)
            ratio = [(v[labels == 4].mean() / v[rest].mean()) for v in (after, before)]
            assert ratio[0] > ratio[1]


def test_all_files_of_a_subject_lie_on_one_lps_grid(made):
    root, facts = made
    subject = facts[0]["subject"]
    paths = sorted((root / facts[0]["site"] / subject).glob("*.nii.gz"))
    affines = [nib.load(p).affine for p in paths]
    assert len(paths) == 5
    assert all(np.array_equal(a, affines[0]) for a in affines)
    assert nib.aff2axcodes(affines[0]) == ("L", "P", "S")


def test_half_of_the_hospitals_see_only_one_grade_each(made):
    _, facts = made
    seen = {f["site"]: {g["grade"] for g in facts if g["site"] == f["site"]} for f in facts}
    assert seen == {
        "site-1": {"HGG"}, "site-2": {"LGG"}, "site-3": {"HGG"}, "site-4": {"LGG"},
        "visitor-1": {"HGG"}, "visitor-2": {"LGG"},
    }  # fmt: skip


def test_a_mixed_hospital_has_its_case_mix_in_every_prefix(tmp_path):
    facts = write_brain_sites(tmp_path, 6, seed=7, subjects=10, held_out=0)
    grades = {
        name: [f["grade"] for f in facts if f["site"] == name] for name in ("site-5", "site-6")
    }
    assert [grades["site-5"][:n].count("HGG") for n in (5, 10)] == [3, 7]
    assert [grades["site-6"][:n].count("HGG") for n in (2, 4, 10)] == [1, 2, 5]


def test_the_held_out_set_counts_every_source_alike(made):
    _, facts = made
    tested = [f["site"] for f in facts if f["split"] == "test"]
    assert sorted(tested) == sorted({f["site"] for f in facts})
    assert {"visitor-1", "visitor-2"} <= set(tested)
    assert not {f["site"] for f in facts if f["split"] == "train"} & {"visitor-1", "visitor-2"}


def test_without_shift_every_site_has_one_protocol_and_one_case_mix(tmp_path):
    facts = write_brain_sites(tmp_path, 3, seed=7, subjects=12, held_out=0, shift=0.0)
    sites = sorted({f["site"] for f in facts})
    mixes, levels = [], []
    for site in sites:
        mine = [f for f in facts if f["site"] == site]
        mixes.append([f["grade"] for f in mine])
        images = [voxels(tmp_path, f, "t1") for f in mine]
        levels.append(float(np.mean([v[v > 0].mean() for v in images])))
    assert mixes[0] == mixes[1] == mixes[2] and set(mixes[0]) == {"HGG", "LGG"}
    assert max(levels) / min(levels) < 1.25
    assert len({f["radius_mm"] for f in facts}) > 30  # the patients still differ


def test_with_shift_sites_have_scanners_of_their_own(tmp_path):
    facts = write_brain_sites(tmp_path, 4, seed=7, subjects=4, held_out=0)
    level = {
        site: np.mean([voxels(tmp_path, f, "t1").max() for f in facts if f["site"] == site])
        for site in {f["site"] for f in facts}
    }
    assert max(level.values()) / min(level.values()) > 1.25


def test_sizes_show_the_same_patient(tmp_path):
    coarse, fine = (
        write_brain_sites(tmp_path / size, 1, seed=7, subjects=1, held_out=0, size=size, jobs=1)[0]
        for size in ("demo", "small")
    )
    assert coarse["radius_mm"] == fine["radius_mm"] and coarse["grade"] == fine["grade"]
    millilitres = [sum(f["voxels"].values()) * mm**3 for f, mm in ((coarse, 6.0), (fine, 3.2))]
    assert millilitres[0] == pytest.approx(millilitres[1], rel=0.25)


def test_the_data_list_is_decathlon_and_says_synthetic(made):
    root, facts = made
    listed = json.loads((root / "dataset.json").read_text())
    assert listed["synthetic"] is True and "SYNTHETIC" in listed["description"]
    assert set(listed["labels"]) == {"0", "1", "2", "4"}
    assert listed["numTraining"] == len(listed["training"]) == 8
    assert listed["numTest"] == len(listed["test"]) == 6
    for entry in (*listed["training"], *listed["test"]):
        assert len(entry["image"]) == len(listed["modality"]) == 4
        assert all((root / path).is_file() for path in (*entry["image"], entry["label"]))
        assert entry["grade"] in {"HGG", "LGG"} and entry["synthetic"] is True
    table = (root / "subjects.csv").read_text().splitlines()
    assert table[0] == "subject,site,split,grade" and len(table) == 1 + len(facts)
    assert [e["subject"] for e in listed["training"]] == [
        f["subject"] for f in facts if f["split"] == "train"
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"count": 0}, "count must be 1 to 8"),
        ({"count": 9}, "count must be 1 to 8"),
        ({"size": "huge"}, "size must be one of demo"),
        ({"shift": -1.0}, "shift must be 0 or more"),
        ({"shift": float("nan")}, "shift must be 0 or more"),
        ({"subjects": 0}, "subjects must be >= 1"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path, wrong, says):
    with pytest.raises(ValueError, match=says):
        write_brain_sites(tmp_path / "sites", **wrong)
    assert not (tmp_path / "sites").exists()


def test_a_failing_worker_says_why(tmp_path):
    (tmp_path / "site-1").write_text("in the way")
    with pytest.raises(RuntimeError, match=r"NotADirectoryError|FileExistsError"):
        write_brain_sites(tmp_path, 1, seed=7, subjects=6, held_out=0, jobs=2)

"""What people get wrong, from the command line and from Python: one clear message each, and nothing lost."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import collegium as cg
import nibabel as nib
import numpy as np
import pytest


def collegium(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "collegium.cli", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The one message of a command that was given bad input."""
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_federation_that_states_only_its_sites_is_complete(tmp_path: Path) -> None:
    (tmp_path / "federation.toml").write_text('[federation]\nsites = ["guys"]\n')
    federation = cg.Federation.from_toml(tmp_path / "federation.toml")
    assert "segresnet, 20 rounds, weighted_mean, no privacy" in repr(federation)
    message = refused(collegium("server", "federation.toml", folder=tmp_path))
    assert "server.secret" in message  # what is wrong with it is that nobody made a key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[federation]\nronds = 3", ("federation.toml:2:1", "did you mean 'rounds'")),
        ("[federation]\nrounds = 'three'", ("federation.toml:2:1", "integer", "three")),
        ("[federation\nrounds = 3", ("federation.toml:1:12", "']'")),
        ("[federation]\nsites = []", ("no sites",)),
        ("[federation]\nsites = ['a']\n[aggregator]\nname = 'wighted_mean'", ("wighted_mean", "weighted_mean")),
        ("[federation]\nsites = ['a']\n[plugins]\npaths = ['no.so']", ("no.so", "no such plugin")),
        ("[federation]\nsites = ['a']\n[plugins]\npaths = ['federation.toml']", ("not a shared library",)),
        ("[federation]\nsites = ['a']\n[plugins.pins]\n'a.so' = '12'", ("federation.toml:4:1", "64 hexadecimal")),
    ],
)  # fmt: skip
def test_a_configuration_is_refused_at_its_place(tmp_path: Path, text: str, words) -> None:
    (tmp_path / "federation.toml").write_text(text)
    message = refused(collegium("server", "federation.toml", folder=tmp_path))
    for word in words:
        assert word in message, message


def test_a_site_has_to_say_where_its_data_are(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("[site]\nname = 'guys'\n[data]\nformat = 'msd'\n")
    message = refused(collegium("site", "site.toml", folder=tmp_path))
    assert "site.toml:3:1" in message
    assert "'path' is missing" in message


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_without_a_run_is_said(tmp_path: Path, command: str) -> None:
    assert str(tmp_path / "run") in refused(
        collegium(command, str(tmp_path / "run"), folder=tmp_path)
    )


def rewritten(file: Path, change) -> None:
    image = nib.load(file)
    values = np.array(image.dataobj)
    nib.save(nib.Nifti1Image(change(values), image.affine), file)


def with_one(value: float):
    def change(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float32)
        values[3, 4, 5] = value
        return values

    return change


@pytest.mark.parametrize(
    ("ending", "damage", "words"),
    [
        ("t1", lambda f: f.unlink(), ("t1",)),
        ("t1", lambda f: f.write_bytes(f.read_bytes()[:2000]), ("t1.nii.gz",)),
        ("t1", lambda f: f.write_bytes(gzip.compress(b"no volume at all")), ("t1.nii.gz",)),
        ("t1", lambda f: rewritten(f, lambda v: v[:-1]), ("shape", "23 x 32 x 24")),
        ("flair", lambda f: rewritten(f, with_one(np.nan)), ("flair.nii.gz", "nan")),
        ("seg", lambda f: rewritten(f, lambda v: np.where(v == 2, 7, v).astype(np.uint8)), ("seg.nii.gz", "7")),
    ],
    ids=["missing", "truncated", "no NIfTI", "another shape", "NaN", "unknown label"],
)  # fmt: skip
def test_a_volume_that_cannot_be_trained_on_is_named(
    brain_folder: Path, tmp_path: Path, ending: str, damage, words
) -> None:
    for site in ("site-1", "site-2"):
        shutil.copytree(brain_folder / site, tmp_path / site)
    subject = sorted((tmp_path / "site-2").iterdir())[0]
    damage(subject / f"{subject.name}_{ending}.nii.gz")
    federation = cg.Federation(
        model=cg.networks.SegResNet(init_filters=8, dropout=0.0), rounds=1, local_steps=3
    )
    sites = {s: cg.datasets.FolderDataset(tmp_path / s) for s in ("site-1", "site-2")}
    with pytest.raises(cg.CollegiumError) as caught:
        federation.simulate(sites, folder=tmp_path / "run", progress=False)
    for word in (subject.name, *words):
        assert word.lower() in str(caught.value).lower(), str(caught.value)

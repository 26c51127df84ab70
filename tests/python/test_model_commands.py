"""``collegium predict`` and ``collegium evaluate``: what a hospital does with a model that a run left."""

from __future__ import annotations

import json
from pathlib import Path

import collegium as cg
import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from collegium.cli import app
from collegium.evaluation import summary
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def hospital(brain_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A hospital's site.toml, and a model that a run of one round left.

    Its three outputs are one: a label map can tell regions apart only where they lie in each other.
    """
    folder = tmp_path_factory.mktemp("hospital")
    data = cg.datasets.FolderDataset(brain_folder, site="site-1")
    network = cg.networks.SegResNet(init_filters=8, seed=5)
    with torch.no_grad():
        for tensor in list(network.state_dict().values())[-2:]:
            tensor.copy_(tensor[:1].expand_as(tensor))
    federation = cg.Federation(
        model=network,
        optimizer=cg.SGD(lr=1e-30),
        rounds=1,
        local_steps=1,
        evaluate_every=0,
        training={"crop": [32, 32, 32]},
    )
    federation.simulate({"site-1": data}, folder=folder / "run", progress=False)
    site = folder / "site.toml"
    site.write_text(
        f'[site]\nname = "guys"\n[data]\npath = "{data.path / "site-1"}"\nsubjects = {data.subjects}\n',
        encoding="utf-8",
    )
    return {"site": site, "model": folder / "run" / "model.safetensors", "data": brain_folder}


def collegium(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_predictions_lie_on_the_grid_of_the_images(hospital, tmp_path):
    done = collegium(
        "predict", hospital["site"], hospital["model"], tmp_path / "out", "--window", "32,32,32"
    )
    assert done.exit_code == 0, done.output
    facts = cg.datasets.FolderDataset(hospital["data"], site="site-1").facts
    assert len(facts) == 3
    for subject in facts:
        image = nibabel.load(subject["images"][0])
        drawn = nibabel.load(tmp_path / "out" / f"{subject['subject']}.nii.gz")
        assert drawn.shape == image.shape
        np.testing.assert_allclose(drawn.affine, image.affine, atol=1e-4)


def test_scores_are_those_of_the_predictions_that_were_written(hospital, tmp_path):
    out = tmp_path / "out"
    done = collegium("evaluate", hospital["site"], hospital["model"], out, "--window", "32,32,32")
    assert done.exit_code == 0, done.output
    scores = pd.read_csv(out / "scores.csv")
    assert sorted(scores["region"].unique()) == ["et", "tc", "wt"]
    for subject in cg.datasets.FolderDataset(hospital["data"], site="site-1").facts:
        # Whole tumour: every label there is. Dice by its definition, 2 |A and B| / (|A| + |B|).
        truth = np.asarray(nibabel.load(subject["labels"]).dataobj) > 0
        drawn = np.asarray(nibabel.load(out / f"{subject['subject']}.nii.gz").dataobj) > 0
        row = scores[(scores["subject"] == subject["subject"]) & (scores["region"] == "wt")].iloc[0]
        assert 0 < drawn.sum() < drawn.size
        assert row["reference_voxels"] == truth.sum()
        assert row["dice"] == pytest.approx(
            2 * (truth & drawn).sum() / (truth.sum() + drawn.sum()), abs=1e-6
        )
    told = json.loads((out / "summary.json").read_text())
    whole = scores[scores["region"] == "wt"]
    assert told["wt"]["subjects"] == 3
    assert told["wt"]["dice_mean"] == pytest.approx(whole["dice"].mean(), abs=1e-12)


def test_a_region_that_nobody_has_is_left_out_of_the_mean_and_said():
    scores = pd.DataFrame(
        {
            "region": ["et", "et", "et"],
            "dice": [0.5, 1.0, 0.0],
            "hd95": [4.0, 0.0, 373.13],
            "reference_voxels": [10, 0, 0],
            "predicted_voxels": [9, 0, 3],
        }
    )
    assert summary(scores)["et"] == {
        "subjects": 1,
        "dice_mean": 0.5,
        "dice_median": 0.5,
        "hd95_median": 4.0,
        "without_region": 2,
        "drawn_without_region": 1,
    }
    nobody = summary(scores[scores["reference_voxels"] == 0])["et"]
    assert nobody["subjects"] == 0
    assert nobody["dice_mean"] is None


def test_a_file_that_does_not_say_its_network_is_refused(hospital, tmp_path):
    cg.networks.SegResNet(init_filters=8).save(tmp_path / "weights.safetensors")
    with pytest.raises(cg.DataError, match="does not say which network"):
        cg.networks.open(tmp_path / "weights.safetensors")


def test_an_opened_model_predicts_as_the_run_s_own(hospital):
    opened = cg.networks.open(hospital["model"])
    volume = np.random.default_rng(1).normal(size=(1, 4, 16, 16, 16)).astype(np.float32)
    own = cg.Run(hospital["model"].parent).model
    assert np.array_equal(opened(volume).numpy(force=True), own(volume).numpy(force=True))


def test_a_window_that_is_none_is_a_mistake_on_the_command_line(hospital, tmp_path):
    done = collegium(
        "predict", hospital["site"], hospital["model"], tmp_path / "out", "--window", "big"
    )
    assert done.exit_code != 0
    assert "three whole numbers" in done.output + done.stderr
    assert not (tmp_path / "out").exists()

"""Runs that go on behind the notebook, are stopped, and are taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import collegium as cg
import numpy as np
import pytest


def sites(count: int = 3, patients: int = 30) -> dict[str, Any]:
    rng = np.random.default_rng(1)

    def numbers(columns: int) -> np.ndarray:
        return rng.normal(size=(patients, columns)).astype("f4")

    return {f"site-{i}": (numbers(4), numbers(2)) for i in range(count)}


def federation(**changes: Any) -> cg.Federation:
    network = cg.networks.Network({"name": "linear", "in_channels": 4, "out_channels": 2}, seed=5)
    settings: dict[str, Any] = {
        "model": network, "loss": "mse", "optimizer": cg.SGD(lr=0.01), "batch_size": 5, "local_epochs": 1,
        "rounds": 30, "name": "live",
    }  # fmt: skip
    return cg.Federation(**{**settings, **changes})


def weights(run: cg.Run) -> np.ndarray:
    return np.concatenate([t.numpy().ravel() for t in run.model.state_dict().values()])


def test_rounds_come_as_they_close(tmp_path: Path) -> None:
    run = federation().simulate(sites(), folder=tmp_path / "run", wait=False)
    numbers = [round["number"] for round in run]
    assert numbers == list(range(1, 31))
    assert run.state == "finished"
    assert list(run) == []  # told of once


def test_a_stopped_run_goes_on_to_the_same_model(tmp_path: Path) -> None:
    whole = federation().simulate(sites(), folder=tmp_path / "whole", progress=False)
    run = federation().simulate(sites(), folder=tmp_path / "run", wait=False)
    for round in run:
        if round["number"] == 2:
            run.stop()
    assert run.state == "stopped"
    closed = len(run.rounds)
    assert 2 <= closed < 30
    again = cg.resume(tmp_path / "run", sites(), progress=False)
    assert again.state == "finished"
    assert list(again.rounds["number"]) == list(range(1, 31))
    assert (weights(again) == weights(whole)).all()


def test_a_run_that_was_stopped_at_once_still_begins_with_the_given_weights(tmp_path: Path) -> None:
    whole = federation(rounds=2).simulate(sites(), folder=tmp_path / "whole", progress=False)
    run = federation(rounds=2).simulate(sites(), folder=tmp_path / "run", wait=False)
    run.stop()
    if run.wait(progress=False).state == "stopped":
        run = cg.resume(tmp_path / "run", sites(), progress=False)
    assert (weights(run) == weights(whole)).all()


def test_privacy_is_charged_once_however_often_a_run_is_taken_up(tmp_path: Path) -> None:
    private = cg.DPSGD(clip=1.0, epsilon=8.0, delta=1e-3)
    changes: dict[str, Any] = {"privacy": private, "batch_size": 10, "rounds": 12}
    whole = federation(**changes).simulate(sites(), folder=tmp_path / "whole", progress=False)
    run = federation(**changes).simulate(sites(), folder=tmp_path / "run", wait=False)
    for round in run:
        if round["number"] == 2:
            run.stop()
    again = cg.resume(tmp_path / "run", sites(), progress=False)
    assert again.state == "finished"
    assert list(again.privacy["epsilon"]) == list(whole.privacy["epsilon"])
    assert list(again.privacy["lifetime"]) == list(whole.privacy["lifetime"])
    released = again.ledger[again.ledger["state"] == "released"]
    assert not released.duplicated(["site", "round"]).any()


def test_several_runs_go_on_in_one_process(tmp_path: Path) -> None:
    runs = [
        federation(seed=seed).simulate(sites(), folder=tmp_path / str(seed), wait=False)
        for seed in (1, 2, 3)
    ]
    models = [weights(run.wait(progress=False)) for run in runs]
    assert not (models[0] == models[1]).all()
    alone = federation(seed=2).simulate(sites(), folder=tmp_path / "alone", progress=False)
    assert (models[1] == weights(alone)).all()


def test_a_failure_is_raised_where_the_run_is_waited_for(tmp_path: Path) -> None:
    wide = {"site-0": (np.zeros((4, 4), "f4"), np.zeros((4, 7), "f4"))}
    run = federation(rounds=1).simulate(wide, folder=tmp_path / "run", wait=False)
    with pytest.raises(cg.CollegiumError, match="cannot work on these data"):
        run.wait(progress=False)
    assert run.state == "failed"


def test_another_federation_does_not_go_on_in_this_folder(tmp_path: Path) -> None:
    federation(rounds=1).simulate(sites(), folder=tmp_path / "run", progress=False)
    with pytest.raises(cg.ConfigError, match="has finished"):
        federation(rounds=1).simulate(sites(), folder=tmp_path / "run", progress=False)
    run = federation().simulate(sites(), folder=tmp_path / "stopped", wait=False)
    run.stop()
    run.wait(progress=False)
    with pytest.raises(cg.ConfigError, match="another configuration"):
        federation(rounds=31).simulate(sites(), folder=tmp_path / "stopped", progress=False)
    with pytest.raises(cg.ConfigError, match="began with the sites"):
        cg.resume(tmp_path / "stopped", sites(count=2), progress=False)


def test_what_was_refused_before_the_start_is_raised_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="site-0"):
        federation().simulate({"site-0": (np.zeros((0, 4)), np.zeros((0, 2)))}, folder=tmp_path / "run", wait=False)  # fmt: skip

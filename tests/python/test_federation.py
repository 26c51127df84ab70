"""Federations in one process: what they compute, and what they leave behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import collegium as cg
import numpy as np
import pytest
import torch


def linear(rounds: int = 1, **changes) -> cg.Federation:
    """Linear regression, one full-batch step of plain gradient descent a round."""
    options = {
        "model": cg.networks.Network(
            {"name": "linear", "in_channels": 5, "out_channels": 1}, seed=4
        ),
        "loss": "mse",
        "optimizer": cg.SGD(lr=0.05),
        "batch_size": 64,
        "local_steps": 1,
        "weighting": "subjects",
        "rounds": rounds,
        "training": {"flip": False, "intensity_scale": 0.0, "intensity_shift": 0.0},
    }
    return cg.Federation(**{**options, **changes})


def weights(run: cg.Run) -> np.ndarray:
    return np.concatenate([t.numpy().ravel() for t in run.model.state_dict().values()])


def test_one_full_batch_step_at_each_site_equals_pooled_gradient_descent(
    regression_sites, tmp_path: Path
) -> None:
    """With weights by size, the mean of full-batch steps is the step on the pooled data (McMahan et al. 2017, FedSGD)."""
    federation = linear(rounds=4)
    run = federation.simulate(regression_sites, folder=tmp_path / "run", progress=False)

    start = cg.networks.Network(
        {"name": "linear", "in_channels": 5, "out_channels": 1}, seed=4
    ).state_dict()
    parameters = [t.clone().double().requires_grad_() for t in start.values()]
    x = torch.cat([torch.from_numpy(v[0]) for v in regression_sites.values()]).double()
    y = torch.cat([torch.from_numpy(v[1]) for v in regression_sites.values()]).double()
    for _ in range(4):
        loss = torch.nn.functional.mse_loss(torch.nn.functional.linear(x, *parameters), y)
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.data -= 0.05 * g
    expected = np.concatenate([p.detach().numpy().ravel() for p in parameters])
    np.testing.assert_allclose(weights(run), expected, atol=1e-6)


def test_secure_aggregation_ends_with_the_model_of_the_plain_run_and_keeps_losses_at_the_sites(
    regression_sites, tmp_path: Path
) -> None:
    plain = linear(rounds=3).simulate(regression_sites, folder=tmp_path / "plain", progress=False)
    secure = linear(rounds=3, secure_aggregation={"max_weight": 100, "clip": 4.0}).simulate(
        regression_sites, folder=tmp_path / "secure", progress=False
    )
    np.testing.assert_allclose(weights(secure), weights(plain), atol=1e-5)
    told = "SELECT count(loss), count(DISTINCT weight) FROM contribution"
    with closing(sqlite3.connect(tmp_path / "plain" / "run.db")) as database:
        assert database.execute(told).fetchone() == (9, 3)
    with closing(sqlite3.connect(tmp_path / "secure" / "run.db")) as database:
        assert database.execute(told).fetchone() == (0, 1)


def test_one_site_without_privacy_equals_the_same_training_in_one_piece(
    regression_sites, tmp_path: Path
) -> None:
    data = {"a": regression_sites["a"]}
    pieces = linear(rounds=3).simulate(data, folder=tmp_path / "pieces", progress=False)
    again = linear(rounds=3).simulate(data, folder=tmp_path / "again", progress=False)
    assert weights(pieces).tobytes() == weights(again).tobytes()


def test_the_model_does_not_depend_on_how_many_sites_train_at_once(
    regression_sites, tmp_path: Path
) -> None:
    one = linear(rounds=3).simulate(
        regression_sites, folder=tmp_path / "1", threads=1, progress=False
    )
    three = linear(rounds=3).simulate(
        regression_sites, folder=tmp_path / "3", threads=3, progress=False
    )
    assert weights(one).tobytes() == weights(three).tobytes()


def test_the_history_has_a_row_for_every_round_and_site(regression_sites, tmp_path: Path) -> None:
    run = linear(rounds=3).simulate(regression_sites, folder=tmp_path / "run", progress=False)
    history = run.history
    assert len(history) == 9
    assert set(history["site"]) == {"a", "b", "c"}
    assert (history["state"] == "accepted").all()
    assert history["loss"].notna().all()
    assert run.left_out.empty
    assert run.state == "finished"
    assert run.meta["simulation"] == "1"


def test_a_median_ignores_what_one_site_does(regression_sites, tmp_path: Path) -> None:
    x, y = regression_sites["b"]
    sites = {"a": (x, y), "b": (x, y), "c": (x, 1000.0 * y)}
    median = linear(rounds=2, aggregator="coordinate_median").simulate(
        sites, folder=tmp_path / "m", progress=False
    )
    honest = linear(rounds=2).simulate({"a": (x, y)}, folder=tmp_path / "h", progress=False)
    np.testing.assert_allclose(weights(median), weights(honest), atol=1e-6)


def test_private_training_spends_and_withholds(regression_sites, tmp_path: Path) -> None:
    federation = linear(
        rounds=2,
        local_steps=3,
        batch_size=4,
        weighting="equal",
        privacy=cg.DPSGD(clip=1.0, epsilon=4.0, delta=1e-2),
    )
    run = federation.simulate(regression_sites, folder=tmp_path / "run", progress=False)
    spent = run.privacy.set_index("site")["epsilon"]
    assert (spent <= 4.0).all()
    assert (spent > 3.5).all(), "calibration should use up what it was given"
    assert run.history["loss"].isna().all(), "a loss depends on data and has to stay at the site"


def test_two_private_runs_of_one_seed_differ(regression_sites, tmp_path: Path) -> None:
    def train(name: str) -> np.ndarray:
        federation = linear(
            batch_size=4, weighting="equal", privacy=cg.DPSGD(noise_multiplier=1.0, delta=1e-2)
        )
        return weights(
            federation.simulate(regression_sites, folder=tmp_path / name, progress=False)
        )

    assert not np.array_equal(train("one"), train("two"))


def test_arrays_are_shared_and_not_copied() -> None:
    from collegium.datasets import as_core_dataset

    x, y = np.zeros((1000, 1000), np.float32), np.zeros((1000, 1), np.float32)
    before = x.__array_interface__["data"][0]
    dataset = as_core_dataset("a", (x, y))
    x[0, 0] = 7
    assert len(dataset) == 1000
    assert dataset.address == before


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"training": {"lerning_rate": 0.1}}, ("lerning_rate",)),
        ({"rounds": 0}, ("rounds",)),
        ({"aggregator": "no_such"}, ("no_such", "weighted_mean")),
        ({"loss": "dise"}, ("dise", "dice")),
        ({"model": "segresnt"}, ("segresnt", "segresnet")),
        ({"privacy": cg.DPSGD(clip=1.0, delta=1e-3)}, ("epsilon", "noise_multiplier")),
        ({"privacy": cg.DPSGD(epsilon=1.0, delta=2.0)}, ("delta",)),
    ],
)
def test_a_mistake_is_refused_at_once_and_named(
    regression_sites, tmp_path: Path, changes, names
) -> None:
    with pytest.raises(cg.CollegiumError) as caught:
        linear(**changes).simulate(regression_sites, folder=tmp_path / "run", progress=False)
    for name in names:
        assert name in str(caught.value)


def test_inputs_that_are_not_finite_name_the_site_and_the_place(
    regression_sites, tmp_path: Path
) -> None:
    x, y = regression_sites["b"]
    x = x.copy()
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"site b.*\(3, 2\)"):
        linear().simulate({"b": (x, y)}, folder=tmp_path / "run", progress=False)


def test_the_report_is_one_page_that_needs_nothing_else(regression_sites, tmp_path: Path) -> None:
    run = linear(rounds=2).simulate(regression_sites, folder=tmp_path / "run", progress=False)
    page = run.report().read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "no privacy claim" in page
    assert "<svg" in page


def test_the_model_opens_in_other_software(regression_sites, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    run = linear().simulate(regression_sites, folder=tmp_path / "run", progress=False)
    other = load_file(run.model_path)
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(other[name], tensor)

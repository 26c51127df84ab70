"""Privacy of whole sites from Python: what is promised, what is refused, who is asked."""

from __future__ import annotations

from pathlib import Path

import collegium as cg
import numpy as np
import pytest
from test_federation import linear, weights


def private(rounds: int = 3, where: str = "site", **changes) -> cg.Federation:
    options = {"noise_multiplier": 4.0, "delta": 1e-3, "clip": 0.5, "where": where}
    keys = ("noise_multiplier", "epsilon", "delta", "clip", "max_weight", "colluding")
    options.update({key: changes.pop(key) for key in keys if key in changes})
    return linear(rounds=rounds, weighting="equal", privacy=cg.SiteDP(**options), **changes)


def test_noise_at_the_coordinator_is_charged_round_by_round(
    regression_sites, tmp_path: Path
) -> None:
    run = private(where="coordinator").simulate(
        regression_sites, folder=tmp_path / "run", progress=False
    )
    releases = run.releases
    assert list(releases["round"]) == [1, 2, 3]
    assert set(releases["state"]) == {"released"}
    assert releases["epsilon"].is_monotonic_increasing
    guarantee = run.guarantee
    assert guarantee["unit"] == "site"
    # Balle and Wang 2018, Thm. 8, at mu = sqrt(3) / 4, solved outside this program.
    assert guarantee["epsilon"] == pytest.approx(1.138517, abs=1e-5)
    assert "coordinator is trusted" in guarantee["against"]
    assert "loss" not in run.history or run.history["loss"].isna().all()
    assert run.metrics.empty
    assert "other sites" in run.report().read_text(encoding="utf-8")


def test_noise_at_the_sites_is_charged_to_each(regression_sites, tmp_path: Path) -> None:
    run = private().simulate(regression_sites, folder=tmp_path / "run", progress=False)
    assert run.releases.empty
    assert set(run.privacy["unit"]) == {"site"}
    assert (run.privacy["epsilon"] > 0).all()
    assert run.guarantee["epsilon"] == run.privacy["epsilon"].max()
    assert "coordinator included" in run.guarantee["against"]


def test_noise_of_the_sum_costs_each_site_the_same_and_says_against_whom(
    regression_sites, tmp_path: Path
) -> None:
    run = private(where="sum", colluding=1, secure_aggregation=True).simulate(
        regression_sites, folder=tmp_path / "run", progress=False
    )
    assert run.releases.empty
    # Balle and Wang 2018, Thm. 8, at mu = sqrt(3) / 4, solved outside this program.
    assert run.guarantee["epsilon"] == pytest.approx(1.138517, abs=1e-5)
    assert "in league with some sites (1)" in run.guarantee["against"]
    assert all("add to their sum together" in how for how in run.privacy["mechanism"])


def test_two_private_runs_of_one_seed_differ(regression_sites, tmp_path: Path) -> None:
    for where in ("site", "sum", "coordinator"):
        runs = [
            private(where=where, secure_aggregation=where == "sum").simulate(
                regression_sites, folder=tmp_path / f"{where}-{i}", progress=False
            )
            for i in range(2)
        ]
        assert not np.array_equal(weights(runs[0]), weights(runs[1]))


def test_what_cannot_be_kept_is_refused_when_it_is_described() -> None:
    with pytest.raises(cg.ConfigError, match="one site can move"):
        private(where="coordinator", aggregator="coordinate_median")
    with pytest.raises(cg.ConfigError, match="local_steps"):
        private(local_steps=None, local_epochs=1)
    with pytest.raises(cg.ConfigError, match="max_weight"):
        linear(
            weighting="subjects", privacy=cg.SiteDP(epsilon=3.0, delta=1e-3, where="coordinator")
        )
    with pytest.raises(cg.ConfigError):
        private(noise_multiplier=float("nan"))
    private(aggregator="coordinate_median")  # the sites' own noise goes with any


def test_a_delta_for_too_many_patients_is_refused_before_the_start(
    regression_sites, tmp_path: Path
) -> None:
    federation = linear(privacy=cg.DPSGD(epsilon=8.0, delta=0.5), batch_size=2)
    with pytest.raises(cg.ConfigError, match="delta"):
        federation.simulate(regression_sites, folder=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_drawn_cohorts_ask_some_of_the_sites(regression_sites, tmp_path: Path) -> None:
    run = linear(rounds=12, cohort_rate=0.5).simulate(
        regression_sites, folder=tmp_path / "run", progress=False
    )
    asked = run.history[run.history["state"] == "accepted"].groupby("round").size()
    assert len(asked) == 12
    assert asked.min() >= 1
    assert asked.min() < 3  # 12 full rounds of three: once in 2^36
    assert run.left_out.empty
    again = linear(rounds=12, cohort_rate=0.5).simulate(
        regression_sites, folder=tmp_path / "again", progress=False
    )
    assert weights(run).tobytes() == weights(again).tobytes()


def test_metrics_leave_noised_in_the_rounds_that_pay_for_them(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    sites = {}
    for name in ("a", "b"):
        x = generator.normal(size=(30, 5)).astype(np.float32)
        sites[name] = (x, (x[:, 0] > 0).astype(np.int64))

    def run(noise: float, folder: str) -> cg.Run:
        return cg.Federation(
            model=cg.networks.Network(
                {"name": "linear", "in_channels": 5, "out_channels": 2}, seed=4
            ),
            loss="cross_entropy",
            optimizer=cg.SGD(lr=0.5),
            batch_size=6,
            local_steps=2,
            rounds=3,
            privacy=cg.DPSGD(epsilon=20.0, delta=1e-3, metrics_every=2, metrics_noise=noise),
            training={"validation": 10, "flip": False},
        ).simulate(sites, folder=tmp_path / folder, progress=False)

    metrics = run(3.0, "run").metrics
    # Of the models that rounds 1 and 3 hand out; the final one is not measured.
    assert sorted(set(metrics["round"])) == [0, 2]
    assert set(metrics["name"]) == {"accuracy"}
    assert set(metrics["count"]) == {10}
    # A mean of ten right or wrong is a multiple of 0.1. With noise, on a grid of 2^-8, a value is one by chance about once
    # in a hundred times, and all four are less than once in a million.
    assert not np.isclose(metrics["value"] * 10, np.round(metrics["value"] * 10), atol=1e-6).all()
    other = run(3.0, "other").metrics
    assert not np.array_equal(metrics["value"], other["value"])

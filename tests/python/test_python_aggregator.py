"""Aggregators written in Python: for exploring in a simulation, and nowhere else."""

from __future__ import annotations

import threading
import traceback

import collegium as cg
import numpy as np
import pytest


def federation(aggregator, **options) -> cg.Federation:
    linear = cg.networks.Network({"name": "linear", "in_channels": 5, "out_channels": 1}, seed=4)
    return cg.Federation(
        model=linear, loss="mse", optimizer=cg.SGD(lr=0.05), batch_size=4, local_steps=3,
        rounds=3, aggregator=aggregator, **options,
    )  # fmt: skip


def weighted(updates: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.average(updates, axis=0, weights=weights)


def test_a_mean_in_python_trains_as_the_built_in_one_does(regression_sites, tmp_path) -> None:
    runs = [
        federation(a).simulate(regression_sites, folder=tmp_path / str(i), progress=False)
        for i, a in enumerate(["weighted_mean", weighted])
    ]
    ours, python = (run.model.state_dict() for run in runs)
    for name in ours:
        np.testing.assert_allclose(ours[name], python[name], rtol=1e-5, atol=1e-7)


def test_it_is_given_a_row_a_site_and_the_weights(regression_sites, tmp_path) -> None:
    seen = []

    def look(updates, weights):
        seen.append((updates.shape, updates.dtype, weights.shape, weights.dtype))
        return updates[0]

    federation(look).simulate(regression_sites, folder=tmp_path / "run", progress=False)
    assert seen == [((3, 6), np.float32, (3,), np.float64)] * 3


def test_the_run_says_what_python_cost(regression_sites, tmp_path, capsys) -> None:
    run = federation(weighted).simulate(regression_sites, folder=tmp_path / "run")
    said = run.events["text"].iloc[-1]
    assert said.startswith("the aggregator weighted ran in Python for 0.")
    assert "3 rounds" in said
    assert said in capsys.readouterr().err
    assert run.config["aggregator"] == {"name": "python", "function": "weighted"}


def test_what_the_function_raises_comes_out_with_its_own_traceback(
    regression_sites, tmp_path
) -> None:
    def broken(updates, weights):
        return {}["no such key"]

    with pytest.raises(cg.CollegiumError, match="KeyError: 'no such key'") as caught:
        federation(broken).simulate(regression_sites, folder=tmp_path / "run", progress=False)
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    assert traceback.extract_tb(cause.__traceback__)[-1].name == "broken"


@pytest.mark.parametrize("made", [np.zeros(5), np.zeros((1, 6)), 3.0])
def test_a_result_of_another_shape_is_refused(made, regression_sites, tmp_path) -> None:
    with pytest.raises(cg.CollegiumError, match=r"expected \(6,\)"):
        federation(lambda updates, weights: made).simulate(
            regression_sites, folder=tmp_path / "run", progress=False
        )


def test_values_that_are_not_finite_move_no_model(regression_sites, tmp_path) -> None:
    with pytest.raises(cg.CollegiumError, match="not finite"):
        federation(lambda updates, weights: updates[0] * np.nan).simulate(
            regression_sites, folder=tmp_path / "run", progress=False
        )


def test_hospitals_are_not_served_by_it() -> None:
    with pytest.raises(cg.ConfigError, match="new-plugin aggregator"):
        federation(weighted).serve("tcp://127.0.0.1:*")


def test_its_configuration_runs_nowhere_else(tmp_path, regression_sites) -> None:
    file = tmp_path / "federation.toml"
    file.write_text(federation(weighted).to_toml())
    elsewhere = cg.Federation.from_toml(file)
    with pytest.raises(cg.ConfigError, match="a Python function elsewhere"):
        elsewhere.simulate(regression_sites, folder=tmp_path / "run", progress=False)


def test_noise_at_the_coordinator_needs_a_bound_that_it_does_not_state() -> None:
    with pytest.raises(cg.ConfigError, match="one site can move"):
        federation(
            weighted,
            privacy=cg.SiteDP(clip=1.0, epsilon=8.0, delta=1e-3, where="coordinator"),
            weighting="equal",
        )


def test_it_stands_alone_too() -> None:
    updates = [[1.0, 5.0], [3.0, 4.0], [9.0, -9.0]]
    np.testing.assert_array_equal(
        cg.aggregate(lambda u, w: np.median(u, axis=0), updates),
        cg.aggregate("coordinate_median", updates),
    )
    with pytest.raises(cg.ConfigError, match="trim"):
        cg.aggregate(weighted, updates, trim=0.1)


def test_two_of_one_name_run_side_by_side(regression_sites, tmp_path) -> None:
    def make(row: int):
        def pick(updates, weights):
            return updates[row]

        return pick

    found = {}

    def work(row: int) -> None:
        run = federation(make(row)).simulate(
            regression_sites, folder=tmp_path / str(row), progress=False
        )
        found[row] = run.model.state_dict()

    threads = [threading.Thread(target=work, args=(row,)) for row in (0, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row in (0, 2):
        alone = federation(make(row)).simulate(
            regression_sites, folder=tmp_path / f"alone-{row}", progress=False
        )
        for name, values in alone.model.state_dict().items():
            np.testing.assert_array_equal(values, found[row][name])


def test_a_class_and_what_cannot_be_called_are_refused() -> None:
    with pytest.raises(TypeError, match="an object of that class"):
        federation(dict)
    with pytest.raises(TypeError, match="a function of"):
        federation(3)

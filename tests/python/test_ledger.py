"""A site's privacy ledger from Python and from the command line."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import collegium as cg
import numpy as np
import pytest
from collegium.cli import app
from typer.testing import CliRunner


def federation(**more) -> cg.Federation:
    return cg.Federation(
        model=cg.networks.Network({"name": "linear", "in_channels": 5, "out_channels": 1}),
        training={"flip": False, "intensity_scale": 0.0, "intensity_shift": 0.0},
        loss="mse",
        optimizer=cg.SGD(lr=0.05),
        batch_size=4,
        local_steps=3,
        weighting="equal",
        **{"rounds": 2, "privacy": cg.DPSGD(noise_multiplier=1.5, delta=1e-2), **more},
    )


@pytest.fixture
def sites() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(5)
    return {
        name: (
            generator.normal(size=(count, 5)).astype(np.float32),
            generator.normal(size=(count, 1)).astype(np.float32),
        )
        for name, count in (("guys", 16), ("kings", 24))
    }


@pytest.fixture
def state(sites, tmp_path: Path) -> Path:
    """A ledger with a budget of 4 after one simulation."""
    cg.Ledger.create(tmp_path / "state", "guys", epsilon=4.0, delta=1e-2)
    federation().simulate(
        sites, folder=tmp_path / "run", ledgers={"guys": tmp_path / "state"}, progress=False
    )
    return tmp_path / "state"


def command(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def tamper(state: Path, change: str) -> None:
    with sqlite3.connect(state / "site.db") as database:
        database.execute("DROP TRIGGER charge_moves_once")
        database.execute(change)


def test_a_simulation_is_charged_whole_and_then_drawn_on(state: Path) -> None:
    ledger = cg.Ledger(state)
    charges = ledger.charges
    assert list(charges["kind"]) == ["schedule", "drawn", "drawn"]
    assert list(charges["round"]) == [0, 1, 2]
    assert list(charges["state"]) == ["reserved", "released", "released"]
    (run,) = ledger.runs.to_dict("records")
    assert run["simulation"] and (run["rounds"], run["drawn"], run["released"]) == (2, 2, 2)
    spent = cg.privacy.epsilon(noise_multiplier=1.5, sampling_rate=4 / 16, steps=6, delta=1e-2)
    assert run["epsilon"] <= spent * (1 + 1e-9)
    assert ledger.budget["spent"][0] == run["epsilon"]
    assert len(ledger.verify()) == 64


def test_a_site_without_a_ledger_is_accounted_in_the_runs_folder(sites, tmp_path: Path) -> None:
    run = federation().simulate(sites, folder=tmp_path / "run", progress=False)
    assert set(run.ledger["site"]) == {"guys", "kings"}
    assert len(run.ledger) == 6
    privacy = run.privacy.set_index("site")
    assert (privacy["lifetime"] == privacy["epsilon"]).all()


def test_runs_on_the_same_patients_add_up_until_one_is_refused(
    sites, state: Path, tmp_path: Path
) -> None:
    left = cg.Ledger(state).balance["datasets"][0]["rounds_left"]
    assert left > 2

    def train(name: str, rounds: int) -> None:
        federation(rounds=rounds).simulate(
            sites, folder=tmp_path / name, ledgers={"guys": cg.Ledger(state)}, progress=False
        )

    with pytest.raises(cg.BudgetExhausted, match=f"{left} of its {left + 1} rounds would fit"):
        train("too long", left + 1)
    train("just fits", left)
    assert cg.Ledger(state).balance["datasets"][0]["rounds_left"] == 0
    assert cg.Ledger(state).budget["left"][0] >= 0


def test_a_ledger_must_belong_to_a_site_that_takes_part(sites, state: Path, tmp_path: Path) -> None:
    with pytest.raises(cg.ConfigError, match="leeds"):
        federation().simulate(sites, folder=tmp_path / "x", ledgers={"leeds": state})


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE charge SET epsilon_after = 0.001 WHERE seq = 1",
        "UPDATE charge SET events = '[]' WHERE seq = 1",
        "UPDATE charge SET round = 7 WHERE seq = 3",
    ],
)
def test_a_row_that_was_changed_by_hand_is_found(state: Path, change: str) -> None:
    tamper(state, change)
    with pytest.raises(cg.SystemError, match="changed by hand"):
        cg.Ledger(state).verify()
    refused = command("budget", state).exception
    assert isinstance(refused, cg.SystemError)
    assert "changed by hand" in str(refused)


def test_the_budget_command_tells_spent_and_left(state: Path) -> None:
    result = command("budget", state)
    assert result.exit_code == 0, result.output
    assert "would fit" in result.stdout
    assert cg.Ledger(state).verify() in result.stdout
    balance = json.loads(command("budget", state, "--json").stdout)
    (dataset,) = balance["datasets"]
    assert dataset["budget"] == 4.0
    assert 0 < dataset["spent"] < 4.0
    assert dataset["left"] == pytest.approx(4.0 - dataset["spent"])
    rows = [json.loads(line) for line in command("budget", state, "--export").stdout.splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert rows[-1]["row_hash"] == cg.Ledger(state).verify()
    assert isinstance(command("budget", state.parent).exception, FileNotFoundError)


def test_a_copy_may_be_looked_at_and_goes_on_only_when_it_is_adopted(
    sites, state: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(state, copy)
    assert "this is a copy" in command("budget", copy).stdout

    def train(name: str) -> None:
        federation(rounds=1).simulate(
            sites, folder=tmp_path / name, ledgers={"guys": copy}, progress=False
        )

    with pytest.raises(cg.SystemError, match="collegium adopt"):
        train("refused")
    assert command("adopt", copy).exit_code == 0
    train("adopted")
    assert cg.Ledger(copy).notes["text"].str.contains("adopted").any()


def test_epsilons_are_summed_unless_patients_are_attested_disjoint(sites, tmp_path: Path) -> None:
    open_question = federation().simulate(sites, folder=tmp_path / "a", progress=False)
    epsilons = open_question.privacy["epsilon"]
    assert open_question.guarantee["epsilon"] == epsilons.max()
    assert open_question.guarantee["if_shared"] == {
        "epsilon": pytest.approx(epsilons.sum()),
        "delta": pytest.approx(2e-2),
    }
    assert "not attested" in open_question.report(tmp_path / "a.html").read_text()
    attested = federation(disjoint_patients=True).simulate(
        sites, folder=tmp_path / "b", progress=False
    )
    assert "if_shared" not in attested.guarantee
    assert "not attested" not in attested.report(tmp_path / "b.html").read_text()

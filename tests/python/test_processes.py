"""Real processes over real sockets: the executables that hospitals run, started, killed and started again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import collegium as cg
import numpy as np
import pytest
from cluster import SITES, Cluster
from collegium._load import core
from collegium.cli import app
from collegium.demo.deployment import program
from collegium.run import Run
from typer.testing import CliRunner


@pytest.fixture
def cluster(tmp_path: Path, brain_folder: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path, brain_folder)
    yield made
    made.end()


def bits(run: Run) -> bytes:
    return b"".join(t.numpy().tobytes() for t in run.model.state_dict().values())


def simulated(cluster: Cluster, data: Path, folder: Path) -> Run:
    """The same federation in one process."""
    config = {k: v for k, v in cluster.config.items() if k not in ("server", "run")}
    config["federation"] = {k: v for k, v in config["federation"].items() if k != "sites"}
    config["network"] = {k: v for k, v in config["network"].items() if k != "initial"}
    file = folder.with_suffix(".toml")
    file.write_text(core.to_toml(config))
    federation = cg.Federation.from_toml(file)
    sites = {name: cg.datasets.FolderDataset(data / place) for place, name in cluster.data.items()}
    return federation.simulate(sites, folder=folder, progress=False)


def test_processes_and_one_process_end_with_the_same_bits(
    cluster: Cluster, brain_folder: Path, tmp_path: Path
) -> None:
    cluster.write()
    cluster.start_all()
    assert cluster.wait_end() == 0, cluster.logs()
    assert bits(cluster.run()) == bits(simulated(cluster, brain_folder, tmp_path / "simulated"))


def test_a_killed_coordinator_goes_on_after_the_last_closed_round(
    cluster: Cluster, brain_folder: Path, tmp_path: Path
) -> None:
    cluster.write()
    cluster.start_all()
    cluster.wait_closed(1)
    cluster.kill("server")
    before = cluster.run().rounds.set_index("number")
    cluster.start("server")
    assert cluster.wait_end() == 0, cluster.logs()
    after = cluster.run().rounds.set_index("number")
    for number, row in before[before["state"] == "closed"].iterrows():
        assert after.loc[number, "model_hash"] == row["model_hash"], (
            "a closed round must never change"
        )
    assert list(after.index) == [1, 2, 3]
    assert bits(cluster.run()) == bits(simulated(cluster, brain_folder, tmp_path / "simulated"))


def test_a_killed_site_comes_back_under_its_name(cluster: Cluster) -> None:
    cluster.write()
    cluster.start_all()
    cluster.wait_closed(1)
    cluster.kill("kings")
    cluster.start("kings")
    assert cluster.wait_end() == 0, cluster.logs()
    assert cluster.run().state == "finished"


def test_a_site_that_never_comes_is_named_and_the_quorum_goes_on(
    tmp_path: Path, brain_folder: Path
) -> None:
    cluster = Cluster(tmp_path, brain_folder, min_sites=3, rounds=1, start_wait=2.0)
    cluster.write()
    for name in ("server", "guys", "kings", "maudsley"):
        cluster.start(name)
    try:
        cluster.wait_end()
    finally:
        cluster.end()
    left_out = cluster.run().left_out
    assert list(left_out["site"]) == ["royal"]
    assert left_out.iloc[0]["state"] == "missing"
    assert left_out.iloc[0]["reason"]


def test_a_site_with_a_key_that_is_not_registered_is_kept_out(cluster: Cluster) -> None:
    cluster.config["federation"]["min_sites"] = 3
    cluster.write()
    (cluster.folder / "keys" / "royal.secret").unlink()
    (cluster.folder / "keys" / "royal.public").unlink()
    core.new_keys("royal", str(cluster.folder / "keys"))  # new keys that nobody registered
    cluster.start_all()
    stranger = cluster.processes["royal"]
    assert stranger.wait(timeout=60) != 0
    text = (cluster.folder / "royal.log").read_text()
    assert "key" in text, text
    run = cluster.folder / "run"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "turned away" not in " ".join(Run(run).events["text"]):
        time.sleep(0.1)
    status = CliRunner().invoke(app, ["status", str(run)]).output
    assert "turned away so far: key is not in the roster (" in status


def test_a_key_that_is_revoked_while_the_run_goes_on_counts_no_more_within_a_second(
    cluster: Cluster,
) -> None:
    cluster.config["federation"].update(min_sites=3, rounds=500)
    cluster.write()
    cluster.start_all()
    run = cluster.folder / "run"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(run.glob("checkpoints/round-000001*")):
        time.sleep(0.1)
    cg.keys.revoke("royal", cluster.folder / "keys" / "sites")
    revoked = time.time()
    while time.monotonic() < deadline and "revoked" not in " ".join(Run(run).events["text"]):
        time.sleep(0.05)
    events = Run(run).events
    told = events[events["text"].str.contains("revoked")].iloc[0]
    assert told["site"] == "royal"
    at = datetime.fromisoformat(told["at"].replace("Z", "+00:00")).timestamp()
    assert at - revoked < 5  # half a second, on a machine that has the time
    closed = len(Run(run).rounds)
    while time.monotonic() < deadline and len(Run(run).rounds) < closed + 3:
        time.sleep(0.1)
    last = Run(run).history.groupby("round").get_group(closed + 3)
    assert dict(zip(last["site"], last["state"], strict=True))["royal"] == "missing"
    assert (last["state"] == "accepted").sum() == 3


def test_the_programs_start_no_python_and_need_no_environment(cluster: Cluster) -> None:
    for name in ("collegium-server", "collegium-site"):
        linked = subprocess.run(
            ["ldd", program(name)], capture_output=True, text=True, check=True, env={}
        ).stdout
        assert "libpython" not in linked
        assert "not found" not in linked
        assert ("libtorch" in linked) == (name == "collegium-site")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rounds", "ronds", ("federation.toml", "ronds", "rounds")),
        (
            "min_sites = 4",
            'min_sites = "four"',
            ("federation.toml", "min_sites", "integer", "four"),
        ),
        ("initial.safetensors", "nowhere.safetensors", ("nowhere.safetensors",)),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(
    cluster: Cluster, old: str, new: str, expected
) -> None:
    cluster.config["federation"]["min_sites"] = 4
    cluster.write()
    file = cluster.folder / "federation.toml"
    file.write_text(file.read_text().replace(old, new, 1))
    result = subprocess.run(
        [program("collegium-server"), "federation.toml"],
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 2
    for word in expected:
        assert word in result.stderr, result.stderr


def test_a_secret_that_others_can_read_is_refused(cluster: Cluster) -> None:
    cluster.write()
    os.chmod(cluster.folder / "keys" / "server.secret", 0o644)
    result = subprocess.run(
        [program("collegium-server"), "federation.toml"],
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 2
    assert "server.secret" in result.stderr
    assert "600" in result.stderr


def private(cluster: Cluster, budget: float) -> list[tuple[int, str, float]]:
    """Three private rounds with sites of that budget; the charges of one of them."""
    cluster.config["federation"].update(rounds=3, min_sites=1)
    cluster.private(budget)
    cluster.write()
    cluster.start_all()
    cluster.wait_end()
    ledger = sqlite3.connect(cluster.folder / "state" / "guys" / "site.db")
    return ledger.execute("SELECT round, state, epsilon_after FROM charge ORDER BY seq").fetchall()


def test_a_private_site_is_charged_for_the_run_and_stays_within_its_budget(
    cluster: Cluster,
) -> None:
    charges = private(cluster, 9.0)
    assert [round for round, _, _ in charges] == [0, 1, 2, 3], cluster.run().left_out
    assert all(epsilon <= 9.0 for _, _, epsilon in charges)


def test_a_run_beyond_a_sites_budget_is_refused_before_its_first_round(cluster: Cluster) -> None:
    assert private(cluster, 5.0) == []  # three rounds cost 5.37
    assert "too little privacy left" in cluster.logs()
    assert cluster.run().state == "failed"


def test_an_update_with_wrong_values_is_refused_and_the_round_goes_on(cluster: Cluster) -> None:
    """A site whose data give a gradient that is not finite says so, is named, and the others close the round."""
    cluster.config["federation"]["min_sites"] = 3
    cluster.config["server"]["norm_bound"] = 1e-9  # nobody's update is that small
    cluster.config["federation"]["rounds"] = 1
    cluster.write()
    cluster.start_all()
    assert cluster.wait_end() != 0
    left_out = cluster.run().left_out
    assert set(left_out["site"]) == set(SITES)
    assert left_out["reason"].str.contains("norm").all()
    assert cluster.run().state == "failed"


def test_status_and_report_read_a_run_from_its_folder(cluster: Cluster) -> None:
    cluster.config["federation"]["rounds"] = 1
    cluster.write()
    cluster.start_all()
    assert cluster.wait_end() == 0, cluster.logs()
    collegium = [sys.executable, "-m", "collegium.cli"]
    status = subprocess.run(
        [*collegium, "status", "run"], cwd=cluster.folder, capture_output=True, text=True
    )
    assert status.returncode == 0, status.stderr
    for name in SITES:
        assert name in status.stdout
    report = subprocess.run(
        [*collegium, "report", "run"], cwd=cluster.folder, capture_output=True, text=True
    )
    assert report.returncode == 0, report.stderr
    assert (cluster.folder / "run" / "report.html").exists()
    np.testing.assert_equal(
        subprocess.run(
            [*collegium, "status", "nowhere"], cwd=cluster.folder, capture_output=True
        ).returncode,
        2,
    )

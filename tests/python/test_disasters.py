"""What happens to machines, done to real processes: each time the run goes on, or one message says what is wrong and what to
do about it. Nothing waits for ever."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import SITES, Cluster
from collegium._load import core
from collegium.cli import app
from typer.testing import CliRunner

TEN_YEARS = 10 * 365 * 86400


@pytest.fixture
def cluster(tmp_path: Path, brain_folder: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path, brain_folder, min_sites=3, start_wait=10.0)
    yield made
    made.end()


def small_disk(folder: Path, size: str) -> list[str]:
    """What runs a program that finds a disk of this size at the folder."""
    folder.mkdir(parents=True)
    mounted = f'mount -t tmpfs -o size={size} none "{folder}" && exec "$@"'
    through = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    if not shutil.which("unshare") or subprocess.run([*through, "true"], capture_output=True).returncode:  # fmt: skip
        pytest.skip("this machine lets nobody mount a disk in a namespace of their own")
    return through


def read_only(folder: Path) -> list[str]:
    """What runs a program that may not write into the folder, by an administrator's leave neither."""
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and there is no setpriv")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("preloaded") / "other_machine.so"
    source = Path(__file__).parent / "other_machine.c"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


class OtherMachine:
    """A machine whose clock and whose idea of where the coordinator is can be changed."""

    def __init__(self, library: Path, file: Path) -> None:
        self.file = file
        self.env = {"LD_PRELOAD": str(library), "OTHER_MACHINE": str(file)}
        self.says(0, "127.0.0.1")

    def says(self, seconds: int, address: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds} {address}\n")
        new.rename(self.file)


def test_a_site_whose_disk_is_full_says_so_and_the_round_goes_on_without_it(
    cluster: Cluster,
) -> None:
    cluster.config["federation"]["rounds"] = 1
    cluster.private(9.0)
    cluster.write()
    through = small_disk(cluster.folder / "state" / "royal", "400k")
    for name in ("server", *SITES[:-1]):
        cluster.start(name)
    cluster.start("royal", through)
    assert cluster.wait_end() == 1, cluster.logs()  # a round was closed without somebody
    assert cluster.run().state == "finished"
    left_out = cluster.run().left_out
    assert list(left_out["site"]) == ["royal"], cluster.logs()
    assert "the disk is full: free some space" in left_out.iloc[0]["reason"]
    assert "the disk is full: free some space" in cluster.log("royal")


def test_a_coordinator_whose_disk_is_full_ends_the_run_at_all_its_sites(cluster: Cluster) -> None:
    cluster.write()
    through = small_disk(cluster.folder / "run", "3m")
    cluster.start("server", through)
    for name in SITES:
        cluster.start(name)
    assert cluster.wait_end() == 1, cluster.logs()
    for name in SITES:
        assert cluster.processes[name].wait(timeout=30) == 1
    for name in ("server", *SITES):
        assert "round 1 could not be written: run/checkpoints" in cluster.log(name)
        assert "the disk is full: free some space" in cluster.log(name)


@pytest.mark.parametrize(("name", "place"), [("server", "run"), ("guys", "state/guys")])
def test_a_folder_that_cannot_be_written_into_is_named_at_the_start(
    cluster: Cluster, name: str, place: str
) -> None:
    cluster.write()
    process = cluster.start(name, read_only(cluster.folder / place))
    assert process.wait(timeout=30) == 2, cluster.logs()
    *_, what, remedy = cluster.log(name).strip().splitlines()
    assert place in what and "Permission denied" in what
    assert "remedy:" in remedy and ("permission" in remedy or "may write" in remedy)


def test_clocks_that_jump_by_years_change_nothing(cluster: Cluster, preloaded: Path) -> None:
    machines = {}
    for name in ("server", "guys", "kings"):
        machines[name] = OtherMachine(preloaded, cluster.folder / f"{name}.machine")
    cluster.write()
    for name in ("server", *SITES):
        cluster.start(name, env=machines[name].env if name in machines else None)
    cluster.wait_closed(1)
    machines["server"].says(TEN_YEARS, "")
    machines["guys"].says(-TEN_YEARS, "")
    machines["kings"].says(86400, "")
    assert cluster.wait_end() == 0, cluster.logs()
    assert cluster.run().left_out.empty, cluster.logs()
    assert cluster.run().events["at"].iloc[-1] > "2036", "the clock did jump"
    result = CliRunner().invoke(app, ["audit", "verify", str(cluster.folder / "run")])
    assert result.exit_code == 0, result.output


def test_sites_find_a_coordinator_that_has_moved_to_another_address(
    cluster: Cluster, preloaded: Path
) -> None:
    machine = OtherMachine(preloaded, cluster.folder / "sites.machine")
    address = str(cluster.config["server"]["address"])
    for name in SITES:
        file = cluster.folder / f"{name}.toml"
        there = address.replace("127.0.0.1", "coordinator.test")
        file.write_text(file.read_text().replace(address, there))
    cluster.write()
    cluster.start("server")
    for name in SITES:
        cluster.start(name, env=machine.env)
    cluster.wait_closed(1)
    cluster.kill("server")
    cluster.config["server"]["address"] = address.replace("127.0.0.1", "127.0.0.2")
    (cluster.folder / "federation.toml").write_text(core.to_toml(cluster.config))
    machine.says(0, "127.0.0.2")
    cluster.start("server")
    assert cluster.wait_end() == 0, cluster.logs()
    assert list(cluster.run().rounds["state"]) == ["closed"] * 3
    assert cluster.run().left_out.empty, cluster.logs()


def test_a_site_that_stands_still_is_named_and_is_back_when_it_goes_on(cluster: Cluster) -> None:
    """As after a loss of power nothing ends its connection, and nothing answers."""
    cluster.config["federation"]["rounds"] = 200
    cluster.write()
    cluster.start_all()
    cluster.wait_closed(1)
    cluster.processes["royal"].send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        cluster.wait_said("server", "without royal", seconds=60)
    finally:
        cluster.processes["royal"].send_signal(signal.SIGCONT)
    assert time.monotonic() - stopped < 45
    with_it = cluster.log("royal").count("counts")
    deadline = time.monotonic() + 30
    while cluster.log("royal").count("counts") == with_it:
        assert time.monotonic() < deadline, cluster.logs()
        time.sleep(0.1)
    cluster.processes["server"].send_signal(signal.SIGTERM)
    cluster.wait_end(60)
    assert cluster.run().state == "stopped", cluster.logs()


def test_sites_go_on_after_a_coordinator_that_stood_still(cluster: Cluster) -> None:
    cluster.write()
    cluster.start_all()
    cluster.wait_closed(1)
    cluster.processes["server"].send_signal(signal.SIGSTOP)
    time.sleep(5)
    cluster.processes["server"].send_signal(signal.SIGCONT)
    assert cluster.wait_end() == 0, cluster.logs()
    assert cluster.run().left_out.empty, cluster.logs()

"""A federation of real processes on this machine, for tests that start, kill and question it."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import collegium as cg
import pytest
from collegium._load import core
from collegium.demo.deployment import free_port, program
from collegium.run import Run

SITES = ("guys", "kings", "maudsley", "royal")


class Cluster:
    """One coordinator and its sites in a folder, each a process."""

    def __init__(self, folder: Path, data: Path, **federation) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[str]] = {}
        port = free_port()
        keys = folder / "keys"
        (keys / "sites").mkdir(parents=True)
        for name in ("server", *SITES):
            core.new_keys(name, str(keys))
        for name in SITES:
            (keys / "sites" / f"{name}.public").write_bytes((keys / f"{name}.public").read_bytes())
        self.config = {
            "federation": {"name": "test", "rounds": 3, "seed": 5, "sites": list(SITES), **federation},
            "network": {"name": "segresnet", "init_filters": 8, "dropout": 0.0, "initial": "initial.safetensors"},
            "training": {
                "lr": 1e-3, "batch_size": 2, "local_steps": 2, "weighting": "equal", "loss": {"name": "dice", "batch": True},
            },
            "server": {"address": f"tcp://127.0.0.1:{port}", "secret": "keys/server.secret", "site_keys": "keys/sites"},
            "run": {"folder": "run"},
        }  # fmt: skip
        self.data = {f"site-{i + 1}": name for i, name in enumerate(SITES)}
        for folder_name, name in self.data.items():
            site = {
                "site": {
                    "name": name, "server": f"tcp://127.0.0.1:{port}", "server_key": "keys/server.public",
                    "secret": f"keys/{name}.secret", "state": f"state/{name}",
                },
                "data": {"path": str(data / folder_name), "labels": "brats2018"},
            }  # fmt: skip
            (folder / f"{name}.toml").write_text(core.to_toml(site))

    def write(self) -> None:
        network = cg.networks.SegResNet(init_filters=8, dropout=0.0, seed=5)
        core.write_initial(
            {k: v for k, v in self.config.items() if k != "server"},
            network._core,
            str(self.folder / "initial.safetensors"),
        )
        (self.folder / "federation.toml").write_text(core.to_toml(self.config))

    def start(self, name: str) -> subprocess.Popen[str]:
        server = name == "server"
        command = [
            program("collegium-server" if server else "collegium-site"),
            "federation.toml" if server else f"{name}.toml",
        ]
        log = (self.folder / f"{name}.log").open("a")
        self.processes[name] = subprocess.Popen(
            command,
            cwd=self.folder,
            text=True,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
        )
        return self.processes[name]

    def start_all(self) -> None:
        for name in ("server", *SITES):
            self.start(name)

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def closed(self) -> int:
        with contextlib.suppress(sqlite3.OperationalError, FileNotFoundError):
            return int((Run(self.folder / "run").rounds["state"] == "closed").sum())
        return 0

    def wait_closed(self, rounds: int, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while self.closed() < rounds:
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)

    def wait_end(self, seconds: float = 180) -> int:
        try:
            return self.processes["server"].wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(self.logs())

    def logs(self) -> str:
        return "\n".join(
            f"--- {p.stem}\n{p.read_text()[-2000:]}" for p in self.folder.glob("*.log")
        )

    def run(self) -> Run:
        return Run(self.folder / "run")

    def end(self) -> None:
        """Kills what still runs: no test leaves a process behind."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

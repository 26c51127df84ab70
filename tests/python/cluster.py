"""A federation of real processes on this machine, for tests that start, kill and question it."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
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

    def private(self, budget: float) -> None:
        """Sites train under privacy, and may spend so much. Before write()."""
        self.config["privacy"] = {
            "unit": "patient",
            "clip": 1.0,
            "noise_multiplier": 1.0,
            "delta": 1e-2,
        }
        policy = f'\n[policy]\nprivacy = {{ unit = "patient", epsilon = {budget}, delta = 1e-2 }}\n'
        for name in SITES:
            file = self.folder / f"{name}.toml"
            file.write_text(
                file.read_text().replace("[data]", "[data]\nn_public = 3\n", 1) + policy
            )

    def write(self) -> None:
        network = cg.networks.SegResNet(init_filters=8, dropout=0.0, seed=5)
        core.write_initial(
            {k: v for k, v in self.config.items() if k != "server"},
            network._core,
            str(self.folder / "initial.safetensors"),
        )
        (self.folder / "federation.toml").write_text(core.to_toml(self.config))

    def start(
        self, name: str, through: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """`through`: a command that runs the program, as the last words of its line."""
        server = name == "server"
        command = [
            *through,
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
            env={"PATH": "/usr/bin:/bin", **(env or {})},
        )
        return self.processes[name]

    def start_all(self) -> None:
        for name in ("server", *SITES):
            self.start(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def wait_said(self, name: str, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.log(name):
            assert time.monotonic() < deadline, f"{name} never said {text!r}\n{self.logs()}"
            time.sleep(0.1)

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

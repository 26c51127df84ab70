"""The federation as it would run between hospitals: one process each, CURVE on every line, on this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import pandas as pd

from collegium._load import core
from collegium.demo.hospitals import Hospitals
from collegium.errors import CollegiumError
from collegium.federation import Federation
from collegium.run import Run


def program(name: str) -> str:
    """Path of one of the executables that need no Python."""
    path = Path(core.__file__).parent / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: install the package again (./dev build)")
    return str(path)


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Deployment:
    """One coordinator and its sites as separate processes.

    Parameters
    ----------
    folder : Path
        Keys, configurations, logs and the run go here.
    federation : Federation
        What to run.
    hospitals : Hospitals
        Each site's data.
    """

    def __init__(self, folder: Path, federation: Federation, hospitals: Hospitals) -> None:
        self.folder, self.run_folder = folder, folder / "run"
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._logs: list[TextIO] = []
        port = free_port()
        keys = folder / "keys"
        (keys / "sites").mkdir(parents=True, exist_ok=True)
        for name in ("server", *hospitals.sites):
            if not (keys / f"{name}.secret").exists():
                core.new_keys(name, str(keys))
        for name in hospitals.sites:
            (keys / "sites" / f"{name}.public").write_bytes((keys / f"{name}.public").read_bytes())
        config = {table: dict(values) for table, values in federation.config.items()}
        config["federation"]["sites"] = list(hospitals.sites)
        config["network"]["initial"] = "initial.safetensors"
        config["server"] = {
            "address": f"tcp://127.0.0.1:{port}",
            "secret": "keys/server.secret",
            "site_keys": "keys/sites",
        }
        config["run"] = {"folder": "run"}
        core.write_initial(
            federation.config,
            federation._initial(federation.config),
            str(folder / "initial.safetensors"),
        )
        (folder / "federation.toml").write_text(core.to_toml(config), encoding="utf-8")
        for name, subjects in hospitals.sites.items():
            site = {
                "site": {
                    "name": name,
                    "server": f"tcp://127.0.0.1:{port}",
                    "server_key": "keys/server.public",
                    "secret": f"keys/{name}.secret",
                    "state": f"sites/{name}",
                },
                "data": {
                    "format": hospitals.format,
                    "path": str(hospitals.root.resolve()),
                    "labels": hospitals.labels,
                    "subjects": subjects + hospitals.validation.get(name, []),
                },
                "resources": {"threads": 1},
            }
            (folder / f"{name}.toml").write_text(core.to_toml(site), encoding="utf-8")

    def start(self) -> None:
        """Start the coordinator, then the sites."""
        self._start("coordinator", [program("collegium-server"), "federation.toml"])
        for file in sorted(self.folder.glob("*.toml")):
            if file.stem != "federation":
                self._start(file.stem, [program("collegium-site"), file.name])

    def _start(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("w", encoding="utf-8")
        self._logs.append(log)
        piped = name == "coordinator"  # its lines tell when there is something new to show
        self._processes[name] = subprocess.Popen(
            command, cwd=self.folder, text=True, stdout=subprocess.PIPE if piped else log,
            stderr=subprocess.STDOUT if piped else log, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def events(self) -> Iterator[dict[str, Any]]:
        """Rounds as they close, read from the run's database whenever the coordinator says something."""
        coordinator = self._processes["coordinator"]
        assert coordinator.stdout is not None
        shown = 0
        for line in coordinator.stdout:
            self._logs[0].write(line)
            self._logs[0].flush()
            for event in closed_rounds(self.run_folder, after=shown):
                shown = event["round"]
                yield event
        status = coordinator.wait()
        for event in closed_rounds(self.run_folder, after=shown):
            shown = event["round"]
            yield event
        yield from final_metrics(self.run_folder, shown)
        if status != 0:
            raise CollegiumError(
                f"the coordinator ended with exit code {status}; its log is {self.folder}/coordinator.log"
            )

    def stop(self) -> None:
        """Let the sites say goodbye, then end whoever is still there."""
        deadline = time.monotonic() + 20
        for process in self._processes.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
                process.kill()
        for log in self._logs:
            log.close()

    def __enter__(self) -> Deployment:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            for process in self._processes.values():
                process.terminate()
        self.stop()


def closed_rounds(folder: Path, *, after: int) -> list[dict[str, Any]]:
    """Closed rounds later than ``after``, in the form the live table takes."""
    try:
        run = Run(folder)
        rounds = run.rounds
        total = int(run.config["federation"]["rounds"])
        private = "privacy" in run.config
    except (FileNotFoundError, KeyError):
        return []
    if rounds.empty:
        return []
    history = run.history.astype(object).where(lambda f: f.notna(), None)
    metrics = run.metrics
    closed = rounds[(rounds["state"] == "closed") & (rounds["number"] > after)]
    return [
        {
            "kind": "round",
            "round": row["number"],
            "rounds": total,
            "private": private,
            "seconds": row["seconds"],
            "bytes_in": row["bytes_in"],
            "bytes_out": row["bytes_out"],
            "contributions": [
                {**one, "metrics": _metrics_of(metrics, row["number"] - 1, one["site"])}
                for one in history[history["round"] == row["number"]].to_dict("records")
            ],
        }
        for row in closed.to_dict("records")
    ]


def final_metrics(folder: Path, number: int) -> list[dict[str, Any]]:
    """What the sites said of the model of the last round, in the form the live table takes."""
    if number == 0:
        return []
    run = Run(folder)
    metrics = run.metrics
    told = ((site, _metrics_of(metrics, number, site)) for site in run.sites["name"])
    return [
        {"kind": "metrics", "round": number, "site": site, "metrics": named}
        for site, named in told
        if named
    ]


def _metrics_of(metrics: pd.DataFrame, number: int, site: str) -> dict[str, float]:
    """What a site said of the model that a round left behind: it says so with its next result."""
    rows = metrics[(metrics["round"] == number) & (metrics["site"] == site)]
    return dict(zip(rows["name"], rows["value"], strict=True))


__all__ = ["Deployment", "closed_rounds", "final_metrics"]

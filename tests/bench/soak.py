"""Memory of real processes over time: `soak.py MINUTES`. A coordinator and four sites train round after round; the resident
memory of each is read every two seconds and its slope told, fitted by least squares to all but the first fifth."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
from cluster import Cluster
from collegium.datasets import write_brain_sites

EVERY = 2.0  # seconds
GROWTH = 0.05  # of its memory, in the time that is looked at: more is a leak


def resident(pid: int) -> float:
    """In MB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000


def watch(cluster: Cluster, seconds: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """When it was looked, in minutes, and the memory of each process then. A row is printed a minute."""
    names = list(cluster.processes)
    times: list[float] = []
    memory: dict[str, list[float]] = {name: [] for name in names}
    began, told = time.monotonic(), 0.0
    print(f"{'minute':>7} {'rounds':>7} " + " ".join(f"{name:>10}" for name in names))
    while (passed := time.monotonic() - began) < seconds:
        for name, process in cluster.processes.items():
            assert process.poll() is None, f"{name} has ended\n{cluster.logs()}"
            memory[name].append(resident(process.pid))
        times.append(passed / 60)
        if passed >= told:
            row = " ".join(f"{memory[name][-1]:7.1f} MB" for name in names)
            print(f"{passed / 60:7.1f} {cluster.closed():7} {row}", flush=True)
            told += max(60.0, seconds / 20)
        time.sleep(EVERY)
    return np.array(times), {name: np.array(values) for name, values in memory.items()}


def slope(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """MB a minute, and the share of the memory that it grew by in the time that was looked at."""
    settled = times > times[-1] / 5
    per_minute = np.polyfit(times[settled], values[settled], 1)[0]
    return per_minute, per_minute * (times[-1] - times[settled][0]) / values[settled].mean()


def main() -> int:
    minutes = float(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_brain_sites(data, 4, seed=7, size="demo", subjects=3, held_out=1)
        cluster = Cluster(Path(folder) / "soak", data, rounds=1_000_000)
        cluster.write()
        cluster.start_all()
        try:
            cluster.wait_closed(3)
            times, memory = watch(cluster, 60 * minutes)
            rounds = cluster.closed()
            cluster.processes["server"].send_signal(signal.SIGTERM)
            cluster.wait_end(120)
        finally:
            cluster.end()
    leaks = []
    for name, values in memory.items():
        per_minute, growth = slope(times, values)
        print(f"{name:>10}: {60 * per_minute:+8.2f} MB an hour, {100 * growth:+.2f} %")
        if growth > GROWTH:
            leaks.append(name)
    print(f"{rounds} rounds; " + (f"memory grows: {', '.join(leaks)}" if leaks else "memory stays"))
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())

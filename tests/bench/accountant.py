"""Epsilon queries: ours and dp-accounting's privacy loss distributions in one run, median milliseconds.

The goal is 8 ms for a typical query and a tenth of dp-accounting's time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import dp_accounting
from collegium.privacy import calibrate, epsilon
from dp_accounting.pld import PLDAccountant

# sampling rate, noise multiplier, steps, delta
QUERIES = [
    (0.01, 1.0, 1000, 1e-5),
    (256 / 60000, 1.1, 14062, 1e-5),
    (1 / 77, 3.29, 46200, 1e-3),
    (4 / 32, 5.0, 300, 1e-3),
    (1 / 3, 16.3, 1800, 1e-2),
    (0.01, 0.5, 1000, 1e-5),
    (1.0, 10.0, 300, 1e-5),
    (0.001, 0.7, 10000, 1e-6),
    (8 / 77, 3.0, 600, 1e-3),
    (16 / 242, 2.0, 900, 1e-4),
]


def milliseconds(work: Callable[[], float], repeats: int) -> tuple[float, float]:
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        value = work()
        times.append(1e3 * (time.process_time() - begin))
    return value, statistics.median(times)


def theirs(rate: float, noise: float, steps: int, delta: float) -> float:
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    event = dp_accounting.GaussianDpEvent(noise)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, event), steps)
    return accountant.get_epsilon(delta)


def main() -> None:
    print("process time, median; epsilon by ours and by dp-accounting")
    print(f"{'rate':>8} {'noise':>6} {'steps':>6} {'delta':>6} | {'ours':>9} {'theirs':>9} | ms")
    ratios, typical = [], []
    for rate, noise, steps, delta in QUERIES:
        ours, fast = milliseconds(
            lambda r=rate, z=noise, t=steps, d=delta: epsilon(
                noise_multiplier=z, sampling_rate=r, steps=t, delta=d
            ),
            15,
        )
        reference, slow = milliseconds(
            lambda r=rate, z=noise, t=steps, d=delta: theirs(r, z, t, d), 3
        )
        ratios.append(slow / fast)
        typical.append(fast)
        print(
            f"{rate:8.4f} {noise:6.2f} {steps:6d} {delta:6.0e} | {ours:9.5f} {reference:9.5f} | "
            f"{fast:8.2f} {slow:9.1f}  {slow / fast:6.0f}x"
        )
    print(
        f"median query {statistics.median(typical):.1f} ms, median ratio {statistics.median(ratios):.0f}x"
    )
    noise, took = milliseconds(
        lambda: calibrate(epsilon=3.0, delta=1e-3, sampling_rate=8 / 77, steps=600), 7
    )
    print(f"noise for epsilon 3 over 600 steps at 8/77: {noise:.4f}, {took:.1f} ms")


if __name__ == "__main__":
    main()

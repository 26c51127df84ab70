"""Go on with a simulation that was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collegium.errors import ConfigError
from collegium.federation import Federation
from collegium.ledger import Ledger
from collegium.run import Run


def resume(
    folder: str | Path,
    sites: Mapping[str, Any],
    *,
    ledgers: Mapping[str, Ledger | str | Path] | None = None,
    threads: int | None = None,
    progress: bool = True,
    wait: bool = True,
) -> Run:
    """Go on with a simulation that was stopped or cut off, after its last closed round.

    Privacy that was charged when it began is not charged again. A served run goes on by serving it again.

    Parameters
    ----------
    folder : path
        The run's folder.
    sites : mapping
        The data it began with; so are the other parameters, which :meth:`Federation.simulate` explains.

    Examples
    --------
    >>> run = resume("runs/brain", sites)   # doctest: +SKIP
    """
    federation = Federation.from_toml(Run(folder).folder / "federation.toml")
    if sorted(sites) != sorted(names := federation.config["federation"]["sites"]):
        raise ConfigError(
            f"{folder}: the run began with the sites {', '.join(names)}; found: {', '.join(sites)}"
        )
    return federation.simulate(
        sites, folder=folder, ledgers=ledgers, threads=threads, progress=progress, wait=wait
    )


__all__ = ["resume"]

"""Where a model comes from: the rounds, sites, settings and privacy that the log of its run names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from collegium.records.log import Entry, Log, statement


def trace(model: str | Path, run: str | Path | None = None) -> Trace:
    """Where a model comes from: the rounds, sites, settings and privacy that the log of its run names.

    Parameters
    ----------
    model : path
        A safetensors file that a run or a site left.
    run : path, optional
        The run's folder; without it, the folder of the model or the one above it.
    """
    model = Path(model)
    digest = model_digest(model)
    folders = [Path(run)] if run else [model.parent, model.parent.parent]
    for folder in folders:
        if (folder / "run.db").exists():
            return Trace(str(model), digest, Log(folder))
    raise FileNotFoundError(
        f"no run.db beside {model}: give the folder of its run with --run FOLDER"
    )


def model_digest(file: str | Path) -> str:
    """The name of a model in the logs: BLAKE2b-256 over the BLAKE2b-256 hashes of the 1 MiB chunks of its values."""
    with Path(file).open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > 100 << 20:
            raise ValueError(f"{file} is no safetensors file")
        stream.seek(8 + size)
        hashes = b""
        while chunk := stream.read(1 << 20):
            hashes += hashlib.blake2b(chunk, digest_size=32).digest()
    return hashlib.blake2b(hashes, digest_size=32).hexdigest()


@dataclass
class Trace:
    """The way from a run's first model to one of its models."""

    model: str
    digest: str
    log: Log

    def __post_init__(self) -> None:
        closed = [
            e
            for e in self.log.of("round")
            if e.facts.get("state") == "closed" and {"round", "after"} <= e.facts.keys()
        ]
        ends = [i for i, e in enumerate(closed) if e.facts.get("after") == self.digest]
        begun = [e for e in self.log.of("begun") if e.facts.get("model") == self.digest]
        if not ends and not begun:
            raise ValueError(
                f"{self.model} is not a model that the log of {self.log.source} names: its values hash to {self.digest}"
            )
        self.rounds: list[Entry] = closed[: ends[-1] + 1] if ends else []

    def contributions(self, of: Entry) -> list[Entry]:
        """What the sites gave to a round, or why they did not."""
        key = ("run", "round", "attempt")
        return [
            entry
            for entry in self.log.of("contribution")
            if "site" in entry.facts and all(entry.facts.get(k) == of.facts.get(k) for k in key)
        ]

    def sites(self) -> list[str]:
        """Whose data are in the model."""
        return sorted(
            {
                entry.facts["site"]
                for closed in self.rounds
                for entry in self.contributions(closed)
                if entry.facts.get("state") == "accepted"
            }
        )

    @property
    def begun(self) -> dict[str, str]:
        """What the log says of the run's beginning; nothing where that is missing."""
        return next((entry.facts for entry in self.log.of("begun")), {})

    def lines(self) -> list[str]:
        """The trace for people, a line each."""
        begun = self.begun
        lines = [
            f"model     {self.digest}",
            f"run       {begun.get('run')} '{begun.get('name')}', {len(self.rounds)} of {begun.get('rounds')} rounds",
            f"settings  {begun.get('settings')}",
            f"layout    {begun.get('layout')}",
            f"from      {begun.get('model')}",
        ]
        if begun.get("network"):
            lines.append(f"network   {begun['network']}")
        privacy: dict[str, str] = {}
        for closed in self.rounds:
            given, missing = [], []
            for entry in self.contributions(closed):
                facts = entry.facts
                if facts.get("state") != "accepted":
                    missing.append(
                        f"{facts.get('site')} ({facts.get('state')}: {facts.get('reason')})"
                    )
                    continue
                claim = statement(facts.get("claim", ""))
                given.append(
                    f"{facts['site']} (weight {claim.get('weight', '?')}, {claim.get('steps', '?')} steps)"
                )
                if claim.get("epsilon", "none") != "none":
                    privacy[facts["site"]] = (
                        f"{facts['site']}: epsilon {claim['epsilon']} of this run, {claim.get('lifetime', '?')} of all, "
                        f"delta {claim.get('delta', '?')}"
                    )
            without = f"; without {', '.join(missing)}" if missing else ""
            lines.append(
                f"round {closed.facts['round']:>3} {closed.facts['after'][:16]}  {', '.join(given)}{without}"
            )
        lines.append(
            f"sites     {', '.join(self.sites()) or 'none: this is the model the run started from'}"
        )
        lines += [f"privacy   {line}" for line in privacy.values()] or [
            "privacy   none claimed by the sites"
        ]
        return lines

    def svg(self) -> str:
        """The same as a picture: models from left to right, below each round the sites that are in it."""
        from collegium.records.picture import draw

        return draw(self)

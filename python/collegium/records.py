"""Signed logs: what every process of a federation did and saw, and whether it still says so.

A coordinator's log lies in ``run.db`` of its run's folder, a site's in ``site.db`` of its state folder. Each entry is
chained to the one before it by its BLAKE2b-256 hash, and each hash is signed (Ed25519) by the identity of who wrote it. A
site signs what it gives to a round, the coordinator signs what it accepts, and both keep both. This reads and checks the
logs with Python's own ``sqlite3`` and ``hashlib``; only signatures are left to libsodium.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_COLUMNS = ("seq", "at", "author", "key", "kind", "fields", "prev_hash", "row_hash", "signature")
_LABEL = "collegium/record/v1\n"
_START = "0" * 64


@dataclass
class Entry:
    """One entry, as it was written."""

    seq: int
    at: str
    author: str
    key: str
    kind: str
    fields: str
    prev_hash: str
    row_hash: str
    signature: str
    facts: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            self.facts = dict(json.loads(self.fields))
        except (ValueError, TypeError):
            self.facts = {}

    def hash(self) -> str:
        """What ``row_hash`` must be."""
        text = "\n".join(
            (str(self.seq), self.at, self.author, self.key, self.kind, self.fields)
        ).encode()
        try:
            before = bytes.fromhex(self.prev_hash)
        except ValueError:
            before = b"not a hash"
        return hashlib.blake2b(before + text, digest_size=32).hexdigest()

    def __str__(self) -> str:
        return f"entry {self.seq} ({self.kind})"


def statement(text: str) -> dict[str, str]:
    """The facts of a statement, one a line; what it is (``collegium/contribution/v1``) stands under ``""``."""
    first, *lines = text.splitlines() or [""]
    return {"": first, **dict(line.partition(" ")[::2] for line in lines)}


class Log:
    """A log, read from a folder with ``run.db`` or ``site.db``, from one of these, or from an exported ``.jsonl``."""

    def __init__(self, source: str | Path | Iterable[Entry]) -> None:
        if isinstance(source, (str, Path)):
            self.source = str(source)
            self.entries = _read(Path(source))
        else:
            self.source, self.entries = "the log", list(source)

    @property
    def author(self) -> str:
        """Who writes it."""
        return self.entries[0].author if self.entries else ""

    def of(self, kind: str) -> list[Entry]:
        """The entries of one kind, in order."""
        return [entry for entry in self.entries if entry.kind == kind]

    @property
    def head(self) -> str:
        """The hash of the last entry: whoever notes it can tell later whether the log still holds all up to it."""
        return self.entries[-1].row_hash if self.entries else _START

    def export(self) -> str:
        """One JSON object a line."""
        return "".join(
            json.dumps({name: getattr(entry, name) for name in _COLUMNS}, sort_keys=True) + "\n"
            for entry in self.entries
        )


def _read(path: Path) -> list[Entry]:
    if path.is_dir():
        found = [path / name for name in ("run.db", "site.db") if (path / name).exists()]
        if not found:
            raise FileNotFoundError(
                f"{path} holds no log: give a run's folder (run.db) or a site's state folder (site.db)"
            )
        path = found[0]
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    if path.suffix == ".jsonl":
        rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                rows.append(tuple(row[name] for name in _COLUMNS))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{path}:{number} is not an entry of a log: {error!r}") from None
    else:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            rows = connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM record ORDER BY seq"
            ).fetchall()
        except sqlite3.OperationalError:
            rows = []  # of an older version: nothing is signed there
        finally:
            connection.close()
    return [Entry(int(row[0]), *map(str, row[1:])) for row in rows]


def public_keys(folder: str | Path) -> dict[str, set[str]]:
    """The keys that may sign for each name, from the ``.public`` files in a folder and below, or from one of them."""
    keys: dict[str, set[str]] = {}
    folder = Path(folder)
    for file in [folder] if folder.is_file() else sorted(folder.rglob("*.public")):
        facts = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.lstrip().startswith("#"):
                facts[name.strip()] = value.strip().strip("'\"")
        if {"name", "signing"} <= facts.keys():
            keys.setdefault(facts["name"], set()).add(facts["signing"])
    return keys


def _holds(key: str, text: str, signature: str) -> bool:
    from collegium._load import core

    return core.signature_holds(key, text, signature)


def verify(log: Log, keys: dict[str, set[str]] | None = None) -> list[str]:
    """Everything in one log that is not as it was written: changed, removed, reordered, inserted, signed by somebody else.

    Parameters
    ----------
    log : Log
        What to check.
    keys : dict, optional
        :func:`public_keys`: who may sign. Without them a log is only checked against the keys that it names itself.

    Returns
    -------
    list of str
        One sentence a finding; empty when there is none. That the end was cut off only the other side can tell:
        :func:`compare`.
    """
    found = []
    before, seq = _START, 0
    for entry in log.entries:
        seq += 1
        if entry.seq != seq:
            found.append(f"{entry} stands where entry {seq} should")
            seq = entry.seq
        if entry.prev_hash != before:
            found.append(f"{entry} does not follow the entry before it: one was changed or removed")
        if entry.row_hash != entry.hash():
            found.append(f"{entry} was changed")
        if not _holds(entry.key, _LABEL + entry.row_hash, entry.signature):
            found.append(f"{entry} is not signed by the key it names")
        if entry.author != log.author:
            found.append(f"{entry} is of {entry.author!r} in the log of {log.author!r}")
        if keys is not None and entry.key not in keys.get(entry.author, ()):
            found.append(
                f"{entry} is signed with a key that {entry.author!r} is not registered with"
            )
        found += [f"{entry}: {what}" for what in _statements(log, entry, keys)]
        before = entry.row_hash
    return found + _models(log)


def _signers(log: Log, entry: Entry, keys: dict[str, set[str]] | None) -> dict[str, set[str]]:
    """Who may sign what `entry` holds: the registered keys, or those that the log named when it began."""
    if keys is not None:
        return keys
    named: dict[str, set[str]] = {}
    for begun in log.of("begun"):
        if begun.seq < entry.seq:
            for line in begun.facts.get("sites", "").splitlines():
                name, _, key = line.partition(" ")
                if key:
                    named.setdefault(name, set()).add(key)
    return named


def _statements(log: Log, entry: Entry, keys: dict[str, set[str]] | None) -> list[str]:
    """What is wrong with the countersigned statements in one entry."""
    found = []
    facts = entry.facts
    site = facts.get("site", entry.author)
    for name, kind in (("claim", "contribution"), ("receipt", "acceptance")):
        text = facts.get(name)
        if text is None:
            continue
        said = statement(text)
        if said[""] != f"collegium/{kind}/v1":
            found.append(f"its {name} is no {kind}")
        for fact in ("run", "round", "update"):
            if fact in facts and said.get(fact) != facts[fact]:
                found.append(f"its {name} is of another {fact}")
        if said.get("site") != site:
            found.append(f"its {name} is of another site")
        signature = facts.get(f"{name}_signature", "")
        by_site = name == "claim"
        own = (entry.kind == "contribution") != by_site
        if own:
            allowed = {entry.key}
        elif by_site:
            allowed = _signers(log, entry, keys).get(site, set())
        else:
            allowed = {facts.get("coordinator", "")}
            if keys is not None and not any(facts.get("coordinator") in k for k in keys.values()):
                found.append("the coordinator's key is not registered")
        # An unregistered site's key (insecure = true) stands nowhere: nothing is proved by its claims.
        if allowed and not any(_holds(key, text, signature) for key in allowed):
            found.append(
                f"its {name} is not signed by {'the site' if by_site else 'the coordinator'}"
            )
    return found


def _models(log: Log) -> list[str]:
    """A round hands out what the last closed one left."""
    found = []
    model: dict[str, str] = {}
    for entry in log.entries:
        run = entry.facts.get("run", "")
        if entry.kind == "begun":
            expected = model.setdefault(run, entry.facts.get("model", ""))
            if entry.facts.get("model") != expected:
                found.append(f"{entry} goes on from a model that no round left")
        elif entry.kind == "round":
            if entry.facts.get("before") != model.get(run):
                found.append(f"{entry} handed out a model that no round left")
            if entry.facts.get("state") == "closed":
                model[run] = entry.facts.get("after", "")
    return found


def compare(log: Log, other: Log) -> list[str]:
    """What the coordinator's log and a site's, of whatever order, prove against each other.

    Whoever has a key can write a new log that is whole in itself. He cannot take back what the other side holds: a
    signed claim or receipt, and the head of the log that each of them names, which stands for all before it. So this
    finds a tail that was cut off, and a past that was rewritten, up to the last statement that the other side holds.
    """
    if bool(log.of("begun")) == bool(other.of("begun")):
        return ["one of the two must be a coordinator's log and the other a site's"]
    coordinator, site = (log, other) if log.of("begun") else (other, log)
    runs = {entry.facts.get("run") for entry in coordinator.of("begun")}
    mine = [e for e in coordinator.of("contribution") if e.facts.get("site") == site.author]
    found = []

    claims = {e.facts.get("claim") for e in site.of("result")}
    for entry in mine:
        claim = entry.facts.get("claim")
        if claim is None:
            continue
        if claim not in claims:
            found.append(
                f"the site's log lacks its result for round {entry.facts.get('round')}, which it signed: "
                f"the coordinator's {entry} holds it"
            )
        found += _recorded(site, "site", claim, f"the coordinator's {entry}")

    counted = {(e.facts.get("run"), e.facts.get("round"), e.facts.get("update"))
               for e in mine if e.facts.get("state") == "accepted"}  # fmt: skip
    for entry in site.of("accepted"):
        facts = entry.facts
        if facts.get("run") not in runs:
            continue  # of another run: its log lies in another folder
        if (facts.get("run"), facts.get("round"), facts.get("update")) not in counted:
            found.append(
                f"the coordinator's log lacks the contribution of round {facts.get('round')}, which it signed for: "
                f"the site's {entry} holds the receipt"
            )
        found += _recorded(
            coordinator, "coordinator", facts.get("receipt", ""), f"the site's {entry}"
        )

    settings = {e.facts.get("run"): e.facts.get("settings") for e in coordinator.of("begun")}
    for entry in (*site.of("joined"), *site.of("task")):
        run = entry.facts.get("run")
        if run in settings and entry.facts.get("settings") != settings[run]:
            found.append(f"the site's {entry} was asked for other settings than the run's")
    return found


def _recorded(log: Log, whose: str, text: str, where: str) -> list[str]:
    """Whether `log` still contains the head that a statement about it names."""
    at = statement(text).get("recorded", "none")
    if at == "none":
        return []
    seq, _, head = at.partition(" ")
    if seq == "0":
        return []
    rows = {str(entry.seq): entry.row_hash for entry in log.entries}
    if rows.get(seq) == head:
        return []
    what = "was rewritten" if seq in rows else "was cut off"
    return [f"the {whose}'s log {what} before entry {seq}: {where} holds another head of it"]


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
        closed = [e for e in self.log.of("round") if e.facts.get("state") == "closed"]
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
            if all(entry.facts.get(k) == of.facts.get(k) for k in key)
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

    def lines(self) -> list[str]:
        """The trace for people, a line each."""
        begun = self.log.of("begun")[0].facts
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
                        f"{facts['site']}: epsilon {claim['epsilon']} of this run, {claim['lifetime']} of all, "
                        f"delta {claim['delta']}"
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
        from html import escape

        names = sorted({e.facts["site"] for r in self.rounds for e in self.contributions(r)})
        wide, high = 110, 26
        step = max(1, -(-len(self.rounds) // 12))  # rounds a column: a long run is shown in parts
        shown = self.rounds[step - 1 :: step]
        if self.rounds and shown[-1] is not self.rounds[-1]:
            shown.append(self.rounds[-1])
        begun = self.log.of("begun")[0].facts
        models = [("start", begun.get("model", ""))]
        models += [(f"round {r.facts['round']}", r.facts["after"]) for r in shown]
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {90 + wide * len(models)} {80 + high * len(names)}" '
            'font-family="system-ui, sans-serif" font-size="11" fill="currentColor" role="img">'
            "<title>Where the model comes from</title>"
        ]
        for row, name in enumerate(names):
            out.append(f'<text x="0" y="{79 + row * high}">{escape(name)}</text>')
        for column, (title, digest) in enumerate(models):
            x = 130 + column * wide
            out.append(f'<text x="{x}" y="12" text-anchor="middle">{escape(title)}</text>')
            out.append(f'<circle cx="{x}" cy="28" r="8"><title>{escape(digest)}</title></circle>')
            out.append(
                f'<text x="{x}" y="52" text-anchor="middle" opacity=".7">{escape(digest[:8])}</text>'
            )
            if column == 0:
                continue
            out.append(f'<path d="M{x - wide + 8} 28H{x - 8}" stroke="currentColor" fill="none"/>')
            for entry in self.contributions(shown[column - 1]):
                facts = entry.facts
                y = 75 + names.index(facts["site"]) * high
                accepted = facts.get("state") == "accepted"
                why = f"{facts['site']}: {facts['state']} {facts.get('reason', '')}".strip()
                fill = "currentColor" if accepted else "none"
                out.append(
                    f'<circle cx="{x}" cy="{y}" r="5" fill="{fill}" stroke="currentColor"><title>{escape(why)}</title></circle>'
                )
        return "".join(out) + "</svg>"


__all__ = [
    "Entry",
    "Log",
    "Trace",
    "compare",
    "model_digest",
    "public_keys",
    "statement",
    "trace",
    "verify",
]

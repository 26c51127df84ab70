"""Before a hospital takes part: is the coordinator reached, are keys, data, disk, ledger, log and policy as they should be."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from collegium._toml import loads

_LITTLE = 1 << 30  # bytes of disk: a model, its update and a ledger need room
_SOON = 30  # days: a new key has to reach the coordinator before the old one ends


@dataclass
class Finding:
    """What was looked at, how it stands, and what to do about it."""

    what: str
    state: str  # "ok", "warning", "wrong"
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  "}[self.state]
        return f"{mark} {self.what:8} {self.text}" + (f". {self.remedy}" if self.remedy else "")


def check_site(config: str | Path) -> Iterator[Finding]:
    """Look at everything that a site needs, without joining: one finding a subject, the next as soon as it is known.

    Parameters
    ----------
    config : path
        The site's ``site.toml``.
    """
    from collegium._load import core

    try:
        tables = core.load_site(str(config))
    except Exception as error:
        yield Finding("settings", "wrong", _one_line(error))
        return
    yield Finding("settings", "ok", str(config))
    for what, look in _LOOKS.items():
        try:
            yield look(tables)
        except Exception as error:
            yield Finding(what, "wrong", _one_line(error))


def _one_line(error: Exception) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())


def _reach(tables: dict[str, Any]) -> Finding:
    address = tables["site"].get("server", "tcp://127.0.0.1:7700")
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as line:
            line.settimeout(5)
            greeting = line.recv(1)
    except OSError as error:
        return Finding(
            "reach", "wrong", f"{address} is not reached: {error}",
            "Ask whether the coordinator runs, and let the firewall pass this one outgoing TCP connection",
        )  # fmt: skip
    if greeting != b"\xff":  # the first byte of ZeroMQ's greeting
        return Finding(
            "reach",
            "wrong",
            f"what answers at {address} is no coordinator",
            "Look at [site] server",
        )
    return Finding(
        "reach", "ok", f"{address} answers; whether it knows this key shows when the site joins"
    )


def _keys(tables: dict[str, Any]) -> Finding:
    from collegium._load import core
    from collegium.keys import unlocked
    from collegium.records import public_keys

    site = tables["site"]
    if site.get("insecure"):
        return Finding(
            "keys", "warning", "insecure = true: nothing is encrypted, nobody is who he says",
            "Never with data of patients",
        )  # fmt: skip
    secret = Path(site["secret"])
    with unlocked(site) as table:  # refused: others may read it, another passphrase
        core.sign_with(str(secret), "collegium/check/v1", table.get("passphrase_file", ""))
    public = secret.with_suffix(".public")
    if public.exists() and site["name"] not in public_keys(public):
        return Finding(
            "keys",
            "wrong",
            f"{public.name} does not name {site['name']!r}",
            "Look at [site] name and secret",
        )
    server = Path(site["server_key"])
    if not server.exists():
        return Finding(
            "keys",
            "wrong",
            f"{server} is missing",
            "Ask the coordinator for the public half of its key",
        )
    if not public_keys(server):
        return Finding(
            "keys", "wrong", f"{server} is no public key of this version", "Ask for it again"
        )
    return _last_day(public) or Finding(
        "keys", "ok", f"{secret.name} is this machine's alone; {server.name} is here"
    )


def _last_day(public: Path) -> Finding | None:
    day = loads(public.read_text(encoding="utf-8")).get("expires") if public.exists() else None
    if not day:
        return None
    left = (date.fromisoformat(day) - datetime.now(timezone.utc).date()).days
    if left > _SOON:
        return None
    return Finding(
        "keys",
        "warning" if left >= 0 else "wrong",
        f"{public.name} counts until {day}" + (f", {left} more days" if left > 0 else ""),
        "Make a new pair with collegium keys new in another folder, send its .public file to the coordinator, "
        "and name its .secret in [site] secret",
    )


def _data(tables: dict[str, Any]) -> Finding:
    from collegium import nifti
    from collegium.datasets.folder import FolderDataset

    table = tables["data"]
    form = table.get("format", "brats")
    data = FolderDataset(
        table["path"],
        format=form,
        labels=table.get("labels", "msd" if form == "msd" else "brats2018"),
        subjects=table.get("subjects") or None,
    )
    count = len(data)
    if not count:
        return Finding(
            "data", "wrong", f"{table['path']} holds no subject", "Look at [data] path and format"
        )
    first = data.facts[0]
    for file in (*first["images"], first["labels"]):
        if file:
            nifti.read(file)
    public = table.get("n_public")
    if public is not None and public > count:
        return Finding(
            "data", "warning", f"n_public = {public}, and there are {count} subjects",
            "State it rounded down: noise is weighed for that many patients",
        )  # fmt: skip
    return Finding("data", "ok", f"{count} subjects in {table['path']}; the first one is readable")


def _disk(tables: dict[str, Any]) -> Finding:
    state = Path(tables["site"]["state"])
    place = state
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return Finding(
            "disk", "wrong", f"{place} cannot be written to", "Give the site's user that right"
        )
    free = shutil.disk_usage(place).free
    text = f"{free / 2**30:.1f} GiB are free for {state}"
    if free < _LITTLE:
        return Finding("disk", "warning", text, "Free some, or move [site] state")
    return Finding("disk", "ok", text)


def _ledger(tables: dict[str, Any]) -> Finding:
    from collegium.ledger import Ledger
    from collegium.records import Log, verify

    state = Path(tables["site"]["state"])
    if not (state / "site.db").exists():
        return Finding("ledger", "ok", "none yet: it begins with the first run")
    ledger = Ledger(state)
    balance = ledger.balance  # refuses one that was changed
    if balance["copied"]:
        return Finding(
            "ledger", "wrong", "it is a copy, and a newer one may exist",
            f"If it is the only one: collegium adopt {state}",
        )  # fmt: skip
    log = Log(state)
    if broken := verify(log):
        return Finding(
            "ledger",
            "wrong",
            f"the signed log is not as it was written: {broken[0]}",
            f"collegium audit verify {state}",
        )
    return Finding(
        "ledger", "ok", f"{balance['charges']} charges and {len(log.entries)} log entries, unbroken"
    )


def _policy(tables: dict[str, Any]) -> Finding:
    policy = tables.get("policy", {})
    if not policy:
        return Finding(
            "policy",
            "warning",
            "this site insists on nothing",
            "Say in [policy] what may be asked of it",
        )
    if "privacy" not in policy:
        return Finding(
            "policy", "warning", "this site trains without privacy if it is asked to",
            "[policy] privacy states a budget that no run may exceed",
        )  # fmt: skip
    if tables.get("plugins") and not policy.get("pinned_plugins"):
        return Finding(
            "policy",
            "warning",
            "plugins are loaded without their hash",
            "Set [policy] pinned_plugins",
        )
    return Finding("policy", "ok", f"insists on {', '.join(sorted(policy))}")


def _machine(tables: dict[str, Any]) -> Finding:
    threads, cores = tables.get("resources", {}).get("threads", 1), os.cpu_count() or 1
    if threads > cores:
        return Finding(
            "machine", "warning", f"{threads} threads on {cores} cores", "Lower [resources] threads"
        )
    return Finding("machine", "ok", f"{threads} of {cores} cores")


_LOOKS: dict[str, Callable[[dict[str, Any]], Finding]] = {
    "reach": _reach,
    "keys": _keys,
    "data": _data,
    "disk": _disk,
    "ledger": _ledger,
    "policy": _policy,
    "machine": _machine,
}

__all__ = ["Finding", "check_site"]

"""What one log proves by itself: that nothing in it was changed, removed, reordered, inserted or signed by others."""

from __future__ import annotations

from collegium.records.log import LABEL, START, Entry, Log, statement


def _holds(key: str, text: str, signature: str) -> bool:
    from collegium._load import core

    try:
        return core.signature_holds(key, text, signature)
    except (UnicodeEncodeError, TypeError):  # of no text
        return False


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
    before, seq = START, 0
    for entry in log.entries:
        seq += 1
        if entry.seq != seq:
            found.append(f"{entry} stands where entry {seq} should")
            seq = entry.seq
        if entry.prev_hash != before:
            found.append(f"{entry} does not follow the entry before it: one was changed or removed")
        if entry.row_hash != entry.hash():
            found.append(f"{entry} was changed")
        if not _holds(entry.key, LABEL + entry.row_hash, entry.signature):
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

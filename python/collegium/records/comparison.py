"""What the logs of two sides prove against each other."""

from __future__ import annotations

from collegium.records.log import Log, statement


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

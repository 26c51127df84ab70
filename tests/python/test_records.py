"""Signed logs: an honest one raises no alarm, and nothing can be taken out of one, put into it or changed unseen."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import collegium as cg
import pytest
from collegium import records
from collegium._load import core
from collegium.demo.deployment import free_port
from test_serve_and_join import JOIN, SERVE
from typer.testing import CliRunner

ROUNDS = 5


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a coordinator and two hospitals, each a process, leave behind after a run."""
    folder = tmp_path_factory.mktemp("federation")
    keys = folder / "keys"
    (keys / "sites").mkdir(parents=True)
    for name in ("server", "guys", "kings"):
        core.new_keys(name, str(keys))
    for name in ("guys", "kings"):
        shutil.copy(keys / f"{name}.public", keys / "sites")
    address = f"tcp://127.0.0.1:{free_port()}"
    commands = [[SERVE, address], [JOIN, "guys", address], [JOIN, "kings", address]]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", *command], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    try:
        for process in processes:
            _, complaint = process.communicate(timeout=120)
            assert process.returncode == 0, complaint
    finally:
        for process in processes:
            process.kill()
    return folder


@pytest.fixture(scope="module")
def keys(federation: Path) -> dict[str, set[str]]:
    return records.public_keys(federation / "keys")


PLACES = {"server": "run", "guys": "state-guys", "kings": "state-kings"}


@pytest.fixture(scope="module", params=PLACES)
def log(request: pytest.FixtureRequest, federation: Path) -> records.Log:
    return records.Log(federation / PLACES[request.param])


def test_an_honest_log_raises_no_alarm(log: records.Log, keys: dict[str, set[str]]) -> None:
    assert records.verify(log, keys) == []
    assert records.verify(log) == []


def test_honest_logs_agree(federation: Path) -> None:
    run = records.Log(federation / "run")
    for site in ("guys", "kings"):
        assert records.compare(run, records.Log(federation / f"state-{site}")) == []


def test_the_logs_hold_what_happened(federation: Path) -> None:
    run, site = records.Log(federation / "run"), records.Log(federation / "state-guys")
    assert [e.kind for e in run.entries] == ["begun"] + [
        "contribution",
        "contribution",
        "round",
    ] * ROUNDS + ["ended"]
    assert len(site.of("joined")) == 1
    assert len(site.of("task")) == len(site.of("result")) == len(site.of("accepted")) == ROUNDS
    assert site.of("ended")[0].facts["outcome"] == "finished"
    assert run.of("begun")[0].facts["settings"] == site.of("joined")[0].facts["settings"]


def test_either_side_can_prove_a_contribution_alone(federation: Path) -> None:
    """With the public files and Ed25519 only: nothing of the other side's log is needed."""
    known = records.public_keys(federation / "keys")
    for entry in records.Log(federation / "run").of("contribution"):
        (key,) = known[entry.facts["site"]]
        assert core.signature_holds(key, entry.facts["claim"], entry.facts["claim_signature"])
    for entry in records.Log(federation / "state-kings").of("accepted"):
        (key,) = known["server"]
        assert core.signature_holds(key, entry.facts["receipt"], entry.facts["receipt_signature"])


def damaged(entry: records.Entry, name: str, chance: random.Random) -> records.Entry:
    """The entry with one character of one column changed."""
    value = getattr(entry, name)
    if name == "seq":
        return dataclasses.replace(entry, seq=value + chance.choice([-1, 1]))
    at = chance.randrange(len(value))
    other = chance.choice([c for c in "0123456789abcdef" if c != value[at]])
    return dataclasses.replace(entry, **{name: value[:at] + other + value[at + 1 :]})


def test_every_change_of_every_column_of_every_entry_is_found(log: records.Log) -> None:
    chance = random.Random(7)
    for at, entry in enumerate(log.entries):
        for name in records.log.COLUMNS:
            entries = [*log.entries]
            entries[at] = damaged(entry, name, chance)
            assert records.verify(records.Log(entries)), f"{entry}: {name}"


def test_every_entry_that_is_taken_out_is_found(log: records.Log) -> None:
    for at in range(len(log.entries) - 1):  # the last one: that is a tail
        assert records.verify(records.Log(log.entries[:at] + log.entries[at + 1 :])), at


def test_every_order_but_the_right_one_is_found(log: records.Log) -> None:
    for first in range(len(log.entries)):
        for second in range(first):
            entries = [*log.entries]
            entries[first], entries[second] = entries[second], entries[first]
            assert records.verify(records.Log(entries)), (first, second)


def test_every_entry_that_is_put_in_twice_is_found_wherever_it_stands(log: records.Log) -> None:
    for entry in log.entries:
        for at in range(len(log.entries) + 1):
            entries = [*log.entries]
            entries.insert(at, entry)
            assert records.verify(records.Log(entries)), (entry, at)


def resigned(entries: list[records.Entry], secret: Path) -> list[records.Entry]:
    """A whole new chain over these entries, as whoever has the key can write one."""
    chain, before = [], "0" * 64
    for seq, entry in enumerate(entries, 1):
        entry = dataclasses.replace(entry, seq=seq, prev_hash=before)
        entry.row_hash = before = entry.hash()
        entry.signature = core.sign_with(str(secret), records.log.LABEL + before)
        chain.append(entry)
    return chain


def test_an_inserted_entry_signed_by_somebody_else_is_found(
    log: records.Log, federation: Path, keys: dict[str, set[str]]
) -> None:
    thief = federation / "keys" / "thief"
    if not thief.exists():
        cg.keys.new("thief", thief)
    forged = resigned([*log.entries], thief / "thief.secret")
    assert records.verify(records.Log(forged), keys)
    for entry in forged:
        entry.key = next(iter(records.public_keys(thief)["thief"]))
    forged = resigned(forged, thief / "thief.secret")
    assert records.verify(records.Log(forged), keys)


@pytest.mark.parametrize("name", ["server", "guys"])
def test_the_other_side_finds_every_tail_that_was_cut_off_before_what_it_holds(
    federation: Path, name: str
) -> None:
    mine = records.Log(federation / PLACES[name])
    other = records.Log(federation / PLACES["guys" if name == "server" else "server"])
    kind = "contribution" if name == "server" else "result"
    last = [e.seq for e in mine.of(kind) if e.facts.get("site", name) in ("guys", name)][-1]
    for length in range(1, last):
        cut = records.Log(mine.entries[:length])
        assert records.verify(cut) == []  # in itself it is whole
        assert records.compare(cut, other), length
    assert records.compare(records.Log(mine.entries[:last]), other) == []


@pytest.mark.parametrize("name", ["server", "guys"])
def test_whoever_has_the_key_cannot_rewrite_what_the_other_side_has_heard_of(
    federation: Path, name: str
) -> None:
    mine = records.Log(federation / PLACES[name])
    other = records.Log(federation / PLACES["guys" if name == "server" else "server"])
    secret = federation / "keys" / f"{name}.secret"
    heads = [
        int(records.statement(e.facts[text])["recorded"].split()[0])
        for e in other.entries
        for text in ("claim", "receipt")
        if text in e.facts
        and e.facts.get("site", "guys") == "guys"
        and (text == "claim") == (name == "guys")
    ]
    for at in range(max(heads)):
        entries = [*mine.entries]
        entries[at] = dataclasses.replace(entries[at], at="2001-01-01T00:00:00.000Z")
        rewritten = records.Log(resigned(entries, secret))
        assert records.verify(rewritten) == []
        assert records.compare(rewritten, other), at


def test_an_export_is_the_log(log: records.Log, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(log.export(), encoding="utf-8")
    assert records.Log(file).entries == log.entries


def test_a_model_is_traced_to_its_sites_and_rounds(federation: Path) -> None:
    traced = records.trace(federation / "run" / "model.safetensors")
    assert traced.sites() == ["guys", "kings"]
    assert [e.facts["round"] for e in traced.rounds] == ["1", "2", "3", "4", "5"]
    text = "\n".join(traced.lines())
    assert "guys (weight 5, 5 steps)" in text
    assert "privacy   none claimed" in text
    earlier = sorted((federation / "run" / "checkpoints").glob("*.safetensors"))[-2]
    assert len(records.trace(earlier).rounds) == 4
    site = records.trace(federation / "state-guys" / "model.safetensors", federation / "run")
    assert site.digest == traced.digest
    assert traced.svg().count("<circle") == 6 + 2 * ROUNDS


def test_a_long_run_is_drawn_in_columns_that_hide_nobody() -> None:
    def entry(kind: str, **facts: str) -> records.Entry:
        return records.Entry(1, "", "server", "", kind, json.dumps(facts), "", "", "")

    def given(number: int) -> list[records.Entry]:
        missing = {"kings": number == 3, "oslo": number > 2}
        facts = {"run": "r", "round": str(number), "attempt": "1"}
        sites = [
            entry(
                "contribution",
                site=site,
                state="late" if missing.get(site) else "accepted",
                reason="<deadline>" if missing.get(site) else "",
                **facts,
            )
            for site in ("guys", "kings", "oslo")
            if site != "oslo" or number != 1
        ]
        return [*sites, entry("round", state="closed", after=f"{number:064x}", **facts)]

    begun = entry("begun", run="r", model="0" * 64)
    log = records.Log([begun, *(e for number in range(1, 25) for e in given(number))])
    picture = records.Trace("m", f"{24:064x}", log).svg()
    assert [f"rounds {n}-{n + 1}" in picture for n in range(1, 24, 2)] == [True] * 12
    assert picture.count("<circle") == 13 + 3 * 12
    assert picture.count('fill-opacity=".4"') == 2  # kings in rounds 3-4, oslo in 1-2
    assert picture.count('fill="none" stroke') == 11  # oslo from round 3 on
    assert "kings: in 1 of 2\nround 3: late &lt;deadline&gt;" in picture


def test_a_model_of_another_run_is_not_traced(federation: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    data = bytearray((federation / "run" / "model.safetensors").read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    with pytest.raises(ValueError, match="is not a model that the log"):
        records.trace(model, federation / "run")


def test_the_command_verifies_and_traces(federation: Path, tmp_path: Path) -> None:
    from collegium.cli import app

    def run(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["audit", *map(str, arguments)])
        return result.exit_code, result.output

    against = ("--keys", federation / "keys", "--against", federation / "state-guys")
    code, text = run("verify", federation / "run", *against)
    assert code == 0 and "they agree" in text
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(run("export", federation / "run")[1].splitlines(True)[:5]))
    code, text = run("verify", cut, *against)
    assert code == 1 and "signed for" in text
    code, text = run("trace", federation / "run" / "model.safetensors")
    assert code == 0 and "guys, kings" in text and "unbroken" in text


def test_the_report_shows_the_way_to_the_model(federation: Path, tmp_path: Path) -> None:
    page = cg.Run(federation / "run").report(tmp_path / "report.html").read_text()
    assert "Where the model comes from" in page

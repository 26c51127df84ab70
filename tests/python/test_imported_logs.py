"""Logs that somebody else hands in: whatever is in them, they are refused, alarming, or what was written."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from pathlib import Path

import pytest
from collegium import records

_FUZZ = Path(__file__).parents[1] / "fuzz" / "log_fuzz.py"
_spec = importlib.util.spec_from_file_location("log_fuzz", _FUZZ)
assert _spec and _spec.loader
log_fuzz = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(log_fuzz)


def test_logs_survive_mutations(tmp_path: Path) -> None:
    source = random.Random(1)
    seen = Counter(log_fuzz.one(source, tmp_path) for _ in range(1500))
    assert seen["refused"] > 100 and seen["alarming"] > 100, seen


@pytest.mark.parametrize("name", ["coordinator", "site"])
def test_the_corpus_is_honest(name: str) -> None:
    assert records.verify(log_fuzz.HONEST[name]) == []


# An entry that SQLite cannot read as text once made the whole log look empty, and raised no alarm.
def test_an_entry_that_is_no_text_is_an_alarm(tmp_path: Path) -> None:
    file = tmp_path / "run.db"
    log_fuzz.database(file, log_fuzz.HONEST["coordinator"])
    import sqlite3

    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE record SET author = CAST(X'67FF' AS TEXT) WHERE seq = 2")
    log = records.Log(tmp_path)
    assert len(log.entries) == len(log_fuzz.HONEST["coordinator"].entries)
    assert any("was changed" in what for what in records.verify(log))


@pytest.mark.parametrize(
    "line",
    [b"\xff", b"[]", b"{}", b'{"seq": 1}', b"[" * 20_000, b"9" * 5000],
    ids=["no text", "no object", "empty", "half", "deep", "a number of 5000 digits"],
)
def test_a_line_that_is_no_entry_is_refused_with_its_place(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(log_fuzz.HONEST["site"].export().encode() + line + b"\n")
    with pytest.raises(ValueError, match=r"log\.jsonl:7 is not an entry of a log"):
        records.Log(file)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.db"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(ValueError, match=r"run\.db cannot be read as a log"):
        records.Log(file)

"""Signed logs as others hand them in: `log_fuzz.py SECONDS FINDINGS [SEED]`. Each is refused with a ValueError, or read; and
what is read and raises no alarm is what was written, up to some entry."""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from collegium import records

CORPUS = Path(__file__).parent / "corpus" / "log"
HONEST = {file.stem: records.Log(file) for file in sorted(CORPUS.glob("*.jsonl"))}
EXTREMES = (b"\x00", b"\xff", b"\x7f", b'"', b"\\", b"\n", b"[" * 5000, b"\\ud800", b"9" * 5000)


def mutated(random: random.Random, data: bytes, other: bytes) -> bytes:
    """A few bytes of it changed, cut, repeated, or taken from another one."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        piece = random.randrange(len(other) + 1)
        data = random.choice(
            (
                lambda d=data, a=at: d[:a] + bytes([random.randrange(256)]) + d[a + 1 :],
                lambda d=data, a=at: d[:a] + random.choice(EXTREMES) + d[a:],
                lambda d=data, a=at: d[:a] + d[a + random.randrange(64) :],
                lambda d=data, a=at: d[:a],
                lambda d=data, a=at, p=piece: d[:a] + other[p : p + random.randrange(900)] + d[a:],
            )
        )()
    return data


def database(file: Path, log: records.Log) -> None:
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        columns = ", ".join(f"{name} TEXT" for name in records.log.COLUMNS[1:])
        connection.execute(f"CREATE TABLE record (seq INTEGER PRIMARY KEY, {columns})")
        connection.executemany(
            f"INSERT INTO record VALUES ({','.join('?' * len(records.log.COLUMNS))})",
            [[getattr(entry, name) for name in records.log.COLUMNS] for entry in log.entries],
        )
    connection.close()


def changed_rows(random: random.Random, file: Path) -> None:
    """A value of a row in the database becomes bytes, a number, nothing, or another row's."""
    with sqlite3.connect(file) as connection:
        connection.text_factory = bytes
        connection.execute("PRAGMA synchronous=OFF")
        for _ in range(random.randint(1, 3)):
            column = random.choice(records.log.COLUMNS[1:])
            seq = random.randint(1, 6)
            old = connection.execute(f"SELECT {column} FROM record WHERE seq = ?", (seq,)).fetchone()  # fmt: skip
            if not old or not isinstance(old[0], bytes):
                continue
            new = mutated(random, old[0], old[0])
            value = random.choice((new, None, random.randrange(1 << 40), 0.5))
            as_text = f"CAST({'?'} AS TEXT)" if isinstance(value, bytes) and random.random() < 0.7 else "?"  # fmt: skip
            connection.execute(f"UPDATE record SET {column} = {as_text} WHERE seq = ?", (value, seq))  # fmt: skip
    connection.close()


def survives(file: Path) -> str:
    """What became of the file: refused, alarming or honest. Raises when that is wrong."""
    try:
        log = records.Log(file)
    except ValueError:
        return "refused"
    found = records.verify(log)
    for honest in HONEST.values():
        records.compare(log, honest)
    for closed in log.of("round"):
        try:
            trace = records.Trace("model", closed.facts.get("after", ""), log)
        except ValueError:
            continue
        trace.lines()
        trace.svg()
    if found:
        return "alarming"
    beginnings = [honest.entries[: len(log.entries)] for honest in HONEST.values()]
    assert log.entries in beginnings, f"{file}: another log than was written raises no alarm"
    return "honest"


def one(random: random.Random, folder: Path) -> str:
    """Mutates a log in one of the forms it can have, and looks at it."""
    log, other = random.choices(list(HONEST.values()), k=2)
    kind = random.randrange(3)
    file = folder / ("log.jsonl" if kind == 0 else "log.db")
    if kind == 0:
        file.write_bytes(mutated(random, log.export().encode(), other.export().encode()))
        return survives(file)
    database(file, log)
    if kind == 1:
        changed_rows(random, file)
    else:
        file.write_bytes(mutated(random, file.read_bytes(), file.read_bytes()))
    return survives(file)


def main() -> None:
    seconds, findings, *seed = sys.argv[1:]
    source, end, runs = random.Random(*map(int, seed)), time.monotonic() + float(seconds), 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            try:
                one(source, Path(folder))
            except BaseException:
                for file in Path(folder).iterdir():
                    shutil.copy(file, Path(findings) / file.name)
                raise
            runs += 1
    print(f"stat::number_of_executed_units: {runs}")


if __name__ == "__main__":
    main()

"""A log as it lies in a database or an export: its entries, their hashes, and the keys that may sign them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = ("seq", "at", "author", "key", "kind", "fields", "prev_hash", "row_hash", "signature")
LABEL = "collegium/record/v1\n"  # before every hash that is signed
START = "0" * 64  # what the first entry follows


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
        """A log may come from anybody: what are no texts by name are no facts."""
        try:
            facts = json.loads(self.fields)
        except (ValueError, RecursionError):
            facts = {}
        if isinstance(facts, dict):
            self.facts = {name: fact for name, fact in facts.items() if isinstance(fact, str)}

    def hash(self) -> str:
        """What ``row_hash`` must be."""
        text = "\n".join(
            (str(self.seq), self.at, self.author, self.key, self.kind, self.fields)
        ).encode(errors="surrogatepass")  # no honest entry has any
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
        return self.entries[-1].row_hash if self.entries else START

    def export(self) -> str:
        """One JSON object a line."""
        return "".join(
            json.dumps({name: getattr(entry, name) for name in COLUMNS}, sort_keys=True) + "\n"
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
    return _exported(path) if path.suffix == ".jsonl" else _stored(path)


def _exported(path: Path) -> list[Entry]:
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = json.loads(line)
            seq, *texts = (row[name] for name in COLUMNS)
            if type(seq) is not int or not 0 <= seq < 1 << 63:
                raise ValueError(f"its number is {str(seq)[:40]!r}")
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("it holds something that is no text")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"{path}:{number} is not an entry of a log: {error!r}") from None
        entries.append(Entry(seq, *texts))
    return entries


def _stored(path: Path) -> list[Entry]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    # Bytes that are no text stay what they are, and their entry's hash is not what it was.
    connection.text_factory = lambda text: text.decode(errors="surrogateescape")
    try:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'record'").fetchone()
        if not known:
            return []  # of an older version: nothing is signed there
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM record ORDER BY seq"
        ).fetchall()
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be read as a log: {error}") from None
    finally:
        connection.close()
    if not all(type(row[0]) is int for row in rows):
        raise ValueError(f"{path} cannot be read as a log: an entry has no number")
    return [Entry(row[0], *map(str, row[1:])) for row in rows]


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

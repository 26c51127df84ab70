"""A site's privacy ledger, read from its state folder: what was charged, what is spent and what is left."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collegium.errors import SystemError

if TYPE_CHECKING:
    import pandas as pd

_CHAINED = [
    "seq",
    "dataset",
    "run",
    "kind",
    "round",
    "purpose",
    "attempt",
    "events",
    "filter_order",
    "epsilon_after",
    "at",
]


class Ledger:
    """The ledger in ``FOLDER/site.db``. Only reads, also while the site runs.

    Parameters
    ----------
    folder : path
        The site's state folder, ``[site] state`` in site.toml, or ``sites/NAME`` in the folder of a simulation.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.database = self.folder / "site.db"
        if not self.database.exists():
            raise FileNotFoundError(
                f"{self.folder} holds no ledger: site.db is missing. Give the folder of [site] state in site.toml"
            )

    @classmethod
    def create(
        cls,
        folder: str | Path,
        dataset: str,
        *,
        epsilon: float,
        delta: float,
        unit: str = "patient",
    ) -> Ledger:
        """Give a data set a budget over its whole life, in a new ledger or in one that is there.

        A real site takes its budget from ``[policy]``; this is for simulations whose data sets have one too.
        A changed budget is noted in the ledger; what was spent stays spent.
        """
        from collegium._load import core

        core.ledger.set_budget(str(folder), dataset, epsilon=epsilon, delta=delta, unit=unit)
        return cls(folder)

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            cursor = connection.execute(statement)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        finally:
            connection.close()

    def _frame(self, statement: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self._rows(statement))

    @property
    def charges(self) -> pd.DataFrame:
        """A row a charge, oldest first.

        ``kind`` is ``schedule`` (a whole run, charged at its start), ``drawn`` (one release on it, which costs nothing more)
        or ``extra`` (one release beyond it). ``state`` is ``reserved``, ``released`` or ``void``; all three stay spent.
        """
        return self._frame(
            "SELECT seq, at, dataset, run, kind, round, purpose, attempt, events, epsilon_after, state, output_hash "
            "FROM charge ORDER BY seq"
        )

    @property
    def notes(self) -> pd.DataFrame:
        """What else happened: budgets that changed, clocks that went backwards, adopted copies."""
        return self._frame("SELECT at, level, text FROM note ORDER BY seq")

    @property
    def balance(self) -> dict[str, Any]:
        """Spent and left by data set and run, as ``collegium budget --json`` prints it."""
        from collegium._load import core

        return core.ledger.balance(str(self.folder))

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets."""
        return [row["id"] for row in self._rows("SELECT id FROM dataset ORDER BY id")]

    @property
    def budget(self) -> pd.DataFrame:
        """A row a data set: unit, budget, delta, spent, left."""
        import pandas as pd

        return pd.DataFrame(
            [
                {key: row[key] for key in ("dataset", "unit", "budget", "delta", "spent", "left")}
                for row in self.balance["datasets"]
            ]
        )

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run: its epsilon by itself, the rounds of its schedule, those drawn, releases, charges beyond it."""
        import pandas as pd

        columns = [
            "run",
            "created",
            "simulation",
            "epsilon",
            "rounds",
            "drawn",
            "released",
            "extra",
        ]
        return pd.DataFrame(
            [
                {"dataset": dataset["dataset"], **{key: run[key] for key in columns}}
                for dataset in self.balance["datasets"]
                for run in dataset["runs"]
            ],
            columns=["dataset", *columns],
        )

    def verify(self) -> str:
        """The hash of the newest row, once every row was found to follow from the one before (BLAKE2b-256).

        Raises
        ------
        SystemError
            Naming the first row that does not.
        """
        head = bytes(32)
        rows = self._rows(f"SELECT {', '.join(_CHAINED)}, row_hash FROM charge ORDER BY seq")
        for number, row in enumerate(rows, start=1):
            fields = [
                struct.pack("<d", row[name]).hex() if name in ("filter_order", "epsilon_after") else str(row[name])
                for name in _CHAINED
            ]  # fmt: skip
            head = hashlib.blake2b(head + "\n".join(fields).encode(), digest_size=32).digest()
            if row["seq"] != number or row["row_hash"] != head.hex():
                raise SystemError(
                    f"{self.database}, charge {number}: the ledger was changed by hand: its chain breaks here"
                )
        return head.hex()

    def export(self) -> str:
        """Every row of the chain as a line of JSON, oldest first."""
        rows = self._rows("SELECT * FROM charge ORDER BY seq")
        return "".join(json_text(row) + "\n" for row in rows)

    def sentences(self) -> list[str]:
        """What is spent and left, in plain words: a sentence a data set."""
        return [_sentence(dataset) for dataset in self.balance["datasets"]]

    def __repr__(self) -> str:
        return f"<Ledger {self.folder}: {'; '.join(self.sentences()) or 'no data set'}>"

    def _repr_html_(self) -> str:
        words = "".join(f"<p>{sentence}</p>" for sentence in self.sentences())
        return f"<b>Ledger {self.folder}</b>{words}" + self.budget.to_html(index=False)


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON, which has no infinity: an epsilon without a bound is the text "inf", and what is missing is null."""

    def plain(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: plain(item) for key, item in one.items()}
        if isinstance(one, list):
            return [plain(item) for item in one]
        if isinstance(one, float) and math.isnan(one):
            return None
        return "inf" if one == math.inf else one

    return json.dumps(plain(value), indent=indent, allow_nan=False, default=str)


def _sentence(dataset: dict[str, Any]) -> str:
    name, unit, delta = dataset["dataset"], dataset["unit"], dataset["delta"]
    spent = f"'{name}' has spent epsilon {dataset['spent']:.4g} (delta {delta:g}, {unit} level)"
    if dataset["budget"] is None:
        return f"{spent}; it has no budget"
    text = f"{spent} of {dataset['budget']:g}"
    left = dataset["rounds_left"]
    if left is None:
        return f"{text}; nothing has trained on it yet"
    if left == 0:
        return f"{text}; not one more round like those of the last run fits"
    rounds = "more than a million" if left >= 1_000_000 else f"about {left}"
    return f"{text}; {rounds} more round{'s' if left != 1 else ''} like those of the last run would fit"


__all__ = ["Ledger", "json_text"]

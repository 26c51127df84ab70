"""What a run left behind, read from its folder: history, privacy, model, plots and the report."""

from __future__ import annotations

import sqlite3
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from matplotlib.figure import Figure

    from collegium.networks import Network


def _mechanism(settings: dict[str, Any]) -> str:
    if not settings:
        return "no privacy"
    if settings.get("unit", "patient") == "patient":
        return "DP-SGD, Poisson sampling"
    if settings.get("where") == "sum":
        return "clipped updates, discrete Gaussian noise that the sites add to their sum together"
    return f"clipped updates, Gaussian noise added by the {settings.get('where', 'site')}"


class Run:
    """A finished, stopped or still running federation, as its folder tells it.

    Everything is read from ``run.db`` (SQLite) and the checkpoints beside it; nothing is kept in memory that the
    folder does not hold, so a run of yesterday is opened the same way: ``cg.Run("runs/brain")``.

    Parameters
    ----------
    folder : path
        The folder named in ``[run]``, or given to ``simulate`` or ``serve``.
    author : torch.nn.Module, optional
        A module of the class that was trained, for ``run.model`` to be one of it again. It is copied, never changed.
    """

    def __init__(self, folder: str | Path, *, author: torch.nn.Module | None = None) -> None:
        self.folder = Path(folder)
        self._author = author
        self.database = self.folder / "run.db"
        if not self.database.exists():
            raise FileNotFoundError(
                f"{self.folder} holds no run: run.db is missing. Give the folder of [run] in federation.toml"
            )

    def _query(self, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns, and the rows."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            cursor = connection.execute(statement)
            return [column[0] for column in cursor.description], cursor.fetchall()
        finally:
            connection.close()

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        names, rows = self._query(statement)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _frame(self, statement: str) -> pd.DataFrame:
        import pandas as pd

        names, rows = self._query(statement)
        return pd.DataFrame(rows, columns=names)

    @property
    def meta(self) -> dict[str, str]:
        """Name, state, reason, configuration and layout of the run."""
        return {row["key"]: row["value"] for row in self._rows("SELECT key, value FROM meta")}

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``stopped`` or ``failed``."""
        return self.meta.get("state", "unknown")

    @property
    def history(self) -> pd.DataFrame:
        """A row a round and site: weight, steps, loss, seconds, bytes, epsilon, metrics, and who was left out and why."""
        frame = self._frame("SELECT * FROM contribution ORDER BY round, site")
        metrics = self.metrics
        if frame.empty or metrics.empty:
            return frame
        wide = metrics.pivot(index=["round", "site"], columns="name", values="value").reset_index()
        return frame.merge(wide, on=["round", "site"], how="left")

    @property
    def rounds(self) -> pd.DataFrame:
        """A row a round: state, attempts, seconds, bytes in and out, checkpoint."""
        return self._frame("SELECT * FROM round ORDER BY number")

    @property
    def metrics(self) -> pd.DataFrame:
        """A row a round, site and metric, with the number of subjects behind it; round 0 is the initial model."""
        return self._frame("SELECT * FROM metric ORDER BY round, site, name")

    @property
    def events(self) -> pd.DataFrame:
        """What happened, in order: who came, who left, what was refused and why."""
        return self._frame("SELECT * FROM event ORDER BY seq")

    @property
    def sites(self) -> pd.DataFrame:
        """A row a site: state and when it was first and last seen."""
        return self._frame("SELECT * FROM site ORDER BY name")

    @property
    def left_out(self) -> pd.DataFrame:
        """The contributions that did not count, with the reason. Empty when every site that was asked is in every round."""
        return self._frame(
            "SELECT round, site, state, reason FROM contribution WHERE state <> 'accepted' AND code <> 'not_drawn' "
            "ORDER BY round, site"
        )

    @property
    def privacy(self) -> pd.DataFrame:
        """Epsilon of this run by site, with delta, what the site's patients were ever charged for, and what that means.

        A site is charged for the whole run when it begins, so epsilon is that of all its rounds from the first on.
        """
        frame = self._frame(
            "SELECT site, MAX(epsilon) AS epsilon, MAX(delta) AS delta, MAX(lifetime) AS lifetime "
            "FROM contribution GROUP BY site ORDER BY site"
        )
        settings = self.config.get("privacy", {})
        frame["unit"] = settings.get("unit", "patient") if settings else "none"
        frame["mechanism"] = _mechanism(settings)
        frame["neighbours"] = (
            f"one {settings.get('unit', 'patient')} added or removed" if settings else ""
        )
        return frame

    @property
    def releases(self) -> pd.DataFrame:
        """What the coordinator noised itself: a row a round, with epsilon of that round and all before it.

        Empty unless the run has ``SiteDP(where="coordinator")``.
        """
        return self._frame("SELECT * FROM release ORDER BY round")

    @property
    def guarantee(self) -> dict[str, Any]:
        """What the run as a whole promises: ``unit``, ``where``, ``epsilon``, ``delta``, ``neighbours``, ``against``.

        Each site protects people, or itself, of its own, so a run's epsilon is the largest of its sites' (parallel
        composition). It is infinite where nothing is promised. For a patient with records at several sites epsilons and
        deltas add up: unless ``disjoint_patients`` is attested, ``if_shared`` holds the sums.
        """
        settings = self.config.get("privacy")
        if not settings:
            return {"unit": "none", "epsilon": float("inf"), "against": "nobody"}
        unit, where = settings.get("unit", "patient"), settings.get("where", "site")
        central = where == "coordinator"
        spent = self.releases if central else self.privacy
        attested = self.config.get("federation", {}).get("disjoint_patients", False)
        shared = (
            {}
            if unit == "site" or attested
            else {
                "if_shared": {
                    "epsilon": float(spent["epsilon"].sum()),
                    "delta": float(spent["delta"].sum()),
                }
            }
        )
        against = "everybody, the coordinator included"
        if central:
            against = (
                "the other sites, and whoever has a model of the run; the coordinator is trusted"
            )
        if where == "sum":
            league = settings.get("colluding", "as many as may be missing from a sum")
            against = f"everybody, the coordinator in league with some sites ({league}) included"
        if spent["epsilon"].max() == float("inf"):
            against = "nobody"
        return {
            "unit": unit,
            "where": where,
            "epsilon": float(spent["epsilon"].max()),
            "delta": float(spent["delta"].max()),
            "neighbours": f"one {unit} added or removed",
            "against": against,
            **shared,
        }

    @property
    def ledger(self) -> pd.DataFrame:
        """The charges of a simulation's sites, a row each, with the site; empty without privacy.

        A site with a ledger of its own (``simulate(..., ledgers=...)``) has its charges there: ``cg.Ledger(folder).charges``.
        """
        import pandas as pd

        from collegium.ledger import Ledger

        frames = []
        for database in sorted(self.folder.glob("sites/*/site.db")):
            frame = Ledger(database.parent).charges
            frame.insert(0, "site", database.parent.name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration the run was started with."""
        from collegium._toml import loads

        return loads(self.meta.get("config", ""))

    @property
    def model_path(self) -> Path:
        """The newest model: the final one, or the checkpoint of the last closed round."""
        final = self.folder / "model.safetensors"
        if final.exists():
            return final
        rows = self._rows(
            "SELECT model FROM round WHERE state = 'closed' ORDER BY number DESC LIMIT 1"
        )
        if not rows:
            raise FileNotFoundError(f"{self.folder}: no round has closed yet, so there is no model")
        return self.folder / rows[0]["model"]

    @property
    def model(self) -> Network | torch.nn.Module:
        """The newest model: a module of the author's own class where she gave one, else a network with ``state_dict()``
        and a call, which needs none of her code.
        """
        if self._author is not None:
            from collegium.graph.own_model import with_weights

            return with_weights(self._author, self.model_path)
        from collegium import networks

        return networks.load(self.config["network"], self.model_path)

    def plot(self) -> Figure:
        """Loss, metrics and epsilon by round."""
        from collegium.plots import plot_run

        return plot_run(self)

    def report(self, path: str | Path | None = None, **extra: Any) -> Path:
        """Write one self-contained HTML page and return its path (default: ``report.html`` in the run's folder)."""
        from collegium.report import write_report

        return write_report(self, Path(path) if path else self.folder / "report.html", **extra)

    def tensorboard(self, folder: str | Path) -> Path:
        """Write the run's curves for TensorBoard into ``folder``, anew, and return it: a run there for every site.

        Raises
        ------
        ModuleNotFoundError
            Without the package ``tensorboard``.
        """
        from collegium.tensorboard import write_curves

        return write_curves(self, Path(folder))

    def __iter__(self) -> Any:
        """Rounds that have closed, oldest first."""
        return iter(self.rounds.to_dict("records"))

    def __repr__(self) -> str:
        closed = self._rows("SELECT COUNT(*) AS n FROM round WHERE state = 'closed'")[0]["n"]
        meta = self.meta
        warning = f", {meta['privacy']}" if meta.get("privacy") else ""
        return f"<Run {meta.get('name', '')!r}: {meta.get('state')}, {closed} rounds closed, in {self.folder}{warning}>"

    def _repr_html_(self) -> str:
        left_out = self.left_out
        note = (
            ""
            if left_out.empty
            else f"<p>{len(left_out)} contributions did not count: see <code>run.left_out</code></p>"
        )
        return (
            f"<b>{self!r}</b>".replace("<Run", "&lt;Run")
            + self.rounds.tail(5).to_html(index=False)
            + note
        )

    def summary(self) -> str:
        """The run's facts as JSON, for machines."""
        from collegium.ledger import json_text

        meta = self.meta
        rows = self.rounds.to_dict("records")
        return json_text(
            {
                "name": meta.get("name"),
                "state": meta.get("state"),
                "reason": meta.get("reason"),
                "warning": meta.get("privacy", ""),
                "rounds_closed": sum(row["state"] == "closed" for row in rows),
                "sites": self.sites.to_dict("records"),
                "left_out": self.left_out.to_dict("records"),
                "privacy": self.privacy.to_dict("records"),
                "guarantee": self.guarantee,
            },
            indent=2,
        )

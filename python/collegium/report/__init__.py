"""The report: one self-contained HTML page a run, with everything a reader may doubt beside its source."""

from __future__ import annotations

import base64
import io
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from collegium.run import Run


def svg(figure: Figure) -> str:
    """The figure as inline SVG."""
    out = io.StringIO()
    figure.savefig(
        out,
        format="svg",
        transparent=True,
        metadata={k: None for k in ("Creator", "Date", "Format", "Type")},
    )
    text = out.getvalue()
    return text[text.index("<svg") :]


def png(figure: Figure, dpi: int = 110) -> str:
    """The figure as a data address, for pictures with many pixels."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, transparent=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _table(frame: pd.DataFrame) -> dict[str, Any]:
    """Header and rows as text; a missing value is a dash, never a zero."""
    import pandas as pd

    def cell(value: Any) -> str:
        if value is None or (isinstance(value, float) and pd.isna(value)):
            return "–"
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return {
        "head": [str(c) for c in frame.columns],
        "rows": [[cell(v) for v in row] for row in frame.itertuples(index=False)],
    }


def write_report(
    run: Run,
    path: Path,
    *,
    statement: list[str] | None = None,
    synthetic: bool = False,
    tables: dict[str, pd.DataFrame] | None = None,
    notes: dict[str, str] | None = None,
    figures: dict[str, Figure] | None = None,
) -> Path:
    """Render the page.

    Parameters
    ----------
    run : Run
        What to tell about.
    path : Path
        The file to write; it is replaced as a whole.
    statement : list of str, optional
        Sentences for the top of the page: what was learned.
    synthetic : bool
        Whether the data are synthetic, which is then said at the top and under every picture.
    tables, notes : dict, optional
        More tables by title, and a sentence under some of them.
    figures : dict, optional
        Pictures by caption.
    """
    import jinja2

    template = (resources.files("collegium.report") / "template.html.j2").read_text(
        encoding="utf-8"
    )
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    meta = run.meta
    rounds = run.rounds
    columns = [
        c
        for c in (
            "number",
            "state",
            "attempts",
            "seconds",
            "bytes_in",
            "bytes_out",
            "model_hash",
            "reason",
        )
        if c in rounds
    ]
    page = environment.from_string(template).render(
        name=meta.get("name", "run"),
        meta=meta,
        synthetic=synthetic,
        statement=statement or [],
        curves=svg(run.plot()),
        figures={caption: png(figure) for caption, figure in (figures or {}).items()},
        tables={title: _table(frame) for title, frame in (tables or {}).items()},
        notes=notes or {},
        sites=_table(run.sites),
        last=_table(_last_round(run)),
        left_out=_table(run.left_out),
        privacy=_table(run.privacy),
        private="privacy" in run.config,
        guarantee=run.guarantee,
        rounds=_table(rounds[columns]),
        way=_way(run),
        provenance=_table(_provenance(run)),
        config=meta.get("config", ""),
    )
    temporary = path.with_suffix(".part")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def _way(run: Run) -> str:
    """Where the run's latest model comes from, as a picture of its signed log; empty before the first round."""
    from collegium.records import Log, Trace

    log = Log(run.folder)
    closed = [e for e in log.of("round") if e.facts.get("state") == "closed"]
    return Trace(str(run.folder), closed[-1].facts["after"], log).svg() if closed else ""


def _last_round(run: Run) -> pd.DataFrame:
    history = run.history
    if history.empty:
        return history
    last = history[history["round"] == history["round"].max()]
    last = last.drop(columns=[c for c in ("round", "update_hash") if c in last])
    return last.loc[:, [last[name].notna().any() and (last[name] != "").any() for name in last]]


def _provenance(run: Run) -> pd.DataFrame:
    """What has to agree, hash by hash, for somebody to say that this is the same model."""
    import hashlib

    import pandas as pd

    meta, closed = run.meta, run.rounds
    closed = closed[closed["state"] == "closed"]
    updates = run.history
    rows = {
        "run": meta.get("run", ""),
        "layout (BLAKE2b)": meta.get("layout", ""),
        "configuration (SHA-256 of the text below)": hashlib.sha256(
            meta.get("config", "").encode()
        ).hexdigest(),
        "model after the last round (BLAKE2b of its numbers)": ""
        if closed.empty
        else closed["model_hash"].iloc[-1],
    }
    if not updates.empty:
        last = updates[updates["round"] == updates["round"].max()]
        rows |= {
            f"update of {row.site} in round {row.round} (BLAKE2b)": row.update_hash
            for row in last.itertuples()
            if row.update_hash
        }
    return pd.DataFrame({"what": rows.keys(), "hash": rows.values()})


__all__ = ["png", "svg", "write_report"]

"""The live table of a run, in a terminal and in a notebook; plain lines where output is not watched."""

from __future__ import annotations

import math
import re
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_SHOWN_ROUNDS = 12
_MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$")


def summarise(event: dict[str, Any]) -> dict[str, str]:
    """The table's cells of one closed or abandoned round."""
    contributions = event["contributions"]
    accepted = [c for c in contributions if c["state"] == "accepted"]

    def mean(values: list[float]) -> str:
        known = [v for v in values if v is not None and not math.isnan(v)]
        return (
            f"{sum(known) / len(known):.3f}"
            if known
            else "withheld"
            if event.get("private")
            else "–"
        )

    epsilon = [c["epsilon"] for c in accepted if c["epsilon"] is not None]
    left_out = [
        f"{c['site']}: {c['state']}, {one_line(c['reason'])}"
        for c in contributions
        if c["state"] != "accepted"
    ]
    return {
        "round": f"{event['round']}/{event['rounds']}",
        "sites": f"{len(accepted)}/{len(contributions)}",
        "loss": mean([c["loss"] for c in accepted]),
        "Dice": "withheld" if event.get("private") else "",
        "epsilon": _spent(epsilon),
        "MB moved": f"{(event['bytes_in'] + event['bytes_out']) / 1e6:.1f}",
        "seconds": f"{event['seconds']:.1f}",
        "left out": "; ".join(left_out),
    }


def _spent(epsilon: list[float]) -> str:
    if not epsilon:
        return "no privacy"
    return "NOT PRIVATE" if math.isinf(max(epsilon)) else f"{max(epsilon):.2f}"


def mean_dice(metrics: list[dict[str, float]]) -> str:
    """Mean over sites and regions of the Dice values that the sites report; empty when there are none."""
    values = [
        v for one in metrics for k, v in one.items() if k.startswith("dice") and not math.isnan(v)
    ]
    return f"{sum(values) / len(values):.3f}" if values else ""


class Display:
    """Shows nothing; the base of those that do."""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event of the run."""

    def note(self, text: str) -> None:
        """Say something to the person watching."""


class PlainDisplay(Display):
    """One line a round, for logs and pipes."""

    def show(self, event: dict[str, Any]) -> None:
        if event["kind"] == "round":
            dice = mean_dice([c["metrics"] for c in event["contributions"]])
            if dice and event["round"] > 1:  # of the model that the sites were handed
                print(f"Dice after round {event['round'] - 1}: {dice}", flush=True)
            print("  ".join(f"{k} {v}" for k, v in summarise(event).items() if v), flush=True)
        elif event["kind"] == "log" and event["level"] != "info":
            print(f"{event['level']}: {event['site']} {event['text']}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class LiveDisplay(Display):
    """A table that updates in place, the sites' progress within the round under it."""

    def __init__(self, title: str, rounds: int) -> None:
        from rich.live import Live

        self._title, self._rounds = title, rounds
        self._closed: list[dict[str, str]] = []
        self._sites: dict[str, str] = {}
        self._notes: list[str] = []
        self._final: list[dict[str, float]] = []
        self._live = Live(self._render(), refresh_per_second=8)

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.update(self._render(), refresh=True)
        self._live.stop()

    def show(self, event: dict[str, Any]) -> None:
        if event["kind"] == "round":
            # A site scores the model it is handed: the one that the round before left.
            if self._closed:
                self._closed[-1]["Dice"] = (
                    mean_dice([c["metrics"] for c in event["contributions"]])
                    or self._closed[-1]["Dice"]
                )
            self._closed.append(summarise(event))
            self._sites.clear()
        elif event["kind"] == "metrics" and self._closed:
            self._final.append(event["metrics"])
            self._closed[-1]["Dice"] = mean_dice(self._final)
        elif event["kind"] == "progress":
            self._sites[event["site"]] = f"{event['site']} {event['step']}/{event['steps']}"
        elif event["kind"] == "log" and event["level"] != "info":
            self._notes.append(f"{event['site']} {event['text']}".strip())
        self._live.update(self._render())

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._live.update(self._render())

    def _render(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(self._title), title_justify="left", box=None, pad_edge=False)
        columns = ("round", "sites", "loss", "Dice", "epsilon", "MB moved", "seconds", "left out")
        for name in columns:
            table.add_column(name, justify="left" if name == "left out" else "right")
        for row in self._closed[-_SHOWN_ROUNDS:]:
            table.add_row(*(Text(row[name]) for name in columns))
        progress = (
            "training: " + "  ".join(self._sites.values())
            if self._sites
            else "waiting for the first round"
            if not self._closed
            else ""
        )
        return Group(
            table,
            Text(progress, style="dim"),
            *(Text(note, style="yellow") for note in self._notes[-3:]),
        )


def make_display(title: str, rounds: int, *, shown: bool) -> Display:
    """The display that fits where output goes: a live table for people, lines for files."""
    if not shown:
        return Display()
    from rich.console import Console

    console = Console()
    return (
        LiveDisplay(title, rounds) if console.is_terminal or console.is_jupyter else PlainDisplay()
    )


def as_table(frame: pd.DataFrame, title: str) -> Table:
    """A frame as a table for the terminal: four digits, times to the second, a dash where a value is missing."""
    from pandas.api.types import is_numeric_dtype
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for name in frame.columns:
        table.add_column(str(name), justify="right" if is_numeric_dtype(frame[name]) else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))  # "[network]" is no markup
    return table


def _cell(value: Any) -> str:
    import pandas as pd

    if pd.isna(value) or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = _MOMENT.sub(r"\1 \2", str(value))
    return one_line(text)


def one_line(text: str) -> str:
    """An error's lines (what, expected, found, remedy) as one, for a row of a table."""
    return "; ".join(" ".join(line.split()) for line in text.splitlines())


__all__ = ["Display", "as_table", "make_display", "summarise"]

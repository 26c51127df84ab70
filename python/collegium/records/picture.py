"""The way of a model as a picture: models from left to right, below each the sites that are in it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collegium.records.log import Entry
    from collegium.records.origin import Trace

_COLUMNS = 12  # a longer run is shown in parts of several rounds
_WIDE, _HIGH = 110, 26  # of a column and of a site's row


def draw(trace: Trace) -> str:
    """An SVG. A site's circle is full where it is in every round of its column, half where in some, empty where in none."""
    step = max(1, -(-len(trace.rounds) // _COLUMNS))
    parts = [trace.rounds[at : at + step] for at in range(0, len(trace.rounds), step)]
    given = [[trace.contributions(closed) for closed in part] for part in parts]
    names = sorted({e.facts["site"] for part in given for entries in part for e in entries})
    models = [("start", trace.begun.get("model", ""))]
    models += [(_title(part), part[-1].facts["after"]) for part in parts]
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {90 + _WIDE * len(models)} {80 + _HIGH * len(names)}" '
        'font-family="system-ui, sans-serif" font-size="11" fill="currentColor" role="img">'
        "<title>Where the model comes from</title>"
    ]
    for row, name in enumerate(names):
        out.append(f'<text x="0" y="{79 + row * _HIGH}">{escape(name)}</text>')
    for column, (title, digest) in enumerate(models):
        x = 130 + column * _WIDE
        out.append(
            f'<text x="{x}" y="12" text-anchor="middle">{escape(title)}</text>'
            f'<circle cx="{x}" cy="28" r="8"><title>{escape(digest)}</title></circle>'
            f'<text x="{x}" y="52" text-anchor="middle" opacity=".7">{escape(digest[:8])}</text>'
        )
        if column == 0:
            continue
        out.append(f'<path d="M{x - _WIDE + 8} 28H{x - 8}" stroke="currentColor" fill="none"/>')
        for row, name in enumerate(names):
            out.append(_circle(x, 75 + row * _HIGH, name, given[column - 1]))
    return "".join(out) + "</svg>"


def _title(part: list[Entry]) -> str:
    first, last = part[0].facts["round"], part[-1].facts["round"]
    return f"round {last}" if first == last else f"rounds {first}-{last}"


def _circle(x: int, y: int, site: str, rounds: list[list[Entry]]) -> str:
    of_site = [e for entries in rounds for e in entries if e.facts["site"] == site]
    if not of_site:
        return ""
    accepted = sum(e.facts.get("state") == "accepted" for e in of_site)
    absent = {
        f"round {e.facts['round']}: {e.facts.get('state')} {e.facts.get('reason', '')}".strip()
        for e in of_site
        if e.facts.get("state") != "accepted"
    }
    why = "\n".join([f"{site}: in {accepted} of {len(rounds)}", *sorted(absent)])
    fill = "none" if accepted == 0 else "currentColor"
    opacity = ' fill-opacity=".4"' if 0 < accepted < len(rounds) else ""
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{fill}"{opacity} stroke="currentColor"><title>{escape(why)}</title></circle>'

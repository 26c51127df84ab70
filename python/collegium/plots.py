"""Figures of a run. Colours are told apart by people who see few, and lines carry their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from collegium.run import Run

# Okabe and Ito 2008: distinguishable under the common forms of colour blindness.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#808080")
_GREY = "#808080"  # readable on white and on black alike


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_GREY)
    axes.patch.set_alpha(0)
    axes.grid(alpha=0.25)
    axes.tick_params(colors=_GREY, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.set_xlabel("round", fontsize=8, color=_GREY)
    axes.xaxis.get_major_locator().set_params(integer=True)  # there is no round 1.5


def _lines(axes: Axes, frame, column: str) -> bool:
    """One line a site; returns whether there was anything to draw."""
    drawn = False
    for number, (site, rows) in enumerate(frame.groupby("site")):
        known = rows.dropna(subset=[column])
        if known.empty:
            continue
        drawn = True
        axes.plot(
            known["round"], known[column], color=PALETTE[number % len(PALETTE)], label=site, lw=1.5
        )
    if drawn:
        axes.legend(fontsize=7, frameon=False, labelcolor=_GREY)
    return drawn


def plot_run(run: Run) -> Figure:
    """Training loss, the sites' validation Dice and epsilon by round, as far as the run has them."""
    from matplotlib.figure import Figure

    history = run.history
    dice = [name for name in history.columns if name.startswith("dice")]
    if dice:
        history = history.assign(dice=history[dice].mean(axis=1, skipna=True))
    wanted = [
        ("loss", "training loss"),
        ("dice", "validation Dice at the site"),
        ("epsilon", "epsilon spent"),
    ]
    panels = [
        (column, title)
        for column, title in wanted
        if column in history.columns and history[column].notna().any()
    ]
    if not panels:
        panels = [("weight", "weight of each update")]
    figure = Figure(figsize=(4.2 * len(panels), 3.0), layout="constrained")
    figure.patch.set_alpha(0)
    for number, (column, title) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        _lines(axes, history, column)
        _style(axes, title)
    return figure

"""Figures of a run. Colours are told apart by people who see few, and lines carry their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from collegium.privacy_plan import Plan
    from collegium.run import Run

# Okabe and Ito 2008: distinguishable under the common forms of colour blindness.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#808080")
_GREY = "#808080"  # readable on white and on black alike


def _style(axes: Axes, title: str, across: str = "round") -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_GREY)
    axes.patch.set_alpha(0)
    axes.grid(alpha=0.25)
    axes.tick_params(colors=_GREY, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.set_xlabel(across, fontsize=8, color=_GREY)
    if across == "round":
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


def plot_plan(plan: Plan) -> Figure:
    """Epsilon of each protected site against noise, rounds and batch size, around the plan's middle setting."""
    from matplotlib.figure import Figure

    from collegium._load import core

    scales = [0.5 * 2 ** (step / 2) for step in range(5)]  # half to twice
    panels = (
        ("noise_multiplier", "noise multiplier"),
        ("rounds", "rounds"),
        ("batch_size", "patients a batch"),
    )
    figure = Figure(figsize=(4.2 * len(panels), 3.0), layout="constrained")
    figure.patch.set_alpha(0)
    protected = plan.table[plan.table["protected"]]
    for number, (varied, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        for colour, (site, rows) in enumerate(protected.groupby("site", sort=False)):
            held = rows.iloc[len(rows) // 2]
            across, up = [], []
            for scale in scales:
                point = {name: held[name] for name, _ in panels}
                point[varied] = point[varied] * scale
                if point["batch_size"] > held["patients"]:
                    continue
                across.append(point[varied])
                up.append(
                    core.privacy.epsilon(
                        noise_multiplier=float(point["noise_multiplier"]),
                        sampling_rate=float(point["batch_size"] / held["patients"]),
                        steps=max(1, round(point["rounds"] * held["local_steps"])),
                        delta=float(held["delta"]),
                    )
                )
            line = PALETTE[colour % len(PALETTE)]
            axes.plot(across, up, color=line, label=f"{site} ({held['patients']})", lw=1.5)
            axes.axhline(held["epsilon"], color=_GREY, lw=0.8, ls="--")
        _style(axes, "epsilon", label)
        if not protected.empty:
            axes.legend(fontsize=7, frameon=False, labelcolor=_GREY)
    return figure

"""What was learned, in sentences that the numbers above them bear out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collegium.demo.compare import FEDERATED, POOLED_LONG, POOLED_SHORT

if TYPE_CHECKING:
    import pandas as pd


NOTHING_LEARNED = 0.1  # Dice of about what drawing the same thing into everybody gives


def statement(table: pd.DataFrame, about: str, *, smoke: bool) -> list[str]:
    """Sentences about a table of ``compare.score_table``; what did not work is said as plainly as what did."""
    score = table.set_index("model")["score"]
    parts = ", ".join(c.split(" (")[0] for c in table.columns if c not in ("model", "score"))
    alone = score[[name for name in score.index if name.endswith(" alone")]]
    best, worst = alone.idxmax(), alone.idxmin()
    gain = score[FEDERATED] - alone.max()
    lines = [about]
    if smoke:
        lines.append(
            "This was a smoke run: a few minutes, far too little training to conclude anything from the figures."
        )
    verdict = (
        f"The federated model beats every single site's own model: {score[FEDERATED]:.3f} against {alone.max():.3f} for the best ({best}) "
        f"and {alone.min():.3f} for the worst ({worst})"
        if gain > 0
        else f"The federated model does not beat every single site's own model: {score[FEDERATED]:.3f} against {alone.max():.3f} for {best}"
    )
    lines.append(f"{verdict}. The score is the mean Dice over {parts}.")
    lines.append(
        f"Pooled training, which no hospital could do without sharing scans, reaches {score[POOLED_SHORT]:.3f} with the steps of one site and "
        f"{score[POOLED_LONG]:.3f} with the steps of all sites together."
    )
    return lines


def privacy_statement(
    table: pd.DataFrame, federated: float, public: float | None = None
) -> list[str]:
    """One sentence a private run, with what it cost; ``table`` has model, epsilon, delta and score.

    ``public`` is the score of the model that the private runs started from, if they did not start from random weights.
    """
    lines = []
    for row in table.to_dict("records"):
        line = (
            f"With patient-level privacy, epsilon {row['epsilon']:.2f} at delta {row['delta']:g} for every patient of every site, the federation "
            f"reaches {row['score']:.3f}, against {federated:.3f} without privacy"
        )
        line += (
            f" (from random weights) and {public:.3f} of the model that it starts from, trained on a public collection."
            if public
            else "."
        )
        if row["score"] < NOTHING_LEARNED:
            line += " So few patients teach next to nothing through this much noise: that model is of no use."
        lines.append(line)
    return lines


__all__ = ["privacy_statement", "statement"]

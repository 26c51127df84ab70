"""An audit of the product's own privacy: does the code that trains do what the accountant charges for?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

from collegium._load import core
from collegium.errors import ConfigError
from collegium.ledger import json_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

NO_PROOF = (
    "An alarm says that the code does not keep its word. No alarm, and an attack that fails, prove nothing: "
    "the proof is the mathematics of the mechanism and the ledger that counts it."
)
Target = Literal["everything", "steps", "trainer", "model"]
_COLUMNS = ("what", "check", "question", "p_value", "lower", "upper", "alarm")


class Audit:
    """What :func:`audit` found.

    Attributes
    ----------
    findings : pandas.DataFrame
        A row a check. ``p_value`` is that of "the code does what it says"; ``lower`` is a lower bound on what was given
        away, with a confidence of 1 - 1e-7, beside ``upper``, what the accountant claims at most. ``alarm`` where the
        p value is below 1e-7 or the lower bound above the upper one.
    """

    def __init__(self, findings: pd.DataFrame) -> None:
        self.findings = findings

    @property
    def alarm(self) -> bool:
        """Whether any check raised an alarm."""
        return bool(self.findings["alarm"].any())

    def to_json(self) -> str:
        """The findings for machines: a list of objects."""
        return json_text(self.findings.to_dict("records"), indent=2)

    def table(self) -> Table:
        """The findings as a table for the terminal: p values, and what was given away at least."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in ("check", "what is checked", "found", "claimed", ""):
            table.add_column(name, justify="right" if name in ("found", "claimed") else "left")
        for what, rows in self.findings.groupby("what", sort=False):
            table.add_row(f"[bold]{what}[/]")
            for row in rows.itertuples():
                table.add_row(row.check, row.question, *_result(row))
        return table

    def __repr__(self) -> str:
        alarms = self.findings.loc[self.findings["alarm"], ["what", "check"]]
        verdict = "; ".join(f"ALARM: {a.what}, {a.check}" for a in alarms.itertuples())
        return f"{len(self.findings)} checks, {verdict or 'no alarm'}. {NO_PROOF}"

    def _repr_html_(self) -> str:
        return self.findings.to_html(index=False, na_rep="–") + f"<p>{self!r}</p>"


def _result(row: Any) -> tuple[str, str, str]:
    verdict = "[bold red]ALARM[/]" if row.alarm else "ok"
    if not math.isnan(row.p_value):
        return f"p {row.p_value:.2g}", "", verdict
    found = f"≥ {max(row.lower, 0.0):.2f}"
    if math.isinf(row.upper):
        return found, "nothing", ""
    return found, f"≤ {row.upper:.2f}", verdict


def audit(
    *,
    of: Target = "everything",
    device: str = "auto",
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Audit:
    """Attack this installation's differential privacy and compare with what it claims.

    ``steps`` audits the compiled private step (sampling, clipping, sum, noise), ``trainer`` the whole trainer from the
    task to the update, each by seven statistics and two lower bounds: the size, distribution and independence of the
    noise, what one and eight patients can contribute, how patients are sampled; the distinguishability of one step
    (Nasr et al. 2023) and of a training run (Steinke, Nasr and Jagielski 2023). ``model`` attacks trained models by
    membership inference, with and without privacy (:func:`collegium.membership.attacks`). Sound code raises an alarm
    less than once in 300,000 audits of everything.

    Parameters
    ----------
    of : str
        "everything", or one of the three. Anything else is a ConfigError.
    device : str
        Where the trainer runs: "auto", "cpu" or "cuda".
    progress : callable, optional
        Hears of each finding as it is made.

    Returns
    -------
    Audit

    Examples
    --------
    >>> audit(of="steps").alarm
    False
    """
    import pandas as pd

    if of not in get_args(Target):
        raise ConfigError(
            "there is no such thing to audit\n"
            f"  expected: {', '.join(get_args(Target))}\n  found:    {of}"
        )
    rows: list[dict[str, Any]] = []

    def note(what: str) -> Callable[[dict[str, Any]], None]:
        def done(finding: dict[str, Any]) -> None:
            rows.append({"what": what, **finding})
            if progress is not None:
                progress(rows[-1])

        return done

    if of in ("everything", "steps"):
        core.audit.steps(note("private step"))
    if of in ("everything", "trainer"):
        core.audit.trainer(device, note("whole trainer"))
    if of in ("everything", "model"):
        from collegium.membership import attacks

        attacks(note("trained model"))
    return Audit(pd.DataFrame(rows, columns=list(_COLUMNS)))


__all__ = ["NO_PROOF", "Audit", "audit"]

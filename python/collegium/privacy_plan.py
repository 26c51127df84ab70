"""A plan of what privacy costs at one's own sites: a table, a plot, and who is too small for it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collegium._load import core
from collegium.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SETTINGS = ("batch_size", "rounds", "local_steps")


@dataclass(frozen=True)
class Plan:
    """What :func:`plan` found.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a site and setting: ``site``, ``patients``, ``batch_size``, ``rounds``, ``local_steps``,
        ``sampling_rate``, ``delta``, ``noise_multiplier``, ``epsilon``, ``noise_per_batch`` (standard deviation of the
        noise on the mean of a batch, relative to the clipping norm: what training has to live with), ``protected``,
        and ``remark``, which says for a site that cannot be protected why, and what to do.
    """

    table: pd.DataFrame

    @property
    def unprotected(self) -> pd.DataFrame:
        """Site and remark of everyone who cannot be protected at some setting."""
        rows = self.table.loc[~self.table["protected"], ["site", "patients", "remark"]]
        return rows.drop_duplicates(ignore_index=True)

    def plot(self) -> Figure:
        """Epsilon of every protected site against noise, rounds and batch size, each with the others held.

        The middle setting of the plan is the one that is held; the dashed line is its epsilon.
        """
        from collegium.plots import plot_plan

        return plot_plan(self)

    def __repr__(self) -> str:
        lines = self.table.drop(columns=["protected"]).to_string(
            index=False, float_format="%.4g", na_rep="–"
        )
        return f"{len(self.table['site'].unique())} sites\n{lines}"

    def _repr_html_(self) -> str:
        shown = self.table.drop(columns=["protected"])
        warning = "".join(
            f"<li><b>{row.site}</b> ({row.patients}): {row.remark}</li>"
            for row in self.unprotected.itertuples()
        )
        return shown.to_html(index=False, float_format="%.4g", na_rep="–") + (
            f"<p>Not protected:</p><ul>{warning}</ul>" if warning else ""
        )


def _several(value: int | Iterable[int]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


def _check(sites: Mapping[str, int], settings: dict[str, list[int]]) -> None:
    for what, values in {"patients": list(sites.values()), **settings}.items():
        if not values:
            raise ConfigError(f"{what}: nothing is stated\n  expected: at least one whole number")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(
                    f"{what} is no count\n  expected: a whole number of at least 1\n  found:    {value!r}"
                )


def _obstacle(patients: int, delta: float, rate: float) -> str | None:
    """Why a site cannot be protected, with the remedy."""
    if rate > 1.0:
        return "a batch has more patients than the site: take smaller batches, or leave it out"
    weak = core.privacy.weak_delta(delta, patients)
    return f"{weak[0]}: {weak[1]}" if weak else None


def plan(
    *,
    sites: Mapping[str, int],
    delta: float,
    batch_size: int | Iterable[int],
    rounds: int | Iterable[int],
    local_steps: int | Iterable[int] = 1,
    epsilon: float | None = None,
    noise_multiplier: float | None = None,
) -> Plan:
    """What training under patient-level privacy costs at each site, before anything is trained.

    Parameters
    ----------
    sites : mapping of str to int
        Public number of patients of each site.
    delta : float
        In (0, 1), and under one over the number of patients of every site that is to be protected.
    batch_size, rounds, local_steps : int or iterable of int
        Expected patients a step, federated rounds, steps a round; several values give a row for each combination.
    epsilon, noise_multiplier : float
        Exactly one: the target that the noise is calibrated to, or the noise that epsilon follows from.

    Returns
    -------
    Plan
        ``.table`` is a pandas table, ``.plot()`` draws it.

    Examples
    --------
    >>> small = plan(sites={"guys": 77, "dorset": 6}, epsilon=3.0, delta=1e-3, batch_size=8, rounds=60, local_steps=10)
    >>> small.table[["site", "protected"]].values.tolist()
    [['guys', True], ['dorset', False]]
    >>> round(float(small.table["noise_multiplier"][0]), 2)
    2.76
    """
    import pandas as pd

    if (epsilon is None) == (noise_multiplier is None):
        raise ConfigError(
            "a plan needs a target or a noise\n  expected: exactly one of epsilon and noise_multiplier\n"
            f"  found:    {'neither' if epsilon is None else 'both'}"
        )
    if not 0.0 < delta < 1.0:
        raise ConfigError(f"delta must lie between 0 and 1\n  found:    {delta}")
    settings = dict(
        zip(_SETTINGS, (_several(batch_size), _several(rounds), _several(local_steps)), strict=True)
    )
    _check(sites, settings)
    rows = []
    for (site, patients), chosen in itertools.product(
        sites.items(), itertools.product(*settings.values())
    ):
        batch, total_rounds, steps = chosen
        rate = batch / patients
        remark = _obstacle(patients, delta, rate)
        row = {
            "site": site,
            "patients": patients,
            **dict(zip(_SETTINGS, chosen, strict=True)),
            "sampling_rate": rate,
            "delta": delta,
            "noise_multiplier": math.nan,
            "epsilon": math.nan,
            "noise_per_batch": math.nan,
            "protected": remark is None,
            "remark": remark or "",
        }
        if remark is None:
            common = {"delta": delta, "sampling_rate": rate, "steps": total_rounds * steps}
            noise = noise_multiplier
            if noise is None:
                noise = core.privacy.noise_for(epsilon=epsilon, **common)
            row["noise_multiplier"] = noise
            row["epsilon"] = core.privacy.epsilon(noise_multiplier=noise, **common)
            row["noise_per_batch"] = noise / batch
        rows.append(row)
    return Plan(pd.DataFrame(rows))


__all__ = ["Plan", "plan"]

"""Planning privacy: what a setting costs, and which noise a target needs. Computed in C++."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from collegium._load import core
from collegium.audit import Audit, audit
from collegium.errors import ConfigError
from collegium.per_sample import SampleGradients, SampleLayouts, add_noise, clipped_gradients
from collegium.privacy_plan import Plan, plan


@dataclass(frozen=True, kw_only=True)
class DPSGD:
    """Patient-level privacy inside each site: per-patient clipping and Gaussian noise (Abadi et al. 2016).

    Neighbouring data sets differ by adding or removing one patient. Batches are Poisson samples; an over-full batch is
    accumulated, never cut.

    Parameters
    ----------
    clip : float
        Largest L2 norm C of one patient's gradient; under ``"adaptive"`` the one it starts from.
    clipping : {"flat", "per_layer", "automatic", "adaptive"}
        How a gradient g is brought under C. The noise is scaled to C each time, so all four cost the same.

        * ``"flat"``: min(1, C / norm(g)) g (Abadi et al. 2016).
        * ``"per_layer"``: the same for each of L layers with C / sqrt(L) (McMahan et al. 2018).
        * ``"automatic"``: C g / (norm(g) + 0.01), so that all patients count alike and C only scales the learning rate
          (Bu et al. 2022).
        * ``"adaptive"``: as flat, with a C that follows the median of the patients' norms. Finding it takes a twentieth
          of each step's privacy, within what is charged (Andrew et al. 2021).
    epsilon : float, optional
        Target for the whole run; the noise is calibrated to meet it. Exactly one of epsilon and noise_multiplier.
    noise_multiplier : float, optional
        Standard deviation of the noise on the sum of a batch, divided by ``clip``.
    delta : float
        Probability mass the guarantee leaves out; it has to be well below one over the number of patients.
    metrics_every : int
        Rounds after which sites release Dice or accuracy on their validation subjects, noised and charged; 0: never.
    metrics_noise : float, optional
        Standard deviation of that noise, divided by the metrics' sensitivity; needed with ``metrics_every``.
    """

    clip: float = 1.0
    clipping: str = "flat"
    epsilon: float | None = None
    noise_multiplier: float | None = None
    delta: float = 1e-3
    metrics_every: int = 0
    metrics_noise: float | None = None

    def settings(self) -> dict[str, Any]:
        """Keys of the ``[privacy]`` table."""
        table: dict[str, Any] = {
            "unit": "patient",
            "clip": float(self.clip),
            "clipping": self.clipping,
            "delta": float(self.delta),
        }
        if self.epsilon is not None:
            table["epsilon"] = float(self.epsilon)
        if self.noise_multiplier is not None:
            table["noise_multiplier"] = float(self.noise_multiplier)
        if self.metrics_every:
            table["metrics_every"] = int(self.metrics_every)
        if self.metrics_noise is not None:
            table["metrics_noise"] = float(self.metrics_noise)
        return table


@dataclass(frozen=True, kw_only=True)
class SiteDP:
    """Privacy of whole sites: each site's update is clipped, and Gaussian noise hides it (McMahan et al. 2018).

    Neighbouring federations differ by one site that takes part or sends zeros. It needs very many sites, or few trained
    parameters, to leave something to learn; :class:`DPSGD` protects patients instead. Needs ``local_steps``.

    Parameters
    ----------
    clip : float
        Largest L2 norm of a site's whole update.
    epsilon : float, optional
        Target for the whole run; the noise is calibrated to meet it. Exactly one of epsilon and noise_multiplier.
    noise_multiplier : float, optional
        Standard deviation of the noise, divided by the sensitivity of what it is added to.
    delta : float
        Probability mass the guarantee leaves out; it has to be well below one over the number of sites.
    where : {"site", "sum", "coordinator"}
        Where the noise is: in each site's own update, so that nobody has to be trusted; in the sum of secure
        aggregation, to which each site adds its share, so that few sites have to be (``colluding``); or in the
        aggregate, by the coordinator once a round. The last two take far less noise than the first. The last asks for
        an aggregator that bounds its sensitivity.
    colluding : int, optional
        With ``where="sum"``: sites that may be in league with the coordinator, whose shares count for nothing. Default:
        as many as may be missing from a sum, and at least 1.
    max_weight : float, optional
        Weight that no site exceeds; needed with ``where="coordinator"`` and ``weighting="subjects"``.

    Examples
    --------
    >>> SiteDP(clip=0.5, epsilon=8.0, delta=1e-3, where="coordinator").settings()["where"]
    'coordinator'
    """

    clip: float = 1.0
    epsilon: float | None = None
    noise_multiplier: float | None = None
    delta: float = 1e-3
    where: Literal["site", "sum", "coordinator"] = "site"
    colluding: int | None = None
    max_weight: float | None = None

    def settings(self) -> dict[str, Any]:
        """Keys of the ``[privacy]`` table."""
        table: dict[str, Any] = {
            "unit": "site",
            "where": self.where,
            "clip": float(self.clip),
            "delta": float(self.delta),
        }
        for key in ("epsilon", "noise_multiplier", "max_weight"):
            if getattr(self, key) is not None:
                table[key] = float(getattr(self, key))
        if self.colluding is not None:
            table["colluding"] = int(self.colluding)
        return table


def epsilon(*, noise_multiplier: float, sampling_rate: float, steps: int, delta: float) -> float:
    """Epsilon of ``steps`` Poisson-sampled Gaussian steps that were fixed beforehand.

    The least of what privacy loss distributions (Doroshenko et al. 2022), Renyi divergences (Mironov, Talwar and Zhang
    2019) and, without sampling, the exact Gaussian curve (Balle and Wang 2018) prove; :func:`compose` says which, and
    takes other releases too.

    Parameters
    ----------
    noise_multiplier : float
        Standard deviation of the noise divided by the clipping norm.
    sampling_rate : float
        Probability in [0, 1] with which each patient is in a batch.
    steps : int
        Number of optimizer steps over the whole run.
    delta : float
        In (0, 1).

    Returns
    -------
    float
        Never below the true value; ``inf`` where there is no guarantee.

    Examples
    --------
    >>> round(epsilon(noise_multiplier=4.0, sampling_rate=0.01, steps=10_000, delta=1e-5), 2)
    0.95
    """
    return core.privacy.epsilon(
        noise_multiplier=noise_multiplier, sampling_rate=sampling_rate, steps=steps, delta=delta
    )


Event = core.privacy.Event


@dataclass(frozen=True)
class Composition:
    """What :func:`compose` found; every number is an epsilon at ``delta``.

    Attributes
    ----------
    epsilon : float
        The least of the others: the one to report.
    accountant : str
        The argument that gave it.
    privacy_loss, renyi, plain_sum : float
        What each argument proves by itself; ``inf`` where it does not apply or was not needed.
    """

    epsilon: float
    delta: float
    accountant: str
    privacy_loss: float
    renyi: float
    plain_sum: float

    def _repr_html_(self) -> str:
        return (
            f"<b>ε = {self.epsilon:.4g}</b> at δ = {self.delta:g}, by {self.accountant}"
            f"<br><small>privacy loss distribution {self.privacy_loss:.4g} · "
            f"Rényi divergences {self.renyi:.4g} · plain sum {self.plain_sum:.4g}</small>"
        )


def compose(events: Iterable[Event], delta: float) -> Composition:
    """Epsilon of several releases together, all of them fixed beforehand.

    Where a release is chosen after seeing an earlier one (a second run, a changed setting), only the sum of Renyi
    divergences is valid; the ledger keeps that.

    Parameters
    ----------
    events : iterable of Event
        ``Event(kind, noise_multiplier=, sampling_rate=, count=, ...)`` with kind one of ``"gaussian"``,
        ``"sampled_gaussian"``, ``"fixed_size_gaussian"``, ``"laplace"``, ``"discrete_gaussian"``,
        ``"discrete_laplace"``, ``"pure"``, ``"approximate"``, ``"unbounded"``. Noise is relative to the sensitivity,
        for neighbours that differ by one patient more or less (``neighbours="replace_one"``: one exchanged).
    delta : float
        In [0, 1).

    Examples
    --------
    >>> training = Event("sampled_gaussian", noise_multiplier=3.0, sampling_rate=0.05, count=600)
    >>> counts = Event("laplace", noise_multiplier=50.0, count=30)
    >>> both = compose([training, counts], delta=1e-5)
    >>> round(both.epsilon, 2), both.accountant
    (1.74, 'privacy loss distribution')
    """
    found = core.privacy.compose(list(events), delta)
    return Composition(
        found.epsilon, delta, found.accountant, found.privacy_loss, found.renyi, found.plain_sum
    )


def calibrate(
    *,
    delta: float,
    sampling_rate: float,
    epsilon: float | None = None,
    noise_multiplier: float | None = None,
    steps: int | None = None,
) -> float | int:
    """The one of epsilon, noise_multiplier and steps that is left out.

    Returns
    -------
    float or int
        The least noise multiplier (rounded up), the most steps (rounded down), or epsilon.

    Examples
    --------
    >>> noise = calibrate(epsilon=3.0, delta=1e-3, sampling_rate=8 / 77, steps=600)
    >>> round(noise, 2)
    2.76
    >>> calibrate(epsilon=3.0, delta=1e-3, sampling_rate=8 / 77, noise_multiplier=noise) >= 599
    True
    """
    given = {"epsilon": epsilon, "noise_multiplier": noise_multiplier, "steps": steps}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) != 1:
        stated = [name for name in given if name not in missing]
        raise ConfigError(
            "exactly one of epsilon, noise_multiplier and steps is to be calibrated\n"
            f"  expected: two of them\n  found:    {', '.join(stated) or 'none'}"
        )
    common = {"delta": delta, "sampling_rate": sampling_rate}
    if noise_multiplier is None:
        return core.privacy.noise_for(epsilon=epsilon, steps=steps, **common)
    if steps is None:
        return core.privacy.steps_for(epsilon=epsilon, noise_multiplier=noise_multiplier, **common)
    return core.privacy.epsilon(noise_multiplier=noise_multiplier, steps=steps, **common)


__all__ = [
    "DPSGD",
    "Audit",
    "Composition",
    "Event",
    "Plan",
    "SampleGradients",
    "SampleLayouts",
    "SiteDP",
    "add_noise",
    "audit",
    "calibrate",
    "clipped_gradients",
    "compose",
    "epsilon",
    "plan",
]

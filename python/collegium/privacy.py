"""Planning privacy: what a setting costs, and which noise a target needs. Computed in C++."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from collegium._load import core
from collegium.per_sample import SampleGradients, SampleLayouts, clipped_gradients


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
    where : {"site", "coordinator"}
        Who adds the noise: each site to its own update, so that nobody has to be trusted, or the coordinator once a
        round to the aggregate, which takes far less noise and asks for an aggregator that bounds its sensitivity.
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
    where: Literal["site", "coordinator"] = "site"
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
        return table


def epsilon(*, noise_multiplier: float, sampling_rate: float, steps: int, delta: float) -> float:
    """Epsilon of ``steps`` Poisson-sampled Gaussian steps.

    Renyi accounting at integer and fractional orders (Mironov, Talwar and Zhang 2019) with the conversion of Canonne,
    Kamath and Steinke 2020, Prop. 12; without sampling the exact Gaussian (Balle and Wang 2018).

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
    1.04
    """
    return core.privacy.epsilon(
        noise_multiplier=noise_multiplier, sampling_rate=sampling_rate, steps=steps, delta=delta
    )


def calibrate(*, epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
    """Smallest noise multiplier whose epsilon does not exceed the target; rounded up, never down."""
    return core.privacy.calibrate(
        epsilon=epsilon, delta=delta, sampling_rate=sampling_rate, steps=steps
    )


__all__ = [
    "DPSGD",
    "SampleGradients",
    "SampleLayouts",
    "SiteDP",
    "calibrate",
    "clipped_gradients",
    "epsilon",
]

"""Membership inference on a trained federation: who was in, judged from the final model alone.

Each candidate patient takes part or not by a fair coin. An attacker scores every candidate, guesses "in" on the highest
scores and "out" on the lowest, and the number of right guesses bounds epsilon from below (Steinke, Nasr and Jagielski
2023): the whole attack costs one training run, and its guesses need not be independent.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from collegium._load import core

# Far below what this attack finds without privacy (about 2), so that noise which is not there is seen.
EPSILON = 1.0
# The bound loses up to 2 * candidates * delta of its confidence: delta lies far below the alarm's probability.
DELTA = 1e-12
_FEATURES, _CLASSES, _SITES, _CANDIDATES = 64, 16, ("north", "south"), 400


@dataclass(frozen=True)
class Candidates:
    """Patients who may take part: random features with random labels, so that only memory can tell who did."""

    x: np.ndarray  # [candidates, features], float32
    y: np.ndarray  # [candidates], int64
    site: np.ndarray  # [candidates], index of the site


def draw_candidates(generator: np.random.Generator) -> Candidates:
    """Fresh candidates of two sites."""
    return Candidates(
        generator.normal(size=(_CANDIDATES, _FEATURES)).astype(np.float32),
        generator.integers(_CLASSES, size=_CANDIDATES),
        np.arange(_CANDIDATES) % len(_SITES),
    )


def sites_of(candidates: Candidates, present: np.ndarray, *, private: bool) -> dict[str, Any]:
    """The sites' data sets when those present take part.

    Under privacy an absent candidate is a row of NaN, which training counts as nobody: a simulation takes the number of
    rows for public, and from that number follow noise, rate and divisor. They must not tell who is there.
    """
    data = {}
    for index, name in enumerate(_SITES):
        own = candidates.site == index
        x, y, here = candidates.x[own], candidates.y[own], present[own]
        if private:
            # Straight to the core: as arrays they would be refused, being not finite.
            data[name] = core.ArrayDataset(np.where(here[:, None], x, np.float32("nan")), y)
        else:
            data[name] = (x[here], y[here])
    return data


def losses_of_trained(
    candidates: Candidates, present: np.ndarray, *, private: bool, seed: int
) -> np.ndarray:
    """Train a small federation on those present; the final model's loss of every candidate."""
    import torch

    import collegium as cg

    federation = cg.Federation(
        model=cg.networks.Network(
            {
                "name": "mlp",
                "in_channels": _FEATURES,
                "out_channels": _CLASSES,
                "init_filters": 64,
            },
            seed=seed,
        ),
        loss="cross_entropy",
        optimizer=cg.Adam(lr=0.01),
        batch_size=50,
        local_steps=20,
        rounds=10,
        privacy=cg.DPSGD(clip=1.0, epsilon=EPSILON, delta=DELTA) if private else None,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        sites = sites_of(candidates, present, private=private)
        run = federation.simulate(sites, folder=Path(folder) / "run", progress=False)
        with torch.no_grad():
            outputs = run.model(torch.from_numpy(candidates.x))
    return torch.nn.functional.cross_entropy(
        outputs, torch.from_numpy(candidates.y), reduction="none"
    ).numpy()


def likelihood_ratio(
    loss: np.ndarray, shadow_losses: np.ndarray, shadow_present: np.ndarray
) -> np.ndarray:
    """Scores after Carlini et al. 2022 ("LiRA"): how much better a candidate's confidence fits models with it.

    Parameters
    ----------
    loss : array [candidates]
        Of the model under attack.
    shadow_losses, shadow_present : array [models, candidates]
        Of models the attacker trained, and who was in each.

    Returns
    -------
    array [candidates]
        Log likelihood ratio of two normal distributions of the logit of the confidence; the spread is common to all
        candidates, since few shadow models cannot give each its own.
    """
    logit = -np.log(np.expm1(np.clip(loss, 1e-6, 50.0)))
    shadow = -np.log(np.expm1(np.clip(shadow_losses, 1e-6, 50.0)))

    def centre(chosen: np.ndarray) -> np.ndarray:
        counts = chosen.sum(axis=0)
        means = np.where(chosen, shadow, 0.0).sum(axis=0) / np.maximum(counts, 1)
        return np.where(counts > 0, means, shadow[chosen].mean())

    inside, outside = centre(shadow_present), centre(~shadow_present)
    spread = max(float(np.where(shadow_present, shadow - inside, shadow - outside).std()), 1e-9)
    return ((logit - outside) ** 2 - (logit - inside) ** 2) / (2 * spread**2)


def attacks(
    done: Callable[[dict[str, Any]], None],
    *,
    shadows: int = 8,
    generator: np.random.Generator | None = None,
) -> None:
    """Loss-threshold and likelihood-ratio attacks on one federation without and one with privacy.

    ``done`` hears of each finding: the lower bound on epsilon at confidence 1 - 1e-7 and what is claimed, which is
    infinite without privacy. Coins and data come from the operating system unless ``generator`` is given.
    """
    generator = generator or np.random.default_rng()
    candidates = draw_candidates(generator)

    def trained(private: bool) -> tuple[np.ndarray, np.ndarray]:
        present = generator.random(_CANDIDATES) < 0.5
        seed = int(generator.integers(2**31))
        return losses_of_trained(candidates, present, private=private, seed=seed), present

    for private in (False, True):
        claim = EPSILON if private else math.inf
        named = "with privacy" if private else "without privacy"
        loss, present = trained(private)
        shadow_losses, shadow_present = map(
            np.stack, zip(*(trained(private) for _ in range(shadows)), strict=True)
        )
        for attack, scores in (
            ("loss", -loss),
            ("likelihood", likelihood_ratio(loss, shadow_losses, shadow_present)),
        ):
            lower = core.audit.one_run_lower_bound(scores, present, DELTA, core.audit.alarm)
            done(
                {
                    "check": attack,
                    "question": f"who took part, {named}: epsilon at delta {DELTA:g}",
                    "p_value": math.nan,
                    "lower": lower,
                    "upper": claim,
                    "alarm": lower > claim,
                }
            )


__all__ = [
    "Candidates",
    "attacks",
    "draw_candidates",
    "likelihood_ratio",
    "losses_of_trained",
    "sites_of",
]

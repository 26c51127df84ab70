"""Local optimizers. The update rules run in C++ over the flat parameter vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam with L2 weight decay (Kingma and Ba 2015), as ``torch.optim.Adam`` computes it.

    Parameters
    ----------
    lr : float
        Step size at the start of the run.
    betas : tuple of float
        Decay of the first and second moment.
    eps : float
        Added to the root of the second moment.
    weight_decay : float
        Added to the gradient as ``weight_decay * parameter``.
    moments : {"restart", "keep"}
        Whether a site's moments start from zero every round (Li et al. 2019, their best) or live on.
    """

    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 1e-5
    moments: Literal["restart", "keep"] = "restart"

    def settings(self) -> dict[str, Any]:
        """Keys of the ``[training]`` table."""
        return {
            "optimizer": "adam",
            "lr": float(self.lr),
            "beta1": float(self.betas[0]),
            "beta2": float(self.betas[1]),
            "eps": float(self.eps),
            "weight_decay": float(self.weight_decay),
            "moments": self.moments,
        }


@dataclass(frozen=True, kw_only=True)
class SGD:
    """Plain stochastic gradient descent: ``parameter -= lr * (gradient + weight_decay * parameter)``."""

    lr: float = 1e-2
    weight_decay: float = 0.0

    def settings(self) -> dict[str, Any]:
        """Keys of the ``[training]`` table."""
        return {
            "optimizer": "sgd",
            "lr": float(self.lr),
            "weight_decay": float(self.weight_decay),
        }

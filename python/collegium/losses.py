"""Losses as training computes them in C++, callable on torch tensors; gradients flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from collegium._load import core


@dataclass(frozen=True, kw_only=True)
class DiceLoss:
    """Soft Dice loss (Milletari et al. 2016), value for value MONAI's.

    ``1 - (2 sum(p t) + smooth_nr) / (sum(p^n) + sum(t^n) + smooth_dr)``, n = 2 with ``squared_pred``, sums over space
    (and the batch with ``batch``), mean over what remains.

    Parameters
    ----------
    sigmoid : bool
        Whether ``input`` are logits.
    squared_pred : bool
        Squares in the denominator.
    smooth_nr, smooth_dr : float
        Added to numerator and denominator. With ``smooth_nr=0`` an empty channel has loss 1 and no gradient.
    batch : bool
        Sum over the batch before dividing.
    """

    sigmoid: bool = True
    squared_pred: bool = True
    smooth_nr: float = 0.0
    smooth_dr: float = 1e-5
    batch: bool = False

    def __call__(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Scalar loss of ``input`` and ``target``, both of shape (batch, channels, *space)."""
        return core.dice_loss(
            input,
            target,
            sigmoid=self.sigmoid,
            squared_pred=self.squared_pred,
            smooth_nr=self.smooth_nr,
            smooth_dr=self.smooth_dr,
            batch=self.batch,
        )

    def settings(self) -> dict[str, Any]:
        """The ``loss`` table of ``[training]``."""
        if not self.sigmoid:
            raise ValueError("training takes logits: use DiceLoss(sigmoid=True)")
        return {
            "name": "dice",
            "squared_pred": self.squared_pred,
            "smooth_nr": float(self.smooth_nr),
            "smooth_dr": float(self.smooth_dr),
            "batch": self.batch,
        }


__all__ = ["DiceLoss"]

"""A loss of one's own, called as it was written, with outputs that had to be flattened on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

from collegium.errors import CaptureError
from collegium.graph.gradients import strange_parameters


class LossModule(torch.nn.Module):
    """``forward(outputs, targets)``: the loss of a network's outputs, given as the flat list of their tensors.

    Parameters
    ----------
    loss : callable
        Takes (outputs, targets) and returns a scalar, or one number a sample.
    rebuild : callable, optional
        Makes of the list what the network returned; None: the loss takes the first tensor alone.
    """

    def __init__(self, loss: Callable[..., Any], rebuild: Callable[[list], Any] | None) -> None:
        super().__init__()
        self.loss, self._rebuild = loss, rebuild

    @property
    def first_only(self) -> bool:
        """Whether the loss takes the first output alone."""
        return self._rebuild is None

    def forward(self, outputs: list[torch.Tensor], targets: torch.Tensor) -> Any:
        """What the loss returns."""
        taken = outputs[0] if self._rebuild is None else self._rebuild(outputs)
        return self.loss(taken, targets)


def flat(outputs: Any) -> tuple[list[torch.Tensor], Callable[[list], Any]]:
    """The tensors among a network's outputs, and what puts such a list together again.

    None may stand among them. CaptureError where something else does, or no tensor at all.
    """
    leaves, structure = pytree.tree_flatten(outputs)
    for leaf in leaves:
        if leaf is not None and not isinstance(leaf, torch.Tensor):
            raise CaptureError(
                f"forward() returns a value of type {type(leaf).__name__}",
                expected="a tensor, or a tuple, list or dict of tensors",
                remedy="return tensors only; leave out what the loss does not need",
            )
    tensors = [leaf for leaf in leaves if leaf is not None]
    if not tensors:
        raise CaptureError("forward() returns no tensor", remedy="return the network's output")

    def rebuild(items: list[torch.Tensor]) -> Any:
        given = iter(items)
        filled = [None if leaf is None else next(given) for leaf in present]
        return pytree.tree_unflatten(filled, structure)

    present = [None if leaf is None else True for leaf in leaves]
    return tensors, rebuild


def bind(loss: Callable[..., Any], outputs: Any, targets: torch.Tensor) -> LossModule:
    """The loss as a module over what it takes: all outputs, or, where it does not take them all, the first.

    What the loss raises reaches the caller as it is.
    """
    tensors, rebuild = flat(outputs)
    tensors = [tensor.detach() for tensor in tensors]
    if isinstance(outputs, torch.Tensor):
        module = LossModule(loss, None)
    else:
        module = LossModule(loss, rebuild)
        try:
            value = module(tensors, targets)
        except (
            Exception
        ):  # it takes the first output, or the call below tells what is wrong with it
            module = LossModule(loss, None)
        else:
            check_value(value, targets)
            return module
    check_value(module(tensors, targets), targets)
    return module


def check_value(value: Any, targets: torch.Tensor) -> None:
    """CaptureError unless ``value`` is a float scalar or one float a sample, made of nothing that wants training."""
    remedy = (
        "return the mean over everything, or over all axes but the first: loss.flatten(1).mean(1)"
    )
    if not isinstance(value, torch.Tensor):
        several = isinstance(value, list | tuple | dict)
        raise CaptureError(
            f"the loss returns a {type(value).__name__}",
            expected="a tensor: a scalar, or one number a sample",
            remedy="return the loss alone; metrics are computed by the sites"
            if several
            else "compute it with torch",
        )
    shape = tuple(value.shape)
    if shape not in ((), (targets.shape[0],)) or not value.is_floating_point():
        raise CaptureError(
            "the loss returns a tensor of another shape or type",
            expected=f"a floating-point scalar, or shape ({targets.shape[0]},): one number a sample",
            found=f"{value.dtype} of shape {shape}",
            remedy=remedy,
        )
    if strange := strange_parameters([value], ()):
        raise CaptureError(
            f"the loss has {len(strange)} parameters of its own, which nobody would train",
            found=", ".join(f"shape {tuple(parameter.shape)}" for parameter in strange[:3]),
            remedy="make them part of the network, or detach() them in the loss",
        )


__all__ = ["LossModule", "bind", "check_value", "flat"]

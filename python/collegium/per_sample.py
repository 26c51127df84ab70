"""Gradients of single samples from one backward pass, for any PyTorch network. Computed in C++ on the autograd graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from collegium._load import core

SampleLayouts = core.SampleLayouts
"""What was learned about the graphs of one network. Keep one beside the network: a graph that is already known takes one
backward pass, a new one three or more. ``probes`` counts the new ones."""


class SampleGradients:
    """The gradient of every sample's loss, from one backward pass over the batch.

    Works on the graph that autograd recorded, so on unmodified networks: convolutions, linear layers, embeddings,
    normalisation within a sample, bare and shared parameters take a formula for the whole batch; any other operation
    takes a small pass of its own for every sample and is named in ``notes``. Both are exact. What mixes samples is refused.

    Parameters
    ----------
    losses : Tensor, shape (samples,)
        One loss a sample, not reduced, with its graph. The graph is used up, as by ``backward``.
    parameters : iterable of Tensor
        Leaves that require gradients. One without a part in the losses has gradients of zero.
    layouts : SampleLayouts, optional
        Kept by the caller from step to step; without it every call takes the extra passes.
    groups : sequence of int, optional
        The norm group of each parameter, for per-layer clipping; all in one by default.
    owners : sequence of int, optional
        The patient of each sample: gradients of one patient are added before norms are taken.
    inputs : sequence of Tensor, optional
        Every tensor that carried samples into the network, made with ``requires_grad_()``; an empty sequence says that
        none can have a gradient (tokens). They make visible a batch that is mixed before it meets a parameter, which
        passes unnoticed otherwise.
    ghost : bool, optional
        Whether weight gradients are never formed ("ghost clipping"): where it is cheaper by default.

    Raises
    ------
    ConfigError
        Samples are mixed, as by batch normalisation in training, or the arguments do not fit together.

    Notes
    -----
    What reaches other samples outside of the graph cannot be seen: detached statistics of a batch, for example.

    References
    ----------
    Bu et al. 2023, "Differentially private optimization on large model at small cost", arXiv:2210.00038.
    """

    def __init__(
        self,
        losses: Tensor,
        parameters: Iterable[Tensor],
        layouts: SampleLayouts | None = None,
        *,
        groups: Sequence[int] = (),
        owners: Sequence[int] = (),
        inputs: Sequence[Tensor] | None = None,
        ghost: bool | None = None,
    ) -> None:
        self.parameters = list(parameters)
        self._core = core.SampleGradients(
            losses,
            self.parameters,
            layouts if layouts is not None else SampleLayouts(),
            groups=list(groups),
            owners=list(owners),
            inputs=None if inputs is None else list(inputs),
            ghost=ghost,
        )

    @property
    def squared_norms(self) -> Tensor:
        """Shape (groups, patients), float64."""
        return self._core.squared_norms

    @property
    def notes(self) -> list[str]:
        """Operations that had no formula and took a pass for every sample."""
        return self._core.notes

    def weighted_sum(self, factors: Tensor) -> list[Tensor]:
        """``sum_i factors[group, i] * gradient_i`` for every parameter; factor zero leaves a patient out, finite or not."""
        sums = [torch.zeros_like(p, memory_format=torch.contiguous_format) for p in self.parameters]
        self._core.add_weighted_sum(factors, sums)
        return sums

    def of_parameter(self, index: int) -> Tensor:
        """Shape (patients, \\*parameter.shape); only with ``ghost=False``."""
        return self._core.of_parameter(index)


def clipped_gradients(
    losses: Tensor,
    parameters: Iterable[Tensor],
    clip: float = 1.0,
    layouts: SampleLayouts | None = None,
    *,
    owners: Sequence[int] = (),
    inputs: Sequence[Tensor] | None = None,
) -> tuple[list[Tensor], Tensor]:
    """The sum of the patients' gradients, each clipped to ``clip``: the step of DP-SGD before its noise.

    Parameters
    ----------
    losses, parameters, layouts, owners, inputs
        As for :class:`SampleGradients`.
    clip : float
        Largest L2 norm of one patient's gradient, taken over all parameters. Longer ones are cut to
        ``clip * (1 - 2**-10)``, so that rounding cannot carry a sum in single precision beyond ``clip``.

    Returns
    -------
    gradients : list of Tensor
        ``sum_i min(1, clip / norm_i) * gradient_i`` for every parameter, without noise and not divided. A patient whose
        gradient is not finite is left out.
    norms : Tensor, shape (patients,)
        Norms before clipping, float64. Not private.

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Linear(3, 2)
    >>> x, y = torch.randn(5, 3), torch.randint(2, (5,))
    >>> losses = torch.nn.functional.cross_entropy(network(x), y, reduction="none")
    >>> gradients, norms = clipped_gradients(losses, network.parameters(), clip=0.5)
    >>> [tuple(g.shape) for g in gradients], tuple(norms.shape)
    ([(2, 3), (2,)], (5,))
    """
    if not clip > 0 or clip == float("inf"):
        raise ValueError(f"clip: a positive number is needed, found {clip}")
    gradients = SampleGradients(losses, parameters, layouts, owners=owners, inputs=inputs)
    norms = gradients.squared_norms[0].sqrt()
    within = clip * (1 - 2**-10)
    factors = torch.where(norms.isfinite(), within / norms.clamp(min=within), 0.0)
    return gradients.weighted_sum(factors.unsqueeze(0)), norms


def add_noise(values: Tensor | Iterable[Tensor], deviation: float) -> None:
    """Adds Gaussian noise that can be relied on for privacy, in place: with :func:`clipped_gradients`, the step of DP-SGD.

    The noise comes from ChaCha20 under a fresh key of the operating system, never from a seed, and the sum is rounded to
    a grid, so that the low-order bits of a float tell nothing about the value under it. ``torch.normal`` has neither.

    Parameters
    ----------
    values : Tensor or iterable of Tensor
        Contiguous float32 on the CPU. Values that are not finite count as 0.
    deviation : float
        Standard deviation: noise multiplier times clip for the gradients of DP-SGD.

    Raises
    ------
    ConfigError
        A tensor of another kind, and then none is changed; a deviation that is not between 1e-30 and 1e30.

    References
    ----------
    Mironov 2012, "On significance of the least significant bits for differential privacy".

    Examples
    --------
    >>> import torch
    >>> gradients = [torch.zeros(3, 2), torch.zeros(2)]
    >>> add_noise(gradients, deviation=0.5)
    >>> bool((gradients[0] != 0).any())
    True
    """
    core.add_noise([values] if isinstance(values, Tensor) else list(values), deviation)


__all__ = ["SampleGradients", "SampleLayouts", "add_noise", "clipped_gradients"]

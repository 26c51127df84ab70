"""Built-in networks by name. They are built, trained and evaluated in C++; tensors are shared, not copied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from collegium._load import core

if TYPE_CHECKING:
    import numpy as np


class Network:
    """A built-in network with the surface of a ``torch.nn.Module`` that people use: call, state dict.

    Parameters
    ----------
    settings : mapping
        Keys of the ``[network]`` table; ``name`` is one of :func:`names`.
    seed : int
        Seed of the initial weights (torch's default initialisation).
    """

    def __init__(self, settings: Mapping[str, Any], *, seed: int = 0) -> None:
        self._core = core.Network(dict(settings), seed)

    @property
    def settings(self) -> dict[str, Any]:
        """The ``[network]`` table that builds this network again."""
        return self._core.settings

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Tensors by name, as views: writing to them changes the network."""
        return self._core.tensors()

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Copy tensors in; names and shapes have to agree exactly."""
        own = self.state_dict()
        missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if missing or unknown:
            raise KeyError(
                f"state dict of another network: missing {missing[:5]}, unknown {unknown[:5]}"
            )
        for name, tensor in own.items():
            if tuple(tensor.shape) != tuple(state[name].shape):
                raise ValueError(
                    f"{name}: expected shape {tuple(tensor.shape)}, found {tuple(state[name].shape)}"
                )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])

    def __call__(self, inputs: torch.Tensor | np.ndarray) -> torch.Tensor:
        """Outputs in evaluation mode (no dropout), with gradients where torch records them."""
        return self._core.forward(torch.as_tensor(inputs))

    def parameter_count(self) -> int:
        """Number of floats in all tensors."""
        return sum(tensor.numel() for tensor in self.state_dict().values())

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the state dict."""
        self._core.save(str(path))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{k}={v!r}" for k, v in self.settings.items() if k not in ("name", "trainable")
        )
        return f"{self.settings['name']}({shown}): {self.parameter_count():,} parameters"


class SegResNet(Network):
    """The encoder-decoder of Myronenko 2018 without its VAE branch, weight-compatible with MONAI's SegResNet.

    Parameters
    ----------
    init_filters : int
        Channels at full resolution, a multiple of 8: 8 gives 1,176,843 parameters, 16 gives 4,702,227 (4 in, 3 out).
    in_channels, out_channels : int
        Image sequences and segmented regions.
    dropout : float
        Probability of dropping a whole channel after the first convolution, in training only.
    """

    def __init__(
        self,
        *,
        init_filters: int = 8,
        in_channels: int = 4,
        out_channels: int = 3,
        dropout: float = 0.2,
        seed: int = 0,
    ) -> None:
        super().__init__(
            {
                "name": "segresnet",
                "init_filters": init_filters,
                "in_channels": in_channels,
                "out_channels": out_channels,
                "dropout": float(dropout),
            },
            seed=seed,
        )


def names() -> list[str]:
    """Names of the built-in networks."""
    return core.network_names()


def load(settings: Mapping[str, Any], path: str | Path) -> Network:
    """The network of a ``[network]`` table with the weights of a safetensors file.

    Where the table names a graph, the file holds the network as well: ``load({"name": "graph"}, "model.safetensors")``.
    """
    if settings["name"] == "graph":
        return Network({**settings, "file": str(path)})
    network = Network({k: v for k, v in settings.items() if k != "initial"})
    network._core.load(str(path))
    return network


def open(path: str | Path) -> Network:
    """The network that a model file says it is of, with its weights: what runs, sites and captures leave.

    Raises
    ------
    DataError
        The file holds weights and does not say of what: ``load`` takes the ``[network]`` table as well.
    """
    network = Network.__new__(Network)
    network._core = core.Network.open(str(path))
    return network


__all__ = ["Network", "SegResNet", "load", "names", "open"]

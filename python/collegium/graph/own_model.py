"""A module of the author's in a federation: captured when its data are known, and itself again after the run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from collegium.errors import ConfigError, DataError
from collegium.graph.example import of_site
from collegium.graph.file import read
from collegium.losses import DiceLoss

if TYPE_CHECKING:
    from collegium.graph.capture import CapturedModel

Loss = Callable[[Any, torch.Tensor], torch.Tensor] | DiceLoss | str


class OwnModel:
    """The module and loss that a federation was given.

    Parameters
    ----------
    module : torch.nn.Module
        Its weights when it is captured are those that the run starts from.
    loss : callable, DiceLoss or str
        What is not built in is captured with the module.
    """

    def __init__(self, module: torch.nn.Module, loss: Loss) -> None:
        self.module, self._loss = module, loss
        self.captured: CapturedModel | None = None
        self._by_example = False

    @classmethod
    def of(cls, model: Any, loss: Any) -> OwnModel | None:
        """None for a built-in network."""
        if isinstance(model, torch.nn.Module):
            return cls(model, loss)
        if not isinstance(loss, str | DiceLoss):
            raise ConfigError(
                "a loss of one's own travels with a network of one's own: expected model=<torch.nn.Module>, or loss= a "
                f"built-in one; found model={model!r}"
            )
        return None

    @property
    def name(self) -> str:
        """The module's class."""
        return type(self.module).__name__

    def loss_settings(self) -> dict[str, Any]:
        """The ``loss`` table of ``[training]``."""
        if isinstance(self._loss, str):
            return {"name": self._loss}
        return self._loss.settings() if isinstance(self._loss, DiceLoss) else {"name": "graph"}

    def capture(self, example: tuple[Any, Any]) -> None:
        """Capture by the author's example; the weights are those of now."""
        self.captured = self._capture(example)
        self._by_example = True

    def file_in(
        self,
        folder: Path,
        sites: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
    ) -> str:
        """The network file of a run, in the run's folder; returns its path.

        A run that is there already keeps the file it began with. Otherwise the module is captured, with the weights of
        now, by the first site's data, unless the author gave an example.
        """
        file = folder / "network.safetensors"
        if not (file.exists() and (folder / "run.db").exists()):
            if sites is not None and not self._by_example:
                name, data = next(iter(sites.items()))
                self.captured = self._capture(of_site(name, data, (training or {}).get("crop", ())))
            folder.mkdir(parents=True, exist_ok=True)
            self.require().save(file)
        return str(file.resolve())

    def _capture(self, example: tuple[Any, Any]) -> CapturedModel:
        from collegium.graph.capture import capture  # torch.export takes a moment to load

        built_in = isinstance(self._loss, str | DiceLoss)
        return capture(self.module, None if built_in else self._loss, example)

    def require(self) -> CapturedModel:
        """What was captured; ConfigError where nothing was."""
        if self.captured is None:
            raise ConfigError(
                "a network of one's own is captured by the shapes of the sites' data, which are not known here: expected "
                "Federation(..., example=(inputs, targets)) with a small batch like theirs"
            )
        return self.captured


def with_weights(module: torch.nn.Module, path: str | Path) -> torch.nn.Module:
    """A copy of ``module`` in evaluation form with the weights and buffers of a model file.

    Tied weights stay tied; integer buffers are the module's own. Raises DataError for another network's file.
    """
    taught = copy.deepcopy(module).cpu().eval()
    held = {**dict(taught.named_buffers()), **dict(taught.named_parameters())}
    floats = {name: tensor for name, tensor in held.items() if tensor.dtype == torch.float32}
    stored = read(path)
    strangers = sorted(stored.keys() - floats.keys())
    if strangers or any(stored[name].shape != floats[name].shape for name in stored):
        raise DataError(
            f"{path}: the file holds another network's weights; expected those of {type(module).__name__}"
            + (f", found {', '.join(strangers[:3])}" if strangers else ", found other shapes")
        )
    with torch.no_grad():
        for name, tensor in stored.items():
            floats[name].copy_(tensor)
    return taught


__all__ = ["Loss", "OwnModel", "with_weights"]

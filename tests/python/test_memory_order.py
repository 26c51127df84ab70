"""Channels last is a matter of speed: networks that mind the order in memory train all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import collegium as cg
import numpy as np
import pytest
import torch
from torch import nn


class Convolution(nn.Module):
    """Convolves images or volumes of two channels, and gives the sums of `view`ed or `reshape`d features."""

    def __init__(self, convolution: type[nn.Module], flat: str) -> None:
        super().__init__()
        self.convolution = convolution(2, 3, 3, padding=1)
        self.flat = flat

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.convolution(x))
        return getattr(x, self.flat)(x.shape[0], 3, -1).mean(2)


PLAIN = {
    "flip": False,
    "intensity_scale": 0.0,
    "intensity_shift": 0.0,
}  # what is drawn is what lies on disk


def the_step_of_torch(
    model: nn.Module, loss: Any, x: np.ndarray, y: np.ndarray
) -> dict[str, torch.Tensor]:
    """Eager gradient descent on contiguous tensors."""
    mean = loss(model(torch.from_numpy(x)), torch.from_numpy(y))
    gradients = torch.autograd.grad(mean, list(model.parameters()))
    return {
        name: p.detach() - 0.1 * g
        for (name, p), g in zip(model.named_parameters(), gradients, strict=True)
    }


@pytest.mark.parametrize(
    ("convolution", "edges"), [(nn.Conv2d, (6, 5)), (nn.Conv3d, (4, 3, 5))], ids=["2d", "3d"]
)
@pytest.mark.parametrize("flat", ["view", "reshape"])
def test_one_step_is_that_of_torch_in_either_order_of_memory(
    convolution: type[nn.Module], edges: tuple[int, ...], flat: str, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    model = Convolution(convolution, flat)
    rng = np.random.default_rng(6)
    x = rng.normal(size=(6, 2, *edges)).astype(np.float32)
    y = rng.integers(0, 3, 6)
    expected = the_step_of_torch(model, nn.CrossEntropyLoss(), x, y)
    for channels_last in (True, False):
        run = cg.Federation(
            model=model, loss=nn.CrossEntropyLoss(), optimizer=cg.SGD(lr=0.1), batch_size=6,
            local_steps=1, rounds=1, min_sites=1,
            training={**PLAIN, "channels_last": channels_last},
        ).simulate({"guys": (x, y)}, folder=tmp_path / str(channels_last), progress=False)  # fmt: skip
        for name, value in run.model.named_parameters():
            torch.testing.assert_close(value.detach(), expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["author's", "mse"])
def test_a_loss_gets_what_a_convolution_gives_in_the_order_it_was_written_for(
    loss: str, tmp_path: Path
) -> None:
    torch.manual_seed(7)
    model = nn.Conv3d(2, 2, 3, padding=1)
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4, 2, 3, 4, 5)).astype(np.float32)
    y = rng.normal(size=(4, 2, 3, 4, 5)).astype(np.float32)

    def flat(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return (o.view(o.shape[0], -1) - t.view(t.shape[0], -1)).square().mean()

    run = cg.Federation(
        model=model, loss=flat if loss == "author's" else "mse", optimizer=cg.SGD(lr=0.1),
        batch_size=4, local_steps=1, rounds=1, min_sites=1,
        training=PLAIN,
    ).simulate({"guys": (x, y)}, folder=tmp_path / "run", progress=False)  # fmt: skip
    expected = the_step_of_torch(model, flat, x, y)
    for name, value in run.model.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], rtol=1e-4, atol=1e-6)

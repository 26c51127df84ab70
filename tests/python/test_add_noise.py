"""Noise for steps written in Python: fresh, on a grid, in place, and only where it can be added whole."""

from __future__ import annotations

import collegium as cg
import pytest
import torch
from collegium.privacy import add_noise
from torch import Tensor


def test_noise_is_added_in_place_from_fresh_words_on_a_grid() -> None:
    zeros, more = torch.zeros(300, 200), torch.full((40_000,), 3.0)
    add_noise([zeros, more], deviation=0.25)
    drawn = torch.cat([zeros.flatten(), more - 3.0]).double()
    # Over n = 100,000 draws: six standard errors of the mean and of the variance, a false alarm below 1e-8.
    assert abs(drawn.mean()) < 6 * 0.25 / 100_000**0.5
    assert abs(drawn.var() / 0.25**2 - 1) < 6 * (2 / 100_000) ** 0.5
    step = 2.0 ** (-2 - 6)  # floor(log2(0.25)) - 6
    assert torch.equal(zeros, (zeros / step).round() * step)
    again = torch.zeros(300, 200)
    add_noise(again, deviation=0.25)
    assert not torch.equal(zeros, again)


@pytest.mark.parametrize(
    ("tensor", "found"),
    [
        (torch.zeros(4, dtype=torch.float64), "Double"),
        (torch.zeros(4, 6).T, "not contiguous"),
        (torch.zeros(4).to_sparse(), "Sparse"),
    ],
)
def test_noise_refuses_what_it_cannot_change_and_changes_nothing(
    tensor: Tensor, found: str
) -> None:
    sound = torch.zeros(5)
    with pytest.raises(cg.ConfigError, match=rf"tensor 1[\s\S]*{found}"):
        add_noise([sound, tensor], deviation=1.0)
    assert not sound.any()


def test_autograd_notices_noise() -> None:
    weight = torch.ones(3, requires_grad=True)
    square = weight.square().sum()
    add_noise(weight.detach(), deviation=1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.backward()


@pytest.mark.parametrize("deviation", [0.0, -1.0, float("nan"), float("inf")])
def test_noise_refuses_a_deviation_that_is_none(deviation: float) -> None:
    with pytest.raises(cg.ConfigError, match="no usable standard deviation"):
        add_noise(torch.zeros(3), deviation=deviation)

"""What cannot travel is refused with the author's own line and what to do about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import collegium as cg
import pytest
import torch
from torch import nn

OUTSIDE = nn.Parameter(torch.ones(4))


class Base(nn.Module):
    """Eight numbers in, four out."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)


class Branches(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) if x.mean() > -1e9 else x  # here


class TakesANumber(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * x.mean().item()  # here


class SelectsByValue(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[x[:, 0] > -1e9]  # here


class FixesTheBatch(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).reshape(2, 4)  # here


class Autocasts(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layer(x)  # here


class Conditional(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, self.layer, self.layer, (x,))  # here


class Complex(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.fft.fft(x).real)  # here


class CallsWhatNoSiteRuns(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.linalg.matrix_exp(x @ x.mT) @ x)  # here


class LeavesTorch(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.from_numpy(x.detach().numpy() * 2))  # here


@pytest.mark.parametrize(
    ("kind", "said", "remedy"),
    [
        (Branches, "value of a tensor", "torch.where"),
        (TakesANumber, "becomes a Python number", ".item()"),
        (SelectsByValue, "depends on the values", "mask"),
        (FixesTheBatch, "batches of 2", "x.shape[0]"),
        (Autocasts, "autocast", "sites choose precision"),
        (Conditional, "torch.cond", "torch.where"),
        (Complex, "complex", "convert"),
        (CallsWhatNoSiteRuns, "an operator that no site runs", "other operators"),
        (LeavesTorch, "cannot be captured", "torch.export"),
    ],
)
def test_what_a_forward_may_not_do_is_refused_with_its_line(
    kind: type[nn.Module], said: str, remedy: str
) -> None:
    with pytest.raises(cg.CaptureError) as refused:
        cg.capture(kind(), square, (torch.randn(2, 8), torch.zeros(2)))
    lines, start = inspect.getsourcelines(kind)
    (line,) = (start + i for i, text in enumerate(lines) if "# here" in text)
    assert refused.value.where.startswith(f"{__file__}:{line} in forward")
    assert said in refused.value.problem
    assert remedy in refused.value.remedy


def square(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return outputs.square().mean()


class WritesToItsInput(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.mul_(2))


class OnlyHalf(Base):
    def __init__(self) -> None:
        super().__init__()
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.double())


class HugeTable(Base):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.zeros(2**20 + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + self.table[:4]


class SharesMemory(Base):
    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Linear(8, 4)
        self.other.weight = nn.Parameter(self.layer.weight.data)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + self.other(x)


class UsesAnothers(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * OUTSIDE


class ReturnsANumber(Base):
    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x), 3


class CountsItsCalls(Base):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        CountsItsCalls.calls += 1
        return self.layer(x) * CountsItsCalls.calls


class OneIsDifferent(Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * (2 if x.shape[0] == 1 else 1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (WritesToItsInput, "writes to its own input"),
        (OnlyHalf, "layer.weight has an element type"),
        (HugeTable, "constant table is too large"),
        (SharesMemory, "layer.weight and other.weight are two parameters in one memory"),
        (UsesAnothers, "1 parameters that it does not own"),
        (ReturnsANumber, "returns a value of type int"),
        (CountsItsCalls, "differs from the module: output 0"),
        (OneIsDifferent, "output 0 for a batch of 1"),
    ],
)
def test_a_module_that_would_not_be_the_same_elsewhere_is_refused(
    kind: type[nn.Module], said: str
) -> None:
    with pytest.raises(cg.CaptureError, match=said) as refused:
        cg.capture(kind(), square, (torch.randn(2, 8), torch.zeros(2)))
    assert refused.value.remedy


class Sevenfold(torch.autograd.Function):
    """A square whose backward says something else."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * 7


def test_a_backward_of_ones_own_is_noticed_and_named() -> None:
    class Own(Base):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return Sevenfold.apply(self.layer(x))

    with pytest.raises(cg.CaptureError, match=r"the gradient of layer\.") as refused:
        cg.capture(Own(), square, (torch.randn(2, 8), torch.zeros(2)))
    assert "Sevenfold" in refused.value.remedy
    assert refused.value.expected and refused.value.found


class LearnedWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs * self.weight).square().mean()


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda o, t: (o.mean(), o.sum()), "the loss returns a tuple"),
        (lambda o, t: o.square(), "another shape or type"),
        (lambda o, t: 0.5, "the loss returns a float"),
        (LearnedWeight(), "parameters of its own"),
        (lambda o, t: (o * OUTSIDE).mean(), "parameters of its own"),
        (lambda o, t: o.reshape(8).square().mean(), "the loss fails for a batch of 3"),
    ],
)
def test_a_loss_that_cannot_travel_is_refused(loss: Callable, said: str) -> None:
    with pytest.raises(cg.CaptureError, match=said) as refused:
        cg.capture(nn.Linear(8, 4), loss, (torch.randn(2, 8), torch.zeros(2)))
    assert refused.value.remedy


def test_what_the_module_or_the_loss_raises_on_the_example_comes_through_as_it_is() -> None:
    class Wrong(Base):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("mine")

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError("my own")

    example = torch.randn(2, 8), torch.zeros(2)
    with pytest.raises(KeyError, match="mine") as raised:
        cg.capture(Wrong(), square, example)
    assert raised.traceback[-1].path.name == "test_capture_refusals.py"
    with pytest.raises(ZeroDivisionError, match="my own") as raised:
        cg.capture(nn.Linear(8, 4), loss, example)
    assert raised.traceback[-1].path.name == "test_capture_refusals.py"


def test_a_loss_of_ones_own_needs_a_network_of_ones_own() -> None:
    with pytest.raises(cg.ConfigError, match="a loss of one's own"):
        cg.Federation(model="linear", loss=square)

"""Forward, loss and backward of captured networks by the sites' interpreter, beside eager PyTorch in the same process.

    ./dev bench graph                       three networks, one thread, CPU time
    ./dev bench graph --rounds 15 --threads 2

The machine may be busy, so both take turns: a round times one step of each, and the ratio is the median over rounds of the
interpreter's time by eager's in the same round. With one thread times are CPU time, with more they are wall time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import collegium as cg
import torch
from collegium import _core as core
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from own_networks import torchvision_models


def networks() -> dict[str, tuple[nn.Module, nn.Module, torch.Tensor, torch.Tensor]]:
    """Network, loss, inputs and targets."""
    from monai.losses import DiceLoss
    from monai.networks.nets import SegResNet

    tv = torchvision_models()
    group_norm = lambda channels: nn.GroupNorm(32, channels)  # noqa: E731
    regions = (torch.rand(2, 3, 32, 32, 32) > 0.5).float()
    return {
        "SegResNet, 8 filters, 2 x 4 x 32^3, Dice": (
            SegResNet(3, 8, 4, 3),
            DiceLoss(sigmoid=True),
            torch.randn(2, 4, 32, 32, 32),
            regions,
        ),
        "ResNet-18, group norm, 8 x 3 x 64^2": (
            tv.resnet18(num_classes=10, norm_layer=group_norm),
            nn.CrossEntropyLoss(),
            torch.randn(8, 3, 64, 64),
            torch.randint(10, (8,)),
        ),
        "ViT, 2 layers, 8 x 3 x 32^2": (
            tv.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10),
            nn.CrossEntropyLoss(),
            torch.randn(8, 3, 32, 32),
            torch.randint(10, (8,)),
        ),
    }


def seconds(step: Callable[[], object], clock: Callable[[], float], repeats: int) -> float:
    start = clock()
    for _ in range(repeats):
        step()
    return (clock() - start) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    print(f"torch {torch.__version__}, {options.threads} thread(s), {options.rounds} rounds")
    for name, (model, loss, inputs, targets) in networks().items():
        model.train()
        graph = core.GraphModel(cg.capture(model, loss, (inputs[:2], targets[:2])).bytes)
        held = {n: t.detach().clone().requires_grad_() for n, t in model.named_parameters()}
        held |= {n: t.clone() for n, t in model.named_buffers() if t.is_floating_point()}

        def eager(model=model, loss=loss, x=inputs, y=targets) -> torch.Tensor:
            value = loss(model(x), y)
            value.backward()
            return value

        def interpreted(graph=graph, held=held, x=inputs, y=targets) -> torch.Tensor:
            value = graph.loss(graph.forward(held, x, train=True), y)
            value.backward()
            return value

        assert torch.equal(eager(), interpreted()), name
        once = seconds(eager, clock, 1)
        repeats = max(1, int(0.2 / once))
        pairs = [
            (seconds(eager, clock, repeats), seconds(interpreted, clock, repeats))
            for _ in range(options.rounds)
        ]
        ratio = statistics.median(ours / theirs for theirs, ours in pairs)
        theirs, ours = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:42s} eager {theirs:8.2f} ms   graph {ours:8.2f} ms   ratio {ratio:.3f}")


if __name__ == "__main__":
    main()

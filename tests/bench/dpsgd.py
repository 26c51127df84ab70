"""Seconds and memory of one DP-SGD step: plain training, this library, and every mode of Opacus, in one process.

    ./dev bench dpsgd                       four networks, one thread, CPU time
    ./dev bench dpsgd --models mlp --rounds 15 --threads 2

The machine may be busy, so all rows take turns: a round times one step of each, and a ratio is the median over rounds of
this row's time by that of plain training in the same round. With one thread times are CPU time, with more they are wall
time. Each private row clips to 1, adds noise of scale 1 (rows of this library its own, Opacus torch's) and takes an SGD step. "Peak" is the
largest resident memory during a step beyond what the process held before the row's network was made.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import gc
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from collegium.per_sample import SampleGradients, SampleLayouts, add_noise, clipped_gradients
from per_sample_networks import VisionTransformer, entropy, per_sample_entropy, resnet18_group_norm

CLIP, NOISE, RATE = 1.0, 1.0, 1e-3
Step = Callable[[], object]


@dataclass
class Problem:
    title: str
    network: nn.Module
    inputs: Tensor
    targets: Tensor
    loss: Callable[[Tensor, Tensor], Tensor] = entropy


def seg_resnet() -> nn.Module:
    from monai.networks.nets import SegResNet

    return SegResNet(spatial_dims=3, init_filters=8, in_channels=4, out_channels=3)


def perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


def volumes(count: int) -> Problem:
    inputs, targets = torch.randn(count, 4, 48, 48, 48), torch.randint(3, (count, 48, 48, 48))
    return Problem(
        f"SegResNet, 8 filters, 48^3, batch {count}",
        seg_resnet(),
        inputs,
        targets,
        per_sample_entropy,
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "mlp": lambda: Problem(
        "MLP 784-512-512-10, batch 256", perceptron(), torch.randn(256, 784), torch.randint(10, (256,))
    ),
    "vit": lambda: Problem(
        "ViT, width 128, 4 layers, 32^2, batch 32", VisionTransformer(128, 4, 64), torch.randn(32, 3, 32, 32),
        torch.randint(10, (32,)),
    ),
    "resnet": lambda: Problem(
        "ResNet-18 with GroupNorm, 32^2, batch 32", resnet18_group_norm(64, 32), torch.randn(32, 3, 32, 32),
        torch.randint(10, (32,)),
    ),
    "segresnet": lambda: volumes(4),
    "segresnet8": lambda: volumes(8),
}  # fmt: skip


def plain(problem: Problem, network: nn.Module) -> Step:
    optimizer = torch.optim.SGD(network.parameters(), RATE)

    def step() -> None:
        optimizer.zero_grad()
        problem.loss(network(problem.inputs), problem.targets).mean().backward()
        optimizer.step()

    return step


@torch.no_grad()
def noisy_step(parameters: list[nn.Parameter], gradients: list[Tensor], samples: int) -> None:
    add_noise(gradients, NOISE * CLIP)
    torch._foreach_sub_(parameters, gradients, alpha=RATE / samples)


def one_pass(problem: Problem, network: nn.Module) -> Step:
    layouts, parameters = SampleLayouts(), list(network.parameters())

    def step() -> None:
        losses = problem.loss(network(problem.inputs), problem.targets)
        gradients, _ = clipped_gradients(losses, parameters, CLIP, layouts)
        noisy_step(parameters, gradients, len(losses))

    return step


def without_ghosts(problem: Problem, network: nn.Module) -> Step:
    layouts, parameters = SampleLayouts(), list(network.parameters())

    def step() -> None:
        losses = problem.loss(network(problem.inputs), problem.targets)
        found = SampleGradients(losses, parameters, layouts, ghost=False)
        factors = CLIP / found.squared_norms.sqrt().clamp(min=CLIP)
        noisy_step(parameters, found.weighted_sum(factors), len(losses))

    return step


def loop(problem: Problem, network: nn.Module) -> Step:
    parameters = list(network.parameters())

    def step() -> None:
        total = [torch.zeros_like(p) for p in parameters]
        for i in range(len(problem.inputs)):
            loss = problem.loss(network(problem.inputs[i : i + 1]), problem.targets[i : i + 1])
            gradients = torch.autograd.grad(loss.sum(), parameters)
            norm = torch.stack([g.norm() for g in gradients]).norm()
            torch._foreach_add_(total, gradients, alpha=float(CLIP / norm.clamp(min=CLIP)))
        noisy_step(parameters, total, len(problem.inputs))

    return step


def opacus(mode: str) -> Callable[[Problem, nn.Module], Step]:
    def make(problem: Problem, network: nn.Module) -> Step:
        from opacus.grad_sample.utils import prepare_module
        from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
        from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping

        ghost = mode == "ghost"
        wrapped = prepare_module(network, mode, **({"max_grad_norm": CLIP} if ghost else {}))
        wrapped.train()
        kind = DPOptimizerFastGradientClipping if ghost else DPOptimizer
        optimizer = kind(
            torch.optim.SGD(wrapped.parameters(), RATE),
            noise_multiplier=NOISE, max_grad_norm=CLIP, expected_batch_size=len(problem.inputs),
        )  # fmt: skip

        def step() -> None:
            optimizer.zero_grad()
            losses = problem.loss(wrapped(problem.inputs), problem.targets)
            if ghost:
                DPTensorFastGradientClipping(wrapped, optimizer, losses, "mean").backward()
            else:
                losses.mean().backward()
            optimizer.step()

        return step

    return make


ROWS: dict[str, Callable[[Problem, nn.Module], Step]] = {
    "plain SGD": plain,
    "one pass": one_pass,
    "one pass, never ghost": without_ghosts,
    "sample by sample": loop,
    "Opacus hooks": opacus("hooks"),
    "Opacus functorch": opacus("functorch"),
    "Opacus ew": opacus("ew"),
    "Opacus ghost": opacus("ghost"),
}


@dataclass
class Row:
    name: str
    step: Step
    first_peak: float
    peak: float
    seconds: list[float] = field(default_factory=list)


def resident(key: str) -> float:
    """MiB, from /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def clock(threads: int) -> float:
    if threads > 1:
        return time.perf_counter()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def give_back_memory() -> None:
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_of(step: Step, before: float) -> float:
    give_back_memory()
    Path("/proc/self/clear_refs").write_text("5")
    step()
    return resident("VmHWM") - before


def prepared(name: str, problem: Problem) -> Row:
    """Makes the row's step and takes it twice: the first may learn something about the network, and need more memory."""
    give_back_memory()
    before = resident("VmRSS")
    step = ROWS[name](problem, copy.deepcopy(problem.network))
    return Row(name, step, peak_of(step, before), peak_of(step, before))


def measure(problem: Problem, names: list[str], rounds: int, threads: int) -> None:
    parameters = sum(p.numel() for p in problem.network.parameters())
    unit = "CPU time" if threads == 1 else "wall time"
    print(
        f"\n{problem.title}: {parameters} parameters, {threads} thread(s), {rounds} rounds, {unit}",
        flush=True,
    )
    prepared(
        "plain SGD", problem
    )  # lazy starts inside libraries must not count against the first row
    rows = []
    for name in names:
        try:
            rows.append(prepared(name, problem))
        except Exception as error:  # a mode that cannot do this network is a result
            reason = str(error).splitlines()[0][:90] if str(error) else ""
            print(f"  {name:24s} fails: {type(error).__name__}: {reason}", flush=True)
    for _ in range(rounds):
        for row in rows:
            start = clock(threads)
            row.step()
            row.seconds.append(clock(threads) - start)
    base = rows[0]
    for row in rows:
        ratios = sorted(t / b for t, b in zip(row.seconds, base.seconds, strict=True))
        print(
            f"  {row.name:24s} {statistics.median(row.seconds) * 1e3:9.1f} ms   "
            f"x {statistics.median(ratios):6.2f} [{ratios[0]:.2f} .. {ratios[-1]:.2f}]   peak {row.peak:6.0f} MiB, in the first step {row.first_peak:6.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", choices=PROBLEMS, default=["mlp", "vit", "resnet", "segresnet"]
    )
    parser.add_argument("--rows", nargs="+", help="parts of row names; plain SGD is always there")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    wanted = lambda name: not options.rows or any(part in name for part in options.rows)  # noqa: E731
    names = ["plain SGD", *(name for name in ROWS if name != "plain SGD" and wanted(name))]
    for model in options.models:
        torch.manual_seed(0)
        measure(PROBLEMS[model](), names, options.rounds, options.threads)


if __name__ == "__main__":
    main()

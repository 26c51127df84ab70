"""A module and its loss as data: the graph computes what the module computes, bit for bit, and holds nothing else."""

from __future__ import annotations

import copy
import itertools
import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import collegium as cg
import graph_interpreter
import own_networks
import pytest
import torch
from collegium.graph.capture import CapturedModel
from torch import nn
from torch.utils._pytree import tree_leaves

QUICK = {
    "mlp",
    "lstm",
    "tied_transformer",
    "segresnet_dropout",
    "unet2d_batchnorm",
    "monai_vit",
}
CASES = {case.name: case for case in own_networks.cases()}
LOSSES = {name: rest for name, *rest in own_networks.losses()}


def captured(
    model: nn.Module, inputs: torch.Tensor, loss: Callable | None = None, targets: Any = None
) -> CapturedModel:
    targets = torch.zeros(len(inputs)) if targets is None else targets
    return cg.capture(model, loss, (inputs, targets))


def square(outputs: Any, targets: torch.Tensor) -> torch.Tensor:
    """A loss that takes any outputs as a whole."""
    return sum(leaf.square().mean() for leaf in tree_leaves(outputs))


def copies(tensors: dict[str, torch.Tensor], graph: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {
        name: t.clone().requires_grad_(graph["tensors"][name]["kind"] == "parameter")
        for name, t in tensors.items()
    }


def first(outputs: Any) -> torch.Tensor:
    return outputs if isinstance(outputs, torch.Tensor) else first(outputs[0])


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CASES]
)
def test_a_captured_network_computes_what_eager_computes_bit_for_bit(name: str) -> None:
    """Outputs, loss, gradients and buffers, in both forms, at two shapes, dropout drawn alike."""
    case = CASES[name]
    torch.manual_seed(0)
    model = case.make()
    file = captured(model, case.inputs(), square)
    graph, tensors = graph_interpreter.read(file.bytes)
    for form in ("train", "eval"):
        for shape in (case.example, case.other):
            inputs = case.inputs(shape)
            eager, held = copy.deepcopy(model).train(form == "train"), copies(tensors, graph)
            torch.manual_seed(1)
            expected = eager(inputs)
            torch.manual_seed(1)
            outputs = graph_interpreter.run(graph["programs"][form], held, [inputs])
            assert torch.equal(first(expected), outputs[0])
            if form == "eval":
                continue
            loss = square(expected, inputs)
            (found,) = graph_interpreter.run(
                graph["programs"]["loss"], held, [*outputs, torch.zeros(len(inputs))]
            )
            assert torch.equal(loss, found)
            loss.backward()
            found.backward()
            for parameter, tensor in eager.named_parameters():
                if tensor.grad is not None:
                    assert torch.equal(tensor.grad, held[parameter].grad), parameter
            for buffer, tensor in eager.named_buffers():
                if buffer in held:
                    assert torch.equal(tensor, held[buffer]), buffer


@pytest.mark.parametrize("name", LOSSES)
def test_a_captured_loss_equals_the_loss_at_every_batch_size(name: str) -> None:
    """Value and gradient, also for one sample, as patient-level privacy asks for them."""
    loss, outputs, targets = LOSSES[name]
    file = captured(nn.Identity(), outputs, loss, targets)
    graph, tensors = graph_interpreter.read(file.bytes)
    for rows in ([0], [0, 1], [1, 0, 0]):
        eager, ours = (outputs[rows].clone().requires_grad_() for _ in range(2))
        expected = loss(eager, targets[rows])
        (found,) = graph_interpreter.run(graph["programs"]["loss"], tensors, [ours, targets[rows]])
        assert torch.equal(expected, found)
        expected.sum().backward()
        found.sum().backward()
        assert torch.equal(eager.grad, ours.grad)


class Everything(nn.Module):
    """Every kind of tensor that a module can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = nn.Linear(4, 4)
        self.again.weight = self.first.weight
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 2)
        self.first.bias.requires_grad_(False)
        self.register_buffer("offset", torch.tensor([0.5, 1.5, 2.5, 3.5]), persistent=False)
        self.table = torch.tensor([1, 0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.again(self.first(x)) + self.offset)
        return self.head(x)[:, self.table]


def test_each_tensor_of_a_module_is_held_once_and_by_what_it_is() -> None:
    model = Everything()
    file = captured(model, torch.randn(2, 4))
    graph, tensors = graph_interpreter.read(file.bytes)
    kinds = {name: entry["kind"] for name, entry in graph["tensors"].items()}
    assert kinds == {
        "first.weight": "parameter",
        "first.bias": "frozen",
        "again.bias": "parameter",
        "norm.weight": "parameter",
        "norm.bias": "parameter",
        "norm.running_mean": "buffer",
        "norm.running_var": "buffer",
        "norm.num_batches_tracked": "buffer",
        "head.weight": "parameter",
        "head.bias": "parameter",
        "constant.offset": "constant",
        "constant.table": "constant",
    }
    assert graph["tied"] == {"again.weight": "first.weight"}
    assert graph["head"] == "head."
    assert graph["norms"] == ["norm.bias", "norm.weight"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensors[graph["tied"].get(name, name)], tensor), name
    assert file.parameter_count() == sum(p.numel() for p in model.parameters())


def test_the_file_is_one_that_the_safetensors_library_reads(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model = Everything()
    stored = load_file(captured(model, torch.randn(2, 4)).save(tmp_path / "model.safetensors"))
    expected = {n: t for n, t in model.state_dict().items() if t.dtype == torch.float32}
    del expected["again.weight"]
    assert stored.keys() == expected.keys()
    assert all(torch.equal(stored[name], expected[name]) for name in stored)


SCRIPT = """
import torch, collegium as cg
torch.manual_seed(3)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Dropout(0.3),
                          torch.nn.Flatten(1), torch.nn.Linear(4 * 36, 3))
torch.manual_seed({seed})
batch = torch.randn({rows}, 1, 8, 8), torch.randint(0, 3, ({rows},))
print(cg.capture(net, torch.nn.CrossEntropyLoss(), batch).hash)
"""


def test_the_same_network_is_the_same_file_in_every_process_and_for_every_example() -> None:
    def run(seed: int, rows: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", SCRIPT.format(seed=seed, rows=rows)],
            env={"PYTHONHASHSEED": str(seed), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    one, other = run(1, 2), run(2, 7)
    assert re.fullmatch(r"[0-9a-f]{64}\n", one)
    assert one == other


def test_a_file_holds_no_path_of_the_author_and_nothing_of_the_example() -> None:
    inputs = torch.full((2, 3, 8, 8), 0.7182818)  # what to look for, as bytes and as digits
    targets = torch.full((2, 3, 8, 8), 0.5772156)
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Dropout(0.1), nn.ReLU())
    for tensor in model.parameters():
        tensor.data.fill_(0.25)
    loss = LOSSES["dice_sigmoid"][0]
    file = captured(model, inputs, loss, targets).bytes
    assert struct.pack("<f", 0.7182818) not in file and b"0.718" not in file
    assert struct.pack("<f", 0.5772156) not in file and b"0.577" not in file
    (length,) = struct.unpack("<Q", file[:8])
    text = file[8 : 8 + length].decode("ascii")
    here = Path(__file__)
    for trace in (here.stem, "site-packages", str(Path.home()), "/home", "monai", "forward", ".py"):
        assert trace not in text, trace
    graph = json.loads(json.loads(text)["__metadata__"]["collegium.graph"])
    assert {key for p in graph["programs"].values() for n in p["nodes"] for key in n} <= {
        "op",
        "args",
        "kwargs",
        "out",
    }


def test_capturing_leaves_the_module_and_the_random_numbers_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).eval()
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    captured(model, torch.randn(2, 4, generator=torch.Generator().manual_seed(1)), square)
    assert torch.equal(torch.rand(3), expected)
    assert not model.training
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)


# --- Sizes


def shapes(file: CapturedModel, program: str = "eval") -> list[list[int | str]]:
    return [entry["shape"] for entry in file.graph["programs"][program]["inputs"]]


def test_sizes_stay_free_where_the_module_allows_it() -> None:
    net = nn.Conv3d(2, 3, 3, padding=1)
    file = captured(net, torch.randn(2, 2, 8, 8, 8), nn.MSELoss(), torch.randn(2, 3, 8, 8, 8))
    assert shapes(file) == [["batch", 2, "s0", "s1", "s2"]]
    assert shapes(file, "loss") == [["batch", "s0", "s1", "s2", "s3"]] * 2
    assert file.graph["programs"]["eval"]["sizes"]["batch"] == [1, None]


class Positions(nn.Module):
    """Learned positions fix the length of a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(1, 6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.positions


def test_a_size_that_became_fixed_is_reported_with_the_line_that_fixed_it() -> None:
    file = captured(Positions(), torch.randn(2, 6, 4))
    assert shapes(file) == [["batch", 6, 4]]
    (why,) = {text for text in file.fixed["eval"]["inputs"].values() if text.startswith("6")}
    assert f"{__file__}:" in why
    assert "return x + self.positions" in why
    assert "fixed axis 1 of inputs: 6" in repr(file)


class Halves(nn.Module):
    """Branches on a size, as many segmentation networks do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, 1:] if x.shape[2] % 2 else x * 2


def test_a_size_for_which_the_module_would_have_branched_otherwise_is_refused() -> None:
    file = captured(Halves(), torch.randn(2, 3, 8))
    graph, tensors = graph_interpreter.read(file.bytes)
    even = torch.randn(2, 3, 12)
    (found,) = graph_interpreter.run(graph["programs"]["eval"], tensors, [even])
    assert torch.equal(found, even * 2)
    with pytest.raises(graph_interpreter.SizeRefused):
        graph_interpreter.run(graph["programs"]["eval"], tensors, [torch.randn(2, 3, 9)])


# --- Several outputs


class TwoHeads(nn.Module):
    """A main and an auxiliary output in training, one in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.aux = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return {"out": self.main(x), "aux": self.aux(x)} if self.training else self.main(x)


def test_a_loss_of_several_outputs_gets_them_as_the_module_returns_them() -> None:
    def loss(outputs: dict[str, torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
        return (outputs["out"] - targets).square().mean() + 0.4 * outputs["aux"].square().mean()

    file = captured(TwoHeads(), torch.randn(2, 4), loss, torch.randn(2, 2))
    program = file.graph["programs"]["loss"]
    assert [entry["name"] for entry in program["inputs"]] == ["outputs.0", "outputs.1", "targets"]
    assert len(file.graph["programs"]["train"]["outputs"]) == 2
    assert len(file.graph["programs"]["eval"]["outputs"]) == 1


def test_a_loss_that_takes_one_output_gets_the_first() -> None:
    class Pair(nn.Linear):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x), x

    file = captured(Pair(4, 2), torch.randn(2, 4), nn.MSELoss(), torch.randn(2, 2))
    assert [entry["name"] for entry in file.graph["programs"]["loss"]["inputs"]] == [
        "outputs",
        "targets",
    ]


def test_a_region_without_gradients_stays_one_inside_another() -> None:
    class Regions(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                kept = super().forward(x)
                with torch.enable_grad():
                    learned = super().forward(x)
                kept = kept * 2
            return learned + kept

    model = Regions(4, 2)
    graph, tensors = graph_interpreter.read(captured(model, torch.randn(2, 4)).bytes)
    held, x = copies(tensors, graph), torch.randn(3, 4)
    (found,) = graph_interpreter.run(graph["programs"]["train"], held, [x])
    model(x).sum().backward()
    found.sum().backward()
    assert torch.equal(model.weight.grad, held["weight"].grad)


def test_a_captured_model_tells_what_it_takes_and_calls() -> None:
    text = repr(captured(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), torch.randn(2, 4), square))
    assert "Sequential as data: 10 parameters" in text
    assert "inputs float32 (batch, 4)" in text
    assert "linear" in text and "relu" in text


def test_the_private_parts_of_torch_that_capture_leans_on_are_there() -> None:
    """If this fails with a new torch, read collegium/graph/export.py again."""
    from collegium.graph.export import ConcreteRanges, export, shape_env
    from torch._subclasses.fake_tensor import FakeTensor
    from torch._subclasses.functional_tensor import FunctionalTensor
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    originals = FakeTensor.tolist, FunctionalTensor.tolist
    with ConcreteRanges():
        assert torch.arange(2, 5).tolist() == [2, 3, 4]
    assert (FakeTensor.tolist, FunctionalTensor.tolist) == originals
    assert callable(ShapeEnv._set_replacement)
    exported = export(Halves(), (torch.randn(2, 3, 8),), "the network")
    assert [guard.sloc.framework_loc.filename for guard in shape_env(exported.program).guards][
        -1
    ] == __file__
    assert len(exported.conditions) == 1
    assert ("x", 1) in export(Positions(), (torch.randn(2, 6, 4),), "the network").fixed_at


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_halves_that_must_meet_again_are_told_as_one_multiple(levels: int) -> None:
    """What a U-Net of so many levels asks of an edge, level by level, against brute force."""
    import sympy
    from collegium.graph.multiples import with_multiples
    from torch.utils._sympy.functions import FloorDiv

    s = sympy.Symbol("s0", integer=True, positive=True)
    asked = [
        sympy.Eq(FloorDiv(s, 2**k) if k else s, 2 * FloorDiv(s, 2 ** (k + 1)))
        for k in range(levels)
    ]
    (told,) = with_multiples(asked)
    for size in range(1, 500):
        halves = [size // 2**k for k in range(levels + 1)]
        fits = all(a == 2 * b for a, b in itertools.pairwise(halves))
        assert bool(told.subs(s, size)) == fits


def test_conditions_that_say_no_multiple_are_kept_as_they_are() -> None:
    import sympy
    from collegium.graph.multiples import with_multiples
    from torch.utils._sympy.functions import FloorDiv

    s, t = sympy.symbols("s0 s1", integer=True, positive=True)
    kept = [sympy.Le(s, 5), sympy.Eq(s, t), sympy.Eq(FloorDiv(t, 2), 2 * FloorDiv(t, 4))]
    assert with_multiples(kept) == kept


@pytest.mark.parametrize("size", range(1, 40))
def test_a_size_in_windows_is_counted_as_python_counts_it(size: int) -> None:
    import operator

    import sympy
    from collegium.graph.sizes import condition_nodes
    from torch.utils._sympy.functions import CeilToInt, FloorToInt, IntTrueDiv

    s = sympy.Symbol("s0", integer=True, positive=True)

    def value(expression: sympy.Expr) -> int:
        return condition_nodes(
            expression, lambda _: size, lambda op, args: getattr(operator, op)(*args)
        )

    assert value(CeilToInt(IntTrueDiv(s, 7))) == -(-size // 7)
    assert value(FloorToInt(IntTrueDiv(s, 7))) == size // 7

"""A network and its loss, written in Python, as data that a hospital runs without their code."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from collegium.errors import CaptureError
from collegium.graph import losses
from collegium.graph.dry_run import dry_run
from collegium.graph.example import as_batch
from collegium.graph.export import export
from collegium.graph.file import FORMAT, write
from collegium.graph.gradients import strange_parameters
from collegium.graph.program import Program
from collegium.graph.tensors import TensorTable


@dataclass(frozen=True)
class CapturedModel:
    """A network as data: what travels to the sites, and what was found out about it on the way.

    Attributes
    ----------
    bytes : bytes
        The network file: safetensors, the graph in its metadata (docs/graph_models.md). It holds no code, no path and
        nothing of the example.
    graph : dict
        The graph as the file has it.
    name : str
        Of the module's class.
    fixed : dict
        Sizes that are the same in every batch, by program, input and axis, with the line that fixed them where it is
        known: ``{"eval": {"inputs": {1: "4, by net.py:12 in forward: ..."}}}``.
    lines : dict
        The author's line that first used an operator, by operator. It stays here.
    """

    bytes: bytes = field(repr=False)
    graph: dict[str, Any] = field(repr=False)
    name: str
    fixed: dict[str, dict[str, dict[int, str]]]
    lines: dict[str, str] = field(repr=False)

    @property
    def hash(self) -> str:
        """SHA-256 of the file, in hex. The same network gives the same file in every process."""
        return hashlib.sha256(self.bytes).hexdigest()

    @property
    def operators(self) -> dict[str, int]:
        """How often each operator is called, in all programs together."""
        counts: dict[str, int] = {}
        for program in self.graph["programs"].values():
            for node in program["nodes"]:
                counts[node["op"]] = counts.get(node["op"], 0) + 1
        return dict(sorted(counts.items()))

    def parameter_count(self) -> int:
        """Number of floats in parameters, frozen ones included."""
        return sum(
            _elements(entry["shape"])
            for entry in self.graph["tensors"].values()
            if entry["kind"] in ("parameter", "frozen")
        )

    def save(self, path: str | Path) -> Path:
        """Write the network file; ``[network] file`` of ``federation.toml`` names it."""
        Path(path).write_bytes(self.bytes)
        return Path(path)

    def __repr__(self) -> str:
        lines = [
            f"{self.name} as data: {self.parameter_count():,} parameters, {len(self.bytes):,} bytes, sha256 {self.hash[:12]}"
        ]
        for name, program in self.graph["programs"].items():
            takes = ", ".join(
                f"{i['name']} {i['dtype']} ({', '.join(map(str, i['shape']))})"
                for i in program["inputs"]
            )
            lines.append(f"  {name:5} {len(program['nodes'])} calls on {takes}")
        used = [op.removeprefix("aten::").split(".")[0] for op in self.operators if "::" in op]
        names = list(dict.fromkeys(n for n in used if not n.startswith("sym")))
        lines.append(f"  calls {', '.join(names)}")
        for name, axes in self.fixed.get("eval", {}).items():
            lines += [f"  fixed axis {axis} of {name}: {why}" for axis, why in axes.items()]
        return "\n".join(lines)


def capture(
    model: torch.nn.Module, loss: Callable[..., Any] | None, example: tuple[Any, Any]
) -> CapturedModel:
    """Turn a module and its loss into data that trains and predicts anywhere Collegium runs, without their Python.

    Parameters
    ----------
    model : torch.nn.Module
        Anything ``torch.export`` takes: ``forward(inputs)`` returns a tensor, or several. It is copied, never changed.
    loss : callable, optional
        ``loss(outputs, targets)`` returns a scalar or one number a sample. ``outputs`` is what the module returns in
        training; a loss that does not take several outputs gets the first. None: the sites use a built-in loss.
    example : (inputs, targets)
        A batch, or at least one sample with the axis of the batch in front. Only shapes, types and (for targets) what
        values are possible matter.

    Returns
    -------
    CapturedModel

    Raises
    ------
    CaptureError
        Naming the line of the module that cannot travel and what to do. What the module or the loss raises on the
        example comes through as it is.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> captured = capture(net, torch.nn.CrossEntropyLoss(), (torch.zeros(2, 4), torch.tensor([0, 1])))
    >>> captured.parameter_count(), sorted(captured.graph["programs"])
    (58, ['eval', 'loss', 'train'])
    >>> captured.graph["programs"]["eval"]["inputs"][0]["shape"]
    ['batch', 4]
    """
    inputs, targets = as_batch(*example)
    trained, outputs = _try_out(model, inputs)
    module = None if loss is None else losses.bind(loss, outputs, targets)
    tensors = TensorTable(model, _written(model, trained))
    programs = {mode: _program(model, mode, inputs, tensors) for mode in ("train", "eval")}
    if module is not None:
        programs["loss"] = _loss_program(module, outputs, targets, tensors)
    graph = {
        "format": FORMAT,
        "tensors": tensors.entries,
        "tied": tensors.tied,
        "head": programs["eval"].head(),
        "norms": sorted(programs["train"].norms()),
        "programs": {name: program.as_json() for name, program in programs.items()},
    }
    captured = CapturedModel(
        bytes=write(graph, tensors.floats),
        graph=graph,
        name=type(model).__name__,
        fixed={name: found for name, p in programs.items() if (found := p.fixed())},
        lines={op: line for p in programs.values() for op, line in p.lines.items() if line},
    )
    random = {name for name, program in programs.items() if program.random}
    dry_run(
        captured.bytes, tensors.floats, captured.lines, model, module, (inputs, targets), random
    )
    return captured


def _copy(model: torch.nn.Module, training: bool) -> torch.nn.Module:
    """A copy of its own for every use: a pass may leave tensors behind in Python attributes."""
    return copy.deepcopy(model).cpu().train(training)


def _try_out(model: torch.nn.Module, inputs: torch.Tensor) -> tuple[torch.nn.Module, Any]:
    """A copy after one pass in training form, and what it returned. What it raises is the author's own error."""
    trained, given = _copy(model, True), inputs.clone()
    with torch.random.fork_rng(devices=[]):
        outputs = trained(given)
    if given._version:
        raise CaptureError(
            "the network writes to its own input",
            remedy="begin with inputs.clone(), or make the first layer's operation not in place",
        )
    if strange := strange_parameters(losses.flat(outputs)[0], trained.parameters()):
        raise CaptureError(
            f"the network uses {len(strange)} parameters that it does not own, so they would never be trained",
            found=", ".join(f"shape {tuple(parameter.shape)}" for parameter in strange[:3]),
            remedy="assign them to the module (self.name = nn.Parameter(...)), or detach() them",
        )
    return trained, outputs


def _written(model: torch.nn.Module, trained: torch.nn.Module) -> set[str]:
    after = dict(trained.named_buffers())
    return {
        name for name, before in model.named_buffers() if not torch.equal(before.cpu(), after[name])
    }


def _program(
    model: torch.nn.Module, mode: str, inputs: torch.Tensor, tensors: TensorTable
) -> Program:
    form = "in training form" if mode == "train" else "in evaluation form"
    exported = export(_copy(model, mode == "train"), (inputs,), f"the network {form}")
    program = Program(exported, tensors, ["inputs"])
    program.require_free_batch(f"the network {form}")
    return program


def _loss_program(
    module: losses.LossModule, outputs: Any, targets: torch.Tensor, tensors: TensorTable
) -> Program:
    leaves = [leaf.detach() for leaf in losses.flat(outputs)[0]]
    if module.first_only:
        leaves = leaves[:1]
    names = ["outputs"] if len(leaves) == 1 else [f"outputs.{i}" for i in range(len(leaves))]
    exported = export(copy.deepcopy(module), (leaves, targets), "the loss")
    program = Program(exported, tensors, [*names, "targets"], "loss.")
    program.require_free_batch("the loss")
    return program


def _elements(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


__all__ = ["CapturedModel", "capture"]

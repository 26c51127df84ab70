"""Runs a captured network beside the module it came from, before anything is sent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

from collegium._load import core
from collegium.errors import CaptureError, DataError
from collegium.graph import places
from collegium.graph.gradients import own_functions
from collegium.graph.losses import LossModule, flat

_TOLERANCE = (
    1e-4  # of the largest value: kernels may add in another order, a wrong graph is far off
)
_BATCHES = ((0, 1, 0), (0,))  # rows of the example: neither is the batch that was captured
_FORMS = {"train": "training", "eval": "evaluation"}
Tensors = dict[str, torch.Tensor]


def dry_run(
    file: bytes,
    floats: Tensors,
    lines: dict[str, str],
    model: torch.nn.Module,
    loss: LossModule | None,
    example: tuple[torch.Tensor, torch.Tensor],
    random: set[str],
) -> None:
    """Compare the interpreter that sites run with eager PyTorch, for a batch of three and of one.

    Both forms: outputs, gradients of their mean squares, and buffers; a form that draws random numbers is left out, since
    sites draw others. The loss: its value and its gradient by the outputs.

    Parameters
    ----------
    file : bytes
        The network file.
    floats : dict
        Its float32 tensors.
    lines : dict
        The author's line that first used an operator, by operator.
    model : torch.nn.Module
        What was captured.
    loss : LossModule, optional
        What was captured with it.
    example : (inputs, targets)
        At least two samples.
    random : set of str
        Forms ("train", "eval") that draw random numbers.

    Raises
    ------
    CaptureError
        Saying which output, loss, gradient or buffer differs and by how much, or which operator sites do not run.
    """
    network = _load(file, lines)
    for rows in _BATCHES:
        inputs, targets = (part[list(rows)] for part in example)
        for form in ("train", "eval"):
            eager = copy.deepcopy(model).cpu().train(form == "train")
            when = f"for a batch of {len(rows)} in {_FORMS[form]} form"
            try:
                with torch.random.fork_rng(devices=[]):
                    outputs = flat(eager(inputs.clone()))[0]
            except Exception as error:
                if len(rows) == 1 and form == "train" and isinstance(error, ValueError):
                    continue  # batch normalisation refuses a single value; so would a site
                raise _fails("the network", when, error) from error
            told = _Difference(when, outputs)
            if loss is not None and form == "train":
                _compare_losses(told, network, loss, outputs, targets)
            if form not in random:
                _compare_passes(told, network, eager, floats, outputs, inputs)


def _compare_losses(
    told: _Difference,
    network: Any,
    loss: LossModule,
    outputs: list[torch.Tensor],
    targets: torch.Tensor,
) -> None:
    try:
        expected = _loss_results(lambda given: loss(given, targets).mean(), outputs)
    except Exception as error:
        raise _fails("the loss", told.when, error) from error

    def captured(given: list[torch.Tensor]) -> torch.Tensor:
        return network.loss(given[0] if len(given) == 1 else given, targets)

    try:
        found = _loss_results(captured, outputs[:1] if loss.first_only else outputs)
    except (DataError, RuntimeError) as error:
        raise _fails("the captured loss", told.when, error) from error
    _compare(told, expected, found)


def _compare_passes(
    told: _Difference,
    network: Any,
    eager: torch.nn.Module,
    floats: Tensors,
    outputs: list[torch.Tensor],
    inputs: torch.Tensor,
) -> None:
    expected = _results(outputs, *_state(eager, dict(eager.state_dict(keep_vars=True))))
    tensors = {name: tensor.clone() for name, tensor in floats.items()}
    parameters, buffers = _state(eager, tensors)
    try:
        found = network.forward(tensors, inputs, train=eager.training)
    except (DataError, RuntimeError) as error:
        raise _fails("the captured network", told.when, error) from error
    several = found if isinstance(found, list) else [found]
    _compare(told, expected, _results(several, parameters, buffers))


def _load(file: bytes, lines: dict[str, str]) -> Any:
    try:
        return core.GraphModel(file)
    except DataError as error:
        used = [op for op in lines if op in str(error)]
        raise CaptureError(
            f"sites do not run this network: {error.problem}",
            where=lines[max(used, key=len)] if used else error.where,
            expected=error.expected,
            found=error.found,
            remedy="write this part with other operators of torch",
        ) from error


def _fails(what: str, when: str, error: Exception) -> CaptureError:
    return CaptureError(
        f"{what} fails {when}: {error}",
        where=places.of_error(error),
        expected="batches of any size: sites draw them, and private training looks at single samples",
        remedy="take the size from the input: x.shape[0] or -1",
    )


class _Difference:
    """What a difference is told with."""

    def __init__(self, when: str, outputs: list[torch.Tensor]) -> None:
        self.when = when
        self.functions = own_functions(outputs)

    def refuse(self, name: str, expected: str, found: str) -> None:
        remedy = (
            "let forward() depend on its inputs alone: no random numbers of Python, no counters, no branch on the number "
            "of samples"
        )
        if self.functions:
            remedy = (
                f"the backward of {', '.join(self.functions)} is Python and cannot travel: write it with operators of "
                "torch whose gradient is the one you mean"
            )
        raise CaptureError(
            f"the captured network differs from the module: {name} {self.when}",
            expected=expected,
            found=found,
            remedy=remedy,
        )


def _state(module: torch.nn.Module, tensors: Tensors) -> tuple[Tensors, Tensors]:
    """Trained parameters and buffers among some tensors; the former will have gradients."""
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    parameters = {n: t.requires_grad_() for n, t in tensors.items() if n in trained}
    owned = {name for name, _ in module.named_parameters()}
    floating = {n: t for n, t in tensors.items() if n not in owned and t.is_floating_point()}
    return parameters, floating


def _results(outputs: list[torch.Tensor], parameters: Tensors, buffers: Tensors) -> Tensors:
    """Everything that is compared of a pass, by the name that a difference is told with."""
    results = {f"output {i}": output.detach() for i, output in enumerate(outputs)}
    value = sum(output.square().mean() for output in outputs if output.is_floating_point())
    if parameters and isinstance(value, torch.Tensor) and value.requires_grad:
        for name, gradient in _gradients(value, parameters).items():
            results[f"the gradient of {name}"] = gradient
    return results | {f"the buffer {name}": buffer.detach() for name, buffer in buffers.items()}


def _loss_results(loss: Callable[[Any], torch.Tensor], outputs: list[torch.Tensor]) -> Tensors:
    leaves = [o.detach().clone().requires_grad_(o.is_floating_point()) for o in outputs]
    value = loss(leaves)
    results = {"the loss": value.detach()}
    if value.requires_grad:
        named = {f"output {i}": leaf for i, leaf in enumerate(leaves) if leaf.requires_grad}
        for name, gradient in _gradients(value, named).items():
            results[f"the gradient of the loss by {name}"] = gradient
    return results


def _gradients(value: torch.Tensor, by: Tensors) -> Tensors:
    found = torch.autograd.grad(value, list(by.values()), allow_unused=True)
    return {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(by.items(), found, strict=True)
    }


def _compare(told: _Difference, expected: Tensors, found: Tensors) -> None:
    for name in (n for n in expected if n in found):
        a, b = expected[name], found[name]
        if a.shape != b.shape:
            told.refuse(name, f"shape {tuple(a.shape)}", f"shape {tuple(b.shape)}")
        if not a.numel():
            continue
        a, b = a.double(), b.double()
        apart = (a - b).abs().masked_fill(a.isnan() & b.isnan() | (a == b), 0.0)
        largest = float(apart.nan_to_num(nan=float("inf")).amax())
        allowed = _TOLERANCE * max(float(a.nan_to_num().abs().amax()), 1e-3)
        if largest > allowed:
            told.refuse(name, f"a difference of at most {allowed:.2g}", f"one of {largest:.2g}")


__all__ = ["dry_run"]

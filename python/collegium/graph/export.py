"""``torch.export`` with sizes left free, and what it decided about them on the way."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import sympy
import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor
from torch.fx.experimental import symbolic_shapes
from torch.overrides import TorchFunctionMode

from collegium.errors import CaptureError
from collegium.graph import places
from collegium.graph.sizes import condition_nodes

_SIZE = re.compile(r"L\['(\w+)'\]((?:\[\d+\])*)\.size\(\)\[(\d+)\]")


@dataclass
class Exported:
    """A program of ATen calls, and what holds of the sizes of its inputs.

    Attributes
    ----------
    program : torch.export.ExportedProgram
        In training form: not functional, not decomposed.
    conditions : list of sympy.Expr
        What the author's Python asked of the sizes, true of every input this program is right for.
    fixed_at : dict
        The line that fixed a size, by the input's name in the graph and the axis.
    """

    program: torch.export.ExportedProgram
    conditions: list[sympy.Expr] = field(default_factory=list)
    fixed_at: dict[tuple[str, int], str] = field(default_factory=dict)


def export(module: torch.nn.Module, arguments: tuple[Any, ...], what: str) -> Exported:
    """Export ``module(*arguments)`` with as many free sizes as it allows.

    Where no size but that of the batch can stay free, the others are fixed. Raises CaptureError with the line in
    question; ``what`` is how messages call the module.
    """
    try:
        exported = _export(module, arguments, every_axis=True)
        for condition in exported.conditions:
            condition_nodes(condition, lambda _: 0, lambda *_: 0)  # can a site check it?
        return exported
    except Exception as first:
        try:
            return _export(module, arguments, every_axis=False)
        except Exception:
            raise _refusal(first, what) from first


def _export(module: torch.nn.Module, arguments: tuple[Any, ...], *, every_axis: bool) -> Exported:
    free = torch.export.Dim.AUTO

    def axes(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return {axis: free for axis in range(value.dim()) if every_axis or axis == 0}
        return [axes(item) for item in value] if isinstance(value, list | tuple) else None

    fixed_at: dict[tuple[str, int], str] = {}
    with _quiet(), ConcreteRanges(), _watched(fixed_at):
        program = torch.export.export(
            module, arguments, dynamic_shapes=tuple(axes(a) for a in arguments), strict=False
        )
    return Exported(program, _conditions(program), fixed_at)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what torch says about sizes it fixed or values it missed: the errors here, and the report, say it better."""
    loggers = [
        logging.getLogger(name)
        for name in ("torch.fx.experimental.symbolic_shapes", "torch._export", "torch.export")
    ]
    levels = [logger.level for logger in loggers]
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class ConcreteRanges(TorchFunctionMode):
    """Lets ``torch.arange(2, n).tolist()`` be a Python list during export: many losses number their axes so.

    Tensors under export have no values, so ``tolist`` of the classes that stand in for them is replaced as well.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.arange and args and all(type(a) is int for a in args):
            result._collegium_range = range(*args)
        return result

    def __enter__(self) -> ConcreteRanges:
        self._patches = contextlib.ExitStack()
        for kind in (FakeTensor, FunctionalTensor):
            self._patches.enter_context(mock.patch.object(kind, "tolist", _tolist(kind.tolist)))
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        self._patches.close()
        super().__exit__(*error)


def _tolist(original: Any) -> Any:
    def tolist(tensor: torch.Tensor) -> Any:
        numbers = getattr(tensor, "_collegium_range", None)
        return original(tensor) if numbers is None else list(numbers)

    return tolist


@contextlib.contextmanager
def _watched(fixed_at: dict[tuple[str, int], str]) -> Iterator[None]:
    """Notes the author's line whenever a free size turns out to be a number."""
    original = symbolic_shapes.ShapeEnv._set_replacement

    def note(self: Any, symbol: sympy.Symbol, value: sympy.Expr, *rest: Any) -> Any:
        if value.is_number:
            for source in self.var_to_sources.get(symbol, ()):
                if (axis := _axis_of(source)) is not None:
                    fixed_at.setdefault(axis, places.of_stack())
        return original(self, symbol, value, *rest)

    with mock.patch.object(symbolic_shapes.ShapeEnv, "_set_replacement", note):
        yield


def _axis_of(source: Any) -> tuple[str, int] | None:
    """(name of the input in the graph, axis) of where torch read a size."""
    name = source.name() if callable(source.name) else source.name
    found = _SIZE.fullmatch(name)
    if found is None:
        return None
    argument, items, axis = found.groups()
    return argument + "".join(f"_{item}" for item in re.findall(r"\d+", items)), int(axis)


# torch's own reasoning about memory, as opposed to what a network's Python, or torch.nn, decided by a size.
_INTERNAL = (
    "_prims",
    "_refs",
    "_subclasses",
    "_meta_registrations",
    "_decomp",
    "fx",
    "utils",
    "_inductor",
    "_ops",
    "export",
)


def _conditions(program: torch.export.ExportedProgram) -> list[sympy.Expr]:
    """The guards that Python code branched on; those that only say how memory would lie are left out."""
    shapes = shape_env(program)
    if shapes is None:
        return []
    found = []
    for guard in shapes.guards:
        frame = guard.sloc.framework_loc
        if frame is None or isinstance(frame, str) or _is_internal(frame.filename):
            continue
        condition = shapes.simplify(guard.expr)
        if condition not in (sympy.true, True) and condition not in found:
            found.append(condition)
    return found


def _is_internal(file: str) -> bool:
    _, _, inside = file.rpartition("/torch/")
    return "/torch/" in file and inside.split("/")[0].removesuffix(".py").startswith(_INTERNAL)


def shape_env(program: torch.export.ExportedProgram) -> Any:
    """The object that knows the free sizes of a program; none where all are fixed and there is nothing to know."""
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, FakeTensor) and value.fake_mode.shape_env is not None:
            return value.fake_mode.shape_env
    return None


def _refusal(error: Exception, what: str) -> CaptureError:
    if isinstance(error, CaptureError):
        return error
    text = str(error).strip()
    first = text.splitlines()[0] if text else type(error).__name__
    remedy = "see the error above this one; torch.export has to take the module"
    problem = f"{what} cannot be captured: {first}"
    if "data-dependent" in text.lower() or "DataDependent" in type(error).__name__:
        problem = f"{what} asks for the value of a tensor, which is only known when it runs"
        remedy = (
            "compute with tensors instead of Python numbers: torch.where for `if`, no .item(), .tolist() or int() "
            "of a tensor"
        )
    return CaptureError(problem, where=places.of_error(error), remedy=remedy)


__all__ = ["ConcreteRanges", "Exported", "export", "shape_env"]

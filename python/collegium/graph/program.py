"""One exported program as data: a list of ATen calls over numbered values."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import sympy
import torch
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import GraphModule, Node
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from collegium.errors import CaptureError
from collegium.graph import places
from collegium.graph.arguments import as_json, element_type
from collegium.graph.calls import (
    NORMALISATIONS,
    draws,
    first_line_inside,
    kind_of_region,
    one_shape,
    symbolic,
    unused_calls,
)
from collegium.graph.export import Exported
from collegium.graph.multiples import with_multiples
from collegium.graph.sizes import BATCH, Sizes, condition_nodes, in_words
from collegium.graph.tensors import TensorTable

# Other names of one operation, and what leaves memory unfilled: old memory must never be readable at a site.
_WRITTEN_AS = {
    "aten::__and__.Tensor": "aten::bitwise_and.Tensor",
    "aten::__or__.Tensor": "aten::bitwise_or.Tensor",
    "aten::absolute": "aten::abs",
    "aten::clip": "aten::clamp",
    "aten::detach_": "aten::detach",
    "aten::divide.Tensor": "aten::div.Tensor",
    "aten::empty.memory_format": "aten::zeros",
    "aten::empty_like": "aten::zeros_like",
    "aten::max.other": "aten::maximum",
    "aten::min.other": "aten::minimum",
    "aten::multiply.Tensor": "aten::mul.Tensor",
    "aten::new_empty": "aten::new_zeros",
    "aten::subtract.Tensor": "aten::sub.Tensor",
}
_VALUE_OF_TENSOR = {"aten::item", "aten::_local_scalar_dense"}


class Program:
    """Writes one exported program.

    Parameters
    ----------
    exported : Exported
        What ``torch.export`` made.
    tensors : TensorTable
        Receives the constants; knows parameters and buffers.
    inputs : sequence of str
        Names for the inputs, in order.
    owner : str
        Before the names of constants: "" for the network, "loss." for its loss.
    """

    def __init__(
        self, exported: Exported, tensors: TensorTable, inputs: Iterable[str], owner: str = ""
    ) -> None:
        self._exported, self._tensors, self._owner = exported, tensors, owner
        self._graph_module = exported.program.graph_module
        self._ids: dict[Node, int] = {}
        self._count = 0
        self._sizes = Sizes()
        self._inputs: list[dict[str, Any]] = []
        self._nodes_of_inputs: dict[str, str] = {}
        self._bound: dict[str, int] = {}
        self._bind: list[list[Any]] = []
        self._calls: list[dict[str, Any]] = []
        self._recording = True
        self.lines: dict[str, str] = {}  # operator -> the line that first used it; never written
        self.random = False  # whether some call draws random numbers
        self._place(list(inputs))
        self._check_sizes()
        results = self._walk(self._graph_module)
        self._outputs = self._results(results)

    def as_json(self) -> dict[str, Any]:
        """The program as the file has it."""
        return {
            "inputs": self._inputs,
            "bind": self._bind,
            "nodes": self._calls,
            "outputs": self._outputs,
            "values": self._count,
            "sizes": self._sizes.ranges(self._exported.program.range_constraints),
        }

    def require_free_batch(self, what: str) -> None:
        """CaptureError where the number of samples became fixed."""
        for taken in self._inputs:
            if taken["shape"][0] != BATCH:
                where = self._fixed_where(taken["name"], 0)
                raise CaptureError(
                    f"{what} only takes batches of {taken['shape'][0]}",
                    where=where,
                    expected="a program for batches of any size",
                    remedy="take the size from the input: x.shape[0] or -1, and flatten(1) instead of reshape to a number",
                )

    def fixed(self) -> dict[str, dict[int, str]]:
        """Sizes that became numbers, by input and axis, with the line that fixed them where it is known."""
        found: dict[str, dict[int, str]] = {}
        for taken in self._inputs:
            for axis, size in enumerate(taken["shape"]):
                if axis and isinstance(size, int):
                    where = self._fixed_where(taken["name"], axis)
                    found.setdefault(taken["name"], {})[axis] = (
                        f"{size}, by {where}" if where else str(size)
                    )
        return found

    def _fixed_where(self, name: str, axis: int) -> str:
        node = self._nodes_of_inputs[name]
        return self._exported.fixed_at.get((node, axis), "")

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def _place(self, names: list[str]) -> None:
        """Number the inputs and what the program is bound to."""
        signature = self._exported.program.graph_signature
        nodes = [n for n in self._graph_module.graph.nodes if n.op == "placeholder"]
        for node, spec in zip(nodes, signature.input_specs, strict=True):
            if spec.kind is InputKind.USER_INPUT:
                self._input(node, names[len(self._inputs)])
            elif not node.users:
                continue
            elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and not self._owner:
                self._bound_to(node, self._tensors.named(spec.target))
            elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
                tensor = {**self._exported.program.state_dict, **self._exported.program.constants}[
                    spec.target
                ]
                self._bound_to(node, self._constant(spec.target, tensor))
            else:
                raise CaptureError(
                    f"an input of kind {spec.kind.name.lower()} cannot travel: {spec.target}",
                    remedy="let forward() take tensors, and the module own tensors",
                )

    def _input(self, node: Node, name: str) -> None:
        value = node.meta["val"]
        self._ids[node] = self._new()
        self._nodes_of_inputs[name] = node.name
        self._inputs.append(
            {
                "name": name,
                "value": self._ids[node],
                "dtype": element_type(value.dtype, name),
                "shape": self._sizes.shape(len(self._inputs), value.shape),
            }
        )

    def _bound_to(self, node: Node, name: str) -> None:
        if name not in self._bound:
            self._bound[name] = self._new()
            self._bind.append([self._bound[name], name])
        self._ids[node] = self._bound[name]

    def _constant(self, target: str, tensor: torch.Tensor) -> str:
        return self._tensors.constant(target, tensor, self._owner)

    def _check_sizes(self) -> None:
        """Write the conditions on sizes as nodes, so that a site refuses what this program would get wrong."""
        known: dict[str, Any] = {}

        def call(name: str, args: list[Any]) -> Any:
            return {"v": self._write("sym::" + name, args)}

        def size_of(symbol: str) -> Any:
            if symbol not in known:
                number, axis = self._sizes.homes[symbol]
                value = self._inputs[number]["value"]
                known[symbol] = {"v": self._write("aten::sym_size.int", [{"v": value}, axis])}
            return known[symbol]

        ours = map(self._sizes.in_our_names, self._exported.conditions)
        about_inputs = [
            c for c in ours if {s.name for s in c.free_symbols} <= self._sizes.homes.keys()
        ]
        for condition in with_multiples(about_inputs):
            held = condition_nodes(condition, size_of, call)
            self._calls.append(
                {"op": "sym::check", "args": [held, self._in_words(condition)], "out": -1}
            )

    def _in_words(self, condition: sympy.Expr) -> str:
        places_of = {
            name: f"size {axis} of {self._inputs[number]['name']}"
            for name, (number, axis) in self._sizes.homes.items()
        }
        words = in_words(condition, places_of)
        return words if len(words) <= 1000 else words[:997] + "..."  # the format takes 1024

    def _write(self, op: str, args: list[Any], kwargs: dict[str, Any] | None = None) -> int:
        entry: dict[str, Any] = {"op": op, "args": args, "out": self._new()}
        if kwargs:
            entry["kwargs"] = kwargs
        self._calls.append(entry)
        return entry["out"]

    def _call(self, op: str, node: Node, args: Any, kwargs: Any) -> None:
        where = places.of_node(node)
        self.lines.setdefault(op, where)
        if op in _WRITTEN_AS:
            op = _WRITTEN_AS[op]
            kwargs = {k: v for k, v in kwargs.items() if k != "memory_format"}
        written = [as_json(a, self._ids.__getitem__, where) for a in args]
        named = {k: as_json(v, self._ids.__getitem__, where) for k, v in kwargs.items()}
        self._ids[node] = self._write(op, written, named)

    def _walk(self, module: GraphModule) -> Any:
        """Write the calls of a graph; returns what its output node holds."""
        unused = unused_calls(module)
        for node in module.graph.nodes:
            if node.op == "placeholder" or node in unused:
                continue
            if node.op == "output":
                return node.args[0]
            if node.op == "get_attr":
                held = operator.attrgetter(node.target)(module)
                if isinstance(held, torch.Tensor):
                    self._bound_to(node, self._constant(node.target, held))
            elif isinstance(node.target, torch._ops.HigherOrderOperator):
                self._region(node, module)
            elif isinstance(node.target, torch._ops.OpOverload):
                self._operator(node)
            elif (name := symbolic(node.target)) is not None:
                self._call("sym::" + name, node, node.args, {})
            else:
                raise CaptureError(
                    f"a call of {getattr(node.target, '__name__', node.target)} cannot travel",
                    where=places.of_node(node),
                    remedy="use operators of torch in forward()",
                )
        return ()

    def _operator(self, node: Node) -> None:
        schema = node.target._schema
        overload = f".{schema.overload_name}" if schema.overload_name else ""
        if not schema.name.startswith("aten::"):
            raise CaptureError(
                f"the operator {schema.name} is code that a site does not have",
                where=places.of_node(node),
                expected="operators of torch itself (aten)",
                remedy="write this part with operators of torch",
            )
        if schema.name in _VALUE_OF_TENSOR:
            raise CaptureError(
                "the value of a tensor becomes a Python number here, which is only known when it runs",
                where=places.of_node(node),
                remedy="keep it a tensor: no .item(), int() or float() of a tensor",
            )
        self._check_result(node)
        self.random |= draws(node)
        if schema.name == "aten::broadcast_tensors" and one_shape(node.args[0]):
            self._call("sym::tuple", node, node.args, {})
        else:
            self._call(schema.name + overload, node, node.args, node.kwargs)

    def _check_result(self, node: Node) -> None:
        """Every result is a tensor of a known type, whose shape follows from the shapes of the inputs."""
        value = node.meta.get("val")
        for tensor in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(tensor, torch.Tensor):
                continue
            element_type(tensor.dtype, places.of_node(node))
            if free_unbacked_symbols(tensor):
                raise CaptureError(
                    "how many elements this has depends on the values of a tensor",
                    where=places.of_node(node),
                    remedy="keep the shape and weigh what does not count with 0: torch.where, or multiply by a mask",
                )

    def _region(self, node: Node, module: GraphModule) -> None:
        """A no_grad region is written between two marks; every other operator with a body is refused."""
        name = (
            node.target.name() if callable(getattr(node.target, "name", None)) else str(node.target)
        )
        if "wrap_with_set_grad_enabled" not in name:
            raise CaptureError(
                f"{kind_of_region(name)} cannot travel",
                where=places.of_node(node) or first_line_inside(node, module),
                remedy="write forward() without it: sites choose precision and memory use themselves, and torch.where "
                "stands for branches",
            )
        enabled, body, *arguments = node.args
        inner = operator.attrgetter(body.target)(module)
        holes = [n for n in inner.graph.nodes if n.op == "placeholder"]
        for hole, argument in zip(holes, arguments, strict=True):
            self._ids[hole] = self._ids[argument]
        before, self._recording = self._recording, bool(enabled)
        self._calls.append({"op": "grad_mode", "args": [self._recording], "out": -1})
        results = self._walk(inner)
        self._recording = before
        self._calls.append({"op": "grad_mode", "args": [before], "out": -1})
        self._call("sym::tuple", node, [list(results)], {})

    def _results(self, results: Iterable[Any]) -> list[int]:
        outputs = []
        for spec, result in zip(
            self._exported.program.graph_signature.output_specs, results, strict=True
        ):
            if spec.kind not in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT):
                continue  # buffers are written where they lie
            if isinstance(result, Node):
                outputs.append(self._ids[result])
        return outputs

    def head(self) -> str:
        """Prefix of the names of the last layer's parameters: of the last call that takes one; "" when there is none."""
        names = self._names()
        for call in reversed(self._calls):
            for argument in call["args"]:
                name = names.get(argument.get("v")) if isinstance(argument, dict) else None
                if name is not None and self._tensors.entries[name]["kind"] in (
                    "parameter",
                    "frozen",
                ):
                    return name.rpartition(".")[0] + "." if "." in name else ""
        return ""

    def norms(self) -> set[str]:
        """Names of the parameters of normalisation layers."""
        names, found = self._names(), set()
        for call in self._calls:
            if call["op"].removeprefix("aten::").split(".")[0] in NORMALISATIONS:
                taken = [a.get("v") for a in call["args"][1:] if isinstance(a, dict)]
                found.update(names[value] for value in taken if value in names)
        return {n for n in found if self._tensors.entries[n]["kind"] in ("parameter", "frozen")}

    def _names(self) -> dict[int, str]:
        return {value: name for value, name in self._bind}


__all__ = ["Program"]

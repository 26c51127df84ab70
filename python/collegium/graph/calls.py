"""What is known of the calls in an exported graph: arithmetic on sizes, remarks, effects, chance."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch.fx import GraphModule, Node

from collegium.graph import places

# Arithmetic on sizes: the only calls besides ATen's.
_SYMBOLIC = {
    operator.add: "add",
    operator.sub: "sub",
    operator.mul: "mul",
    operator.floordiv: "floordiv",
    operator.truediv: "truediv",
    operator.mod: "mod",
    operator.neg: "neg",
    operator.pow: "pow",
    operator.eq: "eq",
    operator.ne: "ne",
    operator.lt: "lt",
    operator.le: "le",
    operator.gt: "gt",
    operator.ge: "ge",
    operator.and_: "and",
    operator.or_: "or",
    operator.not_: "not",
    operator.getitem: "getitem",
    torch.sym_max: "max",
    torch.sym_min: "min",
    torch.sym_float: "float",
    torch.sym_int: "int",
    torch.sym_not: "not",
    math.floor: "floor",
    math.ceil: "ceil",
    math.trunc: "int",
}
# Remarks of torch to itself; what must hold of sizes is written as conditions instead.
_REMARKS = {
    "aten::_assert_tensor_metadata",
    "aten::_assert_scalar",
    "aten::_assert_async",
    "aten::sym_constrain_range",
    "aten::sym_constrain_range_for_size",
}
NORMALISATIONS = {
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "rms_norm",
    "native_layer_norm",
}


def symbolic(target: Any) -> str | None:
    if target in _SYMBOLIC:
        return _SYMBOLIC[target]
    name = getattr(target, "__name__", "")
    return name.removeprefix("_sym_") if name.startswith("_sym_") else None


def unused_calls(module: GraphModule) -> set[Node]:
    """Calls whose results nothing uses, and that do nothing else."""
    unused: set[Node] = set()
    for node in reversed(module.graph.nodes):
        if (node.op == "call_function" and _is_remark(node.target)) or (
            node.op == "call_function"
            and all(user in unused for user in node.users)
            and _only_computes(node.target)
        ):
            unused.add(node)
    return unused


def _is_remark(target: Any) -> bool:
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name in _REMARKS
    return getattr(target, "__name__", "") in ("_check", "_check_is_size")


def _only_computes(target: Any) -> bool:
    """Whether a call has no effect but its result. Normalisations may write running statistics unmarked."""
    if not isinstance(target, torch._ops.OpOverload):
        return symbolic(target) is not None
    name = target._schema.name.removeprefix("aten::")
    random = torch.Tag.nondeterministic_seeded in target.tags
    return not (target._schema.is_mutable or random or name in NORMALISATIONS)


def draws(node: Node) -> bool:
    """Whether a call draws random numbers: dropout with a probability of 0, or switched off, does not."""
    schema = node.target._schema
    if torch.Tag.nondeterministic_seeded not in node.target.tags:
        return False
    defaults = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
    given = {a.name: v for a, v in zip(schema.arguments, node.args, strict=False)}
    named = {**defaults, **given, **node.kwargs}
    if named.get("train") is False:
        return False
    for name in ("p", "dropout", "dropout_p"):
        if name in named:
            return named[name] != 0
    return True


def one_shape(nodes: list[Node]) -> bool:
    """Whether tensors are known to have the same shape, so that broadcasting leaves them as they are."""
    first, *rest = (node.meta["val"].shape for node in nodes)
    return all(len(shape) == len(first) and all(map(_same, shape, first)) for shape in rest)


def _same(one: Any, other: Any) -> bool:
    expressions = [
        size.node.expr if isinstance(size, torch.SymInt) else size for size in (one, other)
    ]
    return expressions[0] == expressions[1]


def first_line_inside(node: Node, module: GraphModule) -> str:
    """The first line of the author in the bodies that an operator is given."""
    for argument in node.args:
        if isinstance(argument, Node) and argument.op == "get_attr":
            body = operator.attrgetter(argument.target)(module)
            for inner in body.graph.nodes if isinstance(body, GraphModule) else ():
                if where := places.of_node(inner):
                    return where
    return ""


def kind_of_region(name: str) -> str:
    for part, kind in {
        "autocast": "autocast inside forward()",
        "checkpoint": "activation checkpointing",
        "cond": "torch.cond",
        "while_loop": "torch.while_loop",
        "autograd_function": "a torch.autograd.Function of one's own",
    }.items():
        if part in name:
            return kind
    return f"the operator {name}"


__all__ = [
    "NORMALISATIONS",
    "draws",
    "first_line_inside",
    "kind_of_region",
    "one_shape",
    "symbolic",
    "unused_calls",
]

"""What stands behind a tensor in autograd's graph: the author's own functions, and parameters from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch


def _nodes(tensors: Iterable[torch.Tensor]) -> Iterator[Any]:
    waiting, seen = [t.grad_fn for t in tensors if t.grad_fn is not None], set()
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting.extend(after for after, _ in node.next_functions if after is not None)


def own_functions(tensors: Iterable[torch.Tensor]) -> list[str]:
    """Names of the ``torch.autograd.Function`` classes behind some tensors, torch's own left out."""
    kinds = (
        type(node)._forward_cls
        for node in _nodes(tensors)
        if isinstance(node, torch.autograd.function.BackwardCFunction)
    )
    return sorted({kind.__name__ for kind in kinds if not kind.__module__.startswith("torch.")})


def strange_parameters(
    tensors: Iterable[torch.Tensor], known: Iterable[torch.Tensor]
) -> list[torch.Tensor]:
    """Tensors that would be trained through some tensors and are none of ``known``."""
    ours = {id(tensor) for tensor in known}
    leaves = (getattr(node, "variable", None) for node in _nodes(tensors))
    return [leaf for leaf in leaves if leaf is not None and id(leaf) not in ours]


__all__ = ["own_functions", "strange_parameters"]

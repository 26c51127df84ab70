"""One aggregation on its own, for exploring what an aggregator does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from collegium._load import announce, core


def aggregate(
    name: str, updates: Sequence[ArrayLike], weights: Sequence[float] | None = None, **settings: Any
) -> np.ndarray:
    """Combine updates with the aggregator ``name``.

    Parameters
    ----------
    name : str
        A built-in aggregator or one of a plugin: see ``cg.plugins.list()``.
    updates : sequence of array_like
        One flat or shaped float array a site, all of one shape.
    weights : sequence of float, optional
        Positive; default 1.
    **settings
        The aggregator's own settings; an unknown one is refused.

    Returns
    -------
    numpy.ndarray
        float32, of the updates' shape.
    """
    arrays = [np.ascontiguousarray(u, dtype=np.float32) for u in updates]
    if not arrays:
        raise ValueError("aggregate: expected at least one update, found none")
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"aggregate: expected updates of one shape, found {sorted(shapes)}")
    given = [1.0] * len(arrays) if weights is None else [float(w) for w in weights]
    announce()
    return core.aggregate(name, [a.reshape(-1) for a in arrays], given, settings).reshape(
        arrays[0].shape
    )


__all__ = ["aggregate"]

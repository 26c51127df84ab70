"""One aggregation on its own, and aggregators written in Python, for exploring."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from collegium._load import announce, core

AggregatorFunction = Callable[[np.ndarray, np.ndarray], ArrayLike]


def aggregate(
    aggregator: str | AggregatorFunction,
    updates: Sequence[ArrayLike],
    weights: Sequence[float] | None = None,
    **settings: Any,
) -> np.ndarray:
    """Combine updates with an aggregator.

    Parameters
    ----------
    aggregator : str or callable
        The name of a built-in aggregator or of a plugin's (see ``cg.plugins.list()``), or a function of
        ``(updates, weights)`` as ``Federation`` takes it.
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

    Examples
    --------
    >>> aggregate(lambda updates, weights: updates.max(axis=0), [[1.0, 5.0], [3.0, 4.0]])
    array([3., 5.], dtype=float32)
    """
    arrays = [np.ascontiguousarray(u, dtype=np.float32) for u in updates]
    if not arrays:
        raise ValueError("aggregate: expected at least one update, found none")
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"aggregate: expected updates of one shape, found {sorted(shapes)}")
    given = [1.0] * len(arrays) if weights is None else [float(w) for w in weights]
    flat = [a.reshape(-1) for a in arrays]
    announce()
    if isinstance(aggregator, str):
        made = core.aggregate(aggregator, flat, given, settings)
    else:
        function = PythonAggregator(aggregator)
        with function.lent({"aggregator": settings}) as lent:
            made = core.aggregate("python", flat, given, lent["aggregator"])
    return made.reshape(arrays[0].shape)


class PythonAggregator:
    """A function of ``(updates, weights)`` as the core calls it: timed, and its errors kept.

    Parameters
    ----------
    function : callable
        Takes a float32 array of shape (sites, values), which is a copy, and a float64 array of shape (sites,); returns
        one of shape (values,).
    """

    _names: set[str] = set()  # noqa: RUF012 - of all that are lent now
    _lock = threading.Lock()

    def __init__(self, function: AggregatorFunction) -> None:
        if isinstance(function, type) or not callable(function):
            raise TypeError(
                "aggregator: expected a plugin's name, a pair (name, settings) or a function of (updates, weights), "
                f"found {function!r}"
                + ("; give an object of that class" * isinstance(function, type))
            )
        self.function = function
        self.name = getattr(function, "__qualname__", type(function).__qualname__)
        self.calls, self.seconds = 0, 0.0
        self.failure: BaseException | None = None

    def __call__(self, updates: np.ndarray, weights: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        try:
            made = np.ascontiguousarray(self.function(updates, weights), dtype=np.float32)
            if made.shape != (updates.shape[1],):
                raise ValueError(
                    f"the aggregator {self.name} returned an array of shape {made.shape}; expected ({updates.shape[1]},), "
                    "one value for each column of updates"
                )
            return made
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.calls += 1
            self.seconds += time.perf_counter() - start

    @contextmanager
    def lent(self, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The core may call it inside; yields ``config`` with its name in it. What it raised is the cause of what comes out."""
        with self._lock:
            name, number = self.name, 1
            while name in self._names:
                number += 1
                name = f"{self.name} ({number})"
            self._names.add(name)
        core.lend_function(name, self)
        try:
            yield {**config, "aggregator": {**config["aggregator"], "function": name}}
        except Exception as error:
            if self.failure is not None:
                raise error from self.failure
            raise
        finally:
            core.take_function_back(name)
            with self._lock:
                self._names.discard(name)

    def cost(self, whole: float) -> str:
        """What it took, in words; ``whole`` is the seconds of the run."""
        return (
            f"the aggregator {self.name} ran in Python for {self.seconds:.2f} s of {whole:.2f} s, {self.calls} rounds, "
            "with the GIL held"
        )


__all__ = ["aggregate"]

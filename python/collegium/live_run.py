"""A run that is still going on in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collegium.display import Display
from collegium.execute import Execution, Work, watch
from collegium.run import Run

if TYPE_CHECKING:
    import torch


class LiveRun(Run):
    """A run while it goes on: what ``simulate`` and ``serve`` return with ``wait=False``.

    Everything of a :class:`Run` can be asked at any time and tells of the rounds that have closed. Several runs may go on
    in one process. A failure is raised where the run is waited for.

    Examples
    --------
    >>> run = federation.simulate(sites, wait=False)   # doctest: +SKIP
    >>> for round in run:                              # doctest: +SKIP
    ...     if run.metrics["value"].iloc[-1] > 0.8:
    ...         run.stop()
    """

    def __init__(
        self,
        folder: Path,
        work: Work,
        *,
        title: str,
        rounds: int,
        author: torch.nn.Module | None = None,
    ) -> None:
        self._execution = Execution(work)
        self._shown = {"title": title, "rounds": rounds}
        begun = next(self._execution.events(Display()))  # the folder is there by then
        assert begun["kind"] == "begun"
        super().__init__(folder, author=author)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Rounds as they close, from the first that nobody was told of: a row of ``rounds`` each. Ctrl-C stops the run."""
        for event in self._execution.events(Display()):
            if event["kind"] == "round":
                known = self.rounds
                closed = known[(known["number"] == event["round"]) & (known["state"] == "closed")]
                yield from closed.to_dict("records")

    def stop(self) -> None:
        """Ask the run to stop cleanly: sites are told, and what has closed is kept. ``wait`` for the end."""
        self._execution.stop()

    def wait(self, *, progress: bool = True) -> Run:
        """Wait for the end, with a live table unless ``progress`` is false, and return the run."""
        watch(self._execution, **self._shown, progress=progress)
        return Run(self.folder, author=self._author)


__all__ = ["LiveRun"]

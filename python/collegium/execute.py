"""Runs a C++ driver in a thread and shows its events; Ctrl-C reaches it as an event of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from collegium._load import core
from collegium.display import Display, make_display

Work = Callable[[Callable[[dict[str, Any]], None], Any], None]


class Execution:
    """``work(on_event, stop)`` in a thread of its own, from now until it returns."""

    def __init__(self, work: Work) -> None:
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._stop = core.StopHandle()
        self._failure: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(
            target=self._body, args=(work,), name="collegium", daemon=True
        )
        self._thread.start()

    def _body(self, work: Work) -> None:
        try:
            work(self._events.put, self._stop)
        except BaseException as error:  # raised where the events are read
            self._failure = error
        finally:
            self._events.put(None)

    def stop(self) -> None:
        """Ask for a clean end, after the peers were told."""
        self._stop.request()

    def events(self, shown: Display) -> Iterator[dict[str, Any]]:
        """What happens, as it happens, until the end; then the failure is raised, if there was one.

        The first Ctrl-C asks the run to stop and waits for that; the second raises at once.
        """
        interrupted = False
        while not self._ended:
            try:
                event = self._events.get()
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                self.stop()
                shown.note("stopping; press Ctrl-C again to leave at once")
                continue
            if event is None:
                self._ended = True
                self._thread.join()
                break
            shown.show(event)
            yield event
        failure, self._failure = self._failure, None
        if failure:
            raise failure
        if interrupted:
            raise KeyboardInterrupt


def execute(work: Work, *, title: str, rounds: int, progress: bool) -> None:
    """Do the work and show it, until its end."""
    watch(Execution(work), title=title, rounds=rounds, progress=progress)


def watch(execution: Execution, *, title: str, rounds: int, progress: bool) -> None:
    """Show what is left of the execution, until its end."""
    with make_display(title, rounds, shown=progress) as shown:
        for _ in execution.events(shown):
            pass


__all__ = ["Execution", "execute", "watch"]

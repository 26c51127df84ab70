"""Runs a C++ driver in a thread and shows its events; Ctrl-C reaches it as an event of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from collegium._load import core
from collegium.display import Display, make_display


def execute(
    work: Callable[[Callable[[dict[str, Any]], None], Any], None],
    *,
    title: str,
    rounds: int,
    progress: bool,
    display: Display | None = None,
) -> None:
    """Call ``work(on_event, stop)`` in a thread until it returns.

    The first Ctrl-C asks the run to stop cleanly after telling its peers; the second raises at once.
    """
    events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    stop = core.StopHandle()
    failure: list[BaseException] = []

    def body() -> None:
        try:
            work(events.put, stop)
        except BaseException as error:  # handed to the caller's thread below
            failure.append(error)
        finally:
            events.put(None)

    thread = threading.Thread(target=body, name="collegium", daemon=True)
    thread.start()
    interrupted = False
    with display or make_display(title, rounds, shown=progress) as shown:
        while True:
            try:
                event = events.get()
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                stop.request()
                shown.note("stopping; press Ctrl-C again to leave at once")
                continue
            if event is None:
                break
            shown.show(event)
    thread.join()
    if failure:
        raise failure[0]
    if interrupted:
        raise KeyboardInterrupt


__all__ = ["execute"]

"""The process that writes a share of the subjects: examinations in, one line of facts each out.

Started as a plain subprocess rather than through multiprocessing, which would either fork a process
that may already run OpenMP and messaging threads, or import the user's main script again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .sites import Examination
from .subject import Recipe, write

_START = "import sys; sys.path.insert(0, sys.argv[1]); from _brain.worker import main; main()"


def main() -> None:
    """Read one JSON task from standard input and report each subject as it is done."""
    task = json.load(sys.stdin)
    recipe = Recipe(**task["recipe"])
    for exam in task["exams"]:
        facts = write(Path(task["root"]), Examination(*exam), recipe)
        print(json.dumps(facts), flush=True)


def write_all(
    root: Path, exams: Sequence[Examination], recipe: Recipe, jobs: int
) -> Iterator[dict[str, Any]]:
    """Write the subjects with ``jobs`` processes; yields the facts of each as it is finished.

    A single job is a process too: its linear algebra runs on one thread, like that of many, and a voxel that is rounded
    the other way by another number of threads would be another file.

    Raises
    ------
    RuntimeError
        If a process fails; the message ends with what it said last.
    """
    jobs = max(1, min(jobs, len(exams)))
    queue: SimpleQueue[dict[str, Any] | RuntimeError | None] = SimpleQueue()
    workers = [_start(root, exams[i::jobs], recipe, queue) for i in range(jobs) if exams[i::jobs]]
    try:
        running = len(workers)
        while running:
            item = queue.get()
            if isinstance(item, RuntimeError):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _start(
    root: Path, exams: Sequence[Examination], recipe: Recipe, queue: SimpleQueue[Any]
) -> subprocess.Popen[str]:
    package = Path(__file__).resolve().parent.parent
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(package)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, **one_thread},
    )  # fmt: skip
    task = {"root": str(root), "recipe": recipe.key(), "exams": exams}
    threading.Thread(target=_listen, args=(process, json.dumps(task), queue), daemon=True).start()
    return process


def _listen(process: subprocess.Popen[str], task: str, queue: SimpleQueue[Any]) -> None:
    """Hand the task over, pass the facts on, and say how it ended."""
    assert process.stdin and process.stdout and process.stderr
    complaint: list[str] = []
    drain = threading.Thread(target=lambda: complaint.append(process.stderr.read()), daemon=True)
    drain.start()
    try:
        process.stdin.write(task)
        process.stdin.close()
        for line in process.stdout:
            queue.put(json.loads(line))
        drain.join()
        if process.wait() == 0:
            queue.put(None)
            return
    except (OSError, ValueError) as error:
        complaint.append(str(error))
    queue.put(RuntimeError(f"writing synthetic subjects failed:\n{''.join(complaint)[-2000:]}"))
